"""What a person is told when a worker has died. Imports no torch, ray or optuna."""

from __future__ import annotations

from study.dispatch import Dispatcher
from study.planned import name_of
from study.records import run_status
from study.run_log import read_log


def loss_text(dispatcher: Dispatcher, key: str) -> str:
    """Return which run a worker died with, where it was, and from where and as which attempt it goes on.

    Args:
        dispatcher: Who has taken the run back already.
        key: The run.
    """
    folder = dispatcher.folder.run(key)
    name = name_of(dispatcher.runs[key])
    attempts, lines = read_log(folder)
    died = f"{name}: its worker died{f' at step {lines[-1].step}' if lines else ''} (killed, or out of memory)"
    if run_status(folder) == "finished":
        return f"{died}; its result was written, so it is finished"
    if key in dispatcher.standing.failed:
        return f"{died}; given up: {dispatcher.standing.failed[key]}"
    step = folder.newest_step()
    place = f"from step {step}" if step else "from the beginning"
    if dispatcher.is_stopped:
        return f"{died}; the next launch goes on with it {place}"
    alone = ", alone and with a larger share of the machine" if dispatcher.growths(key) else ""
    return f"{died}; it goes on {place} as attempt {max(1, attempts.number) + 1}{alone}"
