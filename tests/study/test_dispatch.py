import dataclasses
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from optuna.trial import TrialState

from iae_models import config
from iae_models.config import RECIPE_VERSION
from study.dispatch import Dispatcher
from study.failures import failure_kind, record_failure
from study.plan import make_plan, other_code
from study.records import read_json, run_status
from study.resolved import write_study
from study.retries import MOST_LOSSES
from study.selection import confined
from study.trial import Report

GRID = """
name: grid
parameters: {model.latent_dim: {grid: [2, 3, 4, 5]}}
"""


def work_off(dispatcher, finish, limit=100, **result):
    """Run lanes one after the other until the dispatcher has none left; return the keys in their order."""
    keys = []
    while (lane := dispatcher.next_lane()) and len(keys) < limit:
        for run in lane:
            finish(run.key, **result)
            keys.append(run.key)
        dispatcher.lane_ended([run.key for run in lane])
    return keys


def test_grid_comes_first_then_searched_configurations_until_the_budget(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of())
    assert (dispatcher.standing.total, dispatcher.standing.finished) == (16, 0)
    keys = work_off(dispatcher, finish)
    assert len(keys) == len(set(keys)) == 16
    runs = [dispatcher.runs[key] for key in keys]
    assert [run.origin for run in runs] == ["grid"] * 10 + ["search"] * 6
    assert [run.replicate for run in runs[-6:]] == [0, 1] * 3
    assert (dispatcher.standing.total, dispatcher.standing.finished, dispatcher.standing.left) == (16, 16, 0)
    assert dispatcher.standing.wall_times_s == [3.0] * 16
    assert dispatcher.next_lane() == []


def test_search_is_told_the_mean_over_replicates_of_the_trained_model_on_validation_images(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of())
    rates_of = {}
    rate = 0.0
    while lane := dispatcher.next_lane():
        (run,) = lane
        rate += 1
        finish(run.key, critic=0.5 + 0.1 * run.replicate, rate=rate)
        rates_of.setdefault(run.config_key, []).append(rate)
        dispatcher.lane_ended([run.key])
    trials = dispatcher.searches["gaussian"].study.trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 7
    for trial in trials:
        rates = rates_of[trial.user_attrs["config_key"]]
        assert trial.values == pytest.approx([0.55, sum(rates) / 2])


def test_a_proposal_is_on_disk_before_it_runs(spec_of, folder, dispatch, finish):
    spec = spec_of()
    dispatcher = dispatch(spec)
    lane = None
    while not lane or lane[0].origin == "grid":
        for run in lane or ():
            finish(run.key)
            dispatcher.lane_ended([run.key])
        lane = dispatcher.next_lane()
    records = [read_json(folder.run(f"{lane[0].config_key}-{replicate}").run) for replicate in (0, 1)]
    for replicate, record in enumerate(records):
        assert (record["replicate"], record["origin"], record["block"]) == (replicate, "search", "gaussian")
        assert (record["trial"], record["recipe"]) == (4, RECIPE_VERSION)
        assert record["parameters"] == {name: record["all"][name] for name in ("model.latent_dim", "model.noise_dim")}
    # the next launch runs it again, under its number, and proposes no more than what is left
    again = dispatch(spec)
    keys = work_off(again, finish)
    assert keys[:2] == [record["key"] for record in records]
    assert len(keys) == 6
    assert again.searches["gaussian"].study.trials[4].user_attrs["config_key"] == lane[0].config_key


def test_nothing_finished_is_run_again(spec_of, dispatch, finish):
    spec = spec_of()
    before = work_off(dispatch(spec), finish, limit=5)
    after = work_off(dispatch(spec), finish)
    assert not set(before) & set(after)
    assert len(before) + len(after) == 16
    last = dispatch(spec)
    assert last.next_lane() == []
    assert [trial.state for trial in last.searches["gaussian"].study.trials] == [TrialState.COMPLETE] * 7


