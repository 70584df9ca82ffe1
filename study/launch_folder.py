"""The folder of a launch: whether it can be used, and its lock. Imports no torch, ray or optuna."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from study.access import reading, writing
from study.aside import moved_aside
from study.failures import BadInput
from study.lock import hold
from study.records import StudyFolder, names_in, read_json
from study.spec import StudySpec
from study.stop_request import withdraw_stop


def check_folder(folder: StudyFolder, spec: StudySpec) -> None:
    """Refuse a folder that holds something else, before anything is written into it.

    Raises:
        BadInput: It holds another study, or files that are no study.
    """
    try:
        if not folder.root.exists():
            return
    except OSError as error:
        raise BadInput(f"--out must be a folder that can be read, but {folder.root}: {error.strerror}.") from error
    if not folder.root.is_dir():
        raise BadInput(f"--out must be a folder, but {folder.root} is a file.")
    with reading(folder):
        _check_content(folder, spec)


def _check_content(folder: StudyFolder, spec: StudySpec) -> None:
    if folder.resolved.is_file():
        try:
            study = read_json(folder.resolved)
        except ValueError as error:
            raise BadInput(f"{error} Remove it to have it written again.") from error
        found = (study.get("name"), study.get("smoke"))
        if found != (spec.name, spec.smoke):
            kind = {True: "the smoke test of ", False: ""}
            raise BadInput(
                f"{folder.root} must hold {kind[spec.smoke]}the study {spec.name!r}, but holds "
                f"{kind[bool(found[1])]}the study {found[0]!r}: choose another folder with --out."
            )
    elif not folder.runs.is_dir() and any(_is_foreign(path, folder) for path in folder.root.iterdir()):
        raise BadInput(f"--out must be a study folder or empty, but {folder.root} holds other files and no study.json.")


def check_place(folder: StudyFolder) -> None:
    """Refuse a folder that could not be made or written, without making it.

    Raises:
        BadInput: Something is in the way, or is not writable.
    """
    place = next(path for path in (folder.root.absolute(), *folder.root.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise BadInput(f"--out must be a folder that can be made, but {place} is not a folder.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise BadInput(f"the study folder must be writable, but {place} is not.")


@contextlib.contextmanager
def begun_anew(folder: StudyFolder) -> Iterator[None]:
    """Move a former folder aside and say where it is."""
    with moved_aside(folder) as aside:
        if aside is not None:
            print(f"The former folder is now {aside}.")
        yield


@contextlib.contextmanager
def unless_refused(folder: StudyFolder) -> Iterator[None]:
    """Remove a folder that was not there before, where bad input ends a launch that has written nothing into it."""
    made = [path for path in (folder.root, *folder.root.parents) if not path.exists()]
    try:
        yield
    except BadInput:
        with contextlib.suppress(OSError):
            for path in made:
                path.rmdir()
        raise


@contextlib.contextmanager
def held(folder: StudyFolder, command: str) -> Iterator[None]:
    """Hold the folder's lock; where bad input leaves nothing else in a new folder, it goes before it is released.

    Args:
        folder: The study folder.
        command: The command that goes on with this launch.

    Raises:
        BadInput: The folder cannot be written.
        FolderInUse: Another process holds it.
    """
    is_new = not folder.root.exists()
    with contextlib.ExitStack() as stack:
        with writing(folder):
            stack.enter_context(hold(folder.lock, command))
            withdraw_stop(folder)  # of a launch that was killed
        try:
            yield
        except BadInput:
            with contextlib.suppress(OSError):
                if is_new and set(names_in(folder.root)) <= {folder.lock.name, folder.stop.name}:
                    folder.lock.unlink()
            raise
        finally:
            withdraw_stop(folder)


def _is_foreign(path: Path, folder: StudyFolder) -> bool:
    """Return whether a file cannot be what a launch leaves that ends before its first run."""
    return path not in {folder.lock, folder.specification} and not path.name.startswith(".")
