"""Replicates that results add: repeated proposals, wide intervals, confirmation."""

import shutil

import pytest
from optuna.trial import TrialState

from study.configurations import ranked
from study.failures import record_failure
from study.objectives import Objective
from study.plan import CONFIRM_FIRST, make_plan
from study.plan_text import describe
from study.records import read_json

TINY = """
name: tiny
parameters:
  model.latent_dim: {grid: [2], search: {choices: [2, 3, 4, 5, 6, 7]}}
replicates: 2
objectives: [{measure: critic_accuracy}]
budget: {runs: 30}
"""
UNTIL = """
name: until
parameters: {model.latent_dim: {grid: [2, 3, 4]}}
replicates: {number: 2, until: {half_width: 0.05, max: 5}}
objectives: [{measure: critic_accuracy}]
"""
CONFIRM = """
name: confirmed
parameters: {model.latent_dim: {grid: [2, 3, 4, 5]}}
replicates: 2
objectives: [{measure: critic_accuracy}]
confirm: {top: 2, seeds: 3}
"""


def work(dispatcher, finish, critic, limit=1000):
    """Run lanes one after the other; `critic` gives a run's value. Return the runs in their order."""
    runs = []
    while len(runs) < limit and (lane := dispatcher.next_lane()):
        for run in lane:
            finish(run.key, critic=critic(run))
            runs.append(run)
        dispatcher.lane_ended([run.key for run in lane])
    return runs


def by_size(run):
    """Return a value that depends on configuration and replicate alone."""
    return 0.5 + run.config.model.latent_dim / 100 + 0.01 * (run.replicate % 3)


def trials_of(dispatcher):
    (search,) = dispatcher.searches.values()
    return search.study.trials


def sketch(dispatcher):
    return [
        (trial.number, trial.state, trial.values, trial.params, trial.user_attrs) for trial in trials_of(dispatcher)
    ]


def test_a_repeated_proposal_becomes_a_replicate_within_the_budget(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of(TINY))
    runs = work(dispatcher, finish, by_size)
    repeats = [run for run in runs if run.origin == "duplicate"]
    assert repeats
    assert len(runs) == len({run.key for run in runs}) <= 30
    assert (dispatcher.standing.total, dispatcher.standing.left) == (len(runs), 0)
    for run in repeats:
        assert run.replicate >= 2
        record = read_json(folder.run(run.key).run)
        assert (record["origin"], record["adaptive"], record["trial"]) == ("duplicate", True, run.trial)
        trial = trials_of(dispatcher)[run.trial]
        first = trials_of(dispatcher)[trial.user_attrs["duplicate_of"]]
        assert (trial.state, first.user_attrs["config_key"]) == (TrialState.FAIL, run.config_key)
    for trial in trials_of(dispatcher):
        if trial.state == TrialState.COMPLETE:
            own = [run for run in runs if run.config_key == trial.user_attrs["config_key"]]
            assert trial.user_attrs["num_seeds"] == len(own)
            assert trial.values == [pytest.approx(sum(map(by_size, own)) / len(own))]
    assert sketch(dispatch(spec_of(TINY))) == sketch(dispatcher)
    assert make_plan(spec_of(TINY), folder).todo == ()


@pytest.mark.parametrize("stop", [3, 7, 11, 14])
def test_a_search_with_repetitions_goes_on_after_a_kill_as_it_would_have(spec_of, folder, dispatch, finish, stop):
    whole = dispatch(spec_of(TINY))
    runs = work(whole, finish, by_size)
    shutil.rmtree(folder.root)
    work(dispatch(spec_of(TINY)), finish, by_size, limit=stop)
    killed = dispatch(spec_of(TINY))
    killed.next_lane()  # handed out and lost with the driver
    after = dispatch(spec_of(TINY))
    work(after, finish, by_size)
    assert {(run.key, run.origin) for run in after.runs.values()} == {(run.key, run.origin) for run in runs}
    assert sketch(after) == sketch(whole)


def test_a_failed_configuration_is_told_with_its_kind(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(TINY))
    for kind in ("out_of_memory", "lost"):
        (run,) = dispatcher.next_lane()
        record_failure(folder.run(run.key), kind, f"it was {kind}")
        dispatcher.lane_ended([run.key])
    trial = trials_of(dispatcher)[0]
    assert (trial.state, trial.user_attrs["kind"]) == (TrialState.FAIL, "out_of_memory; lost")
    assert trial.user_attrs["reason"] == "it was out_of_memory; it was lost"


