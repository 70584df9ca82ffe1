"""The file `stop` in a study folder: its being there asks the study to stop. Imports no ray, torch or optuna.

Whoever wants the study to stop writes it: the driver at Ctrl-C or SIGTERM, `python -m study.stop`, a person with
`touch`. Workers look for it at every report: they save a checkpoint and end. The driver hands out nothing more, and
removes the file at the beginning of a launch and at its end.
"""

from __future__ import annotations

from datetime import UTC, datetime

from study.records import StudyFolder, names_in, read_json, write_json


def request_stop(folder: StudyFolder, by: str) -> None:
    """Ask a study to stop.

    Args:
        folder: The study folder.
        by: Who asks, for a person to read, such as "SIGTERM" or "study.stop".

    Raises:
        OSError: The file cannot be written.
    """
    write_json(folder.stop, {"by": by, "at": datetime.now(UTC).isoformat(timespec="seconds")})


def is_stop_requested(folder: StudyFolder) -> bool:
    """Return whether a study is asked to stop.

    The folder is listed rather than the file looked for: see `study.records.run_status`.
    """
    return folder.stop.name in names_in(folder.root)


def stop_requester(folder: StudyFolder) -> str:
    """Return who asked, as well as the file tells, or "" where nobody did."""
    if not is_stop_requested(folder):
        return ""
    try:
        return str(read_json(folder.stop).get("by") or "a file named stop")
    except (OSError, ValueError):  # made by hand
        return "a file named stop"


def withdraw_stop(folder: StudyFolder) -> None:
    """Remove the request, if there is one."""
    folder.stop.unlink(missing_ok=True)
