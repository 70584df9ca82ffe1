"""Trained models beside every control that the study has, over the same cells, one table. Draws nothing.

A control is another subject that the same run measured (an untrained network, PCA, k-means, chance, …), or the run that
differs in nothing but that its encoder is frozen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from analysis.matched import MATCHED, at_one_size, code_groups
from analysis.statistics import GridMean, estimate, subject_differences

CONTROLS = {
    "frozen": "frozen encoder",
    "untrained": "untrained",
    "pca": "PCA",
    "kmeans": "k-means",
    "mean_image": "mean image",
    "chance": "chance",
    "floor": "floor",
    "real": "real data",
    "shuffled": "shuffled codes",
}
"""Every control and its name at the head of a column, in their order."""


def controls_table(grid: pd.DataFrame, pairs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Put trained encoders beside their controls.

    Args:
        grid: A table of `statistics.joined`, grid runs on one split, without values that are so by identity.
        pairs: Trained minus frozen, of `statistics.control_differences`.
        names: The measures.

    Returns:
        One row for each code, number of categories and measure that trained encoders have: `trained` with its interval,
        `trained_low` and `trained_high`, over `trained_cells`; for each of `CONTROLS` its mean, `<control>`, and
        trained minus control with its interval, `minus_<control>`, `…_low`, `…_high`, and over how many cells,
        `…_cells`; NaN where the control is missing.
    """
    trained = grid[(grid["subject"] == "model") & grid["trained_encoder"] & grid["value"].notna()]
    tables = {name: at_one_size(pairs if name == "frozen" else subject_differences(grid, name)) for name in CONTROLS}
    rows = []
    for code, size, group in code_groups(trained):
        for name in names:
            chosen = group[group["name"] == name]
            if chosen.empty:
                continue
            row: dict[str, object] = {"code": code, MATCHED: size, "name": name}
            row.update(_columns("trained", estimate(chosen, "value")))
            for control, table in tables.items():
                same_size = table[MATCHED].isna() if math.isnan(size) else table[MATCHED] == size
                beside = table[(table["name"] == name) & (table["code"] == code) & same_size]
                row[control] = estimate(beside, "control").mean
                row.update(_columns(f"minus_{control}", estimate(beside, "difference")))
            rows.append(row)
    return pd.DataFrame(rows)


def _columns(prefix: str, mean: GridMean) -> dict[str, object]:
    return {
        prefix: mean.mean,
        f"{prefix}_low": mean.low,
        f"{prefix}_high": mean.high,
        f"{prefix}_cells": mean.num_cells,
    }
