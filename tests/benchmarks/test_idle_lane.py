"""The benchmark of overhead must measure lanes that train nothing."""

import pytest

import study.trial
from benchmarks.idle_lane import IdleLane
from study.plan import grid_runs
from study.planned import record_run
from study.records import StudyFolder, run_status
from study.spec import load_study


def test_the_runs_of_an_idle_lane_finish_without_training(tmp_path, monkeypatch):
    monkeypatch.setattr(study.trial, "perform", study.trial.perform)  # what setup replaces comes back
    monkeypatch.setattr("study.run.train", lambda *_: pytest.fail("it trains"))
    path = tmp_path / "spec.yaml"
    path.write_text("parameters: {model.latent_dim: {grid: [2, 3]}}\n")
    folder, runs = StudyFolder(tmp_path / "study"), grid_runs(load_study(path))
    for run in runs:
        record_run(folder, run)
    lane = IdleLane.__new__(IdleLane)  # without Ray, which only wraps `step`
    lane.setup({"lane": [run.key for run in runs], "place": {"study": str(folder.root)}})
    results = [lane.step() for _ in range(4)]
    assert [result["done"] for result in results] == [False, False, False, True]
    assert [run_status(folder.run(run.key)) for run in runs] == ["finished"] * 2
