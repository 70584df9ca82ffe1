"""The figures of a report: which panels stand together, and the caption that says what, how many, and which interval.

Each function takes an `Analysis` and returns a `Drawing`, or a line that says why there is nothing to draw. `FIGURES`
names them all; a new figure is one function and one entry.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from analysis import map_plots, plots, style
from analysis.attribution_figures import attribution
from analysis.axis_figures import along_axes
from analysis.calibration import CALIBRATED, CRITICS
from analysis.drawing import MAX_ROWS, SEED_INTERVAL, Drawing, add_legend, new_figure, seed_words, split_words
from analysis.full_figures import calibration, confusion, factors, pixel_maps, rate_distortion
from analysis.point_figures import mixture, posteriors
from analysis.sample_figures import cluster_columns, generated, reconstructions, translations
from analysis.search_figures import objective_history, parallel_coordinates, pareto, searched
from analysis.statistics import estimate
from analysis.tables import HEADLINE, Analysis
from analysis.timeline import busy_share, lane_timeline

MAX_CURVES = 16
"""Cells whose learning curves one figure shows."""

MAX_BARS = 30
"""Cells whose shares one figure shows."""

MAP_MEASURES = (*HEADLINE, *CRITICS, "dispersion_ratio")


def training_effect(analysis: Analysis) -> Drawing | str:
    """Draw trained minus frozen encoder in every cell, for each measure of what the code keeps."""
    pairs = analysis.pairs[analysis.pairs["name"].isin(HEADLINE)]
    names = [name for name in HEADLINE if (pairs["name"] == name).any()]
    if not names:
        return "No finished run has a twin with a frozen random encoder."
    codes = [code for code in ("gaussian", "categorical") if (pairs["code"] == code).any()]
    cells = [pairs.loc[pairs["code"] == code, "config_key"].nunique() for code in codes]
    figure = new_figure(sum(0.22 * count + 0.9 for count in cells))
    grid = figure.subplots(len(codes), len(names), squeeze=False, height_ratios=[count + 2 for count in cells])
    for row, code in enumerate(codes):
        order = pairs[pairs["code"] == code].drop_duplicates("config_key")
        order = order.sort_values(["family", "code_size", "noise_dim"], ascending=False)
        labels = dict(zip(order["config_key"], order["label"], strict=True))
        for column, name in enumerate(names):
            axes = grid[row, column]
            chosen = pairs[(pairs["name"] == name) & (pairs["code"] == code)]
            if chosen.empty:
                axes.set_axis_off()
                continue
            plots.paired_differences(chosen, labels, vars(estimate(chosen, "difference")), axes, name)
            if column:
                axes.set_yticklabels([])
    figure.supxlabel("trained − frozen encoder", fontsize=8)
    return Drawing(
        figure,
        "What training the encoder adds. Trained minus frozen random encoder, same configuration and same seed; "
        "each dot is a "
        f"pair of runs ({len(pairs[pairs['name'] == names[0]])} pairs), each tick the mean of a cell. Blue line "
        "and band: mean "
        f"over cells and its 95 % seed-level interval. {split_words(analysis)}",
    )


def decomposition_maps(analysis: Analysis) -> Drawing | str:
    """Draw each measure over (code size, noise dimension), one row of maps for each family of cells."""
    cells = analysis.cells
    cells = cells[(cells["subject"] == "model") & cells["trained_encoder"] & cells["name"].isin(MAP_MEASURES)]
    families = sorted(cells["family"].unique(), key=lambda name: (not name.startswith("gaussian"), name))
    if not families:
        return "No run of the grid has finished."
    large = max(len(cells[cells["family"] == family].drop_duplicates("config_key")) for family in families)
    most = MAX_ROWS if large <= map_plots.MAX_WRITTEN else MAX_ROWS // 2
    shown, names = families[:most], [name for name in MAP_MEASURES if (cells["name"] == name).any()]
    columns = 3
    rows = -(-len(names) // columns)
    groups = [cells[cells["family"] == family] for family in shown]
    maps = [map_plots.map_height(group) for group in groups]
    heights = [rows * (height + 0.55) + 0.25 for height in maps]
    figure = new_figure(sum(heights))
    parts = np.atleast_1d(np.asarray(figure.subfigures(len(shown), 1, height_ratios=heights)))
    for part, family in zip(parts, shown, strict=True):
        grid = part.subplots(rows, columns, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            here = cells[(cells["family"] == family) & (cells["name"] == name)].dropna(
                subset=["code_size", "noise_dim"]
            )
            if here.empty:
                axes.set_axis_off()
            else:
                map_plots.heat_map(here, axes, name)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        part.supxlabel("noise dimension", fontsize=8)
        part.supylabel("latent dimension" if family.startswith("gaussian") else "categories K", fontsize=8)
        if len(shown) > 1:
            part.suptitle(style.codes_title(family), x=0.01, ha="left")
    left_out = f" {len(families) - len(shown)} further families are in cells.csv." if len(families) > len(shown) else ""
    return Drawing(
        figure,
        "The decomposition over the size of the code and of the noise, trained models. Each cell: mean over seeds, "
        f"± half width of the {SEED_INTERVAL.replace('intervals', 'interval')}. Hatched: not calibrated, a critic's "
        f"accuracy is above {CALIBRATED}, so that the split describes the decoder more than the data. A dash: "
        "undefined. Cells that lack seeds say how many of how many they have. Shades run from 0 to 1, for the critic "
        "from 0.5 to 1, for ρ from 0 over 1 (white) to 2. "
        f"{seed_words(cells)} {split_words(analysis)}{left_out}",
    )


def controls(analysis: Analysis) -> Drawing | str:
    """Draw what the code keeps against the latent dimension, beside the three controls, one row a noise dimension."""
    cells = analysis.cells[analysis.cells["name"].isin(HEADLINE) & analysis.cells["family"].str.startswith("gaussian")]
    cells = cells[cells["mean"].notna() & cells["subject"].isin(["model", "untrained", "pca"])]
    if cells.empty:
        return "No run with a Gaussian code has finished in the grid."
    family = cells["family"].value_counts().index[0]
    cells = cells[cells["family"] == family]
    names = [name for name in HEADLINE if (cells["name"] == name).any()]
    every = sorted(cells["noise_dim"].dropna().unique())
    noises = (
        every if len(every) <= MAX_ROWS else [every[i] for i in np.linspace(0, len(every) - 1, MAX_ROWS).astype(int)]
    )
    sizes = sorted(cells.loc[cells["noise_dim"].isin(noises), "code_size"].unique())
    figure = new_figure(1.55 * len(noises) + 0.6)
    grid = figure.subplots(len(noises), len(names), squeeze=False, sharex="col", sharey="col")
    for row, noise in enumerate(noises):
        for column, name in enumerate(names):
            axes = grid[row, column]
            here = cells[(cells["noise_dim"] == noise) & (cells["name"] == name)]
            dots = analysis.grid[(analysis.grid["noise_dim"] == noise) & (analysis.grid["name"] == name)]
            dots = dots[(dots["family"] == family) & dots["value"].notna() & dots["code_size"].isin(here["code_size"])]
            plots.against_controls(here, dots, sizes, axes, name)
            if row:
                axes.set_title("")
        grid[row, 0].set_ylabel(f"noise dimension {noise:g}")
    for axes in grid[-1]:
        axes.set_xlabel("latent dimension")
    add_legend(figure, list(grid.flat))
    return Drawing(
        figure,
        "What the code keeps, beside three controls: the same network before training, a frozen random encoder "
        "whose decoder "
        "and discriminators are trained, and PCA with as many dimensions. Large markers: means of cells; bars: "
        f"{SEED_INTERVAL}; small dots: single seeds. A rise with the latent dimension that the controls share is "
        "not learnt. "
        f"{seed_words(cells)} {split_words(analysis)}",
    )


def share_bars(analysis: Analysis) -> Drawing | str:
    """Stack the shares of code, noise and interaction for every cell, in pixels and in features."""
    spaces = ("pixel", "feature")
    names = {f"share_{short}_{space}": space for short, _, _ in plots.SHARES for space in spaces}
    names |= {f"{name}_prior": space for name, space in names.items()}
    cells = analysis.cells
    cells = cells[cells["name"].isin(names) & (cells["subject"] == "model")]
    if cells["mean"].notna().sum() == 0:
        return "No run of the grid has measured shares of variance."
    cells = cells.assign(order=~cells["family"].str.startswith("gaussian"), control=~cells["trained_encoder"])
    cells = cells.sort_values(["order", "family", "control", "code_size", "noise_dim"])
    encoder = cells["control"].map({False: "trained", True: "frozen encoder"})
    cells = cells.assign(group=cells["family"].map(style.short) + "\n" + encoder)
    keys = list(dict.fromkeys(cells["config_key"]))
    shown = keys if len(keys) <= MAX_BARS else [keys[i] for i in np.linspace(0, len(keys) - 1, MAX_BARS).astype(int)]
    cells = cells[cells["config_key"].isin(shown)]
    figure = new_figure(3.9)
    grid = figure.subplots(len(spaces), 1, squeeze=False, sharex=True)
    for axes, space in zip(grid.flat, spaces, strict=True):
        plots.share_bars(cells[cells["name"].map(names) == space], axes, space)
    grid[-1, 0].set_xlabel("latent dimension or K (upper), noise dimension (lower)")
    add_legend(figure, list(grid.flat))
    return Drawing(
        figure,
        "Shares of variance, with codes from q(z) and from the prior. Of generated images: what the code decides "
        "alone (S_z), what the noise decides alone (S_n), and what only both decide (S_zn), means over seeds; bars: "
        "codes from q(z); black lines: where the same parts end with codes from the prior. "
        f"{seed_words(cells)} {split_words(analysis)} "
        "Intervals are in the table below and in cells.csv. Without noise S_z is 1 by identity."
        + (f" {len(shown)} of {len(keys)} cells are shown." if len(shown) < len(keys) else ""),
    )


def clustering(analysis: Analysis) -> Drawing | str:
    """Draw the clustering error against K, beside every control that was measured."""
    # a Gaussian run has a chance level for clustering errors too, at a code size that is no number of categories
    values = analysis.values[analysis.values["code"] == "categorical"]
    dots = values[
        (values["name"] == "clustering_error") & (values["split"] == analysis.split) & values["value"].notna()
    ]
    if dots[dots["subject"] == "model"].empty:
        return "No run with a categorical code has finished."
    figure = new_figure(2.6)
    cells = analysis.cells[(analysis.cells["name"] == "clustering_error") & analysis.cells["mean"].notna()]
    cells = cells[cells["family"].str.startswith("categorical") & (cells["subject"] == "model")]
    plots.clustering(cells, dots, figure.subplots())
    model = dots[dots["subject"] == "model"]
    return Drawing(
        figure,
        "Clustering error against the number of categories K: share of images whose cluster's majority label is "
        "not their "
        f"own, the map from clusters to labels learnt on validation images. {len(model)} runs; bars: "
        f"{SEED_INTERVAL}; every "
        f"seed is a dot. The error falls with K by itself, so compare at equal K only. {split_words(analysis)}",
    )


def learning_curves(analysis: Analysis) -> Drawing | str:
    """Draw every logged value over steps, one column a code, with the seeds' range as a band."""
    runs = analysis.runs[(analysis.runs["origin"] == "grid") & analysis.runs["trained_encoder"]]
    cells = list(dict.fromkeys(runs.sort_values(["family", "code_size", "noise_dim"])["config_key"]))
    shown = [cells[index] for index in np.linspace(0, len(cells) - 1, min(len(cells), MAX_CURVES)).astype(int)]
    runs = runs[runs["config_key"].isin(shown)]
    columns = ["key", "config_key", "label", "code", "code_size", "noise_dim"]
    read = analysis.results.history.read(list(runs["key"]))
    history = read.merge(runs[columns].rename(columns={"key": "run"}), on="run")
    history = history.dropna(subset=["value", "noise_dim"])
    if history.empty:
        return "No history was recorded."
    names, codes = sorted(history["name"].unique())[:8], sorted(history["code"].unique(), reverse=True)[:2]
    codes = [code for code in ("gaussian", "categorical") if code in set(codes)] or codes
    figure = new_figure(1.45 * len(names) + 0.6)
    grid = figure.subplots(len(names), len(codes), squeeze=False, sharex=True)
    for column, code in enumerate(codes):
        rows = history[history["code"] == code]
        colours, styles = _cell_styles(rows)
        for axes, name in zip(grid[:, column], names, strict=True):
            plots.learning_curves(_bands(rows[rows["name"] == name]), axes, colours, styles)
            axes.set_title(name.removeprefix("loss/").removeprefix("metric/").replace("/", ": ").replace("_", " "))
        grid[0, column].set_title(f"{style.short(code)} codes\n\n{grid[0, column].get_title(loc='left')}")
        grid[-1, column].set_xlabel("training step")
    add_legend(figure, list(grid.flat))
    more = history["name"].nunique() - len(names)
    return Drawing(
        figure,
        "Losses and accuracies over training, trained encoders. Lines: means over the seeds of a cell; bands: from the "
        f"lowest to the highest seed (no interval). {history['run'].nunique()} runs."
        + (f" {more} further values are not shown." if more > 0 else "")
        + (f" {len(shown)} of {len(cells)} cells are shown." if len(shown) < len(cells) else ""),
    )


