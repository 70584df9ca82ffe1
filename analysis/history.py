"""The logged losses of a study, read only for the runs that are asked for: all of them can be many millions of rows."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = ("run", "step", "time_s", "name", "value")


class History:
    """The parts of a study's history.

    Attributes:
        problems: One line for each part that could not be used so far: a file's last bytes are looked at when the study
            is loaded, the rest when it is read.
    """

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        found = sorted(folder.glob("part-*.parquet")) if folder.is_dir() else []
        self._parts = [path for path in found if self._has_columns(path)]

    def read(self, runs: Collection[str] | None = None) -> pd.DataFrame:
        """Return one row a logged value, ordered by run, name and step.

        Args:
            runs: Keys of the runs that are wanted; None for all.

        Returns:
            The columns `run`, `step`, `time_s`, `name` and `value`; what is no finite number is NaN.
        """
        tables = [table for table in (self._read_part(path, runs) for path in self._parts) if table is not None]
        if not tables:
            return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
        table: pd.DataFrame = pa.concat_tables(tables).to_pandas()
        # A run that was resumed has logged some steps twice; the later part is the one that was kept.
        table = table.drop_duplicates(["run", "name", "step"], keep="last")
        return table.sort_values(["run", "name", "step"], ignore_index=True)

    def _has_columns(self, path: Path) -> bool:
        try:
            names = pq.read_schema(path).names
        except (OSError, pa.ArrowException) as error:
            self._complain(path, f"must be a Parquet file, but is not: {error}")
            return False
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            self._complain(path, f"must have the columns {list(COLUMNS)}, but {missing} are missing.")
        return not missing

    def _read_part(self, path: Path, runs: Collection[str] | None) -> pa.Table | None:
        try:
            table = _rows_of(path, runs)
            if table is None:
                return None
            columns = [
                table[name].cast(pa.string()) if name in ("run", "name") else _numbers(table[name]) for name in COLUMNS
            ]
        except (OSError, pa.ArrowException) as error:
            self._complain(path, f"must be readable, but is not: {error}")
            return None
        return pa.table(columns, names=list(COLUMNS))

    def _complain(self, path: Path, words: str) -> None:
        self.problems.append(f"{path.parent.name}/{path.name}: {' '.join(words.split())}")


def _rows_of(path: Path, runs: Collection[str] | None) -> pa.Table | None:
    with pq.ParquetFile(path, read_dictionary=["run", "name"]) as file:
        if runs is None:
            return file.read(columns=list(COLUMNS))
        # most parts hold none of few runs, and their names are the smallest of the columns
        chosen = pc.is_in(file.read(columns=["run"])["run"], pa.array(sorted(runs), pa.string()))
        return file.read(columns=list(COLUMNS)).filter(chosen) if pc.any(chosen).as_py() else None


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as doubles, what is no finite number as NaN; text has no numbers."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return pa.chunked_array([pa.nulls(len(column), pa.float64())])
    values = column.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
