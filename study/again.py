"""A run that is trained again: the command that does it, what is not as it was, and whether the numbers are the same.

Imports torch only where a GPU is named, and ray and torch where a run is trained.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.measures.source import measures_hash
from iae_models.config import RECIPE_VERSION, code_hash_of, data_identity, run_config, run_key
from study.environment import REPOSITORY, worker_variables
from study.failures import BadInput, failure_reason
from study.planned import CONFIRM_FIRST
from study.provenance import device_name, versions
from study.records import RunFolder, StudyFolder, read_json, run_status
from study.trial import WorkerSettings

RELATIVE_TOLERANCE = 0.01
"""How far a value may be off where its interval is no wider than that."""

CHILD = """
import json, sys
from study.trial import WorkerSettings, perform

for report in perform(sys.argv[1], WorkerSettings(**json.loads(sys.argv[2]))):
    print(report.step, flush=True)
"""
"""Trains the run that is named on the command line, in a process of its own, and prints the steps done."""


@dataclass(frozen=True)
class Maker:
    """What made the numbers of a run, by name: code, measures, versions, device, threads and data."""

    parts: Mapping[str, str]

    def differences(self, other: Maker) -> list[tuple[str, str, str]]:
        """Return name, value here and value there of whatever is not the same."""
        names = dict.fromkeys([*self.parts, *other.parts])
        rows = [(name, self.parts.get(name, "unknown"), other.parts.get(name, "unknown")) for name in names]
        return [row for row in rows if row[1] != row[2]]


@dataclass(frozen=True)
class Value:
    """One measured value, then and now.

    Attributes:
        name: Measure, split and subject.
        then: The recorded value; None where it was undefined.
        now: The value of the run that was trained again.
        tolerance: How far off it may be: half its 95 % interval over images, or 1 % of it, whichever is more.
    """

    name: str
    then: float | None
    now: float | None
    tolerance: float

    @property
    def is_same(self) -> bool:
        """Whether it is bitwise the same."""
        return self.then == self.now

    @property
    def is_close(self) -> bool:
        """Whether it is within its tolerance."""
        if self.then is None or self.now is None:
            return self.is_same
        return abs(self.now - self.then) <= self.tolerance


@dataclass(frozen=True)
class Comparison:
    """How a run that was trained again compares.

    Attributes:
        values: Every measured value of either run.
        has_same_weights: Whether the weights are bitwise the same; None where the recorded ones are gone.
    """

    values: tuple[Value, ...]
    has_same_weights: bool | None

    @property
    def is_same(self) -> bool:
        """Whether all is bitwise the same."""
        return self.has_same_weights is not False and all(value.is_same for value in self.values)

    @property
    def is_close(self) -> bool:
        """Whether every value is within its tolerance."""
        return all(value.is_close for value in self.values)


def recorded_run(run: RunFolder) -> dict[str, Any]:
    """Return the record of a run that this code can train again.

    Raises:
        BadInput: The record is damaged, or describes another run by today's recipe or data.
    """
    try:
        record = read_json(run.run)
        config, replicate = run_config(record["config"]), int(record["replicate"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadInput(f"{run.run} must describe a run that this code knows, but: {error}.") from error
    if run_key(config, replicate) != run.key:
        raise BadInput(
            f"{run.run} must describe the run {run.key}, but describes {run_key(config, replicate)} today: it is of "
            f"recipe {record.get('recipe')}, now {RECIPE_VERSION}, or its data set has changed."
        )
    return record


def command_to_train(
    key: str, record: Mapping[str, Any], result: Mapping[str, Any], data_root: Path | None = None
) -> str:
    """Return shell commands that train a run anew, from nothing but this code and the data.

    Args:
        key: The run.
        record: What its `run.json` holds.
        result: What its `result.json` holds, or an empty mapping; it gives threads, device and product.
        data_root: Folder of the data sets; None stands for the loader's default.
    """
    resources = {"cpus_per_lane": result.get("threads", 1), "device": _device_of(result)}
    resources |= {"product": result["product"]} if result.get("product") else {}
    # a replicate's seeds follow from its number, and those that confirm a winner are numbered from a thousand
    note = "  # so many have a number up to this run's" if record["replicate"] >= CONFIRM_FIRST else ""
    lines = "\n".join(
        [
            f"parameters: {json.dumps(record['config'])}",
            f"replicates: {record['replicate'] + 1}{note}",
            f"resources: {json.dumps(resources)}",
        ]
    )
    words = ["python", "-m", "study.launch", f"again-{key}.yaml", "--only", key]
    words += ["--data-root", str(data_root.resolve())] if data_root else []
    return f"cat > again-{key}.yaml <<'STUDY'\n{lines}\nSTUDY\n{shlex.join(words)}"


def maker_of(result: Mapping[str, Any]) -> Maker:
    """Return what made a run, from its `result.json`."""
    parts = {
        "model code": result.get("code_hash"),
        "measures": result.get("measures_hash"),
        **(result.get("versions") or {}),
        "device": result.get("device"),
        "threads": result.get("threads"),
        "data": str(result.get("data_fingerprint"))[:12],
    }
    return Maker({name: str(value) for name, value in parts.items()})


def maker_now(record: Mapping[str, Any], result: Mapping[str, Any]) -> Maker:
    """Return what would make the run today, on the device and with the threads of then as far as they are here."""
    config = run_config(record["config"])
    return maker_of(
        {
            "code_hash": code_hash_of(config.model.variant),
            "measures_hash": measures_hash(),
            "versions": versions(),
            "device": device_name(device_here(result)),
            "threads": result.get("threads", 1),
            "data_fingerprint": data_identity(config.data.name),
        }
    )


def device_here(result: Mapping[str, Any]) -> str:
    """Return the torch device for training a run again: the kind of then, or the CPU where there is no GPU."""
    if _device_of(result) == "cpu":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def train_again(
    run: RunFolder, result: Mapping[str, Any], place: Path, data_root: Path | None, note: Callable[[int], None]
) -> RunFolder:
    """Train a run in a folder of its own, in another process, with the classifier of its study.

    Args:
        run: The recorded run, which is only read.
        result: What its `result.json` holds, or an empty mapping.
        place: An empty folder.
        data_root: Folder of the data sets; None stands for the loader's default.
        note: Called with the steps done.

    Returns:
        The new run's folder.
    """
    study, new = StudyFolder(run.root.parents[1]), StudyFolder(place)
    again = new.run(run.key)
    again.root.mkdir(parents=True)
    shutil.copy(run.run, again.run)
    if study.classifiers.is_dir():
        shutil.copytree(study.classifiers, new.classifiers)
    settings = WorkerSettings(
        str(place),
        _text(data_root),
        device_here(result),
        _threads(result),
        product=result.get("product"),
    )
    for steps in _child(settings, run.key):
        note(steps)
    return again


def compare(run: RunFolder, again: RunFolder) -> Comparison:
    """Compare the numbers of two finished runs, those of the controls included.

    Raises:
        BadInput: The recorded ones cannot be read.
    """
    try:
        then, now = _measures(run), _measures(again)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadInput(f"{run.measures} must hold the measures of a run, but does not: {error}.") from error
    values = [_value(name, then.get(name), now.get(name)) for name in dict.fromkeys([*then, *now])]
    same = again.weights.read_bytes() == run.weights.read_bytes() if run.weights.is_file() else None
    return Comparison(tuple(values), same)


def outcome_of(run: RunFolder) -> str:
    """Return how a run ended, for a person: "finished", or the reason why it failed."""
    status = run_status(run)
    return f"failed: {failure_reason(run)}" if status == "failed" else status


def _child(place: WorkerSettings, key: str) -> Iterator[int]:
    command = [sys.executable, "-c", CHILD, key, json.dumps(asdict(place))]
    environment = os.environ | worker_variables(place.threads)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            yield from map(int, process.stdout)
        finally:
            if process.poll() is None:
                process.terminate()


def _measures(run: RunFolder) -> dict[str, Mapping[str, Any]]:
    items = read_json(run.measures)["measures"]
    return {f"{item['name']} ({item['split']}, {item['subject']})": item for item in items}


def _value(name: str, then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Value:
    before = None if then is None else then["value"]
    tolerance = 0.0
    if then is not None and before is not None:
        low, high = then.get("low"), then.get("high")
        width = 0.0 if low is None or high is None else (high - low) / 2
        tolerance = max(width, RELATIVE_TOLERANCE * abs(before))
    return Value(name, before, None if now is None else now["value"], tolerance)


def _device_of(result: Mapping[str, Any]) -> str:
    """Return "cpu" or "cuda" from a device with the kind of its processor."""
    return str(result.get("device", "cpu")).partition(" ")[0]


def _threads(result: Mapping[str, Any]) -> int:
    return int(result.get("threads", 1))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
