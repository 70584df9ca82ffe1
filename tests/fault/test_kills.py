"""Processes that are killed at random moments, again and again, until the study is done."""

import random
import time

import pytest
from harness.processes import kill
from harness.studies import INTERVAL, STEPS, Ledger, check_complete, write_study

from study.records import read_json

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1500)]

KINDS = ("driver", "worker", "raylet", "gcs")


def victim_of(launch, kind):
    """Return a living process of a launch, or None where there is none of the kind."""
    found = [launch.family.root()] if kind == "driver" else launch.family.of_kind(kind)
    return found[0] if found else None


def steps_in(log):
    """Return the steps that were trained, by run, in the order in which they were."""
    steps = {}
    for line in log.read_text().splitlines():
        key, step = line.split()
        steps.setdefault(key, []).append(int(step))
    return steps


def kill_until_done(study, launch, chance, ledger, log, num_left):
    """Launch until nothing is left to do, and kill something in each launch; return the kills by kind."""
    killed = []
    while not study.plan().is_done:
        running = launch(study, variables={"STEP_LOG": str(log)})
        while len(killed) < num_left and running.wait_for_training():
            time.sleep(chance.uniform(0, 3))
            kind = chance.choice(KINDS)
            victim = victim_of(running, kind)
            if victim is not None and kill(victim):
                killed.append(kind)
            if kind != "worker":
                break
        running.end()
        running.close()
        ledger.check()
    return killed


@pytest.mark.parametrize("seed", [1])
def test_twenty_random_kills(seed, reference, tmp_path, launch, note):
    chance, killed, repeated, planned = random.Random(seed), [], 0, 0
    for number in range(20):
        if len(killed) >= 20:
            break
        study = write_study(tmp_path / str(number))
        log = tmp_path / f"steps{number}"
        ledger = Ledger(study.folder)
        killed += kill_until_done(study, launch, chance, ledger, log, 20 - len(killed))
        # a driver that dies after the last run leaves Optuna's copy behind; the next launch finds no run to do
        last = launch(study)
        assert last.end() == 0
        last.close()
        ledger.check()
        check_complete(study, reference)
        steps = steps_in(log)
        assert all(set(done) == set(range(1, STEPS + 1)) for done in steps.values())
        again = {key: len(done) - STEPS for key, done in steps.items()}
        results = {key: read_json(study.folder.run(key).result) for key in again}
        # what a run says of itself is what it had reported; the steps since its last report are repeated as well
        assert all(results[key]["steps_repeated"] <= num for key, num in again.items())
        # each time that it was interrupted it lost one interval between checkpoints at most
        assert all(num <= (results[key]["attempts"] - 1) * INTERVAL for key, num in again.items())
        repeated += sum(again.values())
        planned += STEPS * len(steps)
    assert len(killed) == 20
    counts = ", ".join(f"{killed.count(kind)} of the {kind}" for kind in KINDS)
    note(f"SIGKILL at random moments: {counts}", 20, f"{repeated} of {planned} steps repeated; none lost or run twice")