def test_a_failed_replicate_leaves_the_mean_of_the_others(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    while lane := dispatcher.next_lane():
        (run,) = lane
        fails = run.label == "z=2 n=0" or (run.label == "z=2 n=10" and run.replicate == 0)
        if fails:
            record_failure(folder.run(run.key), "diverged", "loss became nan")
        else:
            finish(run.key, critic=0.9, rate=3.0)
        dispatcher.lane_ended([run.key])
    trials = {trial.user_attrs["label"]: trial for trial in dispatcher.searches["gaussian"].study.trials}
    assert trials["z=2 n=10"].values == [0.9, 3.0]
    assert {name: trials["z=2 n=10"].user_attrs[name] for name in ("num_seeds", "num_failed")} == {
        "num_seeds": 1,
        "num_failed": 1,
    }
    assert trials["z=5 n=10"].user_attrs["num_seeds"] == 2
    assert "num_failed" not in trials["z=5 n=10"].user_attrs
    failed = trials["z=2 n=0"]
    assert (failed.state, failed.user_attrs["reason"], failed.user_attrs["kind"]) == (
        TrialState.FAIL,
        "loss became nan",
        "diverged",
    )
    # the frozen control of the same label, and both replicates of two cells: only the searching block's cells fail here
    assert sorted(dispatcher.standing.failed.values()) == ["loss became nan"] * 3


def test_a_failed_run_is_tried_again_at_the_next_launch(spec_of, folder, dispatch, finish):
    spec = spec_of(GRID)
    dispatcher = dispatch(spec)
    (run,) = dispatcher.next_lane()
    record_failure(folder.run(run.key), "error", "disk full")
    dispatcher.lane_ended([run.key])
    assert dispatcher.standing.failed == {run.key: "disk full"}
    work_off(dispatcher, finish)
    again = dispatch(spec)
    assert again.next_lane()[0].key == run.key
    assert run_status(folder.run(run.key)) == "planned"
    assert read_json(folder.run(run.key).root / "failure.1.json")["reason"] == "disk full"
    finish(run.key)
    again.lane_ended([run.key])
    assert (again.standing.finished, again.standing.failed) == (4, {})


def test_a_run_whose_workers_die_is_lost_and_the_others_behind_it_are_not(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of(GRID, "resources.lane_size=3"))
    lane = dispatcher.next_lane()
    first, culprit, behind = (run.key for run in lane)
    finish(first)
    dispatcher.note(Report(culprit, "running", 70, 1.0))
    dispatcher.lane_ended([first, culprit, behind])
    for _ in range(2):
        assert [run.key for run in dispatcher.unfinished()][:2] == [culprit, behind]
        lane = [run.key for run in dispatcher.next_lane()]
        assert lane[:2] == [culprit, behind]
        dispatcher.note(Report(culprit, "running", 90, 1.0))
        dispatcher.lane_ended(lane)
    failure = read_json(folder.run(culprit).failure)
    assert (failure["kind"], failure["step"]) == ("lost", 90)
    assert "died 3 times" in dispatcher.standing.failed[culprit]
    # the run behind it was never begun, so it has all attempts left
    lane = [run.key for run in dispatcher.next_lane()]
    assert lane[0] == behind
    dispatcher.lane_ended(lane)
    assert run_status(folder.run(behind)) == "planned"
    work_off(dispatcher, finish)
    assert run_status(folder.run(behind)) == "finished"


def test_a_run_whose_workers_die_goes_on_for_as_long_as_it_comes_further(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(GRID))
    key = None
    for step in (0, 0, 10, 10, 20, 30, 30):
        if step:
            folder.run(key).checkpoint(step, "0" * 64).touch()
        (run,) = dispatcher.next_lane()
        assert run.key == (key or run.key)
        key = run.key
        dispatcher.lane_ended([key])
        assert run_status(folder.run(key)) != "failed"
    dispatcher.next_lane()
    dispatcher.lane_ended([key])
    assert run_status(folder.run(key)) == "failed"


def test_runs_that_train_side_by_side_are_shared_among_the_lanes(spec_of, dispatch):
    dispatcher = dispatch(spec_of(GRID + "replicates: 2\n"), together=3, num_devices=2)
    lanes = [dispatcher.next_lane() for _ in range(4)]
    assert [len(lane) for lane in lanes] == [3, 3, 1, 1]
    keys = [run.key for run in lanes[0]]
    assert [dispatcher.standing.reports[key].status for key in keys] == ["running"] * 3


def test_runs_whose_worker_died_side_by_side_go_out_one_by_one(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(GRID), together=3)
    keys = [run.key for run in dispatcher.next_lane()]
    dispatcher.lane_ended(keys)
    assert [[run.key for run in dispatcher.next_lane()] for _ in keys] == [[key] for key in keys]
    for _ in range(MOST_LOSSES):  # only the one that is at fault is given up
        dispatcher.lane_ended(keys[1:2])
        lane = dispatcher.next_lane()
    assert failure_kind(folder.run(keys[1])) == "lost"
    assert keys[1] not in [run.key for run in lane]
    assert not any(folder.run(key).failure.is_file() for key in (keys[0], keys[2]))


def test_a_worker_that_was_killed_for_memory_side_by_side_blames_nobody(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(GRID), together=3, num_larger=1)
    keys = [run.key for run in dispatcher.next_lane()]
    dispatcher.lane_ended(keys, starved="memory is full")
    assert not any(folder.run(key).failure.is_file() for key in keys)
    assert [[run.key for run in dispatcher.next_lane()] for _ in keys] == [[key] for key in keys]


def test_runs_on_other_data_go_out_in_another_lane(spec_of, dispatch):
    text = GRID.replace("{model", "{data.name: {grid: [embedded_digits, mnist]}, model")
    dispatcher = dispatch(spec_of(text), together=8)
    lanes = [dispatcher.next_lane() for _ in range(2)]
    assert [{run.config.data.name for run in lane} for lane in lanes] == [{"embedded_digits"}, {"mnist"}]


def test_of_runs_that_lacked_memory_together_each_goes_out_alone(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(GRID.replace("[2, 3, 4, 5]", "[2]") + "replicates: 2\n"), together=2, num_larger=1)
    keys = [run.key for run in dispatcher.next_lane()]
    assert len(keys) == 2
    for key in keys:
        record_failure(folder.run(key), "memory", "MemoryError", 10)
        dispatcher.note(Report(key, "failed", 10, 1.0, reason="MemoryError"))
    dispatcher.lane_ended(keys)
    lanes = []
    for _ in keys:
        lane = dispatcher.next_lane()
        assert dispatcher.growths(lane[0].key) == 1
        lanes.append([run.key for run in lane])
        dispatcher.note(Report(lane[0].key, "running", 10, 1.0))
    assert sorted(lanes) == sorted([key] for key in keys)


def test_a_run_that_ran_out_of_memory_goes_out_alone_with_more_of_a_machine(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of(GRID, "resources.lane_size=2"), num_larger=2)
    poor, other = (run.key for run in dispatcher.next_lane())
    (beside, _) = (run.key for run in dispatcher.next_lane())
    for growths in (1, 2):
        record_failure(folder.run(poor), "memory", "MemoryError", 10)
        dispatcher.note(Report(poor, "failed", 10, 1.0, reason="MemoryError"))
        assert dispatcher.standing.failed == {}
        if growths == 1:
            finish(other)
            dispatcher.note(Report(other, "finished", 100, 1.0))
        dispatcher.lane_ended([poor, other][: 3 - growths])
        assert [run.key for run in dispatcher.next_lane()] == [poor]
        assert (dispatcher.growths(poor), dispatcher.growths(other)) == (growths, 0)
        assert dispatcher.most_growths() == growths
        assert run_status(folder.run(poor)) == "planned"
        assert dispatcher.next_lane() is None  # others would take away what it waits for
        dispatcher.note(Report(poor, "running", 10, 1.0))
    record_failure(folder.run(poor), "memory", "MemoryError", 20)
    dispatcher.note(Report(poor, "failed", 20, 1.0, reason="MemoryError"))
    dispatcher.lane_ended([poor])
    assert dispatcher.standing.failed == {poor: "MemoryError (alone, with the largest share of a machine)"}
    assert {path.name for path in folder.run(poor).root.glob("failure*")} == {
        "failure.json",
        "failure.1.json",
        "failure.2.json",
    }
    (search,) = dispatcher.searches.values()
    failed = [trial for trial in search.study.trials if trial.state == TrialState.FAIL]
    assert [trial.user_attrs["kind"] for trial in failed] == ["memory"]
    assert beside in {run.key for run in dispatcher.unfinished()}


def test_without_a_larger_share_a_run_that_ran_out_of_memory_fails_at_once(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(GRID))
    (run,) = dispatcher.next_lane()
    record_failure(folder.run(run.key), "memory", "MemoryError")
    dispatcher.note(Report(run.key, "failed", 0, 1.0, reason="MemoryError"))
    assert dispatcher.standing.failed == {run.key: "MemoryError"}


def test_the_last_lane_keeps_others_waiting_since_it_may_come_back(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of(GRID, "resources.lane_size=4"))
    keys = [run.key for run in dispatcher.next_lane()]
    assert dispatcher.next_lane() is None
    for key in keys:
        finish(key)
    dispatcher.lane_ended(keys)
    assert dispatcher.next_lane() == []


def test_books_follow_the_reports(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of(GRID))
    (run,) = dispatcher.next_lane()
    assert dispatcher.standing.reports[run.key].step == 0
    dispatcher.note(Report(run.key, "running", 50, 2.0, {"loss/a/b": 1.0}))
    assert dispatcher.standing.reports[run.key].step == 50
    finish(run.key, critic=0.75)
    dispatcher.note(Report(run.key, "finished", 100, 4.0))
    assert (dispatcher.standing.reports, dispatcher.standing.finished) == ({}, 1)
    assert dispatcher.standing.best == (f"{run.block}:{run.label}", 0.75)
    dispatcher.lane_ended([run.key])  # nothing is counted twice
    assert (dispatcher.standing.finished, dispatcher.standing.left) == (1, 3)


def test_best_follows_the_direction_of_the_first_objective(spec_of, dispatch, finish):
    text = GRID + "objectives: [{measure: rate, direction: maximize}]\n"
    dispatcher = dispatch(spec_of(text))
    for rate in (1.0, 3.0, 2.0):
        (run,) = dispatcher.next_lane()
        finish(run.key, rate=rate)
        dispatcher.lane_ended([run.key])
    assert dispatcher.standing.best == ("grid:z=3", 3.0)
    assert dispatch(spec_of(text)).standing.best == ("grid:z=3", 3.0)


def test_an_exhausted_search_ends_the_study_and_says_so(spec_of, dispatch, finish):
    text = "parameters: {model.latent_dim: {grid: [2], search: {choices: [2, 3]}}}\nbudget: {runs: 9}\n"
    dispatcher = dispatch(spec_of(text))
    assert dispatcher.standing.total == 9
    assert len(work_off(dispatcher, finish)) == 2
    assert dispatcher.standing.total == 2
    (search,) = dispatcher.searches.values()
    assert search.exhausted == "all 2 configurations of its space have their runs"


def test_the_hours_of_the_budget_are_those_in_which_anything_ran(spec_of, dispatch, finish):
    spec = spec_of(GRID, "budget.hours=3")
    dispatcher = dispatch(spec)
    dispatcher.record_some(4)
    first, second, third, _ = (run.key for run in dispatcher.unfinished())
    finish(first, started="2026-01-01T00:00:00", ended="2026-01-01T01:00:00")
    finish(second, started="2026-01-01T00:30:00", ended="2026-01-01T01:30:00")
    finish(third, started="2026-01-01T05:00:00", ended="2026-01-01T05:30:00")
    now = 0.0
    dispatcher = dispatch(spec, clock=lambda: now)
    now = 3599.0
    assert len(dispatcher.next_lane()) == 1
    dispatcher = dispatch(spec, clock=lambda: now)
    now += 3601
    assert dispatcher.next_lane() == []
    assert dispatcher.out_of_time
    assert len(dispatcher.unfinished()) == 1


def test_a_problem_of_the_driver_stops_the_handing_out(spec_of, dispatch):
    dispatcher = dispatch(spec_of(GRID))
    dispatcher.next_lane()
    dispatcher.stop("first")
    dispatcher.stop("second")
    assert dispatcher.problem == "first"
    assert dispatcher.next_lane() == []
    assert len(dispatcher.unfinished()) == 4


def test_results_that_the_study_no_longer_wants_still_teach_the_search(spec_of, dispatch, finish):
    work_off(dispatch(spec_of()), finish)
    text = """
name: small
parameters: {model.width: 0.03, train.steps: 40, train.report_every: 10, train.batch_size: 16}
blocks:
  - name: gaussian
    parameters:
      model.latent_dim: {grid: [3], search: {low: 2, high: 40, log: true}}
      model.noise_dim: {grid: [10], search: {low: 1, high: 200, log: true, include: 0}}
budget: {runs: 1}
"""
    dispatcher = dispatch(spec_of(text))
    states = [trial.state for trial in dispatcher.searches["gaussian"].study.trials]
    assert states.count(TrialState.COMPLETE) >= 7
    assert states.count(TrialState.RUNNING) == 1


def test_waiting_runs_are_recorded_a_few_at_a_time(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(GRID))
    assert folder.run_folders() == []
    (run,) = dispatcher.next_lane()
    assert [item.key for item in folder.run_folders()] == [run.key]
    dispatcher.record_some(2)
    assert len(folder.run_folders()) == 2
    dispatcher.record_some(10)
    assert len(folder.run_folders()) == 4


NARROW = """
name: small
parameters: {model.width: 0.03, train.steps: 40, train.report_every: 10, train.batch_size: 16}
blocks:
  - name: gaussian
    parameters:
      model.latent_dim: {grid: [2], search: {choices: [2, 3, 4]}}
budget: {runs: 9}
"""


@pytest.mark.parametrize("changed", ["recipe", "data"])
def test_runs_of_another_identity_teach_nothing_and_stay(spec_of, folder, dispatch, finish, monkeypatch, changed):
    spec = spec_of()
    before = work_off(dispatch(spec), finish)
    if changed == "recipe":
        monkeypatch.setattr(config, "RECIPE_VERSION", RECIPE_VERSION + 1)
    else:
        info = config.DATASETS["embedded_digits"]
        monkeypatch.setitem(config.DATASETS, "embedded_digits", dataclasses.replace(info, fingerprint="another"))
    dispatcher = dispatch(spec)
    assert {trial.state for trial in dispatcher.searches["gaussian"].study.trials} == {TrialState.RUNNING}
    after = work_off(dispatcher, finish)
    assert dispatcher.problem == ""
    assert len(after) == 16
    assert not set(before) & set(after)
    assert make_plan(spec, folder).extra == tuple(sorted(before))


def test_what_was_left_before_it_ran_may_be_proposed_again(spec_of, folder, dispatch, finish):
    wide = NARROW.replace("choices: [2, 3, 4]", "low: 2, high: 4").replace("name: gaussian", "name: former")
    former = dispatch(spec_of(wide))
    while (left := former.next_lane()[0]).origin != "search":
        finish(left.key)
        former.lane_ended([left.key])
    # proposed and then killed
    assert (read_json(folder.run(left.key).run)["block"], run_status(folder.run(left.key))) == ("former", "planned")

    spec = spec_of(NARROW)
    plan = make_plan(spec, folder)
    assert plan.extra == (left.key,)
    write_study(spec, folder, plan, datetime.now(UTC))
    assert read_json(folder.resolved)["extra"] == [left.key]
    dispatcher = dispatch(spec)
    trials = dispatcher.searches["gaussian"].study.trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE]
    keys = work_off(dispatcher, finish)
    assert left.key in keys
    # from now on it is a run of the search: neither its record nor the study's calls it a leftover
    assert read_json(folder.resolved)["extra"] == []
    assert read_json(folder.run(left.key).run)["block"] == "gaussian"
    again = make_plan(spec, folder)
    assert (again.extra, again.todo) == ((), ())
    assert len({run.config_key for run in again.wanted}) == 3


