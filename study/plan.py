"""Which runs a study wants, which its folder already holds, and what is left. Imports no torch, ray or optuna.

The folder is the truth: launching a study runs the difference between what the specification wants and what is
finished. That one rule resumes after a kill, repeats failures, and adds replicates, grid values or budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

from iae_models.config import RunConfig, code_hash, config_key, flatten, run_config
from study.blocks import Block, label_of
from study.records import RunFolder, StudyFolder, read_json, run_status
from study.results import Result, read_result
from study.spec import StudySpec


@dataclass(frozen=True)
class PlannedRun:
    """One run that a study wants.

    Attributes:
        key: Name of the run and of its folder.
        config_key: Name of its configuration.
        replicate: Number of its replicate, from 0.
        config: Its configuration.
        block: The first block that wants it.
        origin: Whether a grid lists it or a search proposed it.
        label: Short name within its block, such as "z=5 n=100".
        trial: Optuna's number, if a search proposed it.
        parameters: What the search chose, by dotted name.
    """

    key: str
    config_key: str
    replicate: int
    config: RunConfig
    block: str
    origin: Literal["grid", "search"]
    label: str
    trial: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The difference between a specification and a study folder.

    Attributes:
        wanted: Every run of the grids, then every run that searches have already proposed and that is still wanted.
        finished: Keys of wanted runs that have a result.
        failed: Keys of wanted runs whose last attempt failed; they are to do again.
        todo: Wanted runs without a result, in the order in which they start.
        search_runs: Runs that each searching block may still propose, whole configurations only.
        extra: Keys of runs in the folder that the specification does not want any more; they are kept.
        run_time_s: Mean seconds that a finished run took to train and measure, or None before there is one.
        results: What every finished run of the folder came to, the extra ones included, by key.
    """

    wanted: tuple[PlannedRun, ...]
    finished: frozenset[str]
    failed: frozenset[str]
    todo: tuple[PlannedRun, ...]
    search_runs: Mapping[str, int]
    extra: tuple[str, ...]
    run_time_s: float | None = None
    results: Mapping[str, Result] = field(default_factory=dict)


def grid_runs(spec: StudySpec) -> list[PlannedRun]:
    """Return the runs of all grids: replicate 0 of every cell first, so that a picture of the whole comes early.

    A configuration that several blocks want appears once, under the first of them.
    """
    cells = [(block, *_cell(values, block)) for block in spec.blocks for values in block.cells()]
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
        PlannedRun(f"{name}-{replicate}", name, replicate, config, block.name, "search", label, trial, parameters)
        for replicate in range(block.replicates)
    ]


def make_plan(spec: StudySpec, folder: StudyFolder) -> Plan:
    """Compare what a study wants with what its folder holds. Nothing is written.

    Raises:
        ValueError: A record in the folder cannot be read; the message names it.
    """
    grid = grid_runs(spec)
    wanted = {run.key: run for run in grid}
    folders = {item.key: item for item in folder.run_folders()}
    states = {key: run_status(item) for key, item in folders.items()}
    proposed = _proposed_runs(spec, [item for key, item in folders.items() if key not in wanted])
    left = max(0, (spec.budget.runs or 0) - len(grid))
    kept = _within_budget([run for run in proposed if run.key not in wanted], states, left)
    wanted.update({run.key: run for run in kept})
    results = {key: read_result(folders[key], spec.objectives) for key, state in states.items() if state == "finished"}
    finished = frozenset(results.keys() & wanted.keys())
    return Plan(
        wanted=tuple(wanted.values()),
        finished=finished,
        failed=frozenset(key for key in wanted if states.get(key) == "failed"),
        todo=tuple(run for run in wanted.values() if run.key not in finished),
        search_runs=_shares(spec, left, kept),
        extra=tuple(sorted(set(folders) - set(wanted))),
        run_time_s=fmean(results[key].run_time_s for key in finished) if finished else None,
        results=results,
    )


def other_code(plan: Plan) -> dict[str, int]:
    """Count the finished runs that other model code than today's has made, by the hash of that code."""
    hashes = Counter(plan.results[key].code_hash for key in sorted(plan.finished))
    return {name: count for name, count in hashes.items() if name != code_hash()}


def _cell(values: Mapping[str, Any], block: Block) -> tuple[RunConfig, str, str]:
    config = run_config(values)
    return config, config_key(config), label_of(values, block)


def _proposed_runs(spec: StudySpec, folders: Iterable[RunFolder]) -> list[PlannedRun]:
    """Return the runs of every configuration in the folder that a search proposed and could propose by today's spec.

    All replicates of such a configuration are wanted: a kill may have come between two of them, or the study may want
    more than it did.
    """
    blocks = {block.name: block for block in spec.blocks if block.searched}
    runs: dict[str, PlannedRun] = {}
    for folder in folders:
        record = read_json(folder.run)
        block = blocks.get(str(record.get("block")))
        if record.get("origin") == "search" and block is not None:
            own = _recorded_runs(record, block)
            if folder.key in {run.key for run in own}:
                runs.update({run.key: run for run in own})
    return sorted(
        runs.values(), key=lambda run: (-1 if run.trial is None else run.trial, run.config_key, run.replicate)
    )


def _recorded_runs(record: Mapping[str, Any], block: Block) -> list[PlannedRun]:
    """Return the runs of the configuration in a record; none where today's fields, rules and search do not allow it."""
    config = record.get("config")
    try:
        values = flatten(run_config(config if isinstance(config, dict) else {"": config}))
    except (KeyError, TypeError, ValueError):
        return []
    if not block.holds(values):
        return []
    chosen = {axis.name: values[axis.name] for axis in block.axes}
    return searched_runs(block, chosen, record.get("trial"))


def _within_budget(runs: Sequence[PlannedRun], states: Mapping[str, str], left: int) -> list[PlannedRun]:
    """Keep what is finished, and of the rest what the budget still allows, the earliest proposals first."""
    finished = {run.key for run in runs if states.get(run.key) == "finished"}
    room = left - len(finished)
    kept = []
    for run in runs:
        if run.key not in finished:
            room -= 1
        if run.key in finished or room >= 0:
            kept.append(run)
    return kept


def _shares(spec: StudySpec, left: int, proposed: Sequence[PlannedRun]) -> dict[str, int]:
    """Divide the runs that the search may use equally among the blocks that search, in whole configurations."""
    searching = [block for block in spec.blocks if block.searched]
    used = {block.name: sum(run.block == block.name for run in proposed) for block in searching}
    shares = dict.fromkeys(used, 0)
    room = left - len(proposed)
    while True:
        fitting = [block for block in searching if block.replicates <= room]
        if not fitting:
            return shares
        # whoever has had the fewest so far is next, so that an interrupted study ends with the same shares
        block = min(fitting, key=lambda item: used[item.name] + shares[item.name])
        shares[block.name] += block.replicates
        room -= block.replicates