def noisy(run):
    """Return values whose spread over replicates is nought for 2, small for 3 and large for 4."""
    spread = {2: 0.0, 3: 0.01, 4: 0.2}[run.config.model.latent_dim]
    return 0.5 + spread * (run.replicate % 2)


def test_seeds_are_added_while_the_interval_is_wide(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of(UNTIL))
    assert dispatcher.standing.total == 6
    runs = work(dispatcher, finish, noisy)
    numbers = {}
    for run in runs:
        numbers.setdefault(run.config.model.latent_dim, []).append(run.replicate)
    # ± 12.7 * 0.00707 = 0.0898 with two, ± 4.30 * 0.00577 / 1.73 = 0.0143 with three
    assert numbers == {2: [0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3, 4]}
    assert [run.origin for run in runs] == ["grid"] * 6 + ["until"] * 4
    assert (dispatcher.standing.total, dispatcher.standing.left) == (10, 0)
    assert [trial.user_attrs["num_seeds"] for trial in trials_of(dispatcher)] == [2, 3, 5]
    assert read_json(folder.run(runs[-1].key).run)["origin"] == "until"
    plan = make_plan(spec_of(UNTIL), folder)
    assert (plan.todo, plan.extra, len(plan.wanted)) == ((), (), 10)


@pytest.mark.parametrize("stop", range(10))
def test_seeds_are_the_same_after_a_kill_anywhere(spec_of, dispatch, finish, stop):
    before = work(dispatch(spec_of(UNTIL)), finish, noisy, limit=stop)
    killed = dispatch(spec_of(UNTIL))
    killed.next_lane()
    after = work(dispatch(spec_of(UNTIL)), finish, noisy)
    runs = [*before, *after]
    assert sorted((run.config.model.latent_dim, run.replicate) for run in runs) == [
        (2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4)
    ]  # fmt: skip


def test_seeds_keep_to_the_budget(spec_of, folder, dispatch, finish):
    spec = spec_of(UNTIL, "budget.runs=8")
    assert len(work(dispatch(spec), finish, noisy)) == 8
    assert make_plan(spec, folder).todo == ()
    assert len(work(dispatch(spec_of(UNTIL)), finish, noisy)) == 2


def test_seeds_of_a_study_without_until_are_kept_and_not_averaged_in(spec_of, folder, dispatch, finish):
    work(dispatch(spec_of(UNTIL)), finish, noisy)
    plain = spec_of(UNTIL.replace(", until: {half_width: 0.05, max: 5}", ""))
    assert len(make_plan(plain, folder).extra) == 4
    assert [trial.user_attrs["num_seeds"] for trial in trials_of(dispatch(plain))] == [2, 2, 2]
    more = spec_of(UNTIL.replace("number: 2", "number: 4"))
    dispatcher = dispatch(more)
    assert len(work(dispatcher, finish, noisy)) == 2 + 1
    assert [trial.user_attrs["num_seeds"] for trial in trials_of(dispatcher)] == [4, 4, 5]


def test_the_winners_are_run_again_on_fresh_seeds_and_none_of_it_is_told(spec_of, folder, dispatch, finish):
    def luck(run):
        return by_size(run) + (0.3 if run.replicate >= CONFIRM_FIRST else 0.0)

    dispatcher = dispatch(spec_of(CONFIRM))
    assert dispatcher.standing.total == 8 + 6
    runs = work(dispatcher, finish, luck)
    confirming = runs[8:]
    assert [run.origin for run in confirming] == ["confirm"] * 6
    assert {run.config.model.latent_dim for run in confirming} == {2, 3}
    assert sorted({run.replicate for run in confirming}) == [CONFIRM_FIRST, CONFIRM_FIRST + 1, CONFIRM_FIRST + 2]
    assert [trial.user_attrs["num_seeds"] for trial in trials_of(dispatcher)] == [2] * 4
    assert max(trial.values[0] for trial in trials_of(dispatcher)) < 0.6
    assert dispatcher.standing.best[1] == pytest.approx(0.525)
    plan = make_plan(spec_of(CONFIRM), folder)
    assert plan.is_done
    assert (len(plan.finished), plan.extra) == (14, ())
    assert dispatch(spec_of(CONFIRM)).standing.best == dispatcher.standing.best


