"""Where a measure's variance over a study's grid comes from: its axes, their interactions, and the seed. Draws nothing.

A block of a study is a complete grid of cells, each with some seeds. With m_c the mean of a cell's n_c runs and s² the
variance within cells, pooled, the variance of the cell means splits exactly into one part for each axis and each set of
interacting axes, V_u = m'P_u m / C with orthogonal projections P_u of rank d_u. Cell means of few seeds vary by
themselves, so

    V̂_u = V_u − (d_u / C) s² mean(1 / n_c),     V̂_seed = s²,     share_u = V̂_u / (Σ V̂_u + V̂_seed)

is unbiased up to the division, and a part without an effect can come out a little below 0. Weighing cells, not runs,
keeps cells that were given more seeds because their values were uncertain from weighing more. Intervals: means and s²
are drawn again, normal and χ², 2,000 times.

A grid that lacks cells has no such split: its axes' shares are not stated, and the table says how many cells are
missing. Cells in which noise dimension 0 makes a value 1 by identity count as missing, since they say nothing of what
was learnt (`statistics.without_identities`).

References:
    Hoeffding (1948), A class of statistics with asymptotically normal distribution (the decomposition).
    Searle, Casella & McCulloch (1992), Variance components.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from analysis.cluster_measure_names import POINT_MEASURES
from analysis.full_measure_names import FULL_MEASURES
from analysis.matched import MATCHED, at_one_size
from analysis.measure_names import MEASURES
from analysis.statistics import estimate, pooled_deviation
from analysis.translation_measure_names import TRANSLATION_MEASURES

FIRST = (
    *("share_z_feature", "label_preservation", "r2_mean", "share_z_pixel", "label_information", "rate"),
    *("joint_accuracy", "critic_accuracy", "prior_accuracy", "dispersion_ratio", "energy_score_feature"),
    *("clustering_error", "label_information_gain", "frechet_excess"),
)
"""The measures that stand before the others."""

ATTRIBUTED = tuple(dict.fromkeys((*FIRST, *TRANSLATION_MEASURES, *POINT_MEASURES, *MEASURES, *FULL_MEASURES)))
"""The measures whose variance over the grid is split and that blocks are summarized by: all, in the order shown.

