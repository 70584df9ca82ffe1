"""The runs of a study folder as a table, JSON or CSV. Imports no torch, ray or pandas.

    python -m study.trials DIR [-f table|json|csv]

One row a run: its name, block, label, replicate, status, the configuration fields in which any run differs from the
defaults, and the final measures of the trained model on test images. A measure that is undefined or refused has no
value; the reason is in the run's `measures.json`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.failures import BadInput
from study.folder_argument import study_folder
from study.output import columns, print_whole
from study.records import RunFolder, StudyFolder, read_json, run_status

IDENTITY = ("key", "block", "label", "replicate", "origin", "trial", "status", "reason")

TABLE_COLUMNS = ("key", "block", "label", "replicate", "status")
TABLE_MEASURES = (
    "critic_accuracy",
    "rate",
    "r2_mean",
    "share_z_pixel",
    "dispersion_ratio",
    "label_preservation",
    "clustering_error",
)
"""Measures that a table has room for; JSON and CSV have all of them."""


def trial_rows(folder: StudyFolder) -> list[dict[str, Any]]:
    """Return one flat row for each run of a study.

    A row has the keys of `IDENTITY`, then by dotted name the fields of the configuration that any run changes, then by
    name the measures of the trained model on test images. A record that cannot be read gives the status "unreadable"
    and the reason.
    """
    rows = [_row(run) for run in folder.run_folders()]
    changed = dict.fromkeys(name for _, config, _, _ in rows for name in config)
    return [
        {**identity, **{name: fields[name] for name in changed if name in fields}, **measures}
        for identity, fields, measures in ((row, {**every, **config}, values) for row, config, every, values in rows)
    ]


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a JSON list of objects; a value that a run lacks is null."""
    columns = columns_of(rows)
    return json.dumps([{name: row.get(name) for name in columns} for row in rows], indent=1, ensure_ascii=False)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as CSV with a header; a value that a run lacks is empty."""
    columns = columns_of(rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return buffer.getvalue().removesuffix("\n")


def as_table(rows: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """Return the rows as text for a terminal, with the measures that say most and the reason of what failed.

    Args:
        rows: The rows.
        width: Columns of the terminal, for which measures are left out from the last on, and reasons are cut; None
            leaves nothing out.
    """
    if not rows:
        return "no runs"
    measures = [name for name in TABLE_MEASURES if any(row.get(name) is not None for row in rows)]
    reason = ["reason"] if any(row["reason"] for row in rows) else []
    taken = measures
    while width is not None and taken and _width(rows, [*TABLE_COLUMNS, *taken]) > width:
        taken = taken[:-1]
    names = [*TABLE_COLUMNS, *taken, *reason]
    lines = [line if width is None else _cut(line, width) for line in _aligned(rows, names, {"replicate", *taken})]
    if taken != measures:
        lines.append(_cut(f"-f csv has more, such as {', '.join(measures[len(taken) :])}", width))
    return "\n".join(lines)


def _aligned(rows: Sequence[Mapping[str, Any]], names: Sequence[str], right: Container[str]) -> list[str]:
    """Return a heading and rows of some columns, those in `right` to the right."""
    cells = [[*names], *([_rounded(row.get(name)) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(names, line, widths, strict=True)
        ).rstrip()
        for line in cells
    ]


def _width(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> int:
    return max(map(len, _aligned(rows, names, ())))


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"


FORMATS: dict[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "table": lambda rows: as_table(rows, columns() if sys.stdout.isatty() else None),
    "json": as_json,
    "csv": as_csv,
}


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return every column of the rows: identity, configuration fields, measures, each in the order of appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    fields = [name for name in names if "." in name]
    measures = [name for name in names if "." not in name and name not in IDENTITY]
    return [*IDENTITY, *fields, *measures]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the runs of a study folder; return 0, or 2 where the folder holds no study."""
    parser = argparse.ArgumentParser("python -m study.trials", description="List the runs of a study folder.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a study folder, such as runs/decomposition")
    parser.add_argument("-f", "--format", choices=list(FORMATS), default="table", help="how to write them")
    options = parser.parse_args(arguments)
    try:
        folder = study_folder(options.folder)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if print_whole(FORMATS[options.format](trial_rows(folder))) else 1


def _row(run: RunFolder) -> tuple[dict[str, Any], Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
    """Return the values of `IDENTITY`, the changed fields of the configuration, all its fields, and the measures."""
    row: dict[str, Any] = dict.fromkeys(IDENTITY)
    row |= {"key": run.key, "status": run_status(run)}
    config: Mapping[str, Any] = {}
    every: Mapping[str, Any] = {}
    measures: Mapping[str, Any] = {}
    try:
        record = read_json(run.run)
        row |= {name: record.get(name) for name in ("block", "label", "replicate", "origin", "trial")}
        config, every = _mapping(record.get("config")), _mapping(record.get("all"))
        if row["status"] == "finished":
            # those of the trained model on test images
            measures = _mapping(_mapping(read_json(run.result).get("values")).get("test"))
        elif row["status"] == "failed":
            row["reason"] = read_json(run.failure).get("reason")
    except (OSError, ValueError) as error:
        row |= {"status": "unreadable", "reason": str(error)}
    return row, config, every, measures


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _cell(value: Any) -> Any:
    """Return a value as CSV holds it: booleans and lists as JSON, nothing as an empty cell."""
    return json.dumps(value) if isinstance(value, (bool, list, dict)) else value


def _rounded(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
