"""Reading the keys of one mapping of a study file, with every problem collected instead of raised. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from study.problems import Mark, Problem, did_you_mean, nearest, shown
from study.yaml_source import Located


class Fields:
    """The keys of one mapping: each is asked for once, with its type, and what is not as it must be becomes a problem.

    Args:
        node: The mapping; anything else is a problem, and all keys then stand at their defaults.
        path: Dotted path of the mapping, empty for the file as a whole.
        known: Every key that it may have.
        problems: Where problems are appended.
        template: How a mapping is written that has only "…", for whoever wrote that alone.
    """

    def __init__(
        self, node: Located, path: str, known: Sequence[str], problems: list[Problem], template: str = ""
    ) -> None:
        self.mark = node.mark
        self.path = path
        self.problems = problems
        self.values: dict[str, Located] = {}
        self.keys: dict[str, Mark] = node.keys
        self._misspelt: set[str | None] = set()
        self._is_mapping = isinstance(node.value, dict)
        if not self._is_mapping:
            hint = as_written(node, template)
            self.report(f"must be a mapping with the keys {', '.join(known)}, but got {shown(node.plain)}{hint}")
            return
        self.values = node.value
        for key in node.value:
            if key not in known:
                self._misspelt.add(nearest(key, known))
                self.report(f"there must be no key {shown(key)} here{did_you_mean(key, known)}", mark=node.keys[key])

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def report(self, message: str, key: str = "", mark: Mark | None = None) -> None:
        """Append a problem with the value of `key`, or with the mapping itself."""
        path = ".".join(part for part in (self.path, key) if part)
        place = mark or (self.values[key].mark if key in self.values else self.mark)
        self.problems.append(Problem(place, path, message))

    def stated(self, key: str) -> bool:
        """Return whether a key is there and is not null."""
        return key in self.values and self.values[key].value is not None

    def lacks(self, key: str) -> bool:
        """Return whether there is a mapping without a key, unless another one is that key misspelt."""
        return self._is_mapping and key not in self.values and key not in self._misspelt

    def require(self, *keys: str) -> None:
        """Report each of the keys that the mapping lacks, unless another one is that key misspelt."""
        for key in keys if self.keys else ():
            if self.lacks(key):
                self.report(f"must have {key}, but has {', '.join(self.values)}")

    def child(self, key: str) -> str:
        """Return the dotted path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str, default: str = "", options: Sequence[str] = ()) -> str:
        """Read a text, one of `options` if there are any."""
        value = self._plain(key, default)
        if not isinstance(value, str):
            self.report(f"must be a text, but got {shown(value)}", key)
            return default
        if options and value not in options:
            hint = did_you_mean(value, options)
            hint = hint if "mean" in hint else ""
            self.report(f"must be one of {', '.join(options)}, but got {shown(value)}{hint}", key)
            return default or options[0]
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """Read true or false."""
        value = self._plain(key, default)
        if isinstance(value, bool):
            return value
        self.report(f"must be true or false, but got {shown(value)}", key)
        return default

    def integer(self, key: str, default: int, low: int) -> int:
        """Read an integer of at least `low`."""
        value = self._plain(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= low:
            return value
        hint = f"; did you mean {int(value)}?" if isinstance(value, float) and value.is_integer() else ""
        self.report(f"must be an integer of at least {low}, but got {shown(value)}{hint}", key)
        return default

    def number(self, key: str, default: float, low: float, above: bool = False) -> float:
        """Read a finite number of at least `low`, or above it."""
        value = self._plain(key, default)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if is_number and (value > low if above else value >= low):
            return float(value)
        self.report(f"must be a number {'above' if above else 'of at least'} {low:g}, but got {shown(value)}", key)
        return default

    def items(self, key: str, template: str = "") -> list[Located]:
        """Read a list; one that is left out is empty. `template` is how one is written that holds only "…"."""
        if key not in self.values:
            return []
        node = self.values[key]
        if isinstance(node.value, list):
            return node.value
        self.report(f"must be a list, but got {shown(node.plain)}{as_written(node, template)}", key)
        return []

    def mapping(self, key: str, template: str = "") -> Located:
        """Read a mapping; one that is left out, or is no mapping, is empty. `template` is as for `Fields`."""
        node = self.values.get(key, Located({}, self.mark))
        if isinstance(node.value, dict):
            return node
        self.report(f"must be a mapping, but got {shown(node.plain)}{as_written(node, template)}", key)
        return Located({}, node.mark)

    def _plain(self, key: str, default: Any) -> Any:
        return self.values[key].plain if key in self.values else default


def as_written(node: Located, template: str) -> str:
    """Return the end of a message: how what stands alone is written, by a template in which it is "…"."""
    value = node.plain
    is_alone = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return f"; write {template.replace('…', str(value))}" if template and is_alone else ""
