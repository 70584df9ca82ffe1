"""One real run, small and short, as a worker does it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from iae_models.config import code_hash, run_config, source_hash
from iae_models.state import load_weights
from study.plan import grid_runs
from study.planned import record_run
from study.records import StudyFolder, read_json, write_json
from study.spec import load_study
from study.trial import WorkerSettings, perform

STUDY = """
parameters:
  model.width: 0.03
  model.latent_dim: {grid: [2, 3]}
  model.noise_dim: 4
  train.steps: 12
  train.report_every: 5
  train.batch_size: 16
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(STUDY)
    return grid_runs(load_study(path))


@pytest.fixture(scope="module", autouse=True)
def torch_settings():
    """Give other tests back what a worker sets for its process."""
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def study(tmp_path_factory, runs):
    """A folder in which both runs were made, one after the other, as in a lane; with their reports."""
    folder = StudyFolder(tmp_path_factory.mktemp("study"))
    for run in runs:
        record_run(folder, run)
    reports = {run.key: list(perform(run.key, WorkerSettings(str(folder.root), threads=1))) for run in runs}
    return folder, reports


def test_reports_come_at_every_interval_and_at_the_last_step(study, runs):
    _, reports = study
    for run in runs:
        steps = [(report.status, report.step) for report in reports[run.key]]
        assert steps == [("running", 5), ("running", 10), ("running", 12), ("finished", 12)], reports[run.key]
        assert all(name.startswith(("loss/", "metric/")) for name in reports[run.key][0].values)


def test_result_says_what_was_measured_and_by_what(study, runs):
    folder, _ = study
    result = read_json(folder.run(runs[0].key).result)
    assert (result["key"], result["status"], result["steps"]) == (runs[0].key, "finished", 12)
    assert result["wall_time_s"] == pytest.approx(result["train_time_s"] + result["measure_time_s"])
    assert (result["code_hash"], result["device"][:3], result["threads"]) == (code_hash(), "cpu", 1)
    assert set(result["versions"]) == {"python", "torch", "numpy", "ray", "optuna"}
    record = read_json(next(folder.classifiers.glob("embedded_digits-*.json")))
    assert result["classifier"]["hash"] == record["hash"]
    measures = read_json(folder.run(runs[0].key).measures)
    assert measures["key"] == runs[0].key
    found = {(item["name"], item["split"], item["subject"]) for item in measures["measures"]}
    assert found >= {("critic_accuracy", "validation", "model"), ("critic_accuracy", "test", "model")}
    assert {subject for _, _, subject in found} >= {"model", "untrained", "pca", "mean_image", "chance"}


def test_result_has_the_values_of_the_trained_model_and_no_more(study, runs):
    folder, _ = study
    run = folder.run(runs[0].key)
    result = read_json(run.result)
    assert "measures" not in result
    assert result["measures_hash"] == source_hash(Path(__file__).parents[2] / "analysis" / "measures")
    assert run.result.stat().st_size < run.measures.stat().st_size / 5
    assert run.measures.stat().st_mtime_ns <= run.result.stat().st_mtime_ns
    values = [item for item in read_json(run.measures)["measures"] if item["subject"] == "model"]
    assert {item["split"] for item in values} == set(result["values"]) == {"validation", "test"}
    assert sum(map(len, result["values"].values())) == len(values)
    for item in values:
        assert result["values"][item["split"]][item["name"]] == item["value"]


def test_folder_holds_samples_weights_and_curves(study, runs):
    folder, reports = study
    run = folder.run(runs[0].key)
    with np.load(run.samples) as panels:
        assert panels["originals"].shape == (8, 1, 28, 28)
        assert panels["reconstructions"].shape == (8, 5, 1, 28, 28)
    with Image.open(run.picture) as picture:
        assert min(picture.size) > 8 * 28
    assert load_weights(run_config(read_json(run.run)["config"]), run.weights).code_dim == 2
    (events,) = run.root.glob("events.out.tfevents.*")
    curves = EventAccumulator(str(events)).Reload()
    name, value = next(iter(reports[runs[0].key][0].values.items()))
    assert [event.step for event in curves.Scalars(name)] == [5, 10, 12]
    assert curves.Scalars(name)[0].value == pytest.approx(value)
    assert "measure/test/critic_accuracy" in curves.Tags()["scalars"]


def test_a_run_alone_is_bitwise_the_run_behind_another(study, runs, tmp_path):
    folder, reports = study
    alone = StudyFolder(tmp_path)
    record_run(alone, runs[1])
    shutil.copytree(folder.classifiers, alone.classifiers)
    (alone.run(runs[1].key).root / "events.out.tfevents.former").touch()  # of an attempt that was interrupted
    again = list(perform(runs[1].key, WorkerSettings(str(tmp_path), threads=1)))
    assert [report.values for report in again] == [report.values for report in reports[runs[1].key]]
    first, second = (place.run(runs[1].key) for place in (folder, alone))
    assert read_json(first.result)["values"] == read_json(second.result)["values"]
    for name in ("weights", "picture", "measures"):
        assert getattr(first, name).read_bytes() == getattr(second, name).read_bytes()
    assert not (second.root / "events.out.tfevents.former").exists()


def test_a_record_that_does_not_fit_its_folder_fails_that_run(runs, tmp_path):
    folder = StudyFolder(tmp_path)
    record_run(folder, runs[0])
    record = read_json(folder.run(runs[0].key).run)
    record["config"]["model.latent_dim"] = 7
    write_json(folder.run(runs[0].key).run, record)
    (report,) = perform(runs[0].key, WorkerSettings(str(tmp_path)))
    assert report.status == "failed"
    assert f"run.json must describe the run {runs[0].key}" in report.reason
