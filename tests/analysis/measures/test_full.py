import json
import math
import shutil

import numpy as np
import pytest
import torch

from analysis import measure
from analysis.full_measure_names import FULL_MEASURES, GROUPS, measure_info
from analysis.measure import main
from analysis.measures import critic, joint_test, prior_match
from analysis.measures.bench import CLUSTER_MEASURES
from analysis.measures.factors import FACTORS
from analysis.measures.full import MEASURED, TRANSLATED, FullBench, full_suite
from analysis.measures.recognition import RECOGNITION
from analysis.results import load_results
from iae_models.config import config_key, flatten, run_config, run_key
from iae_models.state import load_weights, save_weights
from iae_models.training import evaluation_model, initial_state
from study.records import StudyFolder, read_json, write_json

CONFIGS = {
    "z=3 n=4": {"model.latent_dim": 3},
    "K=7 n=4": {"model.code": "categorical", "model.num_categories": 7},
    "z=0 n=4": {"model.latent_dim": 0},
    "labels": {"model.code": "categorical", "model.num_categories": 10, "data.num_labels": 20},
}


def write_run(folder, label, values, data, finished=True):
    """Write what a finished run leaves, without training."""
    config = run_config({"model.width": 0.03, "model.noise_dim": 4, **values})
    run = folder.run(run_key(config, 0))
    record = {"key": run.key, "config_key": config_key(config), "replicate": 0, "label": label, "config": values}
    record["config"] = {"model.width": 0.03, "model.noise_dim": 4, **values}
    write_json(run.run, record | {"all": flatten(config), "block": "b", "origin": "grid"})
    write_json(run.measures, {"key": run.key, "measures": [quick_value(name) for name in ("mse_mean", "rate")]})
    if finished:
        write_json(run.result, {"key": run.key, "status": "finished", "wall_time_s": 1.0})
    save_weights(evaluation_model(initial_state(config, 5, torch.device("cpu")), data), run.weights)
    return run.key


def quick_value(name):
    words = {"name": name, "split": "test", "subject": "model", "unit": "nat", "status": "ok", "reason": ""}
    return words | {"value": -1.0, "low": None, "high": None, "n": 10}


@pytest.fixture(scope="module")
def made(few_digits, some_classifier, tmp_path_factory):
    """A study of four untrained runs, measured by the command with critics that learn for three steps."""
    folder = StudyFolder(tmp_path_factory.mktemp("studies") / "s")
    keys = {label: write_run(folder, label, values, few_digits) for label, values in CONFIGS.items()}
    write_json(folder.resolved, {"name": "s", "runs": [], "objectives": []})
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch, few_digits, some_classifier)
        code = main([str(folder.root), "--threads", "1"])
    return folder, keys, code


def shorten(patch, data, classifier):
    patch.setattr(measure, "_data", lambda *_: data)
    patch.setattr(measure, "_classifier", lambda *_: classifier())
    patch.setattr(joint_test, "STEPS", 3)
    for module in (critic, prior_match):
        patch.setattr(module, "STEPS", 3)


def read(folder, key):
    return json.loads(folder.run(key).full_measures.read_text())


def test_every_group_has_a_function():
    assert list(MEASURED) == list(GROUPS)
    assert set(TRANSLATED) <= set(GROUPS)


def test_every_run_has_every_group_and_known_measures(made):
    folder, keys, code = made
    assert code == 0
    for key in keys.values():
        groups = read(folder, key)["groups"]
        assert list(groups) == list(GROUPS)
        for name, group in groups.items():
            for item in group["measures"]:
                assert measure_info(item["name"]) is not None, item["name"]
                assert item["split"] == "test" and item["status"] in ("ok", "saturated", "undefined"), (name, item)
    found = {item["name"] for group in read(folder, keys["z=3 n=4"])["groups"].values() for item in group["measures"]}
    assert set(FULL_MEASURES) - {*FACTORS, "domain_accuracy", "sample_accuracy"} <= found


