"""Means, intervals and paired differences over cells and seeds. Draws nothing, reads no files.

A *cell* is one configuration of the grid; its replicates differ in their seed only. Two kinds of uncertainty are kept
apart:

* *seed-level*: what another seed would have given. Three seeds estimate a variance badly (a bootstrap over three values
  covers its 95 % about 74 % of the time), so the variance is pooled over the C cells of a group, which gives Σ(R_c − 1)
  degrees of freedom, and the interval of a cell is mean ± t·s_pooled/√R_c.
* *image-level*: what other test images would have given the same network. Each measure brings its own.

Replicate r has the same seed in every cell, so a mean over cells may carry a common error. Its variance is therefore
computed twice, pooled as if all runs were independent, s²/C²·Σ1/R_c, and clustered by seed,
R/(R − 1)·Σ_r(Σ_c e_cr/(C·R_c))² with e the residuals from the cell means, and the larger one is used with its own
degrees of freedom (ΣR_c − C, or R − 1). Simulated coverage of the 95 % interval of 6 cells × 3 seeds is .97, .96, .94,
.94 where the seeds' standard deviation is 0, .2, .5, 1 times the residual one; pooling alone gives .95, .93, .85, .72.

References:
    Liang & Zeger (1986), Longitudinal data analysis using generalized linear models.
    https://doi.org/10.1093/biomet/73.1.13
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from analysis.matched import MATCHED, at_one_size

Z95 = 1.959964
"""97.5 % quantile of the normal distribution."""

FROZEN_FIELD = "model.train_encoder"
AXES = ("model.latent_dim", "model.num_categories", "model.noise_dim")
"""The fields that span the maps: size of the code and of the noise."""

CELL = ("family", "code_size", "noise_dim", "trained_encoder", "config_key")


@dataclass(frozen=True)
class GridMean:
    """A mean over cells with its seed-level interval.

    Attributes:
        mean: Mean of the cell means; NaN without values.
        low: Lower end of the 95 % interval; NaN where no two runs share a cell.
        high: Upper end.
        num_cells: Cells that entered.
        num_runs: Runs, or pairs of runs, that entered.
        num_seeds: Different replicates among them.
        degrees_of_freedom: Of the t distribution; 0 without an interval.
        lowest: Smallest cell mean.
        highest: Largest cell mean.
    """

    mean: float
    low: float
    high: float
    num_cells: int
    num_runs: int
    num_seeds: int
    degrees_of_freedom: int
    lowest: float
    highest: float

    @property
    def has_interval(self) -> bool:
        """Whether seeds were repeated, so that an interval could be computed."""
        return math.isfinite(self.low)


def t_half_width(standard_error: float, degrees_of_freedom: int, level: float = 0.95) -> float:
    """Return the half width of a t interval; NaN without degrees of freedom."""
    if degrees_of_freedom < 1:
        return math.nan
    return float(stdtrit(degrees_of_freedom, 0.5 + level / 2)) * standard_error


def pooled_deviation(values: Sequence[float], cells: Sequence[object]) -> tuple[float, int]:
    """Return the standard deviation within cells, pooled over them, and its degrees of freedom.

    Args:
        values: One value a run; NaN is left out.
        cells: The cell of each value.
    """
    array = np.array(values, dtype=float)
    known = ~np.isnan(array)
    if not known.any():
        return math.nan, 0
    residuals, freedom = _within(array[known], _numbered(np.array(cells, dtype=object)[known]))
    return (math.sqrt(float((residuals**2).sum()) / freedom), freedom) if freedom else (math.nan, 0)


def _numbered(items: np.ndarray) -> np.ndarray:
    """Number items from 0; what is missing is an item like any other."""
    return pd.factorize(items, use_na_sentinel=False)[0]


def _within(values: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the deviations from the means of cells, which are numbered from 0, and their degrees of freedom."""
    counts = np.bincount(cells)
    return values - (np.bincount(cells, weights=values) / counts)[cells], len(values) - len(counts)


