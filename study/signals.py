"""Signals that ask a launch to end, and what a closed terminal leaves behind. Imports no torch, ray or optuna."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable, Iterator

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What a cluster or a container sends before it kills, and what a process gets whose terminal or connection closes."""


def heeded() -> list[signal.Signals]:
    """Return those of `ENDING` that end this process; `nohup` has it ignore SIGHUP, and so it stays."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def ignore_signals() -> None:
    """Have this process take no more notice of Ctrl-C and of `ENDING`, since it is about to end anyway."""
    for number in (signal.SIGINT, *ENDING):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def signals_given_back() -> Iterator[None]:
    """Let Ctrl-C and `ENDING` do in the end what they did before, whatever was made of them meanwhile."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for number, handler in former.items():
            if handler is not None:  # as one is that was not set from Python
                signal.signal(number, handler)


@contextlib.contextmanager
def held_back(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Hold signals back. Processes that are started meanwhile never get them; this one gets them in the end.

    A terminal that closes, `timeout` and batch systems signal all processes at once, and Ray's are to outlive the
    checkpoints.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def leave_closed_terminal() -> None:
    """Let standard output and error go nowhere if nobody can read them any more; writing there would be an error."""
    for number in (1, 2):
        poll = select.poll()
        poll.register(number, 0)
        if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