def test_what_a_run_measures_on_few_images_is_measured_on_all(made):
    folder, keys, _ = made
    both = {"dispersion_ratio_feature", "share_n_label", "share_z_pixel_prior", "share_zn_thickness_prior", "rate"}
    expected = {
        "z=3 n=4": both | {"prior_moment_kl", "prior_accuracy", "share_n_slant"},
        "K=7 n=4": both | {"label_information_gain", "prior_kl", "prior_accuracy", *CLUSTER_MEASURES, "confidence"},
    }
    for label, names in expected.items():
        measured = [item for group in read(folder, keys[label])["groups"].values() for item in group["measures"]]
        sizes = {item["name"]: item["n"] for item in measured if item["subject"] == "model"}
        assert names <= set(sizes) and {sizes[name] for name in names} == {120}
    controls = {item["subject"] for item in measured if item["name"] == "clustering_error"}
    assert controls == {"model", "untrained", "kmeans", "floor", "chance"}
    shuffled = next(item for item in measured if (item["subject"], item["name"]) == ("shuffled", "label_information"))
    assert shuffled["low"] - 0.02 <= 0 <= shuffled["high"] + 0.02
    untrained = {item["name"] for item in measured if item["subject"] == "untrained"}
    assert {"joint_accuracy", "critic_accuracy"} <= untrained


def test_values_hang_together(made):
    folder, keys, _ = made
    key = keys["z=3 n=4"]
    groups = read(folder, key)["groups"]
    values = {(item["subject"], item["name"]): item for group in groups.values() for item in group["measures"]}
    with np.load(folder.run(key).maps) as maps:
        weighted = np.nansum(maps["variance"] * maps["share_z"]) / maps["variance"].sum()
        assert maps["confusion"].shape == (10, 10) and maps["confusion"].sum() == 4 * 120
        kept = np.trace(maps["confusion"]) / maps["confusion"].sum()
    assert weighted == pytest.approx(values["model", "share_z_pixel"]["value"], abs=1e-4)
    assert kept == pytest.approx(values["model", "label_preservation"]["value"])
    shuffled = values["shuffled", "label_information_nearest"]
    assert abs(shuffled["value"]) < 3 * (shuffled["high"] - shuffled["low"]) / 2
    curve = groups["rate_distortion"]["curve"]
    assert curve[0]["sigma"] == 0 and "rate_high" not in curve[0]
    rates = [point["rate_high"] for point in curve[1:]]
    assert rates == sorted(rates, reverse=True)


def test_the_loader_takes_the_full_value_and_keeps_the_rest(made):
    folder, keys, _ = made
    results = load_results(folder.root)
    assert not [line for line in results.problems if "full" in line or "twice" in line]
    table = results.measures.set_index(["run", "subject", "name"])
    row = table.loc[(keys["z=3 n=4"], "model", "mse_mean")]
    assert row["suite"] == "full" and row["value"] > 0 and row["n"] == 120
    row = table.loc[(keys["z=0 n=4"], "model", "rate")]
    assert row["suite"] == "quick" and row["value"] == -1
    assert set(results.runs["full_hash"]) == {read(folder, keys["z=3 n=4"])["measures_hash"]}


def test_the_recogniser_is_measured_on_all_test_images(made, few_digits):
    folder, keys, _ = made
    table = load_results(folder.root).measures.set_index(["run", "subject", "name"]).sort_index()
    rows = table.loc[keys["labels"], "model"].loc[list(RECOGNITION)]
    assert set(rows["suite"]) == {"full"}
    model = load_weights(
        run_config(read_json(folder.run(keys["labels"]).run)["config"]), folder.run(keys["labels"]).weights
    )
    codes = model.infer(few_digits.test.images(), torch.empty(120, 0))
    wrong = (codes.argmax(1) != few_digits.test.y).double().mean().item()
    assert rows.loc["classification_error", "value"] == pytest.approx(wrong)
    assert rows.loc["classification_error", "n"] == 120
    for subject in ("model", "untrained", "kmeans"):
        clusters = table.loc[keys["K=7 n=4"], subject].loc["clustering_error"]
        assert (clusters["suite"], clusters["n"], clusters["status"]) == ("full", 120, "ok")
    clusters = table.loc[keys["K=7 n=4"], "model"]
    assert clusters.loc["classification_error", "status"] == "undefined"


