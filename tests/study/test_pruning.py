"""A scheduler's decisions in the books, the folder and the plan."""

import pytest
from optuna.trial import TrialState

from study.failures import record_failure
from study.plan import make_plan
from study.records import read_json, run_status, write_json
from study.rungs import PREFIX
from study.trial import Report, WorkerSettings, perform

TEXT = """
name: pruned
parameters:
  train.steps: 40
  train.report_every: 10
  model.latent_dim: {grid: [2, 3, 4]}
replicates: 2
objectives: [{measure: critic_accuracy}]
scheduler: {name: asha, every: 10, options: {reduction_factor: 2}}
"""
SEARCH = TEXT.replace("{grid: [2, 3, 4]}", "{grid: [2, 3], search: {low: 2, high: 30}}") + "budget: {runs: 12}\n"


def rung(folder, key, step, value, judged=False):
    """Write what a worker leaves at a rung, and return its report."""
    path = folder.run(key).rungs
    rungs = read_json(path)["rungs"] if path.is_file() else []
    rungs = [item | {"judged": True} for item in rungs if item["step"] < step]
    latest = {"step": step, "values": {"critic_accuracy": value}, "judged": judged}
    write_json(path, {"key": key, "rungs": [*rungs, latest]})
    return Report(key, "running", step, 1.0, {f"{PREFIX}critic_accuracy": value})


def value_of(run):
    return run.config.model.latent_dim / 10


@pytest.fixture
def course(folder, finish):
    """Return a function that works lanes off, each run stopping at its only rung if it is told to."""

    def work(dispatcher, limit=100):
        ends = []
        while len(ends) < limit and (lane := dispatcher.next_lane()):
            (run,) = lane
            report = rung(folder, run.key, 10, value_of(run))
            if dispatcher.stops(report):
                dispatcher.lane_ended([run.key], stopped=True)
                ends.append((run.config.model.latent_dim, run.replicate, "pruned"))
            else:
                dispatcher.note(report)
                rung(folder, run.key, 10, value_of(run), judged=True)
                finish(run.key, critic=value_of(run))
                dispatcher.lane_ended([run.key])
                ends.append((run.config.model.latent_dim, run.replicate, "finished"))
        return ends

    return work


def test_a_run_that_falls_behind_ends_with_the_replicates_of_its_configuration(spec_of, folder, dispatch, course):
    dispatcher = dispatch(spec_of(TEXT))
    ends = course(dispatcher)
    assert ends == [(2, 0, "finished"), (3, 0, "pruned"), (4, 0, "pruned"), (2, 1, "finished")]
    assert (dispatcher.standing.finished, len(dispatcher.standing.pruned), dispatcher.standing.left) == (2, 4, 0)
    by_place = {(run.config.model.latent_dim, run.replicate): run for run in dispatcher.runs.values()}
    record = read_json(folder.run(by_place[3, 0].key).pruned)
    assert (record["status"], record["step"], record["values"]) == ("pruned", 10, {"critic_accuracy": 0.3})
    assert record["reason"] == "asha at step 10, where critic_accuracy was 0.3"
    never = read_json(folder.run(by_place[3, 1].key).pruned)
    assert (never["step"], never["values"]) == (0, {})
    assert "replicate 0 was ended early" in never["reason"]
    assert folder.run(by_place[3, 1].key).run.is_file()
    (search,) = dispatcher.searches.values()
    states = [trial.state for trial in search.study.trials]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED]
    assert search.study.trials[1].intermediate_values == {10: 0.3}


def test_a_pruned_run_is_not_repeated_unless_the_study_has_no_scheduler(spec_of, folder, dispatch, course):
    before = dispatch(spec_of(TEXT))
    course(before)
    plan = make_plan(spec_of(TEXT), folder)
    assert (plan.todo, len(plan.finished), len(plan.pruned), plan.extra) == ((), 2, 4, ())
    after = dispatch(spec_of(TEXT))
    assert after.next_lane() == []
    (former,), (search,) = before.searches.values(), after.searches.values()
    assert [(trial.state, trial.user_attrs, trial.intermediate_values) for trial in search.study.trials] == [
        (trial.state, trial.user_attrs, trial.intermediate_values) for trial in former.study.trials
    ]
    other = make_plan(spec_of(TEXT.replace("reduction_factor: 2", "reduction_factor: 4")), folder)
    assert other.todo == ()
    plain = spec_of(TEXT[: TEXT.index("scheduler:")])
    plan = make_plan(plain, folder)
    assert len(plan.todo) == 4
    dispatcher = dispatch(plain)
    (run,) = dispatcher.next_lane()
    assert run_status(folder.run(run.key)) == "planned"
    assert read_json(folder.run(run.key).root / "pruned.1.json")["status"] == "pruned"


def test_a_kill_before_the_replicates_were_ended_changes_nothing(spec_of, folder, dispatch, course):
    dispatcher = dispatch(spec_of(TEXT))
    course(dispatcher)
    for run in dispatcher.runs.values():
        path = folder.run(run.key).pruned
        if path.is_file() and read_json(path)["step"] == 0:
            path.unlink()
    plan = make_plan(spec_of(TEXT), folder)
    assert (plan.todo, len(plan.pruned)) == ((), 4)
    assert dispatch(spec_of(TEXT)).standing.left == 0
    assert all(run_status(folder.run(key)) in ("finished", "pruned") for key in dispatcher.runs)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_decisions_go_on_after_a_kill(spec_of, dispatch, course, stop):
    before = course(dispatch(spec_of(TEXT)), limit=stop)
    assert [*before, *course(dispatch(spec_of(TEXT)))] == [
        (2, 0, "finished"),
        (3, 0, "pruned"),
        (4, 0, "pruned"),
        (2, 1, "finished"),
    ]


