"""What became of a study's cells besides their measures: failures, dead clusters, ignored noise, and their cost."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pandas as pd

from analysis.statistics import Z95
from study.records import StudyFolder

UNUSED_NOISE = 0.3
"""Below this dispersion ratio the decoder is said to make little use of its noise."""


def cell_outcomes(runs: pd.DataFrame, values: pd.DataFrame, folder: StudyFolder) -> pd.DataFrame:
    """Return one row a configuration: how its runs ended, what they left unused, and what they cost.

    Args:
        runs: Rows of `statistics.describe_runs`.
        values: A table of `statistics.joined` on one split.
        folder: The study's folder, whose files are added up.

    Returns:
        `num_runs`, and of them `num_finished`, `num_failed` and `num_pruned`; `failure_rate` of those that ended with
        its 95 % Wilson interval; `dead_clusters`, the mean share of categories that no image has; `ignored_noise`, the
        share of runs with ρ below .3; `device_hours`, of finished runs, and `disk_mb`.
    """
    table = runs.assign(
        disk=[_bytes(folder.run(str(key)).root) for key in runs["key"]],
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
        device_hours=("wall_time_s", "sum"),
        disk_mb=("disk", "sum"),
    )
    found["device_hours"], found["disk_mb"] = found["device_hours"] / 3600, found["disk_mb"] / 1e6
    ended = found["num_finished"] + found["num_failed"] + found["num_pruned"]
    rates = [wilson(int(failed), int(total)) for failed, total in zip(found["num_failed"], ended, strict=True)]
    for index, name in enumerate(("failure_rate", "failure_low", "failure_high")):
        found[name] = [rate[index] for rate in rates]
    model = values[(values["subject"] == "model") & values["value"].notna()]
    used = model[model["name"] == "used_clusters"]
    dead = 1 - used["value"] / used["code_size"]
    found["dead_clusters"] = dead.groupby(used["config_key"]).mean()
    rho = model[model["name"] == "dispersion_ratio"]
    found["ignored_noise"] = (rho["value"] < UNUSED_NOISE).groupby(rho["config_key"]).mean()
    return found.reset_index()


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