def test_an_extra_that_failed_is_known_and_not_proposed_again(spec_of, folder, dispatch, finish):
    former = dispatch(spec_of(NARROW))
    (cell,) = former.next_lane()
    finish(cell.key)
    former.lane_ended([cell.key])
    (failed,) = former.next_lane()
    record_failure(folder.run(failed.key), "diverged", "loss became nan")
    dispatcher = dispatch(spec_of(NARROW.replace("name: gaussian", "name: other")))
    (_, trial) = dispatcher.searches["other"].study.trials
    assert (trial.state, trial.user_attrs["reason"]) == (TrialState.FAIL, "loss became nan")
    assert failed.key not in work_off(dispatcher, finish)


def test_replicates_that_are_not_wanted_any_more_are_not_averaged_in(spec_of, dispatch, finish):
    three = GRID + "replicates: 3\nobjectives: [{measure: rate, direction: maximize}]\n"
    dispatcher = dispatch(spec_of(three))
    while lane := dispatcher.next_lane():
        finish(lane[0].key, rate=float(lane[0].replicate))
        dispatcher.lane_ended([lane[0].key])
    spec = spec_of(three.replace("replicates: 3", "replicates: 2"))
    trials = dispatch(spec).searches["grid"].study.trials
    assert [(trial.values, trial.user_attrs["num_seeds"]) for trial in trials] == [([0.5], 2)] * 4


