"""The cells of a study with their names and states: what `--list` prints. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Sequence

from study.difference import progress_of
from study.plan import Plan
from study.planned import PlannedRun
from study.records import StudyFolder
from study.selection import Cell, cells_of


def listing(plan: Plan, folder: StudyFolder) -> str:
    """Return one line for each cell, with what `--only` calls it and how each of its seeds stands.

    Args:
        plan: The plan; where it is confined to some cells, only these are listed.
        folder: The study's folder.
    """
    chosen = [run for run in plan.wanted if plan.chosen is None or run.key in plan.chosen]
    cells = cells_of(chosen)
    if not cells:
        return "no cells yet: a search proposes them"
    rows = [("cell", "key", "seeds"), *((cell.name, cell.key, _states(cell, plan, folder)) for cell in cells)]
    searched = sum(plan.search_runs.values())
    more = f"\nand {searched} runs of cells that are still to be searched" if searched else ""
    names = max(len(row[0]) for row in rows)
    lines = [f"{name:{names}}  {key:10}  {seeds}" for name, key, seeds in rows]
    return "\n".join(lines) + more


def _states(cell: Cell, plan: Plan, folder: StudyFolder) -> str:
    """Return "0-2 finished, 3 failed"."""
    groups: dict[str, list[int]] = {}
    for run in cell.runs:
        groups.setdefault(_state(run, plan, folder), []).append(run.replicate)
    return ", ".join(f"{_ranges(numbers)} {state}" for state, numbers in groups.items())


def _state(run: PlannedRun, plan: Plan, folder: StudyFolder) -> str:
    if run.key in plan.finished:
        return "finished"
    if run.key in plan.pruned:
        return "ended early"
    if run.key in plan.failed:
        return "failed"
    return f"at {progress_of(run, folder.run(run.key))}" if run.key in plan.unfinished else "to do"


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as "0-2 5"."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in groups)