def mean_over_cells(values: Sequence[float], cells: Sequence[object], seeds: Sequence[object]) -> GridMean:
    """Average the cells' means, each cell with the same weight, with a seed-level interval (see the module's text).

    Args:
        values: One value a run; NaN is left out.
        cells: The cell of each value.
        seeds: The replicate of each value; equal replicates share their seed across cells.
    """
    array = np.array(values, dtype=float)
    known = ~np.isnan(array)
    if not known.any():
        return GridMean(*(math.nan,) * 3, 0, 0, 0, 0, math.nan, math.nan)
    array = array[known]
    cell, seed = (_numbered(np.array(items, dtype=object)[known]) for items in (cells, seeds))
    counts, num_seeds = np.bincount(cell), int(seed.max()) + 1
    means = np.bincount(cell, weights=array) / counts
    residuals, freedom = _within(array, cell)
    variance = math.nan
    if freedom:
        variance = float((residuals**2).sum()) / freedom * float((1 / counts).sum()) / len(means) ** 2
    if num_seeds > 1 and freedom:
        shares = np.bincount(seed, weights=residuals / (len(means) * counts[cell]), minlength=num_seeds)
        clustered = float((shares**2).sum()) * num_seeds / (num_seeds - 1)
        if clustered > variance:
            variance, freedom = clustered, num_seeds - 1
    mean = float(means.mean())
    half = t_half_width(math.sqrt(variance) if freedom else math.nan, freedom)
    return GridMean(
        mean,
        mean - half,
        mean + half,
        len(means),
        len(array),
        num_seeds,
        freedom,
        float(means.min()),
        float(means.max()),
    )


