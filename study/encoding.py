"""Configurations as Optuna's parameters, and back. Imports no ray, no torch.

Most keys are one parameter of their own name. Three kinds are not:

- A log range that also includes 0 is two, since a logarithm has no place for it: `<name>=0`, true or false, and
  `<name>` where that is false.
- An ordered list of choices is the place in the list, an integer, as `<name>.index`.
- The axes of a zip group that none of them searches on its own are one categorical parameter, `zip.<group>`: the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from iae_models.config import default_values
from study.blocks import Block
from study.search_space import Axis, Choices, FloatRange, IntegerRange, SearchSpace, ZeroOrRange

Parameters = dict[str, tuple[Any, BaseDistribution]]
"""Optuna's parameters by name, each with the distribution that it comes from."""


def suggest(trial: optuna.Trial, block: Block) -> dict[str, Any]:
    """Let a trial choose a value for every active axis of a block, conditions before what they govern."""
    chosen: dict[str, Any] = {}
    known = default_values() | dict(block.fixed)
    rows: dict[str, int] = {}
    for axis in block.axes:
        if not axis.is_active(known):
            continue
        group = block.searched_group(axis)
        if not group:
            value = _suggest(trial, axis.name, axis.space)
        else:
            if group not in rows:
                texts = _rows(group, block)
                rows[group] = texts.index(trial.suggest_categorical(_row_name(group), texts))
            value = axis.grid[rows[group]]
        chosen[axis.name] = known[axis.name] = value
    return chosen


def encode(block: Block, values: Mapping[str, Any]) -> Parameters | None:
    """Return the Optuna parameters of a configuration, each with its distribution.

    Args:
        block: The block.
        values: All dotted values of the configuration.

    Returns:
        What `suggest` would have had to choose; None if it never could.
    """
    parameters: Parameters = {}
    expected = default_values() | dict(block.fixed)
    for axis in block.axes:
        if not axis.is_active(values):
            continue
        if values[axis.name] not in axis.space:
            return None
        expected[axis.name] = values[axis.name]
        group = block.searched_group(axis)
        if not group:
            parameters |= _encode(axis.name, axis.space, values[axis.name])
        elif _row_name(group) not in parameters:
            row = _row_of(group, block, values)
            if row is None:
                return None
            texts = _rows(group, block)
            parameters[_row_name(group)] = (texts[row], CategoricalDistribution(texts))
    return parameters if expected == dict(values) else None


def _suggest(trial: optuna.Trial, name: str, space: SearchSpace) -> Any:
    match space:
        case Choices(values, ordered=True):
            return values[trial.suggest_int(_index_name(name), 0, len(values) - 1)]
        case Choices(values):
            texts = [_plain(value) for value in values]
            return values[texts.index(trial.suggest_categorical(name, texts))]
        case ZeroOrRange(span):
            is_zero = trial.suggest_categorical(_zero_name(name), [False, True])
            return type(span.low)(0) if is_zero else _suggest(trial, name, span)
        case IntegerRange(low, high, log, step):
            return trial.suggest_int(name, low, high, log=log, step=step)
        case FloatRange(low, high, log, width):
            return trial.suggest_float(name, low, high, log=log, step=width)


def _encode(name: str, space: SearchSpace, value: Any) -> Parameters:
    match space:
        case Choices(values, ordered=True):
            return {_index_name(name): (values.index(value), IntDistribution(0, len(values) - 1))}
        case Choices(values):
            return {name: (_plain(value), CategoricalDistribution([_plain(item) for item in values]))}
        case ZeroOrRange(span):
            zero: Parameters = {_zero_name(name): (value == 0, CategoricalDistribution([False, True]))}
            return zero if value == 0 else zero | _encode(name, span, value)
        case IntegerRange(low, high, log, step):
            return {name: (value, IntDistribution(low, high, log=log, step=step))}
        case FloatRange(low, high, log, width):
            return {name: (value, FloatDistribution(low, high, log=log, step=width))}


def _members(group: str, block: Block) -> Iterator[Axis]:
    return (axis for axis in block.axes if axis.zip == group)


def _rows(group: str, block: Block) -> list[str]:
    """Return the rows of a group as texts, such as "[5, 10]"."""
    return [json.dumps(row) for row in zip(*(axis.grid for axis in _members(group, block)), strict=True)]


def _row_of(group: str, block: Block, values: Mapping[str, Any]) -> int | None:
    """Return the first row that has these values wherever its axes are active."""
    active = [axis for axis in _members(group, block) if axis.is_active(values)]
    for row, items in enumerate(zip(*(axis.grid for axis in active), strict=True)):
        if all(value == values[axis.name] for axis, value in zip(active, items, strict=True)):
            return row
    return None


def _row_name(group: str) -> str:
    return f"zip.{group}"


def _index_name(name: str) -> str:
    return f"{name}.index"


def _zero_name(name: str) -> str:
    return f"{name}=0"


def _plain(value: Any) -> Any:
    """Return a value as Optuna can store it in a list of choices."""
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
