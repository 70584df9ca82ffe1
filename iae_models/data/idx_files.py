"""Data sets in MNIST's IDX format, through torchvision: read where they lie, or else downloaded."""

from __future__ import annotations

import queue
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iae_models.data.images import Split
from iae_models.data.missing import DataMissing
from iae_models.data.splits import stratified_splits

FILES = tuple(f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
"""The four files that each of these data sets consists of."""

VALIDATION_SHARE = 12
"""One training image in so many is held out for validation: 5,000 of 60,000."""

PROBE_S = 4.0
"""Seconds in which one mirror must answer, or there is no download."""

STALL_S = 10.0
"""Seconds without a byte after which a download is given up."""


def read(name: str, root: Path) -> tuple[Split, ...]:
    """Read a data set from `root`/`name`/raw, after downloading it if a file is missing there.

    Args:
        name: Its class in `torchvision.datasets`, which is also the name of its folder.
        root: Folder of the data sets.

    Returns:
        Training, validation and test split. The test images are the published ones in a stratified order.

    Raises:
        DataMissing: The files are not there and could not be downloaded.
        ValueError: A file is damaged.
    """
    # torchvision takes more than a second to import, which the embedded digits should not pay.
    from torchvision import datasets

    dataset = getattr(datasets, name)
    if missing_files(name, root):
        _download(dataset, name, root)
    images, labels = _arrays(dataset, name, root, train=True)
    num_validation = len(labels) // VALIDATION_SHARE
    splits = stratified_splits(images, labels, (len(labels) - num_validation, num_validation))
    images, labels = _arrays(dataset, name, root, train=False)
    return splits + stratified_splits(images, labels, (len(labels),))


def missing_files(name: str, root: Path) -> list[str]:
    """Return which of the data set's files are not under `root`."""
    return [file for file in FILES if not (root / name / "raw" / file).is_file()]


def _arrays(
    dataset: Any, name: str, root: Path, *, train: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
    try:
        part = dataset(root, train=train)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise ValueError(
            f"{root / name / 'raw'} must hold complete IDX files, but one cannot be read: {error}. "
            "Remove the folder to download them again."
        ) from error
    return part.data.numpy()[:, None], part.targets.numpy()


def _download(dataset: Any, name: str, root: Path) -> None:
    """Download into a folder of its own, then move file by file, so that nobody ever sees half a file.

    Raises:
        DataMissing: No mirror answers, a download breaks off, or the folder cannot be written.
    """
    folder = root / name / "raw"
    try:
        if not _any_answers([f"{mirror}{FILES[0]}.gz" for mirror in dataset.mirrors]):
            raise ConnectionError(f"no mirror answered within {PROBE_S:g} s")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as temporary, _socket_timeout(STALL_S):
            dataset(temporary, download=True)
            for file in FILES:
                (Path(temporary) / name / "raw" / file).replace(folder / file)
    except (OSError, HTTPException, RuntimeError) as error:
        missing = missing_files(name, root)
        lacking = "none of them is there" if len(missing) == len(FILES) else f"{', '.join(missing)} is missing"
        raise DataMissing(
            f"{folder} must hold {', '.join(FILES)}, but {lacking} and could not be downloaded: {error}. "
            "Put the files there, name another folder with --data-root or IAE_DATA_ROOT, or choose "
            "data.name: embedded_digits, which needs no files."
        ) from error


def _any_answers(urls: Sequence[str]) -> bool:
    """Ask for the headers of all URLs at once; in threads, because a name look-up knows no time limit."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for url in urls:
        threading.Thread(target=_ask, args=(url, answers), daemon=True).start()
    deadline = time.monotonic() + PROBE_S
    with suppress(queue.Empty):
        return any(answers.get(timeout=max(0.0, deadline - time.monotonic())) for _ in urls)
    return False


def _ask(url: str, answers: queue.SimpleQueue[bool]) -> None:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PROBE_S):
            answers.put(True)
    except (OSError, HTTPException):
        answers.put(False)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Limit how long a socket may be silent: torchvision sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
