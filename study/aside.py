"""A study folder that is moved aside so that the study begins anew: `--fresh`. Imports no torch, ray or optuna."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from study.failures import BadInput
from study.lock import hold
from study.records import StudyFolder


@contextlib.contextmanager
def moved_aside(folder: StudyFolder) -> Iterator[Path | None]:
    """Rename a study folder to a dated name beside it, under its lock, and yield that name; None where there is none.

    Nothing is ever overwritten. Where the context ends with bad input and left no folder in its place, the old one
    comes back: what was refused has changed nothing.

    Raises:
        BadInput: The folder cannot be moved.
        FolderInUse: A driver holds it.
    """
    if not folder.root.is_dir():
        yield None
        return
    if Path.cwd().is_relative_to(folder.root.resolve()):
        raise BadInput(
            f"--fresh must be asked for from outside the study folder, but {folder.root} is where this runs."
        )
    with hold(folder.lock):
        aside = _free_name(folder.root)
        try:
            folder.root.rename(aside)
        except OSError as error:
            aside.rmdir()
            raise BadInput(f"--fresh must be able to move {folder.root}, but cannot: {error.strerror}.") from error
    try:
        yield aside
    except BadInput:
        if not folder.root.exists():
            aside.rename(folder.root)
        raise


def _free_name(root: Path) -> Path:
    """Make an empty folder with a dated name that was free: a folder may be renamed to one that is empty."""
    stem = f"{root.name}.{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    number = 1
    while True:
        path = root.with_name(stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise BadInput(f"--fresh must be able to write beside {root}, but cannot: {error.strerror}.") from error
        else:
            return path
