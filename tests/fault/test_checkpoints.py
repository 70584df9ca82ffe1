"""Checkpoints that are cut off, at every boundary of 512 bytes."""

import pytest
from harness.studies import INTERVAL

from iae_models.data import load
from iae_models.training import initial_state, train
from study.checkpoints import Checkpoints
from study.planned import record_run
from study.records import run_status

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

BLOCK = 512


@pytest.fixture
def begun(study):
    """A run with checkpoints after one and after two intervals: its plan and its folder."""
    wanted = study.plan().wanted[0]
    record_run(study.folder, wanted)
    run, state = study.folder.run(wanted.key), initial_state(wanted.config, wanted.replicate)
    checkpoints = Checkpoints(run, {}, 0.0)
    for progress in train(state, load("embedded_digits"), wanted.config):
        checkpoints.save(state)
        if progress.step == 2 * INTERVAL:
            return wanted, run
    raise AssertionError("the run is too short")


def resumed_at(wanted, run):
    """Return the step that a new attempt at a run goes on from."""
    return Checkpoints(run, {}, 0.0).resume(lambda: initial_state(wanted.config, wanted.replicate)).step


def test_checkpoints_that_are_cut_off(begun, note):
    wanted, run = begun
    newest, older = run.checkpoints()
    assert run_status(run) == "unfinished"
    assert resumed_at(wanted, run) == 2 * INTERVAL
    whole = newest.read_bytes()
    sizes = range(0, len(whole), BLOCK)
    for size in sizes:
        newest.write_bytes(whole[:size])
        assert resumed_at(wanted, run) == INTERVAL
        assert not newest.exists()
    note(f"newest checkpoint cut off at every {BLOCK} bytes", len(sizes), "the run goes on from the one before it")
    older.write_bytes(older.read_bytes()[:-1])
    newest.write_bytes(whole[:-1])
    assert resumed_at(wanted, run) == 0
    note("both checkpoints cut off", 1, "the run begins anew")
