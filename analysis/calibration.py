"""Which cells are calibrated, by the strongest test that has measured them. Draws nothing.

At the optimum of an implicit autoencoder an image and its reconstructions are alike given the code, and only there does
the split describe the data. A critic that tells (x, ẑ) from (x̂, ẑ) says how far a cell is from it. The joint two-sample
test of the full suite sees whole images; the critic of every run sees them averaged, so it finds less.
"""

from __future__ import annotations

import pandas as pd

CALIBRATED = 0.55
"""Up to this accuracy of a critic a cell is said to be near calibration."""

CRITICS = ("joint_accuracy", "critic_accuracy")
"""Measures of calibration; the first one that a cell has decides whether it is calibrated."""


def deciding_critic(values: pd.DataFrame) -> pd.Series[str]:
    """Return the name of the measure that decides of each cell, indexed by `config_key`.

    Args:
        values: A table with `config_key`, `name` and `subject`, and `value` or `mean`.
    """
    column = "value" if "value" in values else "mean"
    known = values[(values["subject"] == "model") & values["name"].isin(CRITICS) & values[column].notna()]
    place = known["name"].map(CRITICS.index)
    first: pd.Series[int] = place.groupby(known["config_key"]).min()
    return first.map(lambda index: CRITICS[index]).astype(object)


def deciding_values(values: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table, as `deciding_critic` takes one, in which each cell's own critic speaks."""
    model = values[(values["subject"] == "model") & values["name"].isin(CRITICS)]
    return model[model["name"] == model["config_key"].map(deciding_critic(values))]


def uncalibrated(cells: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row of `statistics.cell_summary` whether a critic tells its cell's images apart."""
    accuracy = deciding_values(cells).groupby("config_key")["mean"].mean()
    return cells["config_key"].map(accuracy) > CALIBRATED
