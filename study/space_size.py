"""How many configurations a search can propose, and whether it has proposed all. Imports no torch, ray or optuna."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Any

from iae_models.config import RunConfig, flatten
from study.blocks import Block
from study.search_space import Choices, FloatRange, IntegerRange, SearchSpace, ZeroOrRange

MAX_COUNTED = 10_000
"""Size of the product of all values above which the configurations of a space are not counted."""


def num_configurations(block: Block) -> int | None:
    """Return how many configurations a block's search can propose; None where they are too many to count."""
    values = {axis.name: _all_values(axis.space) for axis in block.axes}
    # the axes of a zip group count once for each row, which the product over-counts and `cells` does not
    if any(items is None for items in values.values()) or math.prod(map(len, values.values())) > MAX_COUNTED:  # type: ignore[arg-type]
        return None
    axes = tuple(
        dataclasses.replace(axis, grid=tuple(values[axis.name] or ()), zip=block.searched_group(axis) or None)
        for axis in block.axes
    )
    return sum(1 for _ in dataclasses.replace(block, axes=axes).cells())


def is_used_up(block: Block, configurations: Collection[RunConfig]) -> bool:
    """Return whether a search has nothing new left to propose beside these configurations, each given once."""
    size = num_configurations(block)
    if size is None or len(configurations) < size:
        return False
    return sum(block.holds(flatten(config)) for config in configurations) >= size


def _all_values(space: SearchSpace) -> list[Any] | None:
    match space:
        case Choices(values):
            return list(values)
        case ZeroOrRange(IntegerRange() as span):
            return [0, *range(span.low, span.high + 1, span.step)]
        case IntegerRange(low, high, _, step):
            return list(range(low, high + 1, step))
        case FloatRange(low, high, _, float(width)):
            return [low + width * index for index in range(round((high - low) / width) + 1)]
        case _:
            return None