def test_a_kill_between_the_records_of_two_replicates_loses_neither(spec_of, folder, dispatch, finish):
    spec = spec_of()
    dispatcher = dispatch(spec)
    while (lane := dispatcher.next_lane())[0].origin == "grid":
        finish(lane[0].key)
        dispatcher.lane_ended([lane[0].key])
    first, second = (folder.run(f"{lane[0].config_key}-{replicate}") for replicate in (0, 1))
    shutil.rmtree(second.root)  # as a kill after the first of the two leaves it
    again = dispatch(spec)
    assert [run.key for run in again.unfinished()] == [first.key, second.key]
    keys = work_off(again, finish)
    assert keys[:2] == [first.key, second.key]
    assert read_json(second.run)["trial"] == read_json(first.run)["trial"] == 4
    trial = again.searches["gaussian"].study.trials[4]
    assert (trial.state, trial.user_attrs["config_key"]) == (TrialState.COMPLETE, lane[0].config_key)
    assert len(keys) == 6


def test_a_result_that_a_network_file_system_hides_at_first_is_not_run_again(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of(GRID))
    (run,) = dispatcher.next_lane()
    finish(run.key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "is_file", lambda _: False)  # what was asked for in vain before is denied still
        patch.setattr(Path, "exists", lambda _: False)
        dispatcher.lane_ended([run.key])
    assert (dispatcher.standing.finished, dispatcher.standing.reports) == (1, {})
    assert run.key not in [item.key for item in dispatcher.unfinished()]


