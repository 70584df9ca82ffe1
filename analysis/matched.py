"""Where cells may be averaged: over dimensions of a Gaussian code, but never over numbers of categories.

The number of categories K moves a clustering error, I(y; k), the rate and the variance shares by itself, whatever is
learnt, so every mean over cells of a categorical code is one at one K.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

MATCHED = "num_categories"
"""Column of tables of means: the number of categories that a row is about, NaN where codes are not categorical."""


def at_one_size(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the column `MATCHED` added, by which means over cells are to be grouped.

    Args:
        table: A table with `code` and `code_size`.
    """
    return table.assign(**{MATCHED: table["code_size"].where(table["code"] == "categorical").astype(float)})


def code_groups(table: pd.DataFrame) -> list[tuple[str, float, pd.DataFrame]]:
    """Split a table into the groups over which means may be taken.

    Args:
        table: A table with `code`, and `code_size` or already the column of `at_one_size`.

    Returns:
        Code, number of categories (NaN of other codes) and rows of each group; Gaussian codes first, fewer categories
        before more.
    """
    if table.empty:
        return []
    rows = table if MATCHED in table else at_one_size(table)
    places = rows[["code", MATCHED]].drop_duplicates().sort_values(["code", MATCHED])
    found = []
    for code, size in zip(places["code"].map(str), places[MATCHED].map(float), strict=True):
        same_size = rows[MATCHED].isna() if math.isnan(size) else rows[MATCHED] == size
        found.append((code, size, rows[(rows["code"] == code) & same_size]))
    return sorted(found, key=lambda group: group[0] != "gaussian")


def group_words(code: object, size: object, names: dict[str, str] | None = None) -> str:
    """Return the name of a group of cells: its code, and its number of categories where it has one."""
    name = (names or {}).get(str(code), str(code))
    return f"{name}, K = {size:g}" if isinstance(size, int | float) and math.isfinite(size) else name


def some_sizes(sizes: Iterable[float], most: int) -> list[float]:
    """Return at most `most` of some sizes, in order, evenly spaced from the smallest to the largest; NaN is none."""
    order = sorted({float(size) for size in sizes if math.isfinite(size)})
    return [order[index] for index in np.linspace(0, len(order) - 1, min(len(order), most)).round().astype(int)]