def timeline(analysis: Analysis) -> Drawing | str:
    """Draw when each finished run was at work, a row for each lane."""
    bars = lane_timeline(analysis.runs[analysis.runs["status"] == "finished"])
    if bars.empty:
        return "No finished run says when it was begun."
    bars = bars.assign(block=bars["block"].replace("", "–"))
    blocks = list(dict.fromkeys(bars["block"]))
    named = blocks if len(blocks) <= len(style.COLOURS) else blocks[: len(style.COLOURS) - 1]
    bars = bars.assign(block=bars["block"].where(bars["block"].isin(named), "other blocks"))
    colours = dict(zip(dict.fromkeys(bars["block"]), style.COLOURS, strict=False))
    lanes, workers = bars["lane"].nunique(), bars.loc[bars["worker"] != "", "worker"].nunique()
    figure = new_figure(min(5.0, 0.24 * lanes + 1.1))
    axes = figure.subplots()
    plots.timeline(bars, axes, colours)
    add_legend(figure, [axes])
    who = f"{workers} workers" if workers else "lanes are filled in the order of starts, since workers are not recorded"
    return Drawing(
        figure,
        f"When runs were at work: {len(bars)} finished runs in {lanes} lanes ({who}), a bar each, from the start of "
        "the attempt that finished, measures included. Between the first start and the last end, pauses included, "
        f"a lane was at work for {100 * busy_share(bars):.0f} % of the time on average. What failed, and "
        "attempts that were broken off, are not drawn.",
    )