def test_every_result_is_read_once_at_a_launch(spec_of, folder, dispatch, finish, monkeypatch):
    work_off(dispatch(spec_of()), finish)
    spec = spec_of(NARROW, "budget.hours=3")
    reads = []
    bytes_of = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path) or bytes_of(path))
    plan = make_plan(spec, folder)
    assert other_code(plan) == {}
    Dispatcher(spec, folder, plan)
    assert sorted(path.parent.name for path in reads if path.name == "result.json") == sorted(plan.results)
    assert len(plan.results) == 16


def test_best_is_no_control(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of())
    while dispatcher.standing.finished < 10:
        (run,) = dispatcher.next_lane()
        finish(run.key, critic=0.5 if run.block == "frozen" else 0.6)
        dispatcher.lane_ended([run.key])
    assert dispatcher.standing.best == ("gaussian:z=2 n=0", 0.6)


CONFINED = """
name: confined
blocks: [{name: free, parameters: {model.latent_dim: {grid: [2, 5], search: {low: 2, high: 9}}}}]
replicates: {number: 2, until: {half_width: 0.001, max: 3}}
objectives: [{measure: critic_accuracy}]
confirm: {top: 1, seeds: 2}
budget: {runs: 12}
"""


def test_a_confined_launch_runs_its_cells_and_proposes_adds_and_confirms_nothing(spec_of, folder, finish):
    spec = spec_of(CONFINED)
    plan = confined(make_plan(spec, folder), ["z=2", "free:z=5:1"])
    dispatcher = Dispatcher(spec, folder, plan)
    assert (dispatcher.standing.total, dispatcher.standing.left) == (3, 3)
    for number, run in enumerate(plan.todo):
        assert dispatcher.next_lane() == [run]
        finish(run.key, critic=0.5 + number)  # wide enough for more seeds
        dispatcher.lane_ended([run.key])
    assert dispatcher.next_lane() == []
    assert dispatcher.unfinished() == []
    assert (dispatcher.standing.total, dispatcher.standing.left) == (3, 0)
    # a cell with a seed that is left for later is not told yet
    states = [trial.state.name for trial in dispatcher.searches["free"].study.trials]
    assert states == ["COMPLETE", "RUNNING"]

    whole = make_plan(spec, folder)
    assert len(whole.finished) == 3
    assert {run.key for run in whole.todo} > {run.key for run in plan.later}  # and the seeds that were not added


