"""How counts, fractions and lists are written in a sentence."""

from __future__ import annotations

from analysis.statistics import GridMean
from analysis.tables import number, signed


def percent(value: float, digits: int = 0) -> str:
    """Write a fraction in per cent."""
    return f"{number(100 * value, digits)} %"


def interval(mean: GridMean, sign: bool = False) -> str:
    """Write a mean with its 95 % seed-level interval in brackets, as a difference where `sign` is set."""
    write = signed if sign else number
    return write(mean.mean) + (f" [{write(mean.low)}, {write(mean.high)}]" if mean.has_interval else "")


def between_words(mean: GridMean, sign: bool = False) -> str:
    """Write the seed-level interval of a mean; nothing where there is none."""
    write = signed if sign else number
    return f"95 % interval {write(mean.low)} to {write(mean.high)}" if mean.has_interval else ""


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, which takes an s in the plural."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(items: list[str]) -> str:
    """Join items with commas, and the last one with "and"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"


def first_of(items: list[str], most: int = 6) -> str:
    """Join the first items, and say how many there are beyond them."""
    return listed(items) if len(items) <= most else f"{', '.join(items[:most])} and {len(items) - most} more"


def cell_name(block: str, label: str) -> str:
    """Return what a cell of a grid is called where other blocks may have its label: block and label.

    A block of one cell is labelled by its own name.
    """
    return label if block in ("", label) else f"{block}, {label}"
