"""Losses over steps, from the lanes into immutable Parquet parts.

The driver is the only writer. A part is written whole and then renamed, so a reader never sees half of one, and parts
are numbered on from what a former launch left. Steps that are trained again are written again only where their values
differ, as they may on a GPU: a reader keeps, for each (run, step, name), the last row of the highest part.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.whole_files import atomic_path
from study.records import RunFolder

SCHEMA = pa.schema(
    [
        ("run", pa.string()),
        ("step", pa.int64()),
        ("time_s", pa.float64()),
        ("name", pa.string()),
        ("value", pa.float64()),
    ]
)
"""One row is one scalar of one run at one step; `time_s` counts from the beginning of the run."""


class HistoryWriter:
    """Collects rows and writes them out as one part after another.

    Args:
        folder: The study's `history` folder.
        interval_s: Seconds between two parts.

    Attributes:
        problem: Why the last part could not be written; empty while all is well.
    """

    def __init__(self, folder: Path, interval_s: float = 5.0) -> None:
        self._folder = folder
        self._interval_s = interval_s
        self._rows: list[tuple[str, int, float, str, float]] = []
        self._last_write = time.monotonic()
        self._number = next_part(folder)
        self._noted: dict[str, dict[tuple[int, str], float]] = {}
        self._ended: list[RunFolder] = []
        self.problem = ""

    def take_up(self, run: str, known: Mapping[tuple[int, str], float]) -> None:
        """Go on with a run of which these values are written already, by step and name."""
        self._noted.setdefault(run, {}).update(known)

    def add(self, run: str, step: int, time_s: float, values: Mapping[str, float]) -> None:
        """Note the scalars of one run at one step, except those that are known."""
        noted = self._noted.setdefault(run, {})
        for name, value in values.items():
            if noted.get((step, name)) != value:
                noted[step, name] = value
                self._rows.append((run, step, time_s, name, float(value)))

    def end(self, run: RunFolder) -> None:
        """Remove the log of a run that has come to its end, once all its rows are written."""
        self._noted.pop(run.key, None)
        self._ended.append(run)

    def write_if_due(self) -> None:
        """Write a part if there are rows and the last part is long enough ago."""
        if time.monotonic() - self._last_write >= self._interval_s:
            self.write()

    def write(self) -> None:
        """Write what has been noted since the last part, if anything; what cannot be written is kept for the next."""
        self._last_write = time.monotonic()
        try:
            if self._rows:
                self._write_part()
                self._number += 1
                self._rows.clear()
            while self._ended:
                self._ended[-1].log.unlink(missing_ok=True)
                self._ended.pop()
        except OSError as error:  # a curve is worth less than the runs that a full disk would take along
            self.problem = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            self.problem = ""

    def _write_part(self) -> None:
        columns: list[Any] = list(map(list, zip(*self._rows, strict=True)))
        with atomic_path(self._folder / f"part-{self._number:06d}.parquet") as temporary:
            pq.write_table(pa.table(columns, schema=SCHEMA), temporary, compression="zstd")


def next_part(folder: Path) -> int:
    """Return the number of the next part: one more than the highest in the folder."""
    matches = (re.fullmatch(r"part-(\d+)\.parquet", path.name) for path in folder.glob("part-*"))
    return max((int(match[1]) for match in matches if match), default=-1) + 1


def known_values(folder: Path, runs: Sequence[str]) -> dict[str, dict[tuple[int, str], float]]:
    """Return what the parts in a folder hold of some runs, by step and name; parts that cannot be read hold nothing."""
    known: dict[str, dict[tuple[int, str], float]] = {run: {} for run in runs}
    for path in sorted(folder.glob("part-*.parquet")) if runs else ():
        try:
            rows = pq.read_table(path, schema=SCHEMA, filters=[("run", "in", list(runs))]).to_pylist()
        except (OSError, pa.ArrowException):
            continue
        for row in rows:
            known[row["run"]][row["step"], row["name"]] = row["value"]
    return known
