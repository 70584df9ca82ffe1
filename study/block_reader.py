"""From the `blocks` of a study file to checked blocks. Imports no torch, ray or optuna.

A rule of the configuration itself (a range of a field, two fields that exclude one another) is checked by building
configurations: every cell of the grid, and the corners of the searched space.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from iae_models.config import SECTIONS, check_networks, default_values, run_config
from study.blocks import Block
from study.fields import Fields
from study.parameters import NAME, Parameter, described, message_of, read_parameters
from study.problems import Mark, Problem, nearest, shown
from study.replicates import Replicates, read_replicates
from study.search_space import Axis

BLOCK_KEYS = ("name", "parameters", "replicates", "control")

MAX_CELLS = 5_000
"""Largest number of cells in the grids of a study."""

MAX_BLOCKS = 50
"""Largest number of blocks of a study."""

MAX_CORNERS = 200
"""Number of corners of a searched space that are checked beforehand."""

MAX_FAULTY_CELLS = 100
"""Number of configurations that break a rule after which a block is not searched for more of them."""

_DECIDING_FIELDS = ("model.variant", "model.code", "model.num_categories", "data.name")
"""Fields on which the rules of others depend: where one could not be read, the others are not judged."""


@dataclass(frozen=True)
class _Draft:
    """A block and the places of what it was read from."""

    block: Block
    parameters: Mapping[str, Parameter]
    mark: Mark
    path: str


def read_blocks(fields: Fields, name: str, replicates: Replicates) -> tuple[Block, ...]:
    """Read the blocks of a study; without `blocks` there is one that is called as the study is.

    Args:
        fields: The study's keys.
        name: The study's name.
        replicates: Runs of each configuration where a block does not say otherwise.
    """
    shared: dict[str, Parameter] = {}
    if "parameters" in fields:
        shared = read_parameters(fields.values["parameters"], "parameters", fields.problems)
    if "blocks" in fields:
        drafts = _read_drafts(fields, shared, replicates)
    else:
        drafts = [_Draft(_build_block(name, shared, replicates, fields.problems), shared, fields.mark, "parameters")]
    num_cells = sum(draft.block.max_cells for draft in drafts)
    if num_cells > MAX_CELLS:
        fields.report(f"the grids must have at most {MAX_CELLS} cells together, but have {num_cells}")
    fields.problems.extend(_rule_problems(drafts, MAX_CELLS if num_cells <= MAX_CELLS else MAX_CORNERS))
    return tuple(draft.block for draft in drafts)


def read_name(fields: Fields, default: str) -> str:
    """Read the `name` of a study or a block."""
    name = fields.text("name", default)
    if not NAME.fullmatch(name):
        fields.report(
            "must be at most 64 of the characters A-Z a-z 0-9 _ . -, the first a letter or a digit, "
            f"since it names a folder, but got {shown(name)}",
            "name",
        )
    return name


def _read_drafts(fields: Fields, shared: Mapping[str, Parameter], replicates: Replicates) -> list[_Draft]:
    items = fields.items("blocks")
    if isinstance(fields.values["blocks"].value, list) and not items:
        fields.report("must hold at least one block, but got []", "blocks")
    if len(items) > MAX_BLOCKS:
        fields.report(f"must hold at most {MAX_BLOCKS} blocks, but got {len(items)}", "blocks")
    drafts: list[_Draft] = []
    marks: dict[str, Mark] = {}
    for index, item in enumerate(items[:MAX_BLOCKS]):
        own = Fields(item, f"blocks[{index}]", BLOCK_KEYS, fields.problems)
        draft = _read_block(own, f"block-{index}", shared, replicates)
        name = draft.block.name
        if name in marks:
            own.report(f"must be a name of its own, but {shown(name)} also stands in line {marks[name].line}", "name")
        marks.setdefault(name, own.values["name"].mark if "name" in own else own.mark)
        drafts.append(draft)
    return drafts


def _read_block(fields: Fields, default_name: str, shared: Mapping[str, Parameter], replicates: Replicates) -> _Draft:
    if fields.lacks("name"):
        fields.report("must have a name")
    name = read_name(fields, default_name)
    path = fields.child("parameters")
    own = read_parameters(fields.values["parameters"], path, fields.problems) if "parameters" in fields else {}
    # a block's own entry replaces the shared one as a whole
    parameters = {**shared, **own}
    block = _build_block(name, parameters, read_replicates(fields, replicates), fields.problems)
    block = replace(block, control=fields.boolean("control", False))
    if block.control and block.searched:
        fields.report(
            f"must be false in a block that searches ({block.searched[0].name}): a search looks for the best "
            "configuration, and a control never is that",
            "control",
        )
    return _Draft(block, parameters, fields.mark, path)


def _rule_problems(drafts: Iterable[_Draft], max_cells: int) -> list[Problem]:
    """Return every rule of the configuration that a cell or a corner breaks; of very many, the first ones."""
    found: list[Problem] = []
    num_checked = num_faulty = 0
    for draft in drafts:
        unread = {key for key, item in draft.parameters.items() if not item.axis.grid and item.axis.search is None}
        if unread & set(_DECIDING_FIELDS):
            continue
        cells = itertools.islice(draft.block.cells(), max(0, max_cells - num_checked))
        for values in itertools.chain(cells, _corners(draft.block)):
            problems = list(_configuration_problems(values, draft))
            found += problems
            num_checked += 1
            num_faulty += bool(problems)
            if num_faulty >= MAX_FAULTY_CELLS:
                return found
    return found


def _build_block(
    name: str, parameters: Mapping[str, Parameter], replicates: Replicates, problems: list[Problem]
) -> Block:
    has_grid = any(not item.fixed and item.axis.grid for item in parameters.values())
    fixed: dict[str, Any] = {}
    axes: dict[str, Axis] = {}
    for key, item in parameters.items():
        axis = item.axis
        if item.fixed or (key == "model.code" and len(axis.grid) == 1):
            fixed.update((key, value) for value in axis.grid)
            continue
        if key == "model.code" and len(axis.grid) > 1:
            message = "must be one value in a block: codes of two kinds have different keys; make a block for each"
            problems.append(Problem(item.mark, item.path, message))
            fixed[key] = axis.grid[0]
            continue
        if not axis.grid and axis.search is not None and has_grid:
            axis = replace(axis, grid=(_default_in_range(item, problems),))
        if axis.grid or axis.search is not None:
            axes[key] = axis
    _check_groups(axes, parameters, problems)
    active = _without_constant_conditions(fixed, axes)
    idle = tuple(key for key in axes if key not in active)
    return Block(name, fixed, _in_order(active, parameters, problems), replicates.number, replicates.until, idle)


def _check_groups(axes: Mapping[str, Axis], parameters: Mapping[str, Parameter], problems: list[Problem]) -> None:
    """Check that the axes of each `zip` group are linked row by row, and searched all or none."""
    groups = dict.fromkeys(axis.zip for axis in axes.values() if axis.zip is not None)
    for group in groups:
        members = [axis for axis in axes.values() if axis.zip == group]
        if len(members) < sum(item.axis.zip == group for item in parameters.values()):
            continue  # the values of another member could not be read
        for axis in members[1:] or members:
            message = _group_problem(axis, members, [name for name in groups if name != group])
            if message:
                item = parameters[axis.name]
                problems.append(Problem(item.mark, f"{item.path}.zip", message))


def _group_problem(axis: Axis, members: Sequence[Axis], others: Sequence[str]) -> str:
    first = members[0]
    if axis is first:
        near = nearest(str(axis.zip), others)
        hint = f"; did you mean {near!r}?" if near else ""
        return f"must link at least two keys of a block, but {axis.name} alone has the zip {shown(axis.zip)}{hint}"
    if len(axis.grid) != len(first.grid):
        return (
            f"must link grids of one length, but {first.name} has {len(first.grid)} values and {axis.name} has "
            f"{len(axis.grid)}"
        )
    if (axis.search is None) != (first.search is None):
        searched, other = (first, axis) if axis.search is None else (axis, first)
        return (
            f"must link keys that are all searched or all not, but {searched.name} has a search and {other.name} has "
            "none: searched one by one they would not stay linked"
        )
    rows = list(zip(*(member.grid for member in members), strict=False))
    repeated = next((row for index, row in enumerate(rows) if row in rows[:index]), None)
    if axis is members[-1] and repeated is not None:
        return f"must link each combination once, but got {shown(list(repeated))} again"
    return ""


def _default_in_range(item: Parameter, problems: list[Problem]) -> Any:
    default, space = default_values()[item.axis.name], item.axis.search
    if space is not None and default not in space:
        message = (
            f"must have a grid for the cells of this block, since the default {shown(default)} "
            f"does not lie in the searched {described(space)}"
        )
        problems.append(Problem(item.mark, item.path, message))
    return default


def _without_constant_conditions(fixed: Mapping[str, Any], axes: Mapping[str, Axis]) -> dict[str, Axis]:
    """Drop conditions that hold in the whole block, and the axes whose condition never holds in it."""
    known = default_values() | dict(fixed)
    kept = {
        key: replace(axis, when={other: allowed for other, allowed in axis.when.items() if other in axes})
        for key, axis in axes.items()
        if all(
            any(_takes(axes[other], value) for value in allowed) if other in axes else known[other] in allowed
            for other, allowed in axis.when.items()
        )
    }
    # without a key that is never active, others that name it may never be either
    return kept if len(kept) == len(axes) else _without_constant_conditions(fixed, kept)


def _takes(axis: Axis, value: Any) -> bool:
    """Return whether a key of a block can have a value."""
    if axis.when and value == default_values()[axis.name]:
        return True
    return value in axis.grid or (axis.search is not None and value in axis.search)


def _in_order(
    axes: Mapping[str, Axis], parameters: Mapping[str, Parameter], problems: list[Problem]
) -> tuple[Axis, ...]:
    """Return the axes so that those named by a condition come before the axis that it belongs to."""
    waiting, ordered = dict(axes), dict[str, Axis]()
    while waiting:
        ready = [key for key, axis in waiting.items() if not any(other in waiting for other in axis.when)]
        if not ready:
            key = next(iter(waiting))
            message = f"when must not depend on the key itself, but goes round through {', '.join(waiting)}"
            problems.append(Problem(parameters[key].mark, f"{parameters[key].path}.when", message))
            return tuple(ordered.values())
        ordered[ready[0]] = waiting.pop(ready[0])
    return tuple(ordered.values())


def _corners(block: Block) -> Iterator[dict[str, Any]]:
    """Yield configurations at the corners of the searched space, at most `MAX_CORNERS` of them."""
    if not block.searched:
        return
    options = [axis.search.corners if axis.search is not None else axis.grid[:1] for axis in block.axes]
    for product in itertools.islice(itertools.product(*options), MAX_CORNERS):
        yield block.values({axis.name: value for axis, value in zip(block.axes, product, strict=True)})


def _configuration_problems(values: Mapping[str, Any], draft: _Draft) -> Iterator[Problem]:
    """Yield every rule of the configuration that these values break, at the place of the value that breaks it."""
    left = dict(values)
    while (error := _error_of(left)) is not None:
        name = _blamed_field(left, error)
        yield _problem_at(name, values.get(name), draft, message_of(error))
        if name not in left:
            return
        # go on without the value that is to blame, so that one run shows all that is wrong
        del left[name]


def _error_of(values: Mapping[str, Any]) -> Exception | None:
    try:
        check_networks(run_config(values).model)
    except (TypeError, ValueError) as error:
        return error
    return None


def _blamed_field(values: Mapping[str, Any], error: Exception) -> str:
    """Return the dotted field that an error of a configuration speaks of, which its message names first."""
    words = re.findall(r"[a-z_0-9.]+", str(error))
    for section, cls in SECTIONS.items():
        own = {name: value for name, value in values.items() if name.startswith(f"{section}.")}
        if _error_of(own) is not None:
            words += [f"{section}.{word}" for word in words if word in cls.__dataclass_fields__]
            break
    return next((word for word in words if word in default_values()), "")


def _problem_at(name: str, value: Any, draft: _Draft, message: str) -> Problem:
    if name not in draft.parameters:
        return Problem(draft.mark, draft.path, message)
    item = draft.parameters[name]
    for index, (own, place) in enumerate(zip(item.axis.grid, item.value_marks, strict=False)):
        if own == value:
            path = item.path if item.fixed else f"{item.path}.grid[{item.value_places[index]}]"
            return Problem(place, path, message)
    return Problem(item.mark, item.path, message)
