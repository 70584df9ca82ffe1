"""The study folder that a command line names. Imports no torch, ray or optuna."""

from __future__ import annotations

from pathlib import Path

from study.failures import BadInput
from study.problems import nearest
from study.records import StudyFolder, names_in


def study_folder(root: Path) -> StudyFolder:
    """Return the study folder of a command line.

    Raises:
        BadInput: It is none; the message names the nearest one.
    """
    folder = StudyFolder(root)
    try:
        if folder.runs.is_dir() or folder.resolved.is_file() or folder.lock.is_file():
            return folder
    except OSError as error:
        raise BadInput(f"DIR must be a study folder that can be read, but {root}: {error.strerror}.") from error
    if root.is_dir():
        raise BadInput(f"DIR must be a study folder, but {root} holds neither runs nor study.json.")
    if root.exists():
        raise BadInput(
            f"DIR must be a study folder, but {root} is a file; a launch names its folder in the end, runs/NAME unless "
            "--out says otherwise."
        )
    near = nearest(root.name, [path.name for path in map(root.parent.joinpath, names_in(root.parent)) if path.is_dir()])
    hint = f" Did you mean {root.with_name(near)}?" if near else ""
    raise BadInput(f"DIR must be a study folder, but there is no {root}.{hint}")
