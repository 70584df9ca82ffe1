"""A plan in words: what `--dry-run` prints. Imports no torch, ray or optuna."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from textwrap import wrap

from iae_models.config import DATASETS, RunConfig
from iae_models.costs import flops_per_step, measuring_bytes, num_parameters, training_bytes
from study.blocks import Block
from study.difference import as_lines, difference
from study.plan import Plan
from study.planned import ADAPTIVE, PlannedRun
from study.records import StudyFolder
from study.spec import StudySpec
from study.spec_text import axes_lines, fixed_lines, replicate_lines, search_lines

WIDTH = 120
"""Columns of the longest line that is printed whole."""


def describe(plan: Plan, spec: StudySpec, folder: StudyFolder, width: int = WIDTH, *, is_local: bool = True) -> str:
    """Return the plan as text: the runs of every block, what is done and to do, and memory and time where known.

    Args:
        plan: The plan.
        spec: The study.
        folder: The study's folder.
        width: Columns of the longest line, tables and names apart.
        is_local: Whether the runs would be on this machine.
    """
    title = f"{spec.name}{' (smoke)' if spec.smoke else ''}: {spec.question}".removesuffix(": ")
    aims = search_lines(spec, sum(plan.search_runs.values())) if plan.chosen is None else []
    ends = replicate_lines(spec, is_confined=plan.chosen is not None)
    parts = [
        [*_wrapped([title], width), f"folder: {folder.root}"],
        [_table(plan, spec)],
        [as_lines(difference(plan, folder, spec.resources, is_local=is_local), width)],
        _wrapped([*axes_lines(spec), *fixed_lines(spec)], width),
        _wrapped([*aims, *ends, *_excess_lines(plan, spec), *_added_lines(plan), *_cost_lines(plan)], width),
        _wrapped([f"Warning: {warning}" for warning in spec.warnings], width),
    ]
    return "\n\n".join("\n".join(part) for part in parts if any(part))


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Return lines broken at the width, with what follows indented further than the line itself."""
    return [
        part
        for line in lines
        for part in wrap(line, width, subsequent_indent=" " * (len(line) - len(line.lstrip()) + 4)) or [line]
    ]


def _table(plan: Plan, spec: StudySpec) -> str:
    head = ("block", "code", "cells", "seeds", "runs", "done", "failed", "early", "to do", "search")
    rows = [_row(block.name, block.family, block, plan) for block in spec.blocks]
    todo = len(plan.todo)
    search = sum(plan.search_runs.values())
    ends = (len(plan.finished), len(plan.failed), len(plan.pruned))
    total = ("total", "", "", "", len(plan.wanted), *ends, todo, f"+{search}" if search else "")
    table = [head, *rows, tuple(map(str, total))]
    if spec.scheduler is None:
        table = [(*row[:7], *row[8:]) for row in table]
    return aligned(table)


def _row(name: str, family: str, block: Block, plan: Plan) -> tuple[str, ...]:
    runs = [run for run in plan.wanted if run.block == name]
    cells = {run.config_key for run in runs if run.origin == "grid"}
    keys = {run.key for run in runs}
    finished, failed, pruned = (len(keys & ends) for ends in (plan.finished, plan.failed, plan.pruned))
    search = f"+{plan.search_runs[name]}" if plan.search_runs.get(name) else ""
    todo = sum(run.block == name for run in plan.todo)
    counts = (len(cells), block.replicates, len(runs), finished, failed, pruned, todo)
    return (name, family, *map(str, counts), search)


def _excess_lines(plan: Plan, spec: StudySpec) -> list[str]:
    """Return how many runs are wanted beyond the budget, which a grid may take though earlier runs have used it up."""
    number = sum(run.origin != "confirm" for run in plan.wanted) - len(plan.pruned)
    excess = number - (spec.budget.runs or number)
    if excess <= 0:
        return []
    return [f"{counted(excess, 'run')} beyond budget.runs: what the grids hold is run, and what has ended is kept."]


def _added_lines(plan: Plan) -> list[str]:
    """Return the replicates that results have added so far."""
    added = Counter(run.origin for run in plan.wanted)
    words = {"duplicate": "for repeated proposals", "until": "for wide intervals", "confirm": "to confirm"}
    parts = [f"{added[origin]} {words[origin]}" for origin in ADAPTIVE if added[origin]]
    return [f"Replicates that results have added: {', '.join(parts)}."] if parts else []


def _cost_lines(plan: Plan) -> list[str]:
    runs = [*plan.todo] or [*plan.wanted]
    if not runs:
        return ["Nothing to run."] if plan.is_done else [_time_line(plan, ())]
    configs = list({run.config_key: run.config for run in runs}.values())
    parameters = [num_parameters(item) for item in configs]
    training, measuring = max(map(training_bytes, configs)), max(map(measuring_bytes, configs))
    compute = sum(flops_per_step(run.config) * run.config.train.steps for run in plan.todo)
    steps = sum(run.config.train.steps for run in plan.todo)
    images = f"{max(map(_image_bytes, configs)) / 1e6:,.0f} MB of images"
    memory = f"{training / 1e6:,.0f} MB while it trains, {measuring / 1e6:,.0f} MB while it is measured"
    lines = [
        f"Each run: {_span([item / 1e6 for item in parameters])} million parameters.",
        f"Its memory at most: about {memory}, beside {images} and the libraries.",
        f"Training to do: {steps:,} steps, about {_operations(compute)}.",
    ]
    return [*lines, _time_line(plan, plan.todo)]


def _time_line(plan: Plan, todo: Sequence[PlannedRun]) -> str:
    num_runs = len(todo) + sum(plan.search_runs.values()) + plan.confirm_runs
    if num_runs == 0:
        return "Time: nothing is left to do."
    if plan.run_time_s is None:
        return "Time: unknown until the first run finishes."
    return (
        f"Time: about {duration(num_runs * plan.run_time_s)} for {counted(num_runs, 'run')} one after the other "
        f"({duration(plan.run_time_s)} each, from finished runs); several at a time take less."
    )


def _operations(number: float) -> str:
    for unit, size in (("PFLOP", 1e15), ("TFLOP", 1e12), ("GFLOP", 1e9)):
        if number >= 10 * size:
            return f"{number / size:,.0f} {unit}"
    return f"{number / 1e9:.2g} GFLOP"


def _image_bytes(config: RunConfig) -> int:
    info = DATASETS[config.data.name]
    return sum(info.sizes) * math.prod(info.shape) * (1 if info.holds_images else 4)


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def duration(seconds: float) -> str:
    """Return a time in the two units that matter, such as "1 h 5 min"."""
    total = round(seconds)
    if total < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{total} s"
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, noun: str) -> str:
    """Return "1 run" or "2 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of texts as a table: the first two columns to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
