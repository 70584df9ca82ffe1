"""The layout of a study folder, and the only code that spells its paths. Imports no ray, no torch, no optuna.

    STUDY/
      study.yaml                   the specification, word for word
      study.json                   the resolved study: blocks, objectives, budget, plan; versions and machine
      lock                         held by the driver while it runs
      launches.json                when launches ran: see `study.launches`
      stop                         asks the driver and its workers to stop: see `study.stop_request`
      runs/<run key>/run.json      what the run is: written when it is planned or proposed
                     result.json   how it went and its main values: written last, so its presence means "finished"
                     measures.json all its measures, with intervals
                     full_measures.json, maps.npz   the full suite, where `analysis.measure` was run
                     failure.json  why it failed, if it did
                     rungs.json    its objectives while it trained, where a scheduler judges it
                     pruned.json   why it was ended early, if it was
                     checkpoint-<step>-<hash>.safetensors   its state, while it is unfinished: see `study.checkpoints`
                     progress.jsonl                         what it reported so far, likewise: see `study.run_log`
                     samples.npz   uint8 images, and samples.png, the same as a picture
                     weights.safetensors
                     events.out.tfevents.*
      history/part-*.parquet       losses over steps: immutable parts, written by the driver
      classifiers/                 the measuring classifier, one per data set and split
      choices/                     what timing chose for each kind of processor: see `study.agreed`
      optuna.db                    derived from the runs; can be rebuilt; or optuna.journal
      optuna.id                    marks this folder's studies in a database that others use as well, where there is one
      report/                      derived from all of it; can be rebuilt

A run folder's state is derived from what lies in it: see `run_status`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, overload

from analysis.whole_files import write_whole

CHECKPOINT = re.compile(r"checkpoint-(\d{8,})-([0-9a-f]{16})\.safetensors")
"""Name of a checkpoint: its step, and the beginning of the SHA-256 of its content."""

FORMER = re.compile(rf"former-{CHECKPOINT.pattern}")
"""Name of a checkpoint that its run has not gone on from."""

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}(\.\w+)?")
"""Name of a file that is being written, or that a killed process left half written."""


class StudyFolder:
    """The paths of one study folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.specification = self.root / "study.yaml"
        self.resolved = self.root / "study.json"
        self.lock = self.root / "lock"
        self.stop = self.root / "stop"
        self.launches = self.root / "launches.json"
        self.runs = self.root / "runs"
        self.history = self.root / "history"
        self.classifiers = self.root / "classifiers"
        self.choices = self.root / "choices"
        self.optuna = self.root / "optuna.db"
        self.journal = self.root / "optuna.journal"
        self.optuna_id = self.root / "optuna.id"
        self.report = self.root / "report"

    def run(self, key: str) -> RunFolder:
        """Return the folder of the run `key`, whether or not it exists."""
        return RunFolder(self.runs / key)

    def run_folders(self) -> list[RunFolder]:
        """Return the folders of all planned runs, in the order of their keys."""
        folders = map(self.run, sorted(names_in(self.runs)))
        return [folder for folder in folders if folder.run.is_file()]


class _File:
    """A file of a run's folder; a study has thousands of these folders, and few of their paths are ever asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, folder: None, _: type) -> _File: ...

    @overload
    def __get__(self, folder: RunFolder, _: type) -> Path: ...

    def __get__(self, folder: RunFolder | None, _: type) -> _File | Path:
        return self if folder is None else folder.root / self.name


class RunFolder:
    """The paths of one run's folder; `RunFolder.result.name` is a file's name alone."""

    run = _File("run.json")
    result = _File("result.json")
    measures = _File("measures.json")
    full_measures = _File("full_measures.json")
    maps = _File("maps.npz")
    failure = _File("failure.json")
    rungs = _File("rungs.json")
    pruned = _File("pruned.json")
    samples = _File("samples.npz")
    picture = _File("samples.png")
    weights = _File("weights.safetensors")
    log = _File("progress.jsonl")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = root.name

    def checkpoint(self, step: int, digest: str) -> Path:
        """Return the path of the checkpoint of a step whose content has a SHA-256 that begins with `digest`."""
        return self.root / f"checkpoint-{step:08d}-{digest[:16]}.safetensors"

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints that are there, those of the most steps first; what is in them is not looked at."""
        matches = [match for match in map(CHECKPOINT.fullmatch, names_in(self.root)) if match]
        return [self.root / match[0] for match in sorted(matches, key=lambda match: int(match[1]), reverse=True)]

    def former_checkpoints(self) -> list[Path]:
        """Return the checkpoints that were set aside."""
        return [self.root / name for name in names_in(self.root) if FORMER.fullmatch(name)]

    def set_checkpoint_aside(self, path: Path) -> None:
        """Rename a checkpoint that the run does not go on from."""
        path.replace(path.with_name(f"former-{path.name}"))

    def newest_step(self) -> int:
        """Return the step of the newest checkpoint, 0 where there is none."""
        return max((int(match[1]) for match in map(CHECKPOINT.fullmatch, names_in(self.root)) if match), default=0)

    def remove_checkpoints(self) -> None:
        """Remove the checkpoints of a run that has ended."""
        for path in (*self.checkpoints(), *self.former_checkpoints()):
            path.unlink(missing_ok=True)

    def remove_temporaries(self, age_s: float = 0.0) -> None:
        """Remove what a killed process left half written so long ago or longer; nobody may still be writing it."""
        for name in filter(TEMPORARY.fullmatch, names_in(self.root)):
            path = self.root / name
            with contextlib.suppress(FileNotFoundError):
                if not age_s or time.time() - path.stat().st_mtime >= age_s:
                    path.unlink()


Status = Literal["finished", "pruned", "failed", "unfinished", "planned"]


def run_status(folder: RunFolder) -> Status:
    """Return how a run stands: "finished" and "pruned" are ends, "unfinished" has a checkpoint to go on from.

    A result wins over a failure: it is written last, after a failed attempt was repeated. The folder is listed, because
    a network file system may for a while go on denying a file that it was once asked for in vain; a listing is fresh.
    """
    names = names_in(folder.root)
    if RunFolder.result.name in names:
        return "finished"
    if RunFolder.pruned.name in names:
        return "pruned"
    if RunFolder.failure.name in names:
        return "failed"
    return "unfinished" if any(CHECKPOINT.fullmatch(name) for name in names) else "planned"


def names_in(root: Path) -> list[str]:
    """Return the names in a folder, none where there is no such folder."""
    try:
        return os.listdir(root)  # noqa: PTH208 - thousands of folders, and only names are wanted
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: The file holds no JSON object; the message names the file.
        FileNotFoundError: There is no such file.
    """
    try:
        text = path.read_bytes().decode()
        value = json.loads(text)
        if "\\ud" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text, and no file takes it
    except (json.JSONDecodeError, UnicodeError) as error:
        raise ValueError(f"{path} must be a JSON file, but is not: {error}.") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold a JSON object, but holds {type(value).__name__}.")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object so that a crash leaves either the old file or the new one.

    Raises:
        ValueError: The value holds NaN or infinity, which JSON does not have; store None with a status instead.
    """
    write_whole(path, json_text(value).encode())


def json_text(value: Mapping[str, Any]) -> str:
    """Return the text of a JSON file.

    Raises:
        ValueError: See `write_json`.
    """
    return json.dumps(value, indent=1, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"cannot store {type(value).__name__} as JSON: {value!r}")
