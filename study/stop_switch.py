"""How the driver comes to stop: at Ctrl-C, SIGTERM, SIGHUP (a closed terminal), or because the study folder asks."""
# ruff: noqa: ARG002 - the signatures are Ray's

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from ray.tune.stopper import Stopper

from study.dispatch import Dispatcher
from study.signals import heeded, ignore_signals, leave_closed_terminal
from study.stop_request import request_stop, requested_stop

LOOK_S = 0.25
"""Seconds between two looks for a request in the study folder."""


class StopSwitch(Stopper):
    """Ends a Tune experiment. Ray asks it between two steps of the experiment, many times a second.

    The first Ctrl-C, SIGTERM, SIGHUP and a request in the folder let runs come to a checkpoint: nothing is handed out
    any more, and workers see the request at their next report. A second Ctrl-C, and a request that says "now", end it
    at once.

    Args:
        dispatcher: Who hands out.
        say: Shows a sentence to the person at the terminal.
        num_running: Returns how many lanes have a worker, or None before that was counted: one that waits for its place
            in a cluster is not waited for.

    Attributes:
        is_stopping: Whether the study is asked to stop.
    """

    def __init__(
        self, dispatcher: Dispatcher, say: Callable[[str], None], num_running: Callable[[], int | None]
    ) -> None:
        self.is_stopping = False
        self._dispatcher = dispatcher
        self._say = say
        self._num_running = num_running
        self._signal = 0
        self._is_now = False
        self._last_look = 0.0

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:
        """Stop no single lane."""
        return False

    def stop_all(self) -> bool:
        """Look for a reason to stop, and return False.

        Raises:
            KeyboardInterrupt: The study is to stop at once, or is to stop and no lane has a worker any more.
        """
        if self._dispatcher.saw_stop and not self.is_stopping:
            self._begin("as a worker has heard")
        if self._is_now:  # whatever ran when the signal came has swallowed it
            raise KeyboardInterrupt
        if self._signal and not self.is_stopping:
            self._ask("Ctrl-C" if self._signal == signal.SIGINT else signal.Signals(self._signal).name)
        if time.monotonic() - self._last_look >= LOOK_S:
            self._last_look = time.monotonic()
            how, by = requested_stop(self._dispatcher.folder) or ("", "")
            if how == "now":
                self._say(f"Stopping now ({by}).")
                self._stop_now()
            if how and not self.is_stopping:
                self._begin(by)
        if self.is_stopping and self._num_running() == 0:
            self._stop_now()
        return False

    def press(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; a second Ctrl-C does not wait for anything, and a closed terminal is not written to."""
        if number == signal.SIGHUP:
            leave_closed_terminal()
        if number == signal.SIGINT and (self._signal or self.is_stopping):
            self._stop_now()
        self._signal = self._signal or number

    def __getstate__(self) -> dict[str, object]:
        """Give Ray nothing to pickle."""
        return {}

    def _ask(self, by: str) -> None:
        try:
            request_stop(self._dispatcher.folder, by)
        except OSError as error:  # the workers cannot be told
            self._say(f"Stopping now, because the request to stop cannot be written: {error}")
            self._stop_now()
        self._begin(by)

    def _stop_now(self) -> NoReturn:
        self.is_stopping = self._is_now = True
        ignore_signals()
        raise KeyboardInterrupt

    def _begin(self, by: str) -> None:
        self.is_stopping = True
        self._dispatcher.stop()
        self._say(
            f"Stopping ({by}): runs save a checkpoint at their next report, and those that are being measured "
            "finish. Ctrl-C again stops at once."
        )


@contextlib.contextmanager
def signals_to(switch: StopSwitch) -> Iterator[None]:
    """Let SIGINT and the signals of `ENDING` press a switch; nothing heeds them any more once it was pressed.

    What is left to do then is short, and is not to be cut off by a person who presses once more.
    """
    former = {number: signal.signal(number, switch.press) for number in (signal.SIGINT, *heeded())}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        if switch.is_stopping:
            ignore_signals()
