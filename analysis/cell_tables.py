"""Tables with a row for each cell of the grid, a column for each measure, and under every value its controls."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis.controls_table import CONTROLS
from analysis.tables import CALIBRATION, Analysis, html_table, label_of, number
from analysis.wording import counted

TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "shares": (
        "Shares of variance, with codes drawn from q(z) and, beside them, from the prior",
        (
            *(
                f"share_{part}_{space}{source}"
                for space in ("feature", "pixel")
                for part in ("z", "n")
                for source in ("", "_prior")
            ),
            "tau_z",
        ),
    ),
    "calibration": ("What says whether the split is about the data", CALIBRATION),
    "clustering": (
        "Clusters and classes, at each number of categories",
        (
            *("clustering_error", "clustering_error_exemplar", "clustering_error_hungarian"),
            *("label_information_gain", "ami", "nmi", "ari", "used_clusters", "code_entropy", "prior_kl"),
        ),
    ),
    "fidelity": (
        "Fidelity, in the measuring classifier's features",
        ("frechet_samples", "frechet_excess", "frechet_reconstructions", "density", "coverage"),
    ),
}
"""Title and measures of each table; columns that no cell has a value of are left out."""

MAX_ROWS = 40
"""Cells that a table shows; cells.csv has all of them."""


def cell_rows(analysis: Analysis, names: tuple[str, ...]) -> tuple[list[str], list[list[str]], int]:
    """Write the cells of the grid that have some of the measures.

    Args:
        analysis: The study's numbers.
        names: The measures.

    Returns:
        The titles of the columns; the rows, trained cells before frozen ones, each value with half the width of its
        seed-level interval and below it those of its controls; and how many cells there are, shown or not.
    """
    cells = analysis.cells[analysis.cells["name"].isin(names) & analysis.cells["mean"].notna()]
    model = cells[cells["subject"] == "model"]
    columns = [name for name in names if (model["name"] == name).any()]
    order = model.drop_duplicates("config_key").assign(vector=lambda table: table["family"].str.startswith("gaussian"))
    order = order.sort_values(
        ["trained_encoder", "vector", "family", "code_size", "noise_dim"], ascending=[False, False, True, True, True]
    )
    found = {
        key: {(row["name"], row["subject"]): row for _, row in group.iterrows()}
        for key, group in cells[cells["config_key"].isin(order["config_key"].head(MAX_ROWS))].groupby("config_key")
    }
    rows = [
        [_name(cell), *(_value(found[cell["config_key"]], name) for name in columns)]
        for _, cell in order.head(MAX_ROWS).iterrows()
    ]
    return ["cell", *(label_of(name) for name in columns)], rows, len(order)


def cell_table_html(analysis: Analysis, table: str) -> str:
    """Return one of `TABLES` as HTML; nothing where no cell has its measures."""
    title, names = TABLES[table]
    head, rows, total = cell_rows(analysis, names)
    if not rows:
        return ""
    left_out = f" {len(rows)} of {counted(total, 'cell')}; cells.csv has all." if len(rows) < total else ""
    note = (
        f"Means over seeds ± half the 95 % seed-level interval, {analysis.split} images; below each value its controls."
        f"{left_out}"
    )
    written = html_table(head, rows, 'class="lines cells"')
    return f'<h3>{title}</h3><p class="note">{note}</p>{written}'


def _name(cell: pd.Series[Any]) -> str:
    label, block = str(cell["label"]), str(cell["block"])
    return label if label == block else f"{label}\n{block}"


def _value(found: dict[tuple[str, str], pd.Series[Any]], name: str) -> str:
    """Write a value and, a line each, its controls."""
    if (name, "model") not in found:
        return "–"
    row = found[name, "model"]
    half = row["mean"] - row["low"]
    lines = [_short(row["mean"]) + (f" ± {_short(half)}" if math.isfinite(half) else "")]
    lines += [
        f"{words} {_short(found[name, control]['mean'])}"
        for control, words in CONTROLS.items()
        if (name, control) in found
    ]
    return "\n".join(lines)


def _short(value: float) -> str:
    return number(value, 2 if abs(value) < 100 else 0)