A factor's measure has the factor's name after a slash.
"""

MAX_ORDER = 2
"""Interactions of so many axes have rows of their own; those of more are added up."""

SEED = "seed"
REPEATS = 2000
DRAWS = 1_000_000
"""Values that a bootstrap draws, at most, unless that were fewer than 100 repeats."""

COLUMNS = (
    *("block", "name", "part", "share", "low", "high", "variance"),
    *("num_cells", "num_missing", "num_runs", "degrees_of_freedom", "status"),
)

SUMMARY_COLUMNS = (
    *("block", MATCHED, "name", "mean", "low", "high", "iqm", "iqm_low", "iqm_high"),
    *("num_cells", "num_cells_wanted", "num_runs", "num_runs_wanted"),
)


def attributed_names(found: Iterable[str]) -> list[str]:
    """Return those of some measures that are split and summarized, in the order of `ATTRIBUTED`."""
    places = {name: ATTRIBUTED.index(base) for name in found if (base := name.partition("/")[0]) in ATTRIBUTED}
    return sorted(places, key=lambda name: (places[name], name))


def variance_attribution(values: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Split the variance of each measure of the trained model in each block of the grid.

    Args:
        values: A table of `statistics.joined`, grid runs on one split, without values that are so by identity.
        runs: Rows of `statistics.describe_runs`: where the axes' values are read off.

    Returns:
        One row for each block, measure of `ATTRIBUTED` and part, with the columns above; `part` is "latent_dim",
        "latent_dim × noise_dim", "seed", …; `status` is "ok", or says why there is no share.
    """
    model = values[(values["subject"] == "model") & values["value"].notna()]
    names = attributed_names(model["name"].unique())
    rows: list[dict[str, object]] = []
    for block, group in model.groupby("block", sort=True):
        wanted = runs[(runs["block"] == block) & (runs["origin"] == "grid")]
        axes = grid_axes(wanted)
        if axes.columns.empty:
            continue
        for name in names:
            chosen = group[group["name"] == name]
            if len(chosen):
                rows += [{"block": block, "name": name, **row} for row in _split(chosen, axes)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def block_summary(values: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean and interquartile mean of each measure of the trained model over the cells of each block.

    Cells of different numbers of categories are kept apart, see `matched`.

    Args:
        values: A table of `statistics.joined`, grid runs on one split, without values that are so by identity.
        runs: Rows of `statistics.describe_runs`, which say how many cells and runs the grid wants.

    Returns:
        `block`, `num_categories` (NaN of other codes), `name` of each of `ATTRIBUTED`, in this order, `mean` with its
        seed-level interval `low` and `high`, `iqm` with its bootstrap interval `iqm_low` and `iqm_high`; `num_cells`
        and `num_runs` that entered, and `num_cells_wanted` and `num_runs_wanted`, of how many.
    """
    place = ["block", MATCHED]
    model = at_one_size(values[(values["subject"] == "model") & values["value"].notna()])
    names = attributed_names(model["name"].unique())
    model = model[model["name"].isin(names)]
    wanted = at_one_size(runs[runs["origin"] == "grid"]).groupby(place, dropna=False)
    counts = {_place(where): (cells["config_key"].nunique(), len(cells)) for where, cells in wanted}
    groups = model.assign(order=model["name"].map(names.index)).groupby([*place, "order"], sort=True, dropna=False)
    rows = []
    for (block, size, _), group in groups:
        mean = estimate(group, "value")
        iqm = interquartile_mean(group["value"].to_numpy(), group["config_key"].to_numpy())
        cells_wanted, runs_wanted = counts.get(_place((block, size)), (mean.num_cells, mean.num_runs))
        rows.append(
            {
                "block": block,
                MATCHED: size,
                "name": group["name"].iloc[0],
                "mean": mean.mean,
                "low": mean.low,
                "high": mean.high,
                **dict(zip(("iqm", "iqm_low", "iqm_high"), iqm, strict=True)),
                "num_cells": mean.num_cells,
                "num_cells_wanted": cells_wanted,
                "num_runs": mean.num_runs,
                "num_runs_wanted": runs_wanted,
            }
        )
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _place(where: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """Return the place of a group as a key: NaN is not equal to itself."""
    return tuple(None if item != item else item for item in where)


def interquartile_mean(values: np.ndarray, cells: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of the middle half of the cell means, and its 95 % bootstrap interval over seeds within cells.

    Outlying cells do not move it. Of few seeds the interval is too short: of three, a bootstrap's covers about .74, so
    the t interval of the mean is the one to believe.

    Args:
        values: One value a run, with shape (runs,).
        cells: The cell of each.

    Reference:
        Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice.
        https://arxiv.org/abs/2108.13264
    """
    codes, keys = pd.factorize(cells)
    order = np.argsort(codes, kind="stable")
    values, counts = values[order], np.bincount(codes)
    first = np.cumsum(counts) - counts
    means = np.add.reduceat(values, first) / counts
    if counts.max() < 2 or len(keys) < 2:
        return _middle(means[None])[0], math.nan, math.nan
    repeats = int(np.clip(DRAWS / len(values), 100, REPEATS))
    random = np.random.default_rng(0)
    place = (random.random((repeats, len(values))) * np.repeat(counts, counts)).astype(int) + np.repeat(first, counts)
    drawn = np.add.reduceat(values[place], first, axis=1) / counts
    low, high = np.quantile(_middle(drawn), [0.025, 0.975])
    return float(_middle(means[None])[0]), float(low), float(high)


def _middle(means: np.ndarray) -> np.ndarray:
    """Return the 25 % trimmed means of rows, the outermost values that are left weighing as much as they must."""
    ordered = np.sort(means, axis=1)
    count = ordered.shape[1]
    edges = np.clip(np.arange(count + 1), count / 4, 3 * count / 4)
    weights = np.diff(edges)
    trimmed: np.ndarray = ordered @ weights / weights.sum()
    return trimmed


def grid_axes(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the fields in which the cells of a block differ, one row a cell, indexed by `config_key`."""
    fields = [name for name in runs.columns if name.partition(".")[0] in ("data", "model", "train") and "." in name]
    cells = runs.drop_duplicates("config_key").set_index("config_key")[fields].dropna(how="all")
    text = cells.map(str)
    varied = [name for name in fields if text[name].nunique() > 1]
    return text[varied].rename(columns=lambda name: name.partition(".")[2])


def _split(chosen: pd.DataFrame, axes: pd.DataFrame) -> list[dict[str, object]]:
    means = chosen.groupby("config_key")["value"].agg(["mean", "size"])
    levels = [sorted(axes[name].unique()) for name in axes]
    size = math.prod(len(level) for level in levels)
    deviation, freedom = pooled_deviation(chosen["value"].tolist(), chosen["config_key"].tolist())
    common = {
        "num_cells": len(means),
        "num_missing": size - len(means),
        "num_runs": int(means["size"].sum()),
        "degrees_of_freedom": freedom,
    }
    if len(means) < size:
        status = f"incomplete: {size - len(means)} of {size} cells have no value, or one by identity"
        return [{**common, "part": SEED, "variance": deviation**2, "status": status}]
    if not freedom:
        return [{**common, "part": SEED, "status": "no cell has two seeds"}]
    cells = {tuple(row): key for key, row in zip(axes.index, axes.to_numpy().tolist(), strict=True)}
    order = [cells[place] for place in product(*levels)]
    shape = tuple(len(level) for level in levels)
    table = means["mean"].loc[order].to_numpy().reshape(shape)
    counts = means["size"].loc[order].to_numpy().reshape(shape)
    parts = attribute(table, counts, deviation**2, freedom, list(axes.columns))
    return [{**common, **row, "status": "ok"} for row in _records(parts)]


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    columns = {str(name): table[name].tolist() for name in table}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def attribute(
    means: np.ndarray, counts: np.ndarray, seed_variance: float, freedom: int, axes: Sequence[str]
) -> pd.DataFrame:
    """Return the share of each part with its 95 % interval.

    Args:
        means: Cell means, with one dimension for each axis, of two levels or more.
        counts: Runs of each cell, with the same shape.
        seed_variance: Variance within cells, pooled.
        freedom: Its degrees of freedom.
        axes: Names of the axes.

    Returns:
        The columns `part`, `share`, `low`, `high` and `variance`.
    """
    sets = [chosen for order in range(1, means.ndim + 1) for chosen in combinations(range(means.ndim), order)]
    ranks = np.array([math.prod(means.shape[axis] - 1 for axis in chosen) for chosen in sets]) / means.size
    wobble = float((1 / counts).mean())
    found = _components(means[None], sets)[0] - ranks * seed_variance * wobble
    random = np.random.default_rng(0)
    repeats = int(np.clip(DRAWS / means.size, 100, REPEATS))
    variances = seed_variance * freedom / random.chisquare(freedom, repeats)
    noise = random.standard_normal((repeats, *means.shape)) / np.sqrt(counts)
    drawn = means + noise * np.sqrt(variances).reshape(-1, *(1,) * means.ndim)
    # the drawn means carry the noise of the means, and their own
    repeated = _components(drawn, sets) - ranks * (seed_variance + variances[:, None]) * wobble
    names = [_name(chosen, axes) for chosen in sets]
    parts = pd.DataFrame([found], columns=names).T.groupby(level=0, sort=False).sum().T
    again = pd.DataFrame(repeated, columns=names).T.groupby(level=0, sort=False).sum().T
    parts[SEED], again[SEED] = seed_variance, variances
    total = float(parts.iloc[0].sum())
    if not total > 0:
        return pd.DataFrame({"part": list(parts.columns), "variance": parts.iloc[0].to_numpy()})
    found_shares = parts.iloc[0].to_numpy() / total
    shares = again.div(again.sum(axis=1), axis=0).clip(0, 1)
    return pd.DataFrame(
        {
            "part": list(parts.columns),
            "share": found_shares,
            "low": np.minimum(shares.quantile(0.025).to_numpy(), found_shares),
            "high": np.maximum(shares.quantile(0.975).to_numpy(), found_shares),
            "variance": parts.iloc[0].to_numpy(),
        }
    )


def _components(tables: np.ndarray, sets: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Return V_u of each of `sets` for tables with shape (repeats, *grid), with shape (repeats, sets)."""
    dimensions = tables.ndim - 1
    effects: dict[tuple[int, ...], np.ndarray] = {}
    for chosen in [(), *sets]:
        others = tuple(axis + 1 for axis in range(dimensions) if axis not in chosen)
        effect = tables.mean(axis=others, keepdims=True)
        for smaller in range(len(chosen)):
            for part in combinations(chosen, smaller):
                effect = effect - effects[part]
        effects[chosen] = effect
    return np.stack([(effects[chosen] ** 2).mean(axis=tuple(range(1, dimensions + 1))) for chosen in sets], axis=1)


def _name(chosen: tuple[int, ...], axes: Sequence[str]) -> str:
    return " × ".join(axes[axis] for axis in chosen) if len(chosen) <= MAX_ORDER else "higher interactions"
