"""An exception in each of our own hooks: Ray's callbacks, and what they call."""

import pytest
from harness.in_process import launched, replayed, without_ray
from harness.launches import undisturbed
from harness.raising import MESSAGE, let_raise
from harness.studies import SMALL, Ledger, check_complete, check_searches, write_study

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

HOOKS = (
    "study.search:LaneSearcher.suggest",
    "study.search:LaneSearcher.on_trial_result",
    "study.search:LaneSearcher.on_trial_complete",
    "study.search:RungScheduler.on_trial_result",
    "study.search:RungScheduler.choose_trial_to_run",
    "study.progress:DriverCallback.on_trial_start",
    "study.progress:DriverCallback.on_trial_result",
    "study.progress:DriverCallback.on_trial_complete",
    "study.progress:DriverCallback.on_step_end",
    "study.stop_switch:StopSwitch.stop_all",
)
"""What Ray calls, as Ray sees it; some of it is inherited."""

INNER = (
    "study.dispatch:Dispatcher.next_lane",
    "study.dispatch:Dispatcher.note",
    "study.dispatch:Dispatcher.stops",
    "study.dispatch:Dispatcher.lane_ended",
    "study.dispatch:Dispatcher.record_some",
    "study.block_search:BlockSearch.propose",
    "study.block_search:BlockSearch.tell",
    "study.configurations:Configurations.close",
    "study.progress:PlainLines.report",
    "study.progress:PlainLines.refresh",
    "study.progress:PlainLines.close",
    "study.history:HistoryWriter.add",
    "study.history:HistoryWriter.write",
    "study.optuna_store:OptunaStore.copy_if_due",
    "study.optuna_store:OptunaStore.copy",
    "study.optuna_store:OptunaStore.close",
)
"""What is called within them."""


@pytest.fixture(scope="module")
def small_reference(tmp_path_factory):
    """The small study when nothing disturbs it."""
    return undisturbed(tmp_path_factory.mktemp("small"), SMALL)


@pytest.mark.parametrize("place", HOOKS)
def test_a_hook_of_rays_that_raises(place, small_reference, launch, tmp_path, note):
    study = write_study(tmp_path, SMALL)
    first = launch(study, module="harness.raising", variables={"RAISE_IN": place, "RAISE_AT": "2"})
    code = first.end()
    outcome = "the study goes on"
    if code:
        assert code == 1, first.text
        assert MESSAGE in first.text
        ledger = Ledger(study.folder)
        num_finished = ledger.check()
        second = launch(study)
        assert second.end() == 0, second.text
        ledger.check()
        outcome = f"exit code 1 after {num_finished} of 3 runs; the next launch completes it"
    check_complete(study, small_reference)
    note(f"exception in {place.partition(':')[2]}, called by Ray", 1, outcome)


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("place", INNER)
def test_an_inner_function_that_raises(place, at, study, template, note):
    ledger = Ledger(study.folder)
    with without_ray(replayed(template)):
        undo = let_raise(place, at)
        try:
            code, text = launched(study)
        finally:
            undo()
        assert code in (0, 1), text
        assert code == 0 or MESSAGE in text
        num_finished = ledger.check()
        code_then, text = launched(study)
        assert code_then == 0, text
    ledger.check()
    assert len(study.plan().finished) == 8
    check_searches(study)
    outcome = (
        "the study goes on"
        if code == 0
        else f"exit code 1 after {num_finished} of 8 runs; the next launch completes it"
    )
    note(f"exception in {place.partition(':')[2]}", 1, outcome)
