import pickle
from dataclasses import asdict

import pytest
from ray.tune.search import Searcher

from study.failures import record_failure
from study.records import run_status
from study.search import LaneSearcher, guarded
from study.trial import WorkerSettings

GRID = "parameters: {model.latent_dim: {grid: [2, 3, 4]}}\n"


@pytest.fixture
def searcher_of(spec_of, folder, dispatch):
    def make(text=GRID, *overrides):
        return LaneSearcher(
            dispatch(spec_of(text, *overrides)), WorkerSettings(str(folder.root), device="cpu", threads=2)
        )

    return make


def test_suggestions_are_lanes_and_stop_when_all_is_done(searcher_of, folder, finish):
    searcher = searcher_of()
    keys = []
    for number in range(3):
        config = searcher.suggest(f"trial{number}")
        assert config["place"] == asdict(WorkerSettings(str(folder.root), device="cpu", threads=2))
        keys += config["lane"]
        assert all(folder.run(key).run.is_file() for key in config["lane"])
    assert searcher.suggest("waiting") is None
    for number, key in enumerate(keys):
        finish(key)
        searcher.on_trial_complete(f"trial{number}", result={"reports": []})
    assert searcher.suggest("last") == Searcher.FINISHED
    assert searcher.dispatcher.standing.finished == 3


def test_a_lane_that_lost_its_worker_goes_out_once_more(searcher_of, folder, finish):
    searcher = searcher_of(GRID, "resources.lane_size=3")
    lane = searcher.suggest("first")["lane"]
    finish(lane[0])
    searcher.on_trial_complete("first", error=True)
    again = searcher.suggest("second")["lane"]
    assert again == lane[1:]
    searcher.on_trial_complete("second", error=True)
    assert run_status(folder.run(lane[1])) == "failed"
    assert searcher.suggest("third")["lane"] == lane[2:]


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
