"""Runs that go wrong by themselves."""

import pytest
from harness.studies import STEPS, Ledger, check_complete

from study.failures import failure_kind
from study.records import names_in, run_status

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def test_a_loss_that_is_not_a_number(study, reference, launch, note):
    key = study.plan().wanted[0].key
    run = study.folder.run(key)
    first = launch(study, variables={"STEP_LOG": "/dev/null", "NAN_AT": f"{key} {STEPS // 2 + 1}"})
    assert first.end() == 1, first.text
    assert run_status(run) == "failed"
    assert failure_kind(run) == "diverged"
    assert "became nan" in first.text
    ledger = Ledger(study.folder)
    assert ledger.check() == len(study.plan().wanted) - 1
    second = launch(study)
    assert second.end() == 0, second.text
    ledger.check()
    check_complete(study, reference)
    assert "failure.1.json" in names_in(run.root)
    note("a loss becomes NaN in one run", 1, "that run fails, the others finish; the next launch repeats it alone")
