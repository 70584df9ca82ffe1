import sys
import types

import pytest

from study.lane import LaneTrainable
from study.trial import Report


@pytest.fixture
def train(monkeypatch):
    """Let every run take two reports, and the run "bad" diverge after the first."""

    def generator(run, place):
        assert place.threads == 3
        for step in (10, 20):
            yield types.SimpleNamespace(step=step, time_s=1.0, values={"loss/x": float(step)})
            if run.key == "bad":
                raise ValueError("no good")

    monkeypatch.setitem(sys.modules, "study.run", types.SimpleNamespace(train_and_measure=generator))


def lane(folder, *keys):
    return {"lane": list(keys), "place": {"study": str(folder.root), "threads": 3}}


def results_of(trainable):
    results = []
    while not results or not results[-1]["done"]:
        results.append(trainable.step())
    return [Report(**report) for result in results for report in result["reports"]]


def statuses(reports):
    return [(report.key, report.status, report.step) for report in reports]


@pytest.mark.usefixtures("train")
def test_runs_of_a_lane_follow_one_another_and_a_bad_one_ends_alone(folder):
    trainable = LaneTrainable.__new__(LaneTrainable)  # without Ray, which only wraps `step`
    trainable.setup(lane(folder, "a", "bad", "b"))
    assert statuses(results_of(trainable)) == [
        ("a", "running", 10),
        ("a", "running", 20),
        ("a", "finished", 20),
        ("bad", "running", 10),
        ("bad", "failed", 10),
        ("b", "running", 10),
        ("b", "running", 20),
        ("b", "finished", 20),
    ]


@pytest.mark.usefixtures("train")
def test_a_worker_takes_lane_after_lane(folder):
    trainable = LaneTrainable.__new__(LaneTrainable)
    trainable.setup(lane(folder, "a"))
    trainable.step()
    assert trainable.reset_config(lane(folder, "b"))
    assert {report.key for report in results_of(trainable)} == {"b"}