FIGURES: dict[str, Callable[[Analysis], Drawing | str]] = {
    "training_effect": training_effect,
    "decomposition_maps": decomposition_maps,
    "controls": controls,
    "share_bars": share_bars,
    "along_axes": along_axes,
    "attribution": attribution,
    "calibration": calibration,
    "rate_distortion": rate_distortion,
    "pixel_maps": pixel_maps,
    "confusion": confusion,
    "factors": factors,
    "clustering": clustering,
    "reconstructions": reconstructions,
    "generated": generated,
    "cluster_columns": cluster_columns,
    "translations": translations,
    "mixture": mixture,
    "posteriors": posteriors,
    "learning_curves": learning_curves,
    "timeline": timeline,
    "objective_history": objective_history,
    "parallel_coordinates": parallel_coordinates,
    "pareto": pareto,
    "searched": searched,
}
"""Every figure by the name of its file."""


def _bands(history: pd.DataFrame) -> pd.DataFrame:
    grouped = history.groupby(["code_size", "noise_dim", "config_key", "label", "step"], dropna=False)["value"]
    return grouped.agg(mean="mean", low="min", high="max").reset_index()


def _cell_styles(rows: pd.DataFrame) -> tuple[dict[str, object], dict[str, str]]:
    """Give every cell a colour by the size of its code and a line style by its noise dimension.

    Where cells differ in something else, too, each has a colour of its own.
    """
    cells = rows.drop_duplicates("config_key").sort_values(["code_size", "noise_dim", "config_key"])
    places = [pd.factorize(cells[name], sort=True, use_na_sentinel=False)[0] for name in ("code_size", "noise_dim")]
    if cells.duplicated(["code_size", "noise_dim"]).any():
        places = [np.arange(len(cells))] * 2
    keys, shades = cells["config_key"].astype(str), style.sequence(int(places[0].max()) + 1)
    colours = {key: shades[place] for key, place in zip(keys, places[0], strict=True)}
    return colours, {key: ("-", "--", ":", "-.")[place % 4] for key, place in zip(keys, places[1], strict=True)}
