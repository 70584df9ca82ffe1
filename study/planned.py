"""A run that a study wants, its record, and the runs of a grid and of a proposal. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from iae_models.config import (
    RECIPE_VERSION,
    RunConfig,
    changed_values,
    config_key,
    data_identity,
    flatten,
    run_config,
)
from study.blocks import Block, label_of
from study.records import StudyFolder, read_json, write_json
from study.spec import StudySpec

Origin = Literal["grid", "search", "duplicate", "until", "confirm"]
"""Why a run is wanted: a grid lists its configuration or a search proposed it; a search proposed it again; the interval
over its replicates was too wide; or it confirms a winner."""

ADAPTIVE: tuple[Origin, ...] = ("duplicate", "until", "confirm")
"""Origins of replicates that were added because of earlier results."""

CONFIRM_FIRST = 1000
"""Number of the first replicate that confirms: seeds that no search, and no choice among configurations, has seen."""


@dataclass(frozen=True)
class PlannedRun:
    """One run that a study wants.

    Attributes:
        key: Name of the run and of its folder.
        config_key: Name of its configuration.
        replicate: Number of its replicate, from 0.
        config: Its configuration.
        block: The first block that wants it.
        origin: Why it is wanted.
        label: Short name within its block, such as "z=5 n=100".
        trial: Optuna's number of its proposal, if a search proposed it.
        parameters: What the search chose, by dotted name.
        proposed_by: The block whose search proposed it, or proposed it again.
        sampler: What the sampler keeps, "trial" of its trial and "study" of the study, by attribute.
    """

    key: str
    config_key: str
    replicate: int
    config: RunConfig
    block: str
    origin: Origin
    label: str
    trial: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    proposed_by: str = ""
    sampler: Mapping[str, Any] = field(default_factory=dict)


def grid_runs(spec: StudySpec) -> list[PlannedRun]:
    """Return the runs of all grids: replicate 0 of every cell first, so that a picture of the whole comes early.

    A configuration that several blocks want appears once, under the first of them. Controls come last.
    """
    blocks = sorted(spec.blocks, key=lambda block: block.control)
    cells = [(block, *_cell(values, block)) for block in blocks for values in block.cells()]
    runs: dict[str, PlannedRun] = {}
    for replicate in range(max((block.replicates for block in spec.blocks), default=0)):
        for block, config, name, label in cells:
            key = f"{name}-{replicate}"
            if replicate < block.replicates and key not in runs:
                runs[key] = PlannedRun(key, name, replicate, config, block.name, "grid", label)
    return list(runs.values())


def searched_runs(block: Block, chosen: Mapping[str, Any], trial: int | None) -> list[PlannedRun]:
    """Return the runs of a configuration that a search proposes, one for each replicate of the block.

    Args:
        block: A block that searches.
        chosen: A value for each active axis, by dotted name. An axis that has a grid and no search needs one as well.
        trial: Optuna's number.

    Raises:
        ValueError: The values exclude one another.
    """
    values = block.values(chosen)
    config, name, label = _cell(values, block)
    parameters = {axis.name: values[axis.name] for axis in block.searched if axis.name in values}
    return [
        PlannedRun(
            f"{name}-{replicate}", name, replicate, config, block.name, "search", label, trial, parameters, block.name
        )
        for replicate in range(block.replicates)
    ]


def name_of(run: PlannedRun) -> str:
    """Return what `--only` and everything that is printed call a run: its cell and replicate, "gaussian:z=5 n=10:0"."""
    return f"{cell_name(run)}:{run.replicate}"


def cell_name(run: PlannedRun) -> str:
    """Return what `--only` and everything that is printed call the configuration of a run, "gaussian:z=5 n=10"."""
    return cell_called(run.block, run.label)


def cell_called(block: str, label: str) -> str:
    """Return the name of a cell; that of a block without axes is the block's."""
    return label if label == block else f"{block}:{label}"


def takes_from_search(run: PlannedRun) -> bool:
    """Return whether a run is one that a search has proposed, for the first time or again."""
    return run.origin in ("search", "duplicate")


def record_run(folder: StudyFolder, run: PlannedRun, *, anew: bool = False) -> None:
    """Write `run.json` unless it is there, since what a run is never changes; or write it anew."""
    path = folder.run(run.key).run
    if path.is_file() and not anew:
        return
    record = {
        "key": run.key,
        "config_key": run.config_key,
        "replicate": run.replicate,
        "block": run.block,
        "origin": run.origin,
        "label": run.label,
        "config": changed_values(run.config),
        "all": flatten(run.config),
        "data_fingerprint": data_identity(run.config.data.name),
        "recipe": RECIPE_VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if run.origin in ADAPTIVE:
        record["adaptive"] = True
    if run.trial is not None:
        record |= {"trial": run.trial, "parameters": dict(run.parameters), "proposed_by": run.proposed_by}
    if run.sampler:
        record["sampler"] = dict(run.sampler)
    write_json(path, record)


def mend_records(folder: StudyFolder, runs: Iterable[PlannedRun]) -> list[Path]:
    """Write the records of grid runs anew that are there and cannot be read, and return their paths.

    What a run of a grid is, the specification says. Of any other run nothing but its record does, so a plan refuses one
    that is damaged.
    """
    mended = []
    for run in runs:
        path = folder.run(run.key).run
        if run.origin == "grid" and path.is_file() and not _is_readable(path):
            record_run(folder, run, anew=True)
            mended.append(path)
    return mended


def _is_readable(path: Path) -> bool:
    try:
        return bool(read_json(path))
    except ValueError:
        return False


def _cell(values: Mapping[str, Any], block: Block) -> tuple[RunConfig, str, str]:
    config = run_config(values)
    return config, config_key(config), label_of(values, block)
