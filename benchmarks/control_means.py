"""Trained models beside their controls, as Markdown tables: what `tables/controls.csv` of a report holds.

    python -m benchmarks.control_means STUDY_DIR

One table for Gaussian codes and one for each number of categories. A difference is paired by cell and seed, with its
95 % interval over seeds, and bold where the trained models are behind beyond it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from analysis.controls_table import CONTROLS
from analysis.full_measure_names import measure_info

COLUMNS = ("frozen", "pca", "kmeans", "untrained", "chance")
"""The control subjects that are columns."""


def main(arguments: list[str]) -> int:
    """Print the tables and return the exit code."""
    table = Path(arguments[0], "report", "tables", "controls.csv") if len(arguments) == 1 else None
    if table is None or not table.is_file():
        print("usage: python -m benchmarks.control_means STUDY_DIR, a study with a report", file=sys.stderr)
        return 2
    controls = pd.read_csv(table)
    groups: dict[tuple[str, float], pd.DataFrame] = dict(
        [*controls.fillna({"num_categories": 0}).groupby(["code", "num_categories"], sort=False)]
    )
    for (code, num), rows in groups.items():
        columns = [name for name in COLUMNS if f"minus_{name}" in rows and rows[f"minus_{name}"].notna().any()]
        kind = "Gaussian" if code == "gaussian" else "Categorical" if not num else f"K = {num:.0f}"
        cells = int(rows["trained_cells"].max())
        heads = [f"{kind}, mean over {cells} cell{'s' if cells > 1 else ''}", "trained"]
        heads += [f"trained − {CONTROLS[name]}" for name in columns]
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for _, row in rows.iterrows():
            info = measure_info(str(row["name"]))
            label, better = (info.label, info.better) if info else (str(row["name"]), "neither")
            parts = [_difference(row, name, better) for name in columns]
            print(f"| {label} | {_number(row['trained'])} | {' | '.join(parts)} |")
        print()
    return 0


def _difference(row: pd.Series, control: str, better: str) -> str:
    value, low, high = (row[f"minus_{control}{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return ""
    behind = low > 0 if better in ("lower", "floor") else high < 0 if better == "higher" else False
    text = f"**{_signed(value)}**" if behind else _signed(value)
    return text if pd.isna(low) else f"{text} ({_signed(low)} to {_signed(high)})"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
