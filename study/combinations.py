"""Which samplers and schedulers combine with what. Imports no torch, ray or optuna.

`IMPOSSIBLE` is the one table of it. A sampler that silently proposes at random what it cannot model is refused as well:
such a search would look like what it is not. What is not in the table works; the slow tests try every cell of it on the
installed Optuna.

    python -m study.combinations        # the table, in Markdown
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from iae_models.config import default_values
from study.algorithms import SamplerName, Scheduler, SchedulerName, SearchOptions
from study.blocks import Block, num_grid_runs, short_name
from study.fields import Fields
from study.objectives import Objective
from study.output import print_whole
from study.search_space import Axis, Choices, ZeroOrRange

__all__ = ["FEATURES", "IMPOSSIBLE", "check_combinations", "misleading", "table"]


@dataclass(frozen=True)
class Feature:
    """Something that a study may ask for.

    Attributes:
        title: What it is called in the table.
        found: Returns what has it, in a few words, or an empty text: in the objectives and one block that searches.
    """

    title: str
    found: Callable[[Sequence[Objective], Block], str]


def _objectives(objectives: Sequence[Objective], _: Block) -> str:
    return f"there are {len(objectives)} objectives" if len(objectives) > 1 else ""


def _conditional(_: Sequence[Objective], block: Block) -> str:
    for axis in block.axes:
        if axis.when and num_values(axis) != 1:
            return f"{short_name(axis.name)} of block {block.name!r} has a when"
        if isinstance(axis.search, ZeroOrRange):
            return f"{short_name(axis.name)} of block {block.name!r} has an include beside its range"
    return ""


def _categorical(_: Sequence[Objective], block: Block) -> str:
    for axis in block.axes:
        if num_values(axis) == 1:
            continue
        if axis.search is None:
            return (
                f"{short_name(axis.name)} of block {block.name!r} has a grid and no search, so it is a list of choices"
            )
        if isinstance(axis.search, Choices) and not axis.search.ordered:
            return f"{short_name(axis.name)} of block {block.name!r} has choices without an order"
    return ""


def num_values(axis: Axis) -> int | None:
    """Return how many values a search of the axis can take, or None for those of a range."""
    match axis.search:
        case None:
            return len(axis.grid)
        case Choices(values):
            return len(values)
        case _:
            return None


FEATURES: dict[str, Feature] = {
    "objectives": Feature("several objectives", _objectives),
    "conditional": Feature("conditional space (`when`, `include`)", _conditional),
    "categorical": Feature("unordered `choices`, grids, `zip` groups", _categorical),
}

_RANDOM = "Optuna would draw the conditional keys at random, whatever was measured; tpe models them"

IMPOSSIBLE: Mapping[tuple[SamplerName | SchedulerName, str], str] = {
    ("gp", "conditional"): _RANDOM,
    ("nsga2", "conditional"): _RANDOM,
    ("cmaes", "conditional"): _RANDOM,
    (
        "qmc",
        "conditional",
    ): "a point of the sequence has one number for each key, and Optuna would draw the others at random",
    ("cmaes", "objectives"): "CMA-ES ranks configurations by one number; state one objective, or take nsga2, tpe or gp",
    ("cmaes", "categorical"): "CMA-ES has a covariance of numbers, and Optuna would draw choices at random; say "
    "ordered: true where the choices have an order, or take tpe or gp",
    ("asha", "objectives"): "a run is judged against others by one number while it trains; state one objective",
    ("hyperband", "objectives"): "a run is judged against others by one number while it trains; state one objective",
    ("median", "objectives"): "a run is judged against others by one number while it trains; state one objective",
}
"""What does not go together, and why. A scheduler is asked about the objectives alone."""


def check_combinations(
    fields: Fields,
    search: SearchOptions,
    scheduler: Scheduler | None,
    objectives: Sequence[Objective],
    blocks: Sequence[Block],
) -> None:
    """Report every impossible cell of the table that a study is in, at its sampler or its scheduler."""
    searching = [block for block in blocks if block.searched]
    if searching:
        for message in _refusals(search.sampler, FEATURES, objectives, searching):
            _at(fields, "search").report(message, "sampler")
    if scheduler is not None:
        for message in _refusals(scheduler.name, ("objectives",), objectives, blocks[:1]):
            _at(fields, "scheduler").report(message, "name")
        most = max((_most_steps(block) for block in blocks), default=0)
        if 0 < most <= scheduler.every:
            message = f"must be less than the {most} steps of the longest run, or none is ever judged"
            _at(fields, "scheduler").report(f"{message}, but got {scheduler.every}", "every")


def misleading(
    search: SearchOptions, scheduler: Scheduler | None, blocks: Sequence[Block], runs: int | None
) -> list[str]:
    """Return what goes together but not as a reader may think, one sentence each.

    Args:
        search: The sampler.
        scheduler: The scheduler.
        blocks: The blocks of the study.
        runs: What the budget allows.
    """
    searching = [block for block in blocks if block.searched]
    active = {axis.name for block in blocks for axis in block.axes}
    idle = dict.fromkeys(name for block in blocks for name in block.idle if name not in active)
    warnings = [f"{name} always stands at its default: its when holds nowhere in the study." for name in idle]
    room = (runs or 0) - num_grid_runs(blocks)
    if room > 0 and not searching and all(block.until is None for block in blocks):
        warnings.append(
            f"The budget has room for {room} runs beyond the grids, but no block searches and no until adds "
            "replicates: they are never used."
        )
    population = int(search.options.get("population_size", 50))
    if search.sampler == "nsga2" and searching and runs is not None:
        configurations = runs // min(block.replicates for block in searching)
        if configurations <= population:
            warnings.append(
                f"The first population of nsga2, {population} configurations of each block, is random, and the budget "
                f"has room for {configurations} at most: set search.options.population_size."
            )
    if scheduler is not None and searching and search.sampler in ("gp", "nsga2", "cmaes"):
        considers = search.options.get("consider_pruned_trials") is True
        if not considers:
            warnings.append(f"{search.sampler} learns nothing from runs that the scheduler stopped; tpe does.")
    return warnings


def table() -> str:
    """Return the table in Markdown: a row for each sampler and scheduler, a column for each feature."""
    titles = [feature.title for feature in FEATURES.values()]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---|" * len(titles)]
    for name in get_args(SamplerName):
        cells = [IMPOSSIBLE.get((name, feature), "yes") for feature in FEATURES]
        lines.append(f"| sampler `{name}` | " + " | ".join(map(_cell, cells)) + " |")
    for name in get_args(SchedulerName):
        cells = [IMPOSSIBLE.get((name, feature), "yes") for feature in FEATURES]
        lines.append(f"| scheduler `{name}` | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text if text == "yes" else f"no: {text}"


def _refusals(
    name: SamplerName | SchedulerName, features: Iterable[str], objectives: Sequence[Objective], blocks: Sequence[Block]
) -> Iterator[str]:
    said = set()
    for feature in features:
        reason = IMPOSSIBLE.get((name, feature))
        for block in blocks if reason is not None else ():
            found = FEATURES[feature].found(objectives, block)
            if found and found not in said:
                said.add(found)
                yield f"{name} must not be used where {found}: {reason}"


def _most_steps(block: Block) -> int:
    values = [block.fixed.get("train.steps", default_values()["train.steps"])]
    for axis in block.axes:
        if axis.name == "train.steps":
            values = [*axis.grid, *(axis.search.corners if axis.search is not None else ())]
    return int(max(values, default=0))


def _at(fields: Fields, key: str) -> Fields:
    """Return the mapping below a key to report at; its own keys were checked when it was read."""
    node = fields.mapping(key)
    return Fields(node, key, tuple(node.value), fields.problems)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argparse.ArgumentParser(
        "python -m study.combinations", description="Print what combines, as a table in Markdown."
    ).parse_args(arguments)
    return 0 if print_whole(table()) else 1


if __name__ == "__main__":
    sys.exit(main())
