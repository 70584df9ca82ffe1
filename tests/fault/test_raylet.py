"""The processes of a study's own Ray die, of which there is one each."""

import pytest
from harness.processes import kill
from harness.studies import Ledger, check_complete

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def test_the_only_raylet_is_killed(study, reference, launch, note):
    first = launch(study)
    assert first.wait_for_training()
    (raylet,) = first.family.of_kind("raylet")
    assert kill(raylet)
    # its workers live on, and may be done before Ray takes the node for dead
    is_done = first.end() == 0
    assert is_done or "Ray has lost all nodes that have 1 CPU for a lane." in first.text, first.text
    assert "Traceback" not in first.text
    ledger = Ledger(study.folder)
    ledger.check()
    second = launch(study)
    assert second.end() == 0, second.text
    ledger.check()
    check_complete(study, reference)
    outcome = "its workers end the study" if is_done else "exit code 1, one line; the next launch completes the study"
    note("SIGKILL of the only raylet", 1, outcome)


def test_the_control_process_is_killed(study, reference, launch, note):
    first = launch(study)
    assert first.wait_for_training()
    (gcs,) = first.family.of_kind("gcs")
    assert kill(gcs)
    assert first.end() != 0, first.text
    assert "Failed to connect to GCS within" in first.text
    ledger = Ledger(study.folder)
    ledger.check()
    second = launch(study)
    assert second.end() == 0, second.text
    ledger.check()
    check_complete(study, reference)
    note(
        "SIGKILL of Ray's control process (GCS)",
        1,
        "Ray ends the launch and says why; the next one completes the study",
    )
