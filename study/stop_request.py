"""The file `stop` in a study folder: its being there asks the study to stop. Imports no ray, torch or optuna.

Whoever wants the study to stop writes it: the driver at Ctrl-C, SIGTERM or SIGHUP, `python -m study.stop`, a person
with `touch`. Workers look for it at every report: they save a checkpoint and end. The driver hands out nothing more,
and removes the file at the beginning of a launch and at its end. A file that says "now" does not even wait for the
checkpoints.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from study.records import StudyFolder, names_in, read_json, write_json

How = Literal["checkpoint", "now"]
"""Whether the runs that are out first save a checkpoint."""


class StopRequested(Exception):
    """A run was left at a checkpoint because the study is asked to stop."""


def request_stop(folder: StudyFolder, by: str, how: How = "checkpoint") -> None:
    """Ask a study to stop.

    Args:
        folder: The study folder.
        by: Who asks, for a person to read, such as "SIGTERM" or "study.stop".
        how: Whether its runs first save a checkpoint.

    Raises:
        OSError: The file cannot be written.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(folder.stop, {"how": how, "by": by, "at": at})


def is_stop_requested(folder: StudyFolder) -> bool:
    """Return whether a study is asked to stop.

    The folder is listed rather than the file looked for: see `study.records.run_status`.
    """
    return folder.stop.name in names_in(folder.root)


def requested_stop(folder: StudyFolder) -> tuple[How, str] | None:
    """Return how a study is asked to stop and by whom, as well as the file tells, or None where nobody asks.

    A file made by hand asks for a checkpoint, unless the word "now" is all that it holds.
    """
    if not is_stop_requested(folder):
        return None
    try:
        record = read_json(folder.stop)
    except (OSError, ValueError):
        return ("now" if _text_of(folder) == "now" else "checkpoint"), "a file named stop"
    return ("now" if record.get("how") == "now" else "checkpoint"), str(record.get("by") or "a file named stop")


def withdraw_stop(folder: StudyFolder) -> None:
    """Remove the request, if there is one."""
    folder.stop.unlink(missing_ok=True)


def _text_of(folder: StudyFolder) -> str:
    try:
        return folder.stop.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
