"""Ctrl-C, SIGTERM, SIGHUP, a terminal that closes, and a second launch."""

import os
import pty
import signal
import sys

import pytest
from harness.launches import ROOT
from harness.processes import Family
from harness.studies import Ledger, check_complete

from study.records import run_status
from study.run_log import read_log

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("Ctrl-C", [signal.SIGINT]),
        ("Ctrl-C twice", [signal.SIGINT, signal.SIGINT]),
        ("Ctrl-C five times", [signal.SIGINT] * 5),
        ("SIGTERM", [signal.SIGTERM]),
        ("SIGHUP", [signal.SIGHUP]),
    ],
)
def test_an_interrupted_study_goes_on(name, signals, study, reference, launch, note):
    first = launch(study)
    assert first.wait_for_training()
    for number in signals:
        first.interrupt(number)
    assert first.end() == 130, first.text
    assert "Interrupted: " in first.text
    assert f"python -m study.launch {study.path} --out {study.folder.root}" in first.text
    assert "Traceback" not in first.text
    ledger = Ledger(study.folder)
    ledger.check()
    second = launch(study)
    assert second.end() == 0, second.text
    ledger.check()
    check_complete(study, reference)
    note(name, 1, "exit code 130 and the command to go on; the next launch completes it")


def test_a_terminal_that_closes(study, reference, launch, note):
    command = [sys.executable, "-m", "study.launch", str(study.path), "--out", str(study.folder.root)]
    pid, terminal = pty.fork()
    if pid == 0:  # the driver, at a terminal of its own
        os.chdir(ROOT)
        os.execv(sys.executable, command)
    family = Family(pid)
    try:
        while not (runs := [run for run in study.folder.run_folders() if run.newest_step()]):
            os.read(terminal, 4096)  # or its output would fill the terminal
        family.living()
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    finally:
        family.end()
    assert not study.folder.stop.exists()
    # all that was reported is in a checkpoint, since the workers outlived the terminal
    assert [run.newest_step() for run in runs if run_status(run) == "unfinished"] == [
        read_log(run)[1][-1].step for run in runs if run_status(run) == "unfinished"
    ]
    ledger = Ledger(study.folder)
    ledger.check()
    assert launch(study).end() == 0
    ledger.check()
    check_complete(study, reference)
    note("a terminal that closes", 1, "exit code 130, nothing repeated; the next launch completes it")


def test_two_launches_at_once(study, reference, launch, note):
    first = launch(study)
    assert first.wait_for(study.folder.lock.exists)
    second = launch(study)
    assert second.end() == 3
    assert f"is in use by process {first.process.pid}" in second.text
    assert first.end() == 0, first.text
    check_complete(study, reference)
    note("a second launch in the same folder", 1, "exit code 3; it names the process that holds the folder")


def test_a_lock_whose_holder_died(study, reference, launch, note):
    first = launch(study)
    assert first.wait_for_training()
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert str(first.process.pid) in study.folder.lock.read_text()
    ledger = Ledger(study.folder)
    ledger.check()
    second = launch(study)
    assert second.end() == 0, second.text
    ledger.check()
    check_complete(study, reference)
    note("a lock whose holder was killed", 1, "the next launch takes it and completes the study")
