"""Errors of the file system under a study folder, as bad input. Imports no torch, ray or optuna."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from study.failures import BadInput
from study.records import StudyFolder


@contextlib.contextmanager
def reading(folder: StudyFolder) -> Iterator[None]:
    """Turn an error of the file system into one about what is read.

    Raises:
        BadInput: There was one; the message names the path.
    """
    with _must_be("readable", folder):
        yield


@contextlib.contextmanager
def writing(folder: StudyFolder) -> Iterator[None]:
    """Turn an error of the file system into one about what is written.

    Raises:
        BadInput: There was one; the message names the path.
    """
    with _must_be("writable", folder):
        yield


@contextlib.contextmanager
def _must_be(what: str, folder: StudyFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or folder.root
        raise BadInput(f"the study folder must be {what}, but {place} is not: {error.strerror or error}.") from error
