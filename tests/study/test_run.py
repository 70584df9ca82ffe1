"""One real run, small and short, as a worker does it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from iae_models.config import code_hash, run_config, source_hash
from iae_models.state import load_weights
from study.plan import grid_runs
from study.planned import record_run
from study.records import StudyFolder, read_json, write_json
from study.run_log import read_log
from study.spec import load_study
from study.stop_request import request_stop, withdraw_stop
from study.trial import WorkerSettings, perform

pytestmark = pytest.mark.usefixtures("torch_settings")

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


JUDGED = {"judge_every": 5, "judge_by": ("critic_accuracy",)}


@pytest.fixture(scope="module")
def judged(tmp_path_factory, study, runs):
    """A folder in which the second run was made undisturbed, with rungs; with its reports."""
    folder = StudyFolder(tmp_path_factory.mktemp("judged"))
    record_run(folder, runs[1])
    shutil.copytree(study[0].classifiers, folder.classifiers)
    return folder, list(perform(runs[1].key, WorkerSettings(str(folder.root), **JUDGED)))


def curves_of(run):
    (events,) = run.root.glob("events.out.tfevents.*")
    curves = EventAccumulator(str(events), {"scalars": 0}).Reload()
    return {name: [(event.step, event.value) for event in curves.Scalars(name)] for name in curves.Tags()["scalars"]}


def test_an_interrupted_run_goes_on_and_ends_bitwise_as_an_undisturbed_one(judged, runs, tmp_path):
    undisturbed, reports = judged
    place = WorkerSettings(str(tmp_path), checkpoint_s=0.0, **JUDGED)
    folder, key = StudyFolder(tmp_path), runs[1].key
    record_run(folder, runs[1])
    shutil.copytree(undisturbed.classifiers, folder.classifiers)
    run = folder.run(key)

    def attempt(num):
        """Perform the run up to so many reports, and return them."""
        going = perform(key, place)
        reports = [next(going) for _ in range(num)]
        going.close()
        return reports

    seen = attempt(1)  # cut off at a rung, before it was judged: the rung comes again
    assert [report.step for report in seen] == [5]
    seen += attempt(3)
    assert [report.step for report in seen[1:]] == [5, 5, 10]
    run.checkpoints()[0].write_bytes(b"damaged")
    seen += attempt(3)
    assert [report.step for report in seen[4:]] == [5, 10, 12]
    seen += perform(key, place)
    assert [(report.status, report.step) for report in seen[7:]] == [("running", 12), ("finished", 12)]
    same = {(report.step, name): value for report in reports for name, value in report.values.items()}
    for report in seen:
        assert {(report.step, name): value for name, value in report.values.items()}.items() <= same.items()
    other = undisturbed.run(key)
    for name in ("weights", "picture", "measures", "rungs"):
        assert getattr(run, name).read_bytes() == getattr(other, name).read_bytes()
    assert curves_of(run) == curves_of(other)
    result = read_json(run.result)
    assert (result["attempts"], result["resumed_from"], result["steps_repeated"]) == (4, [5, 5, 12], 5)
    assert result["train_time_s"] > read_log(run)[1][-1].time_s
    assert (read_json(other.result)["attempts"], read_json(other.result)["resumed_from"]) == (1, [])
    assert run.checkpoints() == []


def test_a_run_of_edited_code_begins_anew(runs, tmp_path, monkeypatch):
    place = WorkerSettings(str(tmp_path), checkpoint_s=0.0)
    folder, key = StudyFolder(tmp_path), runs[0].key
    record_run(folder, runs[0])
    attempt = perform(key, place)
    assert [next(attempt).step, next(attempt).step] == [5, 10]
    attempt.close()
    monkeypatch.setattr("study.run.code_hash_of", lambda _: "edited")
    attempt = perform(key, place)
    assert next(attempt).step == 5
    attempt.close()
    assert read_log(folder.run(key))[0].steps_repeated == 10


def test_a_run_that_is_asked_to_stop_saves_a_checkpoint_and_ends(runs, tmp_path):
    place = WorkerSettings(str(tmp_path), checkpoint_s=1000.0)
    folder, key = StudyFolder(tmp_path), runs[0].key
    record_run(folder, runs[0])
    attempt = perform(key, place)
    assert next(attempt).step == 5
    assert folder.run(key).checkpoints() == []
    request_stop(folder, "test")
    assert [(report.status, report.step) for report in attempt] == [("running", 10), ("stopped", 10)]
    assert folder.run(key).newest_step() == 10
    assert [report.status for report in perform(key, place)] == ["stopped"]
    withdraw_stop(folder)
    attempt = perform(key, replace(place, checkpoint_s=0.0))
    assert [next(attempt).step, next(attempt).step] == [10, 12]
    attempt.close()
    head = json.loads(folder.run(key).log.read_text().splitlines()[0])
    assert (head["number"], head["resumed_from"], head["steps_repeated"]) == (2, [10], 0)


def test_a_record_that_does_not_fit_its_folder_fails_that_run(runs, tmp_path):
    folder = StudyFolder(tmp_path)
    record_run(folder, runs[0])
    record = read_json(folder.run(runs[0].key).run)
    record["config"]["model.latent_dim"] = 7
    write_json(folder.run(runs[0].key).run, record)
    (report,) = perform(runs[0].key, WorkerSettings(str(tmp_path)))
    assert report.status == "failed"
    assert f"run.json must describe the run {runs[0].key}" in report.reason
