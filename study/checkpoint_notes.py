"""What made a checkpoint, from its notes: read without torch. Imports no torch, ray or optuna.

A run goes on only from a checkpoint of what would make the rest of it: the same model code, kind of device and PyTorch
and, on a CPU, the same number of threads, since each of them changes its last bits or more.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path

from iae_models.config import code_hash_of
from study.planned import PlannedRun
from study.readiness import has_gpu
from study.records import RunFolder
from study.spec import Resources

WORDS = {
    "code_hash": "by other model code",
    "device": "by another kind of device",
    "torch": "by another PyTorch",
    "threads": "by another number of threads",
}
"""What is said of a checkpoint with another value of a note, those first that weigh most."""

MOST_HEADER = 100 * 2**20
"""Bytes; safetensors allow no larger header."""


def made_by(code_hash: str, device: str, threads: int) -> dict[str, str]:
    """Return the notes on what makes a state.

    Args:
        code_hash: Hash of the model code.
        device: A torch device, "cpu" or "cuda".
        threads: Threads of the training process.
    """
    notes = {"code_hash": code_hash, "device": device, "torch": importlib.metadata.version("torch")}
    return notes | ({"threads": str(threads)} if device == "cpu" else {})


def to_be_made_by(run: PlannedRun, resources: Resources, *, is_local: bool) -> dict[str, str]:
    """Return the notes that a run's next state would have, as far as that is known before Ray has started.

    Args:
        run: The run.
        resources: What a lane takes.
        is_local: Whether it would be on this machine.
    """
    code = code_hash_of(run.config.model.variant)
    notes = {device: made_by(code, device, resources.threads) for device in ("cpu", "cuda")}
    if resources.device == "cpu" or resources.gpus_per_lane == 0:
        return notes["cpu"]
    if resources.device == "cuda":
        return notes["cuda"]
    if is_local and not has_gpu():
        return notes["cpu"]
    return {name: value for name, value in notes["cpu"].items() if notes["cuda"].get(name) == value}


def notes_in(path: Path) -> dict[str, str] | None:
    """Return the notes in a checkpoint, None where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= MOST_HEADER else {}
        return {str(name): str(value) for name, value in header["__metadata__"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def fits(notes: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether a checkpoint with these notes can be gone on from."""
    return all(notes.get(name) == value for name, value in wanted.items())


def obstacle(folder: RunFolder, wanted: Mapping[str, str]) -> str:
    """Return what keeps a run from going on from its checkpoints, or "".

    It is said of them, such as "by another PyTorch (2.0, now 2.1)" or "that are damaged".
    """
    found = [notes for path in folder.checkpoints() if (notes := notes_in(path)) is not None]
    if any(fits(notes, wanted) for notes in found):
        return ""
    for name, word in WORDS.items() if found else ():
        then, now = found[0].get(name, "unknown"), wanted.get(name)
        if now is not None and then != now:
            return f"{word} ({then}, now {now})"
    return "that are damaged"
