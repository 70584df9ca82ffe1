"""The measured values of many runs as one table. A large study has half a million, so it is built by columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

MEASURE_COLUMNS = ("run", "name", "split", "subject", "value", "low", "high", "n", "unit", "status", "reason", "suite")

USABLE = ("ok", "saturated", "misread")
"""Statuses of a measure whose value enters means. A saturated one is a bound, and is counted where it is shown; a
misread one is what a classifier that is often wrong makes of it."""

_PART = 8192
"""Rows after which what JSON was read into makes room for columns: its objects are many, and far apart in memory."""

_NUMBERS = ("value", "low", "high", "n")
_RECORDED = tuple(name for name in MEASURE_COLUMNS if name not in ("run", "suite"))
_DEFAULTS = {"split": "test", "subject": "model", "unit": "", "status": "ok", "reason": ""}


class MeasureColumns:
    """Columns that grow run by run, a part of the table of all runs."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in MEASURE_COLUMNS}

    def add(self, run: str, suite: str, measures: Sequence[Mapping[str, Any]]) -> None:
        """Append what a suite recorded of one run; each measure has a name, and whatever else."""
        for name in _RECORDED:
            self._columns[name].extend([measure.get(name) for measure in measures])
        self._columns["run"].extend([run] * len(measures))
        self._columns["suite"].extend([suite] * len(measures))
        if len(self._columns["run"]) > _PART:
            self._end_part()

    def parts(self) -> list[pa.Table]:
        """Return what was added so far."""
        self._end_part()
        return self._parts

    def _end_part(self) -> None:
        arrays = {
            name: pa.array(floats(items) if name in _NUMBERS else _texts(items, _DEFAULTS.get(name, "")), _type(name))
            for name, items in self._columns.items()
        }
        self._parts.append(pa.table(arrays))
        self._columns = {name: [] for name in MEASURE_COLUMNS}


def measure_table(parts: Sequence[pa.Table], problems: list[str]) -> pd.DataFrame:
    """Return one row a value with the columns above, and append a line to `problems` for each that is of no use.

    `value` is NaN wherever `status` is none of `USABLE`. Of several values of one measure the last is kept.

    Args:
        parts: Those of some `MeasureColumns`, in order.
        problems: What is of no use is named there.
    """
    table: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    usable = table["status"].isin(USABLE)
    invalid = usable & table["value"].isna()
    for _, item in table[invalid].iterrows():
        problems.append(
            f"runs/{item['run']}/measures.json: {item['name']} must be a finite number where its status is ok."
        )
    table.loc[invalid, ["status", "reason"]] = ["invalid", "the recorded value is no finite number"]
    table.loc[invalid | ~usable, ["value", "low", "high"]] = math.nan
    identity = ["run", "name", "split", "subject"]
    for _, item in table[table.duplicated([*identity, "suite"])].iterrows():
        problems.append(f"runs/{item['run']}/measures.json: {item['name']} is there twice; the last one is used.")
    repeated = table.duplicated(identity, keep="last")
    return table[~repeated].reset_index(drop=True) if repeated.any() else table


def floats(items: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Return items as floats; what is no finite number becomes NaN, booleans and text included."""
    plain = set(map(type, items)) <= {float, int, type(None)}
    try:
        values = np.array(items if plain else [_float(item) for item in items], dtype=float)
    except OverflowError:
        values = np.array([_float(item) for item in items], dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _float(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _texts(items: Sequence[Any], default: str) -> Sequence[str]:
    if set(map(type, items)) <= {str}:
        return items
    return [item if isinstance(item, str) else default for item in items]


def _type(name: str) -> pa.DataType:
    return pa.float64() if name in _NUMBERS else pa.large_string()
