"""What became of a study's cells besides their measures: failures, dead clusters, ignored noise, and their cost."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pandas as pd

from analysis.results import StudyResults
from analysis.statistics import Z95

UNUSED_NOISE = 0.3
"""Below this dispersion ratio the decoder is said to make little use of its noise."""


def cell_outcomes(runs: pd.DataFrame, values: pd.DataFrame, results: StudyResults) -> pd.DataFrame:
    """Return one row a configuration: how its runs ended, what they left unused, and what they cost.

    Args:
        runs: Rows of `statistics.describe_runs`.
        values: A table of `statistics.joined` on one split.
        results: What was read: the folder, whose files are added up, and the histories, which say how long runs that
            did not finish have trained.

    Returns:
        `num_runs`, and of them `num_finished`, `num_failed` and `num_pruned`; `failure_rate` of those that ended with
        its 95 % Wilson interval; `dead_clusters`, the mean share of categories that no image has; `ignored_noise`, the
        share of runs with ρ below .3; `device_hours`, what failed or was ended early included up to its last report,
        and `disk_mb`.
    """
    table = runs.assign(
        hours=_seconds(runs, results) / 3600,
        disk=[_bytes(results.folder.run(str(key)).root) for key in runs["key"]],
        **{f"is_{name}": runs["status"] == name for name in ("finished", "failed", "pruned")},
    )
    grouped = table.groupby("config_key", sort=False)
    found = grouped.agg(
        block=("block", "first"),
        label=("label", "first"),
        num_runs=("key", "size"),
        num_finished=("is_finished", "sum"),
        num_failed=("is_failed", "sum"),
        num_pruned=("is_pruned", "sum"),
        device_hours=("hours", "sum"),
        disk_mb=("disk", "sum"),
    )
    found["disk_mb"] /= 1e6
    found = _with_rates(found)
    model = values[(values["subject"] == "model") & values["value"].notna()]
    used = model[model["name"] == "used_clusters"]
    dead = 1 - used["value"] / used["code_size"]
    found["dead_clusters"] = dead.groupby(used["config_key"]).mean()
    rho = model[model["name"] == "dispersion_ratio"]
    found["ignored_noise"] = (rho["value"] < UNUSED_NOISE).groupby(rho["config_key"]).mean()
    return found.reset_index()


def block_outcomes(cells: pd.DataFrame) -> pd.DataFrame:
    """Add the cells of each block up.

    Args:
        cells: A table of `cell_outcomes`.

    Returns:
        One row a block: `num_cells`, the sums of the counts, hours and megabytes, `failure_rate` of the runs that ended
        with its 95 % Wilson interval, and the means of `dead_clusters` and `ignored_noise` over cells.
    """
    sums = ("num_runs", "num_finished", "num_failed", "num_pruned", "device_hours", "disk_mb")
    grouped = cells.groupby("block", sort=True)
    found = grouped.agg(
        num_cells=("config_key", "size"),
        **{name: (name, "sum") for name in sums},
        **{name: (name, "mean") for name in ("dead_clusters", "ignored_noise")},
    )
    return _with_rates(found).reset_index()


def _with_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Add the failure rate of those that ended, with its interval."""
    ended = table["num_finished"] + table["num_failed"] + table["num_pruned"]
    rates = [wilson(int(failed), int(total)) for failed, total in zip(table["num_failed"], ended, strict=True)]
    names = ("failure_rate", "failure_low", "failure_high")
    return table.assign(**{name: [rate[index] for rate in rates] for index, name in enumerate(names)})


def _seconds(runs: pd.DataFrame, results: StudyResults) -> pd.Series[float]:
    """Return how long each run took: by its record, or, if it ended without one, until its last report."""
    seconds = runs["wall_time_s"].astype(float)
    ended = seconds.isna() & runs["status"].isin(["failed", "pruned"])
    if not ended.any():
        return seconds
    history = results.history.read(list(runs.loc[ended, "key"]))
    last = history.groupby("run")["time_s"].max().astype(float)
    return seconds.fillna(runs["key"].where(ended).map(last))


def wilson(count: int, total: int) -> tuple[float, float, float]:
    """Return a rate with its 95 % Wilson interval; NaN of nothing."""
    if not total:
        return math.nan, math.nan, math.nan
    rate, shrink = count / total, 1 + Z95**2 / total
    centre = (rate + Z95**2 / (2 * total)) / shrink
    half = Z95 * math.sqrt(rate * (1 - rate) / total + Z95**2 / (4 * total**2)) / shrink
    return rate, min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def _bytes(root: Path) -> int:
    try:
        with os.scandir(root) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        return 0
