import pickle
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from study.failures import record_failure
from study.lane import LaneTrainable
from study.records import read_json, run_status
from study.search import MEMORY_MONITOR, LaneSearcher, RungScheduler, guarded
from study.trial import Report, WorkerSettings

GRID = "parameters: {model.latent_dim: {grid: [2, 3, 4]}}\n"
BUNDLES = [{"CPU": 1.0, "GPU": 0.5}, {"CPU": 1.0, "GPU": 1.0}]


@pytest.fixture
def searcher_of(spec_of, folder, dispatch):
    def make(text=GRID, *overrides):
        place = WorkerSettings(str(folder.root), device="cpu", threads=2, together=3)
        return LaneSearcher(dispatch(spec_of(text, *overrides), num_larger=1), place, BUNDLES)

    return make


def test_suggestions_are_lanes_and_stop_when_all_is_done(searcher_of, folder, finish):
    searcher = searcher_of()
    keys = []
    for number in range(3):
        config = searcher.suggest(f"trial{number}")
        assert config["place"] == asdict(WorkerSettings(str(folder.root), device="cpu", threads=2, together=3))
        assert LaneTrainable.default_resource_request(config).bundles == BUNDLES[:1]
        keys += config["lane"]
        assert all(folder.run(key).run.is_file() for key in config["lane"])
    assert searcher.suggest("waiting") is None
    for number, key in enumerate(keys):
        finish(key)
        searcher.on_trial_complete(f"trial{number}", result={"reports": []})
    assert searcher.suggest("last") == Searcher.FINISHED
    assert searcher.dispatcher.standing.finished == 3


def test_a_lane_that_lost_its_worker_goes_out_again(searcher_of, folder, finish):
    searcher = searcher_of(GRID, "resources.lane_size=3")
    lane = searcher.suggest("first")["lane"]
    finish(lane[0])
    for number in range(3):
        searcher.on_trial_complete("first" if number == 0 else f"again {number}", error=True)
        again = searcher.suggest(f"again {number + 1}")
        assert again["bundle"] == BUNDLES[0]
        assert again["lane"] == (lane[1:] if number < 2 else lane[2:])
    assert run_status(folder.run(lane[1])) == "failed"


def test_a_worker_that_ray_killed_for_want_of_memory_gets_more_of_a_machine(searcher_of, folder, finish):
    searcher = searcher_of()
    first, second = (searcher.suggest(name)["lane"][0] for name in ("one", "two"))
    searcher.take_back("1 worker(s) were killed\nand a long table", lambda trial: trial == "two")
    config = searcher.suggest("three")
    assert (config["lane"], config["bundle"]) == ([second], BUNDLES[1])
    assert config["place"]["together"] == 1  # nor does it go on beside others
    assert read_json(folder.run(second).root / "failure.1.json")["reason"] == "1 worker(s) were killed"
    assert searcher.suggest("four") is None  # until the larger share was found
    finish(second)
    searcher.on_trial_complete("three")
    config = searcher.suggest("five")
    assert (config["lane"], config["bundle"], config["place"]["together"]) == ([first], BUNDLES[0], 3)
    assert searcher.dispatcher.problem == ""


def test_ray_s_memory_monitor_is_told_from_other_ends_of_a_worker(searcher_of, folder, tmp_path):
    searcher = searcher_of()
    scheduler = RungScheduler(searcher)
    first, second = (searcher.suggest(name)["lane"][0] for name in ("one", "two"))
    error = tmp_path / "error.txt"
    for trial, text in (
        ("one", "Failure # 1\nThe actor died\n"),
        ("two", f"Failure # 1\n1 worker(s) were {MEMORY_MONITOR}.\n[…]"),
    ):
        error.write_text(text)
        scheduler.on_trial_error(None, SimpleNamespace(trial_id=trial, error_file=str(error)))
        searcher.on_trial_complete(trial, error=True)
    assert [searcher.dispatcher.growths(key) for key in (first, second)] == [0, 1]
    assert read_json(folder.run(second).root / "failure.1.json")["reason"] == f"1 worker(s) were {MEMORY_MONITOR}."
    assert searcher.dispatcher.problem == ""


def test_a_lane_is_stopped_when_its_last_run_fell_behind(searcher_of, monkeypatch):
    searcher = searcher_of(GRID, "resources.lane_size=2")
    scheduler = RungScheduler(searcher)
    first, second = searcher.suggest("lane")["lane"]
    behind = set()
    monkeypatch.setattr(searcher.dispatcher, "stops", lambda report: report.key in behind)
    monkeypatch.setattr(searcher.dispatcher, "is_out", lambda key: key not in behind)

    def decision(key):
        result = {"reports": [asdict(Report(key, "running", 10, 1.0))], "done": False}
        return scheduler.on_trial_result(None, SimpleNamespace(trial_id="lane"), result)

    assert decision(first) == TrialScheduler.CONTINUE
    behind.add(first)
    assert decision(first) == TrialScheduler.CONTINUE  # the worker ends it, and goes on with the other
    behind.add(second)
    assert decision(second) == TrialScheduler.STOP
    assert searcher.dispatcher.problem == ""


def test_results_that_say_nothing_do_no_harm(searcher_of, folder):
    searcher = searcher_of()
    (key,) = searcher.suggest("first")["lane"]
    record_failure(folder.run(key), "error", "why")
    searcher.on_trial_result("first", {"reports": float("nan")})
    searcher.on_trial_complete("first", result=None)
    searcher.on_trial_complete("never heard of", result={}, error=True)
    assert searcher.dispatcher.standing.failed == {key: "why"}
    assert searcher.dispatcher.problem == ""


def test_an_unexpected_error_ends_the_handing_out_and_not_the_experiment(searcher_of, folder, monkeypatch):
    searcher = searcher_of()
    lane = searcher.suggest("first")["lane"]
    folder.run(lane[0]).result.write_text("{")
    searcher.on_trial_complete("first")
    assert "result.json must be a JSON file" in searcher.dispatcher.problem
    assert searcher.suggest("second") == Searcher.FINISHED
    folder.run(lane[0]).result.unlink()
    other = searcher_of()
    monkeypatch.setattr(other.dispatcher, "next_lane", lambda: 1 / 0)
    assert other.suggest("first") == Searcher.FINISHED
    assert "ZeroDivisionError" in other.dispatcher.problem


def test_ray_has_nothing_to_pickle(searcher_of, tmp_path):
    searcher = searcher_of()
    assert len(pickle.dumps(searcher)) < 200
    searcher.save(str(tmp_path / "state.pkl"))
    searcher.restore(str(tmp_path / "state.pkl"))
    assert not (tmp_path / "state.pkl").exists()


def test_guard_keeps_what_a_method_returns(dispatch, spec_of):
    class Guarded:
        dispatcher = dispatch(spec_of(GRID))

        @guarded(otherwise=-1)
        def invert(self, x):
            """Return 1/x."""
            return 1 / x

    assert (Guarded().invert(2), Guarded.dispatcher.problem) == (0.5, "")
    assert Guarded().invert(0) == -1
    assert "ZeroDivisionError" in Guarded.dispatcher.problem
    assert Guarded.invert.__doc__ == "Return 1/x."
