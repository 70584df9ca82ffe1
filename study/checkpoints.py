"""Checkpoints of a run that still trains: written whole or not at all, and found again after whatever ended it.

A checkpoint is a state file of `iae_models.state`. It is written beside its place, flushed and renamed, and its name
holds the beginning of the SHA-256 of its content, so one that a disk has damaged is known and passed over for the one
before it. The newest two are kept. A checkpoint of other model code, or of another kind of device, is not gone on from:
its run would be neither code's.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from iae_models.state import load_state, notes_of, save_state, slot_in
from iae_models.training import TrainState
from study.records import CHECKPOINT, RunFolder, atomic_path

KEPT = 2
"""Checkpoints of a run that are kept."""


class Checkpoints:
    """The checkpoints of one run, as the worker sees them that trains it.

    Args:
        run: The run's folder.
        notes: What made its state, such as the hash of the code; only a checkpoint with the same notes is gone on from.
        interval_s: Seconds between two checkpoints.
        most_slots: In how many slots a run may go on (`iae_models.slots`); one that began in more begins anew.

    Attributes:
        problem: Why the last one could not be written; empty while all is well. Training goes on without it.
    """

    def __init__(self, run: RunFolder, notes: Mapping[str, str], interval_s: float, most_slots: int = 1) -> None:
        self._run = run
        self._notes = dict(notes)
        self._interval_s = interval_s
        self._most_slots = most_slots
        self._last_save = time.monotonic()
        self.problem = ""

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint, or the beginning, is long enough ago."""
        return time.monotonic() - self._last_save >= self._interval_s

    def resume(self, state: TrainState) -> None:
        """Put the newest whole checkpoint into an initial state, if there is one; remove those that are of no use."""
        self._run.remove_temporaries()
        for path in self._run.checkpoints():
            if is_whole(path) and notes_of(path) == self._notes and slot_in(path).of <= self._most_slots:
                with contextlib.suppress(ValueError):  # this machine cannot multiply as the former one did
                    load_state(state, path)
                    return
            path.unlink(missing_ok=True)

    def save(self, state: TrainState) -> None:
        """Write a checkpoint, then remove the oldest ones."""
        try:
            with atomic_path(self._run.root / "checkpoint.safetensors", lambda path: self._place(path, state)) as path:
                save_state(state, path, self._notes)
            for old in self._run.checkpoints()[KEPT:]:
                old.unlink(missing_ok=True)
        except OSError as error:  # a run is worth more than its checkpoint, and the disk may have room by then
            self.problem = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            self.problem = ""
        self._last_save = time.monotonic()

    def _place(self, path: Path, state: TrainState) -> Path:
        return self._run.checkpoint(state.step, digest_of(path))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint can be read and holds what its name says."""
    match = CHECKPOINT.fullmatch(path.name)
    try:
        return match is not None and digest_of(path)[:16] == match[2]
    except OSError:
        return False
