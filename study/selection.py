"""Some cells of a study alone: `--only`. Imports no torch, ray or optuna.

    --only gaussian:'z=2 n=10'      block and label
    --only 'z=2 n=10'               label, where no other block has it
    --only gaussian                 a block: all its cells
    --only 1f3c9a                   the beginning of the configuration's key, at least four digits of it
    --only 1f3c9a02be-1             a run
    --only 'z=2 n=10:1'             one seed of any of these, by the number of its replicate, as runs are called

A cell is a configuration: one of a grid, or one that a search has proposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from study.failures import BadInput
from study.plan import Plan
from study.planned import PlannedRun, cell_name
from study.problems import did_you_mean, shown

KEY_PREFIX = re.compile(r"[0-9a-f]{4,10}")


@dataclass(frozen=True)
class Cell:
    """A configuration of a study and its wanted runs, in the order of their replicates."""

    runs: tuple[PlannedRun, ...]

    @property
    def key(self) -> str:
        """The configuration's key."""
        return self.runs[0].config_key

    @property
    def label(self) -> str:
        """Its name within its block."""
        return self.runs[0].label

    @property
    def name(self) -> str:
        """Its name within the study, "block:label"; a block of one cell has the block's name for both."""
        return cell_name(self.runs[0])


def cells_of(runs: Iterable[PlannedRun]) -> list[Cell]:
    """Return the cells of runs, in the order of their first ones."""
    members: dict[str, list[PlannedRun]] = {}
    for run in runs:
        members.setdefault(run.config_key, []).append(run)
    return [Cell(tuple(sorted(own, key=lambda run: run.replicate))) for own in members.values()]


def confined(plan: Plan, only: Sequence[str]) -> Plan:
    """Return the plan with nothing to do but the named cells; without names the plan as it is.

    Nothing is proposed, added or confirmed by a confined plan; what it leaves is `later`.

    Raises:
        BadInput: A name is unknown or stands for several cells.
    """
    if not only:
        return plan
    cells = cells_of(plan.wanted)
    chosen = {run.key for text in only for run in _named(text, cells, plan)}
    return replace(
        plan,
        todo=tuple(run for run in plan.todo if run.key in chosen),
        later=tuple(run for run in plan.todo if run.key not in chosen),
        chosen=frozenset(chosen),
        search_runs=dict.fromkeys(plan.search_runs, 0),
        confirm_runs=0,
    )


def _named(text: str, cells: Sequence[Cell], plan: Plan) -> Sequence[PlannedRun]:
    """Return the runs that one name stands for."""
    found = _runs_called(text, cells)
    if not found and (named := _before_seed(text)) is not None:
        head, seed = named
        if of_head := _runs_called(head, cells):
            found = [run for run in of_head if run.replicate == seed]
            if not found:
                raise BadInput(_no_seed(text, of_head))
    if not found:
        raise BadInput(_unknown(text, cells, plan))
    return found


def _before_seed(text: str) -> tuple[str, int] | None:
    """Return name and seed of "name:seed", None where no seed is named."""
    head, _, seed = text.rpartition(":")
    return (head, int(seed)) if seed.strip().isdecimal() else None


def _runs_called(name: str, cells: Sequence[Cell]) -> Sequence[PlannedRun]:
    """Return the runs of the cell or block that has a name, or the one run; a full name goes before a part of one.

    Raises:
        BadInput: Several cells have it.
    """
    name = " ".join(name.split())
    for cell in cells:
        if name in (cell.name, cell.key):
            return cell.runs
        if (run := {run.key: run for run in cell.runs}.get(name)) is not None:
            return (run,)
    if block := [run for cell in cells for run in cell.runs if run.block == name]:
        return block
    found = [cell for cell in cells if cell.label == name]
    if not found and KEY_PREFIX.fullmatch(name):
        found = [cell for cell in cells if cell.key.startswith(name)]
    if len(found) > 1:
        names = ", ".join(cell.name for cell in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise BadInput(f"--only must name one cell, but {name!r} stands for {len(found)} of them: {names}{more}.")
    return found[0].runs if found else ()


def _no_seed(text: str, runs: Sequence[PlannedRun]) -> str:
    cells = cells_of(runs)
    name = cells[0].name if len(cells) == 1 else runs[0].block
    numbers = ", ".join(map(str, sorted({run.replicate for run in runs})))
    return f"--only must name a replicate of {name}, one of {numbers}, but got {text!r}."


def _unknown(text: str, cells: Sequence[Cell], plan: Plan) -> str:
    message = f"--only must name a cell or block of the study, but got {shown(text)}"
    if text in plan.extra or any(key.rpartition("-")[0] == text for key in plan.extra):
        return f"{message}: the folder holds it, but the study does not want it any more."
    hint = did_you_mean(text, [*(cell.name for cell in cells), *dict.fromkeys(cell.runs[0].block for cell in cells)])
    end = "" if hint.endswith("?") else "."
    return f"{message}{hint}{end} --list prints all cells."
