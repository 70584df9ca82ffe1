"""The verb that stops a study, and the switch in its driver."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study import stop
from study.lock import hold
from study.signals import signals_given_back
from study.stop_request import request_stop, requested_stop, withdraw_stop
from study.stop_switch import StopSwitch, signals_to

GRID = "parameters: {model.latent_dim: {grid: [2, 3, 4]}}\n"


@pytest.fixture
def dispatcher(dispatch, spec_of, folder):
    folder.root.mkdir()
    return dispatch(spec_of(GRID))


@pytest.fixture(autouse=True)
def _signals():
    with signals_given_back():
        yield


@pytest.fixture
def said():
    return []


@pytest.fixture
def switch(dispatcher, said, monkeypatch):
    monkeypatch.setattr("study.stop_switch.LOOK_S", 0.0)
    return StopSwitch(dispatcher, said.append, lambda: 1)


@pytest.mark.parametrize(
    ("number", "by"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")]
)
def test_the_first_signal_asks_for_checkpoints_and_says_so(switch, dispatcher, folder, said, number, by):
    dispatcher.next_lane()
    assert not switch.stop_all()
    signal.signal(number, signal.default_int_handler)  # what nobody ignores, as `nohup` does SIGHUP
    with signals_to(switch):
        signal.raise_signal(number)
    assert (switch.is_stopping, said) == (False, [])
    assert not switch.stop_all()
    assert (switch.is_stopping, requested_stop(folder)) == (True, ("checkpoint", by))
    assert dispatcher.next_lane() == []
    assert len(said) == 1
    assert said[0].startswith(f"Stopping ({by}): runs save a checkpoint")
    assert "Ctrl-C again stops at once" in said[0]
    assert not switch.stop_all()
    assert len(said) == 1
    switch.press(signal.SIGTERM, None)  # asks for nothing more
    with pytest.raises(KeyboardInterrupt):
        switch.press(signal.SIGINT, None)


def test_two_signals_at_a_time_do_not_wait(switch):
    switch.press(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        switch.press(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):  # in case that the first was swallowed
        switch.stop_all()


def test_a_request_in_the_folder_is_obeyed(switch, dispatcher, folder, said):
    request_stop(folder, "study.stop")
    assert not switch.stop_all()
    assert switch.is_stopping
    assert dispatcher.is_stopped
    request_stop(folder, "study.stop", "now")
    with pytest.raises(KeyboardInterrupt):
        switch.stop_all()
    assert said[-1] == "Stopping now (study.stop)."


def test_lanes_that_wait_for_a_place_are_not_waited_for(dispatcher, folder, said, monkeypatch):
    monkeypatch.setattr("study.stop_switch.LOOK_S", 0.0)
    running = [None]
    switch = StopSwitch(dispatcher, said.append, lambda: running[0])
    dispatcher.next_lane()
    running[0] = 0  # all lanes wait
    assert not switch.stop_all()
    request_stop(folder, "study.stop")
    running[0] = None  # not counted yet
    assert not switch.stop_all()
    running[0] = 2
    assert not switch.stop_all()
    running[0] = 0
    with pytest.raises(KeyboardInterrupt):
        switch.stop_all()


def test_a_request_that_cannot_be_written_stops_at_once(switch, said, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("study.stop_switch.request_stop", full)
    switch.press(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        switch.stop_all()
    assert "No space left on device" in said[0]


def test_signals_are_given_back(switch):
    former = signal.getsignal(signal.SIGINT)
    with signals_to(switch):
        assert signal.getsignal(signal.SIGINT) == switch.press
    assert signal.getsignal(signal.SIGINT) == former


@pytest.mark.parametrize("presses", [1, 2])
def test_once_a_study_stops_its_last_steps_are_not_cut_off(switch, presses):
    with pytest.raises(KeyboardInterrupt), signals_to(switch):
        signal.raise_signal(signal.SIGINT)
        switch.stop_all()
        if presses == 1:
            raise KeyboardInterrupt  # as `run_lanes` does when the lanes have ended
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize(
    ("flags", "how", "words"), [([], "checkpoint", "save a checkpoint"), (["--now"], "now", "at once")]
)
def test_the_verb_asks_whoever_holds_the_folder_and_waits_for_nothing(folder, capsys, flags, how, words):
    with hold(folder.lock):
        assert stop.main([str(folder.root), *flags]) == 0
    assert requested_stop(folder) == (how, "study.stop")
    out = capsys.readouterr().out
    assert out.startswith(f"Asked process {os.getpid()} on ")
    assert words in out
    withdraw_stop(folder)


def test_the_verb_says_how_to_go_on_and_from_where(folder, capsys, tmp_path, monkeypatch):
    with hold(folder.lock, "python -m study.launch small.yaml"):
        assert stop.main([str(folder.root)]) == 0
        place = f"To go on later, on {platform.node()}:\n  "
        assert capsys.readouterr().out.endswith(f"{place}python -m study.launch small.yaml\n")
        here = Path.cwd()
        monkeypatch.chdir(tmp_path)
        assert stop.main([str(folder.root)]) == 0
        assert capsys.readouterr().out.endswith(f"{place}cd {here} && python -m study.launch small.yaml\n")


def test_the_verb_says_that_nobody_runs_there(folder, capsys, tmp_path):
    assert stop.main([str(tmp_path / "nothing")]) == 2
    assert "there is no" in capsys.readouterr().err
    with hold(folder.lock):
        pass
    assert stop.main([str(folder.root)]) == 1
    assert capsys.readouterr().err == f"Nobody runs {folder.root}.\n"
    code = "import os, sys; from pathlib import Path; from study.lock import hold; "
    code += "lock = hold(Path(sys.argv[1])); lock.__enter__(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(folder.lock)], check=False)
    assert stop.main([str(folder.root)]) == 1
    assert "which was killed." in capsys.readouterr().err
    assert requested_stop(folder) is None