def bootstrap_interval(values: Sequence[float], seed: int = 0, repeats: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a mean; NaN for fewer than five values, where it cannot cover.

    Used over *cells*: how far would the mean move on another grid of configurations like these?
    """
    array = np.asarray([value for value in values if math.isfinite(value)])
    if len(array) < 5:
        return math.nan, math.nan
    draws = np.random.default_rng(seed).integers(len(array), size=(repeats, len(array)))
    low, high = np.quantile(array[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def describe_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Add what places a run in the figures to the table of runs.

    Adds `code_size` (latent dimension, or number of categories; NaN of codes that are images), `noise_dim`,
    `trained_encoder`, `family` (the code and every further field in which grid runs of that code differ, so that no
    figure averages over it) and `pair` (equal for two runs that differ in nothing but whether the encoder is trained).
    """
    table = runs.copy()
    table["code"] = table["model.code"].fillna("unknown").astype(str)
    sizes = {"gaussian": "model.latent_dim", "categorical": "model.num_categories"}
    table["code_size"] = math.nan
    for code, name in sizes.items():
        table.loc[table["code"] == code, "code_size"] = table.loc[table["code"] == code, name]
    table["noise_dim"] = table["model.noise_dim"]
    table["trained_encoder"] = table[FROZEN_FIELD].map(lambda value: value is not False).astype(bool)
    fields = [name for name in table.columns if name.partition(".")[0] in ("data", "model", "train") and "." in name]
    plain = [name for name in fields if name not in (*AXES, FROZEN_FIELD, "model.code")]
    text = {name: _texts(table[name]) for name in (*plain, *AXES, "model.code")}
    varied = [name for name in plain if text[name].nunique() > 1]
    table["family"] = table["code"]
    for code in table["code"].unique():
        rows = table["code"] == code
        grid = rows & (table["origin"] == "grid") & table["model.code"].notna()
        varying = [name for name in varied if text[name][grid & (text[name] != "–")].nunique() > 1]
        for name in varying:
            table.loc[rows, "family"] += ", " + name.partition(".")[2] + "=" + text[name][rows]
    identity = pd.Series("", index=table.index, dtype=str)
    for name in (*varied, *AXES, "model.code"):
        identity = identity + name + "=" + text[name] + ";"
    table["pair"] = identity.where(table["model.code"].notna(), "")
    return table


def without_identities(values: pd.DataFrame) -> pd.DataFrame:
    """Leave out what noise dimension 0 makes true by identity: the code then decides all, so S_z and τ_z are 1."""
    identity = values["name"].str.startswith(("share_", "factor_split", "label_agreement", "tau_z"))
    left_out = identity & (values["noise_dim"] == 0)
    return values[~left_out] if left_out.any() else values


def joined(measures: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of `runs` (a table of `describe_runs`), with what places each run beside them."""
    columns = ["key", *CELL, "replicate", "block", "origin", "trial", "label", "code", "pair"]
    described = runs[columns].rename(columns={"key": "run"})
    return measures.merge(described, on="run", how="inner", validate="many_to_one")


def cell_names(values: pd.DataFrame) -> pd.Series[str]:
    """Return the name of each configuration, `gaussian:z=5 n=10`, indexed by `config_key`.

    Labels alone are not names: those of two blocks may be equal. A block of one configuration has its name alone.

    Args:
        values: A table with `config_key`, `block` and `label`.
    """
    first = values.groupby("config_key")[["block", "label"]].first()
    block, label = first["block"].map(str), first["label"].map(str)
    return label.where(label == block, block + ":" + label)


def cell_summary(values: pd.DataFrame) -> pd.DataFrame:
    """Summarize every measure of every cell over its seeds.

    Args:
        values: A table of `joined`, grid runs only.

    Returns:
        One row for each (name, split, subject, cell): `mean`, `sd` (of this cell alone), `pooled_sd` and
        `degrees_of_freedom` (over the cells of the same family, encoder and measure), the seed-level interval `low`,
        `high`, `num_seeds`, the mean image-level half width `image_half_width`, `num_undefined`, `num_saturated`, and
        `status`, which is "ok" where there is a mean.
    """
    columns = [*CELL, "label", "block", "name", "split", "subject", "unit"]
    if values.empty:
        extra = ["mean", "sd", "num_seeds", "image_half_width", "num_undefined", "num_saturated", "status"]
        return pd.DataFrame(columns=[*columns, *extra, "pooled_sd", "degrees_of_freedom", "low", "high"])
    table = values.assign(
        image_half_width=(values["high"] - values["low"]) / 2,
        undefined=values["value"].isna(),
        saturated=values["status"] == "saturated",
    )
    grouped = table.groupby([*CELL, "name", "split", "subject"], dropna=False, sort=True)
    summary = grouped.agg(
        label=("label", "first"),
        block=("block", "first"),
        unit=("unit", "first"),
        mean=("value", "mean"),
        sd=("value", "std"),
        num_seeds=("value", "count"),
        image_half_width=("image_half_width", "mean"),
        num_undefined=("undefined", "sum"),
        num_saturated=("saturated", "sum"),
    ).reset_index()
    summary["status"] = _status_of(table, summary, [*CELL, "name", "split", "subject"])
    group = ["family", "trained_encoder", "name", "split", "subject"]
    squares = summary["sd"].fillna(0) ** 2 * (summary["num_seeds"] - 1).clip(lower=0)
    keys = [summary[name] for name in group]
    freedom = (summary["num_seeds"] - 1).clip(lower=0).groupby(keys, dropna=False).transform("sum")
    pooled = np.sqrt(squares.groupby(keys, dropna=False).transform("sum") / freedom.where(freedom > 0))
    half = pooled / np.sqrt(summary["num_seeds"].where(summary["num_seeds"] > 0))
    half = half * pd.Series(stdtrit(freedom.where(freedom > 0).to_numpy(float), 0.975), index=summary.index)
    return summary.assign(
        pooled_sd=pooled, degrees_of_freedom=freedom, low=summary["mean"] - half, high=summary["mean"] + half
    )


def control_differences(values: pd.DataFrame) -> pd.DataFrame:
    """Pair every trained run with the frozen-encoder run of the same configuration and replicate.

    Args:
        values: A table of `joined`, grid runs only.

    Returns:
        One row for each pair and measure of the model: `trained`, `control` and `difference`, which is trained minus
        frozen.
    """
    model = values[(values["subject"] == "model") & values["value"].notna()]
    keys = ["pair", "replicate", "name", "split"]
    frozen = model.loc[~model["trained_encoder"], [*keys, "value", "run"]]
    frozen = frozen.rename(columns={"value": "control", "run": "control_run"}).drop_duplicates(keys)
    pairs = model[model["trained_encoder"]].merge(frozen, on=keys, how="inner")
    pairs = pairs.rename(columns={"value": "trained"})
    pairs["difference"] = pairs["trained"] - pairs["control"]
    columns = ["name", "split", "code", *CELL, "label", "replicate", "run", "control_run"]
    return pairs[[*columns, "trained", "control", "difference"]]


def subject_differences(values: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Pair every trained run's model with a control measured in the same run ("untrained", "pca", "kmeans").

    Args:
        values: A table of `joined`, grid runs only.
        subject: The control.
    """
    usable = values[values["value"].notna() & values["trained_encoder"]]
    keys = ["run", "name", "split"]
    control = usable.loc[usable["subject"] == subject, [*keys, "value"]].rename(columns={"value": "control"})
    pairs = usable[usable["subject"] == "model"].merge(control, on=keys, how="inner")
    pairs = pairs.rename(columns={"value": "trained"})
    pairs["difference"] = pairs["trained"] - pairs["control"]
    columns = ["name", "split", "code", *CELL, "label", "replicate", "run"]
    return pairs[[*columns, "trained", "control", "difference"]]


def estimate(table: pd.DataFrame, column: str) -> GridMean:
    """Return `mean_over_cells` of one column of a table with `config_key` and `replicate`."""
    return mean_over_cells(table[column].tolist(), table["config_key"].tolist(), table["replicate"].tolist())


def paired_summary(pairs: pd.DataFrame) -> pd.DataFrame:
    """Summarize paired differences over cells and seeds, one row for each code, number of categories, measure, split.

    `cells_low` and `cells_high` bound the mean over cells by a bootstrap over the cells, where there are five or more.
    """
    rows = []
    groups = at_one_size(pairs).groupby(["code", MATCHED, "name", "split"], sort=True, dropna=False)
    for (code, size, name, split), group in groups:
        result = estimate(group, "difference")
        cells_low, cells_high = bootstrap_interval(group.groupby("config_key")["difference"].mean().tolist())
        bounds = {"cells_low": cells_low, "cells_high": cells_high}
        rows.append({"code": code, MATCHED: size, "name": name, "split": split, **vars(result), **bounds})
    return pd.DataFrame(rows)


def configuration_objectives(values: pd.DataFrame, objectives: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Average each configuration's objectives over its replicates that have all of them, grid and searched ones alike.

    Args:
        values: A table of `joined` with all finished runs.
        objectives: Dicts with `measure`, and optionally `split` ("validation") and `direction` ("minimize").

    Returns:
        One row a configuration with such a replicate, the grid's first and then the searched ones in their order:
        `config_key`, `code`, `block`, `label`, `origin`, `trial`, `num_seeds`, and one column `objective_0`,
        `objective_1`, … each.
    """
    table = pd.DataFrame(
        values.groupby("config_key").agg(
            code=("code", "first"),
            block=("block", "first"),
            label=("label", "first"),
            origin=("origin", "first"),
            trial=("trial", "first"),
        )
    )
    runs = pd.DataFrame(values.groupby("run").agg(config_key=("config_key", "first")))
    for index, objective in enumerate(objectives):
        split = objective.get("split") or "validation"
        chosen = values[(values["name"] == objective["measure"]) & (values["split"] == split)]
        runs[f"objective_{index}"] = chosen[chosen["subject"] == "model"].set_index("run")["value"]
    names = [f"objective_{index}" for index in range(len(objectives))]
    grouped = runs.dropna(subset=names).groupby("config_key")
    table = table.assign(num_seeds=grouped.size()).join(grouped[names].mean())
    return (
        table.dropna(subset=["num_seeds"])
        .astype({"num_seeds": int})
        .reset_index()
        .sort_values(["origin", "trial", "label"], ignore_index=True)
    )


def pareto_front(points: np.ndarray) -> np.ndarray:
    """Mark the points that no other point dominates, all coordinates to be minimized.

    Args:
        points: Finite values with shape (N, objectives).

    Returns:
        Booleans with shape (N,).
    """
    no_worse = (points[:, None, :] <= points[None, :, :]).all(axis=2)
    better = (points[:, None, :] < points[None, :, :]).any(axis=2)
    dominated: np.ndarray = np.any(no_worse & better, axis=0)
    return ~dominated


def _texts(column: pd.Series[Any]) -> pd.Series[str]:
    """Write every value of a column as it stands in labels, numbers once for each different one."""
    if column.dtype == object:
        return column.map(_text).astype(str)
    different = column.dropna().unique()
    return column.map({value: _text(value) for value in different.tolist()}).fillna("–").astype(str)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _status_of(values: pd.DataFrame, summary: pd.DataFrame, keys: list[str]) -> pd.Series[str]:
    """Summarize the statuses of each cell: "ok" if any run has a value, else the most frequent one."""
    lacking = values[values["undefined"]].fillna(dict.fromkeys(("code_size", "noise_dim"), math.inf))
    counts = lacking.groupby([*keys, "status"], sort=True).size().sort_values(kind="stable").reset_index()
    most = counts.drop_duplicates(keys, keep="last").set_index(keys)["status"]
    places = summary[keys].fillna(dict.fromkeys(("code_size", "noise_dim"), math.inf))
    found = most.reindex(pd.MultiIndex.from_frame(places)).set_axis(summary.index)
    return found.where(summary["num_seeds"] == 0, "ok")
