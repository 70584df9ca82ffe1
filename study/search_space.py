"""Which values a searched key may take, as data that a sampler of any library can be built from. Imports no optuna.

A study file writes a search space as one of

    {low: 2, high: 40}                            every integer, or every number, by the type of the field
    {low: 2, high: 40, step: 2}                   2, 4, …, 40
    {low: 1, high: 200, log: true}                uniform in the logarithm
    {low: 1, high: 200, log: true, include: 0}    the same, or exactly 0
    {choices: [5, 10, 20]}                        one of these
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class IntegerRange:
    """All integers from `low` to `high`, both included, in steps of `step` from `low`.

    Attributes:
        low: Smallest value.
        high: Largest value; `low` plus a multiple of `step`.
        log: Whether the prior is uniform in the logarithm; `step` is then 1.
        step: Distance of neighbouring values.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __contains__(self, value: object) -> bool:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and self.low <= value <= self.high and (value - self.low) % self.step == 0  # type: ignore[operator]

    @property
    def corners(self) -> tuple[int, ...]:
        """The outermost values."""
        return (self.low, self.high)


@dataclass(frozen=True)
class FloatRange:
    """All numbers from `low` to `high`, both included.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Whether the prior is uniform in the logarithm; `step` is then None.
        step: Distance of neighbouring values, or None for every number.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return math.isclose(steps, round(steps), abs_tol=1e-9)

    @property
    def corners(self) -> tuple[float, ...]:
        """The outermost values."""
        return (self.low, self.high)


@dataclass(frozen=True)
class ZeroOrRange:
    """Either exactly 0 or a value of a range that does not hold 0, such as a logarithmic one."""

    range: IntegerRange | FloatRange

    def __contains__(self, value: object) -> bool:
        return (value == 0 and not isinstance(value, bool)) or value in self.range

    @property
    def corners(self) -> tuple[int | float, ...]:
        """Zero and the outermost values of the range."""
        return (0, *self.range.corners)


@dataclass(frozen=True)
class Choices:
    """One of the listed values: texts, booleans, integers or numbers.

    Attributes:
        values: The values.
        ordered: Whether neighbours in the list are alike, so that a sampler may go by their place in it.
    """

    values: tuple[Any, ...]
    ordered: bool = False

    def __contains__(self, value: object) -> bool:
        return any(value == item and isinstance(value, bool) == isinstance(item, bool) for item in self.values)

    @property
    def corners(self) -> tuple[Any, ...]:
        """All values."""
        return self.values


SearchSpace = IntegerRange | FloatRange | ZeroOrRange | Choices


@dataclass(frozen=True)
class Axis:
    """A key of a block that takes several values.

    Attributes:
        name: Dotted name of a configuration field.
        grid: Values that the block's cells take. Empty only in a block without any grid.
        search: Where values are searched, or None.
        when: For other keys of the block, the values that they must have for this key to be active. An inactive key
            stands at its default.
        zip: Name of the group of axes that move together, or None: their grids are as long as one another, and the
            cells take the first values of all, then the second ones, and so on.
    """

    name: str
    grid: tuple[Any, ...] = ()
    search: SearchSpace | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    zip: str | None = None

    @property
    def space(self) -> SearchSpace:
        """Where a search takes its values from; an axis that is not searched has those of its grid."""
        return self.search if self.search is not None else Choices(self.grid)

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Return whether the key is active beside these values of other keys, which must include those of `when`."""
        return all(values[name] in allowed for name, allowed in self.when.items())