FOUND_BY_ANOTHER = """
name: found
blocks:
  - {name: baseline, control: true, parameters: {model.latent_dim: {grid: [4, 50]}}}
  - {name: free, parameters: {model.latent_dim: {grid: [2], search: {low: 2, high: 9}}}}
budget: {runs: 3}
"""


def test_a_control_that_a_search_could_have_found_competes(spec_of, dispatch, finish):
    dispatcher = dispatch(spec_of(FOUND_BY_ANOTHER))
    while lane := dispatcher.next_lane():
        (run,) = lane
        finish(run.key, critic={2: 0.9, 4: 0.6, 50: 0.5}[run.config.model.latent_dim])
        dispatcher.lane_ended([run.key])
    assert dispatcher.standing.best == ("baseline:z=4", 0.6)


def test_a_worker_may_hear_of_a_stop_first(spec_of, dispatch):
    dispatcher = dispatch(spec_of(GRID))
    (run,) = dispatcher.next_lane()
    dispatcher.note(Report(run.key, "stopped", 20, 1.0))
    assert (dispatcher.saw_stop, dispatcher.is_stopped, dispatcher.next_lane()) == (True, True, [])
    dispatcher.lane_ended([run.key], stopped=True)
    assert dispatcher.standing.failed == {}


def test_a_plan_knows_that_a_search_has_proposed_all(spec_of, folder, dispatch, finish):
    spec = spec_of(NARROW)
    dispatcher = dispatch(spec)
    assert any(make_plan(spec, folder).search_runs.values())
    while lane := dispatcher.next_lane():
        (run,) = lane
        finish(run.key)
        dispatcher.lane_ended([run.key])
    (search,) = dispatcher.searches.values()
    assert search.exhausted
    plan = make_plan(spec, folder)
    assert (plan.is_done, sum(plan.search_runs.values())) == (True, 0)