def test_samples_have_a_sharpness_with_and_without_a_classifier(few_digits, some_classifier, linear_gaussian, tmp_path):
    model = linear_gaussian(code_dim=5)
    for classifier in (some_classifier(), None):
        found = full_suite(FullBench(model, model, few_digits, classifier, 0, tmp_path), "fidelity").tables
        samples = model.generate(torch.randn(4000, 5), torch.randn(4000, model.noise_dim))
        truth = total_variation(samples) / total_variation(few_digits.test.images())
        assert found["model"]["sharpness_samples"].value == pytest.approx(truth, rel=0.05)
        assert ("frechet_samples" in found["model"]) == (classifier is not None)


def total_variation(x):
    return (x.diff(dim=-1).abs().sum((1, 2, 3)) + x.diff(dim=-2).abs().sum((1, 2, 3))).mean().item()


def test_what_is_there_stays_until_the_source_changes(made, few_digits, some_classifier, tmp_path, monkeypatch, capsys):
    shorten(monkeypatch, few_digits, some_classifier)
    folder = StudyFolder(shutil.copytree(made[0].root, tmp_path / "s"))
    key = made[1]["z=3 n=4"]
    path = folder.run(key).full_measures
    before = path.read_bytes()
    assert main([str(folder.root), "--only", "prior", "--only", "z=3 n=4:0", "--threads", "1"]) == 0
    assert capsys.readouterr().out == f"{key}: there already\n" and path.read_bytes() == before
    record = json.loads(before)
    del record["groups"]["fidelity"]
    kept = {**record, "groups": {name: {**group, "wall_time_s": -1} for name, group in record["groups"].items()}}
    path.write_text(json.dumps(kept))
    assert main([str(folder.root), "--only", "fidelity", key, "--threads", "1"]) == 0
    times = {name: group["wall_time_s"] for name, group in read(folder, key)["groups"].items()}
    assert times.pop("fidelity") > 0 and set(times.values()) == {-1} and folder.run(key).maps.is_file()
    # by another source all groups are measured again, whichever was asked for
    few = {name: group for name, group in kept["groups"].items() if name in ("prior", "information")}
    path.write_text(json.dumps({**kept, "measures_hash": "0", "groups": few}))
    assert main([str(folder.root), "--only", "fidelity", key, "--threads", "1"]) == 0
    fresh = read(folder, key)
    assert (
        set(fresh["groups"]) == {"prior", "information", "fidelity"}
        and fresh["measures_hash"] == record["measures_hash"]
    )
    assert fresh["groups"]["prior"]["measures"] == record["groups"]["prior"]["measures"]


def test_broken_runs_are_named_and_cost_no_other_run(made, few_digits, some_classifier, tmp_path, monkeypatch, capsys):
    shorten(monkeypatch, few_digits, some_classifier)
    folder = StudyFolder(shutil.copytree(made[0].root, tmp_path / "s"))
    for path in folder.runs.glob("*/full_measures.json"):
        path.unlink()
    first, second, third, _ = made[1].values()
    folder.run(first).weights.unlink()
    folder.run(second).weights.write_bytes(b"nothing")
    assert main([str(folder.root), "--only", "prior", "--threads", "1"]) == 1
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines[first].startswith("could not be measured: FileNotFoundError")
    assert lines[second].startswith("could not be measured: ")
    assert lines[third].startswith("prior in ")


def test_wrong_input_is_refused(made, tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert main([str(made[0].root), "--only", "fidelty"]) == 2
    assert "must name groups (decoder, calibration," in capsys.readouterr().err
    empty = StudyFolder(tmp_path / "empty")
    empty.root.mkdir()
    assert main([str(empty.root)]) == 2
    assert "must hold finished runs" in capsys.readouterr().err


def test_a_damaged_file_is_a_problem_of_the_report(made, tmp_path):
    folder = StudyFolder(shutil.copytree(made[0].root, tmp_path / "s"))
    first, second, third, fourth = made[1].values()
    folder.run(fourth).full_measures.unlink()
    folder.run(first).full_measures.write_text('{"key": ')
    write_json(folder.run(second).full_measures, {"key": second, "groups": 3})
    write_json(folder.run(third).full_measures, {"key": third, "groups": {"a": 1, "b": {"measures": [1, {"name": 2}]}}})
    results = load_results(folder.root)
    assert set(results.measures["suite"]) == {"quick"} and set(results.measures["value"]) == {-1}
    assert len([line for line in results.problems if "full_measures" in line]) == 2
    assert math.isfinite(results.measures["value"].sum())
