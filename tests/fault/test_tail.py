"""One lane at a time: then the whole search is the same, however often it was interrupted."""

import random
import signal
import time

import pytest
from harness.launches import undisturbed
from harness.studies import STUDY, Ledger, check_complete, write_study

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

ONE_LANE = STUDY.replace("device: cpu", "device: cpu, max_concurrent: 1").replace("runs: 8", "runs: 10")
NUM_KILLS = 3


def test_the_proposals_of_one_lane(launch, tmp_path, note):
    reference = undisturbed(tmp_path / "undisturbed", ONE_LANE)
    study, chance = write_study(tmp_path / "disturbed", ONE_LANE), random.Random(2)
    ledger = Ledger(study.folder)
    for number in range(1, NUM_KILLS + 1):
        killed = launch(study)
        # each time a little further, the last times in the middle of the search
        assert killed.wait_for(lambda least=2 * number: len(study.finished()) >= least)
        time.sleep(chance.uniform(0, 2))
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        killed.close()
        ledger.check()
    last = launch(study)
    assert last.end() == 0, last.text
    ledger.check()
    check_complete(study, reference, same_tail=True)
    assert trials_of(study) == trials_of(reference)
    note(
        "SIGKILL of the driver, one lane at a time",
        NUM_KILLS,
        "all proposals of the search are the same, in their order",
    )


def trials_of(study):
    """Return the number that each proposed run has in the search, by key."""
    return {run.key: run.trial for run in study.plan().wanted if run.trial is not None}
