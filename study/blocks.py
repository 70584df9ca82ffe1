"""A block of a study: fixed values, axes and the cells that they span. Imports no torch, ray or optuna."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iae_models.config import RunConfig, default_values, run_config
from study.replicates import Until
from study.search_space import Axis

_SHORT_NAMES = {"model.latent_dim": "z", "model.noise_dim": "n", "model.num_categories": "K", "data.name": "data"}


@dataclass(frozen=True)
class Block:
    """A family of configurations that a study runs as a grid, searches, or both.

    Attributes:
        name: Its name, unique in the study.
        fixed: Values of dotted configuration fields that all its configurations share.
        axes: Its keys with several values; the keys of an axis's `when` come before it.
        replicates: Planned runs of each configuration.
        until: When a configuration has more runs than planned, or None for never.
        idle: Keys whose `when` never holds in it, so that they stand at their defaults.
        control: Whether it is there to compare with, so that none of its configurations is ever the best.
    """

    name: str
    fixed: Mapping[str, Any]
    axes: tuple[Axis, ...]
    replicates: int
    until: Until | None = None
    idle: tuple[str, ...] = ()
    control: bool = False

    @property
    def family(self) -> str:
        """The code's distribution: "gaussian" or "categorical"."""
        code: str = self.fixed.get("model.code", default_values()["model.code"])
        return code

    @property
    def variants(self) -> tuple[str, ...]:
        """The model variants that its configurations are of."""
        named: tuple[str, ...] = next((axis.grid for axis in self.axes if axis.name == "model.variant"), ())
        return named or (self.fixed.get("model.variant", default_values()["model.variant"]),)

    @property
    def searched(self) -> tuple[Axis, ...]:
        """The axes that have a search space; none where the block is a grid alone."""
        return tuple(axis for axis in self.axes if axis.search is not None)

    @property
    def max_cells(self) -> int:
        """Size of the product of all grids, from which `cells` leaves out what inactive keys make equal."""
        return math.prod(min(len(axis.grid) for axis in group) for group in self.linked)

    @property
    def linked(self) -> tuple[tuple[Axis, ...], ...]:
        """The axes by what moves together: the members of a `zip` group as one, any other axis alone."""
        groups: dict[str, list[Axis]] = {}
        for axis in self.axes:
            groups.setdefault(axis.name if axis.zip is None else f"zip {axis.zip}", []).append(axis)
        return tuple(map(tuple, groups.values()))

    def searched_group(self, axis: Axis) -> str:
        """Return the zip group that an axis is searched with; empty where it is searched alone."""
        if axis.zip is None or any(other.zip == axis.zip and other.search is not None for other in self.axes):
            return ""
        return axis.zip

    def values(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the dotted values of one configuration, where `chosen` has a value for each active axis.

        Values of inactive axes are dropped, so that their fields stand at their defaults.

        Raises:
            KeyError: An active axis has no value.
        """
        values = dict(self.fixed)
        known = default_values() | dict(self.fixed)
        for axis in self.axes:
            if axis.is_active(known):
                values[axis.name] = known[axis.name] = chosen[axis.name]
        return values

    def config(self, chosen: Mapping[str, Any]) -> RunConfig:
        """Build one configuration from a value for each active axis.

        Raises:
            KeyError: An active axis has no value.
            ValueError: The values exclude one another.
        """
        return run_config(self.values(chosen))

    def cells(self) -> Iterator[dict[str, Any]]:
        """Yield the dotted values of every cell of the grid once; the first of what moves together is the slowest."""
        seen = set()
        conditional = any(axis.when for axis in self.axes)
        names = [axis.name for group in self.linked for axis in group]
        rows = (zip(*(axis.grid for axis in group), strict=False) for group in self.linked)
        for product in itertools.product(*rows):
            values = self.values(dict(zip(names, itertools.chain.from_iterable(product), strict=True)))
            if conditional:
                identity = tuple(values.get(axis.name) for axis in self.axes)
                if identity in seen:
                    continue
                seen.add(identity)
            yield values

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether a search of this block could propose a configuration, given by all its dotted values."""
        axes = {axis.name: axis for axis in self.axes}
        for name, value in values.items():
            axis = axes.get(name)
            if axis is None or not axis.is_active(values):
                if value != self.fixed.get(name, default_values()[name]):
                    return False
            elif value not in (axis.search if axis.search is not None else axis.grid):
                return False
        return bool(self.searched) and all(self._holds_row(group, values) for group in self.linked)

    def _holds_row(self, group: Sequence[Axis], values: Mapping[str, Any]) -> bool:
        """Return whether one row of linked grids has these values wherever its axes are active."""
        active = [axis for axis in group if axis.search is None and axis.is_active(values)]
        rows = zip(*(axis.grid for axis in active), strict=False)
        return not active or tuple(values[axis.name] for axis in active) in set(rows)

    def reaches(self, name: str, value: Any) -> bool:
        """Return whether any configuration of the block, in its grid or its search, has this value of a field."""
        for axis in self.axes:
            if axis.name == name:
                stays_default = bool(axis.when) and default_values()[name] == value
                return stays_default or value in axis.grid or (axis.search is not None and value in axis.search)
        return bool(self.fixed.get(name, default_values()[name]) == value)


def num_grid_runs(blocks: Iterable[Block]) -> int:
    """Return the number of runs that the grids of all blocks take; a configuration that two blocks want counts once."""
    defaults = default_values()
    replicates: dict[frozenset[tuple[str, Any]], int] = {}
    for block in blocks:
        for values in block.cells():
            changed = frozenset(item for item in values.items() if item[1] != defaults[item[0]])
            replicates[changed] = max(replicates.get(changed, 0), block.replicates)
    return sum(replicates.values())


def label_of(values: Mapping[str, Any], block: Block) -> str:
    """Return a short name of a configuration within its block, such as "z=5 n=100"."""
    parts = [f"{short_name(axis.name)}={shown_value(values[axis.name])}" for axis in block.axes if axis.name in values]
    return " ".join(parts) or block.name


def short_name(name: str) -> str:
    """Return the letter of the paper, or the last part of a dotted name."""
    return _SHORT_NAMES.get(name, name.rpartition(".")[2])


def shown_value(value: Any) -> str:
    """Return a configuration value as short text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return ",".join(map(shown_value, value)) if isinstance(value, tuple) else str(value)
