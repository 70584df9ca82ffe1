"""Why a run failed: written beside it, and set aside when the run is tried again. Imports no ray, torch or optuna."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from study.records import RunFolder, read_json, write_json

Kind = Literal["diverged", "error", "memory", "lost"]
"""A loss became NaN; an exception was raised; memory was not enough; or the worker died without a word."""

NO_MEMORY = re.compile(r"(?i)out of memory|(can't|cannot) allocate memory|not enough memory|_STATUS_ALLOC_FAILED")
"""What errors say that are raised where memory is allocated, of the processor or of a GPU."""


class BadInput(ValueError):
    """What was asked for cannot be started; nothing was."""


def record_failure(run: RunFolder, kind: Kind, reason: str, step: int = 0, traceback: str = "") -> None:
    """Write `failure.json` into a run's folder.

    Args:
        run: The run.
        kind: What sort of failure it was.
        reason: Why, for a person; only its first line is kept.
        step: The last training step that was reported.
        traceback: Python's traceback, or "" where there is none.
    """
    lines = reason.strip().splitlines()
    value = {
        "key": run.key,
        "status": "failed",
        "reason": lines[0] if lines else "unknown",
        "kind": kind,
        "traceback": traceback,
        "step": step,
        "failed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(run.failure, value)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory was not enough: Python's, torch's, Ray's or one of a library's."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and NO_MEMORY.search(str(error)) is not None


def amend_failure(run: RunFolder, remark: str) -> None:
    """Add a remark to the reason in a run's `failure.json`."""
    record = read_json(run.failure)
    write_json(run.failure, record | {"reason": f"{record['reason']} ({remark})"})


def set_aside(run: RunFolder) -> None:
    """Rename what ended a former attempt, such as `failure.json` to `failure.<number>.json`, the first that is free."""
    for path in (run.failure, run.pruned):
        if path.is_file():
            number = 1
            while (aside := run.root / f"{path.stem}.{number}.json").exists():
                number += 1
            path.rename(aside)


def failure_reason(run: RunFolder) -> str:
    """Return the reason in a run's `failure.json`, or a word for its absence."""
    try:
        return str(read_json(run.failure).get("reason", "unknown"))
    except (FileNotFoundError, ValueError):
        return "unknown"


def failure_kind(run: RunFolder) -> str:
    """Return the kind in a run's `failure.json`, or "error" where it cannot be read."""
    try:
        return str(read_json(run.failure).get("kind", "error"))
    except (FileNotFoundError, ValueError):
        return "error"
