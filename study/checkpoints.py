"""Checkpoints of a run that still trains: written whole or not at all, and found again after whatever ended it.

A checkpoint is a state file of `iae_models.state`. It is written beside its place, flushed and renamed, and its name
holds the beginning of the SHA-256 of its content, so one that a disk has damaged is known and passed over for the one
before it. The newest two are kept. A checkpoint of another maker (see `study.checkpoint_notes`) is not gone on from,
since its run would be neither's. It is kept under another name until the run has a checkpoint of its own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from analysis.whole_files import atomic_path
from iae_models.state import load_state, save_state
from iae_models.training import TrainState
from study.checkpoint_notes import fits, notes_in
from study.failures import is_out_of_memory
from study.records import CHECKPOINT, RunFolder

KEPT = 2
"""Checkpoints of a run that are kept."""


class Checkpoints:
    """The checkpoints of one run, as the worker sees them that trains it.

    Args:
        run: The run's folder.
        notes: What makes its state, such as the hash of the code; only a checkpoint with the same notes is gone on
            from.
        interval_s: Seconds between two checkpoints.

    Attributes:
        problem: Why the last one could not be written; empty while all is well. Training goes on without it.
    """

    def __init__(self, run: RunFolder, notes: Mapping[str, str], interval_s: float) -> None:
        self._run = run
        self._notes = dict(notes)
        self._interval_s = interval_s
        self._last_save = time.monotonic()
        self.problem = ""

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint, or the beginning, is long enough ago."""
        return time.monotonic() - self._last_save >= self._interval_s

    def resume(self, initial: Callable[[], TrainState]) -> TrainState:
        """Return the state in the newest whole checkpoint that can be gone on from, or an initial one.

        Damaged checkpoints are removed, and others that cannot be gone on from are renamed.

        Args:
            initial: Makes an initial state.

        Raises:
            OSError: A whole one cannot be read now.
        """
        self._run.remove_temporaries()
        state = initial()
        for path in self._run.checkpoints():
            if not is_whole(path):
                path.unlink(missing_ok=True)
                continue
            if fits(notes_in(path) or {}, self._notes):
                try:
                    load_state(state, path)
                except Exception as error:  # this machine cannot multiply as the former one did, or a part is missing
                    if isinstance(error, OSError) or is_out_of_memory(error):
                        raise
                    state = initial()
                else:
                    return state
            self._run.set_checkpoint_aside(path)
        return state

    def save(self, state: TrainState) -> None:
        """Write a checkpoint, then remove the oldest ones."""
        try:
            with atomic_path(self._run.root / "checkpoint.safetensors", lambda path: self._place(path, state)) as path:
                save_state(state, path, self._notes)
            for old in (*self._run.checkpoints()[KEPT:], *self._run.former_checkpoints()):
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