def test_confirmation_waits_for_what_is_open_and_is_planned(spec_of, folder, dispatch, finish):
    spec = spec_of(CONFIRM)
    assert make_plan(spec, folder).confirm_runs == 6
    work(dispatch(spec), finish, by_size, limit=7)
    assert make_plan(spec, folder).confirm_runs == 6
    work(dispatch(spec), finish, by_size, limit=1)
    plan = make_plan(spec, folder)
    assert (plan.confirm_runs, [run.origin for run in plan.todo]) == (0, ["confirm"] * 6)
    work(dispatch(spec), finish, by_size, limit=2)
    assert len(make_plan(spec, folder).todo) == 4


def test_a_later_winner_is_confirmed_and_the_former_one_kept(spec_of, folder, dispatch, finish):
    work(dispatch(spec_of(CONFIRM)), finish, by_size)
    wider = spec_of(CONFIRM.replace("[2, 3, 4, 5]", "[2, 3, 4, 5, 6]"))
    runs = work(dispatch(wider), finish, lambda _: 0.1)
    assert {run.config.model.latent_dim for run in runs} == {6}
    assert [run.origin for run in runs] == ["grid"] * 2 + ["confirm"] * 3
    plan = make_plan(wider, folder)
    assert (plan.is_done, plan.extra) == (True, ())


def test_confirming_runs_are_beyond_the_budget(spec_of, dispatch, finish):
    text = TINY.replace("budget: {runs: 30}", "budget: {runs: 8}\nconfirm: {top: 1, seeds: 2}")
    runs = work(dispatch(spec_of(text)), finish, by_size)
    assert sum(run.origin != "confirm" for run in runs) in (7, 8)  # whole configurations only
    assert sum(run.origin == "confirm" for run in runs) == 2


def test_configurations_are_ranked_by_one_objective_or_with_the_unbeaten_ones_first():
    low, high = Objective("critic_accuracy", "minimize"), Objective("rate", "maximize")
    assert ranked({"a": (0.7,), "b": (0.5,), "c": (0.6,)}, [low]) == ["b", "c", "a"]
    assert ranked({"a": (0.7,), "b": (0.5,)}, [high]) == ["a", "b"]
    values = {"beaten": (0.51, 1.0), "best": (0.5, 2.0), "equal": (0.5, 2.0), "rich": (0.9, 9.0), "poor": (0.95, 9.0)}
    assert ranked(values, [low, high]) == ["best", "equal", "rich", "beaten", "poor"]


def test_a_grid_that_grows_beyond_the_budget_is_run_and_said(spec_of, folder, dispatch, finish):
    spec = spec_of(UNTIL, "budget.runs=8")
    work(dispatch(spec), finish, noisy)
    assert "beyond budget.runs" not in describe(make_plan(spec, folder), spec, folder)
    grown = spec_of(UNTIL.replace("[2, 3, 4]", "[2, 3, 4, 5]"), "budget.runs=8")
    plan = make_plan(grown, folder)
    assert len(plan.todo) == 2
    assert "2 runs beyond budget.runs: what the grids hold is run" in describe(plan, grown, folder)


def test_a_former_replicate_that_an_interval_asks_for_stays(spec_of, folder, dispatch, finish):
    work(dispatch(spec_of(UNTIL.replace("{number: 2, until: {half_width: 0.05, max: 5}}", "3"))), finish, noisy)
    dispatcher = dispatch(spec_of(UNTIL))
    runs = work(dispatcher, finish, noisy)
    assert [(run.config.model.latent_dim, run.replicate) for run in runs] == [(4, 3), (4, 4)]
    former = [run for run in dispatcher.runs.values() if run.config.model.latent_dim == 4 and run.replicate == 2]
    assert read_json(folder.run(former[0].key).run)["origin"] == "until"
    plan = make_plan(spec_of(UNTIL), folder)
    assert (plan.todo, plan.renamed, len(plan.extra)) == ((), (), 1)
    assert {run.key for run in plan.wanted} == set(dispatcher.runs)
