"""What figures of the full suite's maps show, computed from the maps. Draws nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

MAPS = {"share_z": "S_z", "share_n": "S_n", "share_zn": "S_zn", "variance": "variance"}
"""The maps of a run that are shown, and their titles."""

FACTOR = "factor_split/"


def shown_maps(maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return each of `MAPS` with shape (H, W) and values in [0, 1]: means over channels, the variance over its largest.

    Args:
        maps: Maps by name, each with shape (C, H, W).
    """
    shown = {name: mean_of_channels(maps[name]) for name in MAPS}
    largest = np.nanmax(shown["variance"]) if np.isfinite(shown["variance"]).any() else 0.0
    return shown | {"variance": shown["variance"] / max(float(largest), 1e-9)}


def mean_of_channels(values: np.ndarray) -> np.ndarray:
    """Return the mean over the channels in which a pixel varies, NaN where it varies in none, with shape (H, W)."""
    known = np.isfinite(values)
    total: np.ndarray = np.where(known, values, 0).sum(axis=0)
    return total / np.where(known.any(axis=0), known.sum(axis=0), np.nan)


def confusion_shares(counts: np.ndarray) -> np.ndarray:
    """Return of each row of a confusion matrix with shape (classes, classes) the shares, 0 in a row without images."""
    shares: np.ndarray = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def factor_splits(cells: pd.DataFrame, most: int) -> tuple[list[str], pd.DataFrame]:
    """Return how much of each known factor the code decides.

    Args:
        cells: Rows of `statistics.cell_summary`.
        most: Cells that are wanted at most, by family and size of the code.

    Returns:
        The factors; and one row for each cell, subject ("model" or "untrained") and factor: `config_key`, `label`,
        `subject`, `factor`, `mean`, `low` and `high`.
    """
    rows = cells[cells["name"].str.startswith(FACTOR) & cells["mean"].notna()]
    rows = rows[rows["subject"].isin(["model", "untrained"])]
    order = rows[rows["subject"] == "model"].drop_duplicates("config_key").sort_values(["family", "code_size"])
    shown = list(order["config_key"].head(most))
    rows = rows[rows["config_key"].isin(shown)].assign(factor=lambda table: table["name"].str.removeprefix(FACTOR))
    rows = rows.drop_duplicates(["config_key", "subject", "factor"])
    rows = rows.assign(place=rows["config_key"].map(shown.index)).sort_values(["place", "subject", "factor"])
    columns = ["config_key", "block", "label", "subject", "factor", "mean", "low", "high", "num_seeds"]
    return sorted(rows["factor"].unique()), rows[columns].reset_index(drop=True)
