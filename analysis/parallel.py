"""Configurations over parallel axes: where on each axis a value lies, and what is written there. Draws nothing.

Reference:
    Inselberg (1985), The plane with parallel coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

LOGARITHMIC = 8
"""From this ratio of largest to smallest positive value on an axis is logarithmic, as sizes and rates are searched."""


@dataclass(frozen=True)
class ParallelAxis:
    """One axis.

    Attributes:
        name: What it shows.
        ticks: Places from 0 to 1, and what is written at each.
        places: Where each configuration lies, from 0 to 1, with shape (configurations,); NaN where it has no value.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    places: np.ndarray


def parallel_axes(table: pd.DataFrame) -> list[ParallelAxis]:
    """Return an axis for each column of a table of configurations, one a row.

    Numbers lie on a linear axis, or a logarithmic one where they are positive and spread widely; anything else lies at
    equal distances, in the order of its text. A column of one value lies in the middle.
    """
    return [_axis(str(name), table[name].tolist()) for name in table]


def best_share(values: pd.Series[float], maximize: bool, share: float = 0.1) -> np.ndarray:
    """Return which values are among the best `share` of them, at least one, or tie with the last of these."""
    count = max(1, round(share * len(values)))
    ordered = values.sort_values(ascending=not maximize)
    last = ordered.iloc[count - 1]
    return (values >= last if maximize else values <= last).to_numpy()


def _axis(name: str, values: Sequence[Any]) -> ParallelAxis:
    known = [value for value in values if not _is_missing(value)]
    if all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in known):
        numbers = np.array([np.nan if _is_missing(value) else float(value) for value in values])
        return _number_axis(name, numbers)
    texts = sorted({str(value) for value in known})
    places = np.linspace(0, 1, len(texts)) if len(texts) > 1 else np.array([0.5])
    place = dict(zip(texts, places.tolist(), strict=True))
    found = np.array([np.nan if _is_missing(value) else place[str(value)] for value in values])
    return ParallelAxis(name, tuple((place[text], text) for text in texts), found)


def _number_axis(name: str, numbers: np.ndarray) -> ParallelAxis:
    different = np.unique(numbers[np.isfinite(numbers)])
    if len(different) < 2:
        ticks = tuple((0.5, f"{value:.3g}") for value in different)
        return ParallelAxis(name, ticks, np.where(np.isfinite(numbers), 0.5, np.nan))
    low, high = different[0], different[-1]
    scale = np.log if low > 0 and high / low >= LOGARITHMIC else np.asarray
    ends = scale(np.array([low, high]))

    def place(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = (scale(values) - ends[0]) / (ends[1] - ends[0])
        return found

    middle = np.exp(ends.mean()) if scale is np.log else ends.mean()
    # few values are all written; of many the ends and a middle, which need be none of them
    written = different if len(different) <= 4 else np.array([low, middle, high])
    ticks = tuple((float(at), f"{value:.3g}") for at, value in zip(place(written), written, strict=True))
    return ParallelAxis(name, ticks, place(numbers))


def _is_missing(value: object) -> bool:
    return value is None or value != value
