"""Mean validation values of every configuration of a study, as a Markdown table: what a recipe may be chosen by.

python -m benchmarks.cell_means STUDY_DIR MEASURE [MEASURE …]
"""

from __future__ import annotations

import sys

import pandas as pd

from analysis.measure_names import MEASURES
from analysis.results import load_results
from analysis.statistics import describe_runs, joined


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    unknown = [name for name in arguments[1:] if name not in MEASURES]
    if len(arguments) < 2 or unknown:
        print("usage: python -m benchmarks.cell_means STUDY_DIR MEASURE [MEASURE …]", file=sys.stderr)
        print(f"Measures must be among {', '.join(MEASURES)}, but got {unknown}.", file=sys.stderr)
        return 2
    names = arguments[1:]
    results = load_results(arguments[0])
    runs = describe_runs(results.runs)
    values = joined(results.measures, runs[runs["status"] == "finished"])
    values = values[(values["split"] == "validation") & (values["subject"] == "model") & values["name"].isin(names)]
    means = values.groupby(["block", "label", "name"], as_index=False)["value"].mean()
    cells = means.pivot_table(index=["block", "label"], columns="name", values="value", dropna=False).reset_index()
    seeds = values.groupby(["block", "label"])["replicate"].nunique()
    cells = cells.merge(seeds.rename("seeds").reset_index(), on=["block", "label"])
    print(f"| block | configuration | {' | '.join(MEASURES[name].label for name in names)} | seeds |")
    print(f"|{'---|' * (len(names) + 3)}")
    for _, row in cells.iterrows():
        label = row["label"] if row["label"] != row["block"] else ""
        written = [_written(row.get(name)) for name in names]
        print(f"| {row['block']} | {label} | {' | '.join(written)} | {row['seeds']} |")
    return 0


def _written(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.2f}".replace("-", "−")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