def test_a_rung_that_the_driver_did_not_live_to_judge_is_judged_when_it_comes_again(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of(TEXT))
    (good,) = dispatcher.next_lane()
    dispatcher.stops(rung(folder, good.key, 10, 0.2))
    rung(folder, good.key, 10, 0.2, judged=True)
    finish(good.key, critic=0.2)
    dispatcher.lane_ended([good.key])
    (bad,) = dispatcher.next_lane()
    report = rung(folder, bad.key, 10, 0.3)  # and the driver dies
    again = dispatch(spec_of(TEXT))
    assert again.next_lane()[0].key == bad.key
    assert again.stops(report)
    # one that had gone on before the kill is not judged twice
    for number in (0, 1):
        folder.run(f"{bad.config_key}-{number}").pruned.unlink()
    rung(folder, bad.key, 10, 0.3, judged=True)
    again = dispatch(spec_of(TEXT))
    again.next_lane()
    assert not again.stops(report)


def test_what_never_began_takes_nothing_from_the_budget(spec_of, folder, dispatch, course):
    dispatcher = dispatch(spec_of(SEARCH))
    ends = course(dispatcher)
    began = len(ends)
    assert began in (11, 12)  # whole configurations only
    assert len(dispatcher.runs) > 12
    plan = make_plan(spec_of(SEARCH), folder)
    assert (plan.todo, sum(plan.search_runs.values()), plan.room) == ((), 0, 12 - began)
    assert len(plan.finished) + len(plan.pruned) == len(plan.wanted)


def test_a_torn_pruned_record_is_named(spec_of, folder, dispatch, course):
    course(dispatch(spec_of(TEXT)))
    path = next(run.pruned for run in folder.run_folders() if run_status(run) == "pruned")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match="must be a JSON file") as error:
        make_plan(spec_of(TEXT), folder)
    assert str(path) in str(error.value)


def test_a_replicate_that_is_out_ends_at_its_next_report(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(TEXT, "resources.max_concurrent=6"))
    out = {(run.config.model.latent_dim, run.replicate): run for run in (dispatcher.next_lane()[0] for _ in range(6))}
    for place in ((2, 0), (2, 1), (3, 1)):
        report = rung(folder, out[place].key, 10, 0.2)
        if place != (3, 1):
            assert not dispatcher.stops(report)
    folder.run(out[3, 1].key).log.touch()
    assert dispatcher.stops(rung(folder, out[3, 0].key, 10, 0.9))
    assert dispatcher.stops(Report(out[3, 1].key, "running", 10, 1.0, {"loss/a/b": 1.0}))
    dispatcher.note(Report(out[3, 1].key, "running", 10, 1.0))
    assert out[3, 1].key not in dispatcher.standing.reports
    assert read_json(folder.run(out[3, 1].key).pruned)["step"] == 1  # it had begun
    dispatcher.lane_ended([out[3, 1].key], stopped=True)
    dispatcher.lane_ended([out[3, 0].key], stopped=True)
    assert len(dispatcher.standing.pruned) == 2


def test_runs_behind_one_that_was_ended_queue_up_again_with_both_attempts(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(TEXT, "resources.lane_size=6"))
    lane = dispatcher.next_lane()
    assert not dispatcher.stops(rung(folder, lane[0].key, 10, 0.1))
    first = dispatcher.runs[lane[0].key]
    assert dispatcher.stops(rung(folder, lane[1].key, 10, 0.9))
    dispatcher.lane_ended([run.key for run in lane], stopped=True)
    again = [run.key for run in dispatcher.next_lane()]
    assert first.key in again
    assert lane[1].key not in again
    for key in again:
        assert not dispatcher._retries.is_given_up(folder.run(key))
    assert dispatcher.standing.failed == {}


def test_a_replicate_that_waits_in_its_lane_takes_nothing_from_the_budget(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(SEARCH, "resources.lane_size=4"))
    lane = dispatcher.next_lane()
    first, second = lane[:2]
    assert not dispatcher.stops(rung(folder, first.key, 10, 0.1))
    assert dispatcher.stops(rung(folder, second.key, 10, 0.9))
    (waits,) = (run for run in lane if run.config_key == second.config_key and run.key != second.key)
    assert read_json(folder.run(waits.key).pruned)["step"] == 0
    (report,) = perform(waits.key, WorkerSettings(str(folder.root)))
    assert (report.status, report.step) == ("pruned", 0)


def test_a_run_that_failed_is_judged_anew_from_its_last_checkpoint(spec_of, folder, dispatch):
    dispatcher = dispatch(spec_of(TEXT, "resources.lane_size=6"))
    lane = dispatcher.next_lane()
    for run in lane[:2]:
        assert not dispatcher.stops(rung(folder, run.key, 10, 0.1))
        rung(folder, run.key, 10, 0.1, judged=True)
    record_failure(folder.run(lane[1].key), "error", "ValueError: mended since", 12)
    again = dispatch(spec_of(TEXT, "resources.lane_size=6"))
    assert lane[1].key in [run.key for run in again.next_lane()]
    assert again.stops(rung(folder, lane[1].key, 10, 0.9))
