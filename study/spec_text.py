"""What a study asks for, in words: its axes, fixed values, search, replicates. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iae_models.config import default_values
from study.blocks import Block, short_name, shown_value
from study.parameters import described
from study.search_space import Axis
from study.spec import StudySpec

WIDTH = 120
"""Columns of a line that is not broken."""


def axes_lines(spec: StudySpec) -> list[str]:
    """Return for each block "gaussian: z = 2, 5, 20 × n = 10, 100; searched: z range 2 to 40 (log)", or several lines.

    Linked keys stand together, "(z, n) = (2, 100), (5, 10)", and what a key depends on behind it, "where n = 10".
    """
    return [line for block in spec.blocks if block.axes for line in _axes_of(block)]


def _axes_of(block: Block) -> list[str]:
    grids = [_grid_of(group) for group in block.linked if group[0].grid] or ["no grid"]
    searched = [
        f"{short_name(axis.name)} {described(axis.search)}{_where(axis)}"
        for axis in block.searched
        if axis.search is not None
    ]
    line = f"{block.name}: {' × '.join(grids)}" + (f"; searched: {', '.join(searched)}" if searched else "")
    if len(line) <= WIDTH and not any(axis.when for axis in block.axes):
        return [line]
    lines = [f"{block.name}:", *_column("grid", " × ", grids), *_column("searched", "   ", searched)]
    return [line.rstrip() for line in lines]


def _column(title: str, between: str, texts: Sequence[str]) -> list[str]:
    return [f"  {'' if index else title:9}{between if index else '   '}{text}" for index, text in enumerate(texts)]


def _grid_of(group: Sequence[Axis]) -> str:
    if len(group) == 1:
        (axis,) = group
        return f"{short_name(axis.name)} = {_listed([shown_value(value) for value in axis.grid])}{_where(axis)}"
    rows = zip(*([shown_value(value) for value in axis.grid] for axis in group), strict=True)
    where = "; ".join(f"{short_name(axis.name)}{_where(axis)}" for axis in group if axis.when)
    linked = _listed([f"({', '.join(row)})" for row in rows])
    return f"({', '.join(short_name(axis.name) for axis in group)}) = {linked}" + (f" ({where})" if where else "")


def _where(axis: Axis) -> str:
    """Return " where n = 10 or 20 and code = gaussian", or nothing."""
    parts = [f"{short_name(name)} = {' or '.join(map(shown_value, values))}" for name, values in axis.when.items()]
    return f" where {' and '.join(parts)}" if parts else ""


def fixed_lines(spec: StudySpec) -> list[str]:
    """Return "fixed: embedded_digits, width 0.125, 1300 steps, batch_size 64; n = 10 in categorical".

    The first part is what all blocks share: the data set, the size of the training, and what the study states; the
    others are what single blocks state.
    """
    shown = ("data.name", "model.width", "train.steps", "train.batch_size")
    fixed = [default_values() | dict(block.fixed) for block in spec.blocks]
    varied = {axis.name for block in spec.blocks for axis in block.axes}
    names = dict.fromkeys([*shown, *(name for block in spec.blocks for name in block.fixed)])
    common = [
        name
        for name in names
        if name not in varied
        and all(values[name] == fixed[0][name] for values in fixed)
        and (name in shown or any(name in block.fixed for block in spec.blocks))
        and name != "model.code"
    ]
    parts = [", ".join(_fixed(name, fixed[0][name]) for name in common)] if common else []
    for block in spec.blocks:
        own = [name for name in block.fixed if name not in common and name != "model.code"]
        if own:
            texts = [f"{short_name(name)} = {shown_value(block.fixed[name])}" for name in own]
            parts.append(f"{', '.join(texts)} in {block.name}")
    return ["fixed: " + "; ".join(parts)] if parts else []


def _fixed(name: str, value: Any) -> str:
    if name == "data.name":
        return str(value)
    return f"{shown_value(value)} steps" if name == "train.steps" else f"{short_name(name)} {shown_value(value)}"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) if len(values) <= 12 else f"{', '.join(values[:10])}, … ({len(values)} values)"


def search_lines(spec: StudySpec, left: int) -> list[str]:
    """Return what the searches improve, and how.

    Args:
        spec: The study.
        left: Runs that the searches may still propose.
    """
    if not any(block.searched for block in spec.blocks):
        return []
    goals = ", ".join(
        f"{item.direction} {item.measure}{' (uses labels)' if item.uses_labels else ''}" for item in spec.objectives
    )
    judged = "" if spec.aggregate == "mean" else f", the {spec.aggregate.replace('_', ' ')} over replicates"
    sampler = f"{spec.search.sampler}{_options(spec.search.options)}"
    less = " at most, since seeds for wide intervals come out of them first"
    runs = f"{left} runs left of {spec.budget.runs}{less if any(block.until for block in spec.blocks) else ''}"
    return [f"Search: {goals}, on validation images{judged}; sampler {sampler}, seed {spec.search.seed}, {runs}."]


def replicate_lines(spec: StudySpec, *, is_confined: bool = False) -> list[str]:
    """Return what ends the study, and what results may add to its runs or take from them.

    Args:
        spec: The study.
        is_confined: Whether only some cells are run, to which nothing is added.
    """
    first = spec.objectives[0].measure
    within = ", within the budget" if spec.budget.runs is not None else ""
    lines = _budget_lines(spec)
    lines += [
        f"Replicates in {block.name}: more than {block.replicates}, up to {block.until.max}, while the 95 % interval "
        f"of {first} is wider than ±{block.until.half_width:g}{within}."
        for block in spec.blocks
        if block.until is not None and not is_confined
    ]
    if spec.scheduler is not None:
        rule = f"{spec.scheduler.name}{_options(spec.scheduler.options)}"
        lines.append(f"Scheduler: {rule} judges runs by {first} every {spec.scheduler.every} steps.")
    if spec.confirm is not None and not is_confined:
        top, seeds = spec.confirm.top, spec.confirm.seeds
        unbeaten = "those that none beats in every objective first, " if len(spec.objectives) > 1 else ""
        budget = f", beyond the {spec.budget.runs} of the budget" if spec.budget.runs is not None else ""
        best = f"best {top} configurations" if top > 1 else "best configuration"
        fresh = f"the {best} ({unbeaten}by {first}) on {seeds} fresh seeds each"
        lines.append(f"Confirm: in the end {fresh}, {_counted(top * seeds, 'run')}{budget}.")
    return lines


def _budget_lines(spec: StudySpec) -> list[str]:
    runs, hours = spec.budget.runs, spec.budget.hours
    parts = [
        *([f"{_counted(runs, 'run')} in total"] if runs is not None else []),
        *([_counted(hours, "hour")] if hours else []),
    ]
    return [f"Budget: {', '.join(parts)}."] if parts else []


def _counted(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def _options(options: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{key} {shown_value(value)}' for key, value in options.items())})" if options else ""
