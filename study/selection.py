"""Some cells of a study alone: `--only`. Imports no torch, ray or optuna.

    --only gaussian:'z=2 n=10'      block and label
    --only 'z=2 n=10'               label, where no other block has it
    --only 1f3c9a                   the beginning of the configuration's key, at least four digits of it
    --only 1f3c9a02be-1             a run
    --only 'z=2 n=10:1'             one seed of any of these, by the number of its replicate

A cell is a configuration: one of a grid, or one that a search has proposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
    found = _matches(text, cells)
    head, _, seed = text.rpartition(":")
    if not found and seed.isdigit():
        found = _matches(head, cells)
        if len(found) == 1:
            return _seed(text, int(seed), cells_of(found[0]))
    if not found:
        raise BadInput(_unknown(text, cells, plan))
    if len(found) > 1:
        names = ", ".join(cells_of(runs)[0].name for runs in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise BadInput(f"--only must name one cell, but {text!r} stands for {len(found)} of them: {names}{more}.")
    return found[0]


def _matches(name: str, cells: Sequence[Cell]) -> list[tuple[PlannedRun, ...]]:
    """Return the runs of every cell, or the one run, that has the name; a full name goes before a part of one."""
    name = " ".join(name.split())
    for cell in cells:
        if name in (cell.name, cell.key):
            return [cell.runs]
        if (run := {run.key: run for run in cell.runs}.get(name)) is not None:
            return [(run,)]
    by_label = [cell.runs for cell in cells if cell.label == name]
    if by_label or not KEY_PREFIX.fullmatch(name):
        return by_label
    return [cell.runs for cell in cells if cell.key.startswith(name)]


def _seed(text: str, seed: int, cells: Sequence[Cell]) -> Sequence[PlannedRun]:
    runs: Mapping[int, PlannedRun] = {run.replicate: run for run in cells[0].runs}
    if seed not in runs:
        numbers = ", ".join(map(str, runs))
        raise BadInput(f"--only must name a replicate of {cells[0].name}, one of {numbers}, but got {text!r}.")
    return (runs[seed],)


def _unknown(text: str, cells: Sequence[Cell], plan: Plan) -> str:
    message = f"--only must name a cell of the study, but got {shown(text)}"
    if text in plan.extra or any(key.rpartition("-")[0] == text for key in plan.extra):
        return f"{message}: the folder holds it, but the study does not want it any more."
    hint = did_you_mean(text, [cell.name for cell in cells])
    end = "" if hint.endswith("?") else "."
    return f"{message}{hint}{end} --list prints all cells."
