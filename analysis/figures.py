"""Figures of a report: which panels stand together, and the caption that says what they show, how many, and which
interval.

Each function takes an `Analysis` and returns a `Drawing`, or a line that says why there is nothing to draw. `FIGURES`
names them; a new figure is one function and one entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from analysis import plots
from analysis.results import load_samples
from analysis.statistics import estimate, pareto_front
from analysis.tables import HEADLINE, Analysis, label_of

MAP_MEASURES = (*HEADLINE, "critic_accuracy", "dispersion_ratio")
MAX_ROWS = 4
"""Families or noise dimensions that one figure shows; the tables have all of them."""

MAX_PANELS = 12
"""Cells whose sample images one figure shows."""

SEED_INTERVAL = "95 % seed-level t intervals, the seeds' variance pooled over cells"


@dataclass(frozen=True)
class Drawing:
    """A figure and the caption that belongs to it."""

    figure: Figure
    caption: str


Nothing = str


def training_effect(analysis: Analysis) -> Drawing | Nothing:
    """Draw trained minus frozen encoder in every cell, for each measure of what the code keeps."""
    pairs = analysis.pairs[analysis.pairs["name"].isin(HEADLINE)]
    names = [name for name in HEADLINE if (pairs["name"] == name).any()]
    if not names:
        return "No finished run has a twin with a frozen random encoder."
    codes = [code for code in ("gaussian", "categorical") if (pairs["code"] == code).any()]
    cells = [pairs.loc[pairs["code"] == code, "config_key"].nunique() for code in codes]
    figure = _figure(sum(0.22 * count + 0.9 for count in cells))
    grid = figure.subplots(len(codes), len(names), squeeze=False, height_ratios=[count + 2 for count in cells])
    for row, code in enumerate(codes):
        for column, name in enumerate(names):
            axes = grid[row, column]
            chosen = pairs[(pairs["name"] == name) & (pairs["code"] == code)]
            if chosen.empty:
                axes.set_axis_off()
                continue
            plots.paired_differences(chosen, vars(estimate(chosen, "difference")), axes, name)
            if column:
                axes.set_yticklabels([])
    figure.supxlabel("trained − frozen encoder", fontsize=8)
    return Drawing(
        figure,
        "What training the encoder adds. Trained minus frozen random encoder, same configuration and same seed; "
        "each dot is a "
        f"pair of runs ({len(pairs[pairs['name'] == names[0]])} pairs), each tick the mean of a cell. Blue line "
        "and band: mean "
        f"over cells and its 95 % seed-level interval. {_split_words(analysis)}",
    )


def decomposition_maps(analysis: Analysis) -> Drawing | Nothing:
    """Draw each measure over (code size, noise dimension), one row of maps for each family of cells."""
    cells = analysis.cells
    cells = cells[(cells["subject"] == "model") & cells["trained_encoder"] & cells["name"].isin(MAP_MEASURES)]
    families = sorted(cells["family"].unique(), key=lambda name: (not name.startswith("gaussian"), name))
    if not families:
        return "No run of the grid has finished."
    shown, names = families[:MAX_ROWS], [name for name in MAP_MEASURES if (cells["name"] == name).any()]
    columns = 3
    rows = -(-len(names) // columns)
    sizes = [max(2, cells.loc[cells["family"] == family, "code_size"].nunique()) for family in shown]
    figure = _figure(sum(rows * (0.36 * size + 0.55) + 0.25 for size in sizes))
    parts = np.atleast_1d(np.asarray(figure.subfigures(len(shown), 1, height_ratios=[size + 1.5 for size in sizes])))
    for part, family in zip(parts, shown, strict=True):
        grid = part.subplots(rows, columns, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            plots.heat_map(cells[(cells["family"] == family) & (cells["name"] == name)], axes, name)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        part.supxlabel("noise dimension", fontsize=8)
        part.supylabel("latent dimension" if family.startswith("gaussian") else "categories K", fontsize=8)
        if len(shown) > 1:
            part.suptitle(f"{family} codes", x=0.01, ha="left")
    left_out = f" {len(families) - len(shown)} further families are in cells.csv." if len(families) > len(shown) else ""
    return Drawing(
        figure,
        "The decomposition over the size of the code and of the noise, trained models. Each cell: mean over seeds, "
        "± half "
        f"width of the {SEED_INTERVAL.replace('intervals', 'interval')}. Hatched: undefined. Cells that lack seeds "
        "say how "
        "many they have. Shades run from 0 to 1, for the critic from 0.5 to 1, for ρ from 0 over 1 (white) to 2. "
        f"{_seed_words(cells)} {_split_words(analysis)}{left_out}",
    )


def controls(analysis: Analysis) -> Drawing | Nothing:
    """Draw what the code keeps against the latent dimension, beside the three controls, one row a noise dimension."""
    cells = analysis.cells[analysis.cells["name"].isin(HEADLINE) & analysis.cells["family"].str.startswith("gaussian")]
    cells = cells[cells["mean"].notna()]
    if cells.empty:
        return "No run with a Gaussian code has finished in the grid."
    family = cells["family"].value_counts().index[0]
    cells = cells[cells["family"] == family]
    names = [name for name in HEADLINE if (cells["name"] == name).any()]
    every = sorted(cells["noise_dim"].dropna().unique())
    noises = (
        every if len(every) <= MAX_ROWS else [every[i] for i in np.linspace(0, len(every) - 1, MAX_ROWS).astype(int)]
    )
    figure = _figure(1.55 * len(noises) + 0.6)
    grid = figure.subplots(len(noises), len(names), squeeze=False, sharex="col", sharey="col")
    for row, noise in enumerate(noises):
        for column, name in enumerate(names):
            axes = grid[row, column]
            here = cells[(cells["noise_dim"] == noise) & (cells["name"] == name)]
            dots = analysis.grid[(analysis.grid["noise_dim"] == noise) & (analysis.grid["name"] == name)]
            dots = dots[(dots["family"] == family) & dots["value"].notna() & dots["code_size"].isin(here["code_size"])]
            plots.against_controls(here, dots, axes, name)
            if row:
                axes.set_title("")
        grid[row, 0].set_ylabel(f"noise dimension {noise:g}")
    for axes in grid[-1]:
        axes.set_xlabel("latent dimension")
    _legend(figure, list(grid.flat))
    return Drawing(
        figure,
        "What the code keeps, beside three controls: the same network before training, a frozen random encoder "
        "whose decoder "
        "and discriminators are trained, and PCA with as many dimensions. Large markers: means of cells; bars: "
        f"{SEED_INTERVAL}; small dots: single seeds. A rise with the latent dimension that the controls share is "
        "not learnt. "
        f"{_seed_words(cells)} {_split_words(analysis)}",
    )


def share_bars(analysis: Analysis) -> Drawing | Nothing:
    """Stack the shares of code, noise and interaction for every cell, in pixels and in features."""
    spaces = ("pixel", "feature")
    names = {f"share_{short}_{space}": space for short, _, _ in plots.SHARES for space in spaces}
    cells = analysis.cells
    cells = cells[cells["name"].isin(names) & (cells["subject"] == "model")]
    if cells["mean"].notna().sum() == 0:
        return "No run of the grid has measured shares of variance."
    cells = cells.assign(order=~cells["family"].str.startswith("gaussian"), control=~cells["trained_encoder"])
    cells = cells.sort_values(["order", "family", "control", "code_size", "noise_dim"])
    encoder = cells["control"].map({False: "trained", True: "frozen encoder"})
    cells = cells.assign(group=cells["family"] + "\n" + encoder)
    keys = list(dict.fromkeys(cells["config_key"]))[:30]
    cells = cells[cells["config_key"].isin(keys)]
    figure = _figure(3.9)
    grid = figure.subplots(len(spaces), 1, squeeze=False, sharex=True)
    for axes, space in zip(grid.flat, spaces, strict=True):
        plots.share_bars(cells[cells["name"].map(names) == space], axes, space)
    grid[-1, 0].set_xlabel("latent dimension or K (upper), noise dimension (lower)")
    _legend(figure, list(grid.flat))
    return Drawing(
        figure,
        "Variance of generated images: what the code decides alone (S_z), what the noise decides alone (S_n), and "
        "what only "
        f"both decide (S_zn), means over seeds; codes are drawn from q(z). {_seed_words(cells)} "
        f"{_split_words(analysis)} "
        "Intervals are in the maps above and in cells.csv. Without noise S_z is 1 by identity.",
    )


def clustering(analysis: Analysis) -> Drawing | Nothing:
    """Draw the clustering error against K, beside k-means and chance."""
    values = analysis.values
    dots = values[
        (values["name"] == "clustering_error") & (values["split"] == analysis.split) & values["value"].notna()
    ]
    if dots[dots["subject"] == "model"].empty:
        return "No run with a categorical code has finished."
    figure = _figure(2.6)
    cells = analysis.cells[(analysis.cells["name"] == "clustering_error") & analysis.cells["mean"].notna()]
    plots.clustering(cells, dots, figure.subplots())
    model = dots[dots["subject"] == "model"]
    return Drawing(
        figure,
        "Clustering error against the number of categories K: share of images whose cluster's majority label is "
        "not their "
        f"own, the map from clusters to labels learnt on validation images. {len(model)} runs; bars: "
        f"{SEED_INTERVAL}; every "
        f"seed is a dot. The error falls with K by itself, so compare at equal K only. {_split_words(analysis)}",
    )


def reconstructions(analysis: Analysis) -> Drawing | Nothing:
    """Show originals and several draws of the noise for one code, for every cell with a Gaussian code (Figure 2)."""
    panels = _samples(analysis, "gaussian", ("originals", "reconstructions"))
    if not panels:
        return "No finished run with a Gaussian code has stored reconstructions."
    figure, grid = _panel_figure(len(panels), 0.77)
    for axes, (label, arrays) in zip(grid, panels, strict=False):
        draws = np.moveaxis(arrays["reconstructions"], 1, 0)
        plots.image_grid(np.concatenate([arrays["originals"][None], draws]), axes, first_row_gap=6)
        axes.set_title(label)
    return Drawing(
        figure,
        "Reconstructions, as Figure 2 of the paper. In each panel the first row shows eight held-out originals; "
        "below them five "
        "reconstructions from the same code with fresh noise. What differs within a column is what the noise invents. "
        f"{len(panels)} cells, the first seed of each.",
    )


def cluster_columns(analysis: Analysis) -> Drawing | Nothing:
    """Show generated images, a column for each category and a row for each noise vector (Figure 6)."""
    panels = _samples(analysis, "categorical", ("generated",))
    if not panels:
        return "No finished run with a categorical code has stored samples."
    widest = max(10, *(arrays["generated"].shape[1] for _, arrays in panels))
    rows = [arrays["generated"].shape[0] for _, arrays in panels]
    figure = _figure(sum(plots.PAGE_WIDTH * count / widest + 0.25 for count in rows))
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=rows)
    for axes, (label, arrays) in zip(grid.flat, panels, strict=True):
        plots.image_grid(arrays["generated"], axes)
        axes.set_anchor("W")
        axes.set_title(label)
    return Drawing(
        figure,
        "Clusters, as Figure 6 of the paper. Each column shows samples of one category (at most 20 are shown), "
        "each row one "
        f"noise vector. {len(panels)} cells, the first seed of each.",
    )


def generated(analysis: Analysis) -> Drawing | Nothing:
    """Show images from the prior: rows share their noise, columns their code."""
    panels = _samples(analysis, "gaussian", ("generated",))
    if not panels:
        return "No finished run with a Gaussian code has stored samples."
    figure, grid = _panel_figure(len(panels), 1.0)
    for axes, (label, arrays) in zip(grid, panels, strict=False):
        plots.image_grid(arrays["generated"], axes)
        axes.set_title(label)
    return Drawing(
        figure,
        "Samples with codes from the prior: each row has one noise vector, each column one code. "
        f"{len(panels)} cells, the first seed of each.",
    )


def learning_curves(analysis: Analysis) -> Drawing | Nothing:
    """Draw every logged value over steps, one column a code, with the seeds' range as a band."""
    runs = analysis.runs[(analysis.runs["origin"] == "grid") & analysis.runs["trained_encoder"]]
    columns = ["key", "config_key", "label", "code", "code_size", "noise_dim"]
    history = analysis.results.history.merge(runs[columns].rename(columns={"key": "run"}), on="run")
    history = history[history["value"].notna()]
    if history.empty:
        return "No history was recorded."
    names, codes = sorted(history["name"].unique())[:8], sorted(history["code"].unique(), reverse=True)[:2]
    codes = [code for code in ("gaussian", "categorical") if code in set(codes)] or codes
    figure = _figure(1.45 * len(names) + 0.6)
    grid = figure.subplots(len(names), len(codes), squeeze=False, sharex=True)
    for column, code in enumerate(codes):
        rows = history[history["code"] == code]
        colours, styles = _cell_styles(rows)
        for axes, name in zip(grid[:, column], names, strict=True):
            plots.learning_curves(_bands(rows[rows["name"] == name]), axes, colours, styles)
            axes.set_title(f"{code}, {name.removeprefix('loss/').replace('/', ': ').replace('_', ' ')}")
        grid[-1, column].set_xlabel("training step")
    _legend(figure, list(grid.flat))
    more = history["name"].nunique() - len(names)
    return Drawing(
        figure,
        "Losses over training, trained encoders. Lines: means over the seeds of a cell; bands: from the lowest to "
        "the highest "
        f"seed (no interval). {history['run'].nunique()} runs."
        + (f" {more} further values are not shown." if more > 0 else ""),
    )


def objective_history(analysis: Analysis) -> Drawing | Nothing:
    """Draw every objective over the configurations of each searched block."""
    table, objectives = analysis.configurations, analysis.results.study["objectives"]
    blocks = sorted(table.loc[table["origin"] == "search", "block"].unique())[:MAX_ROWS]
    if not blocks:
        return "No configuration was searched, or none has all objectives."
    figure = _figure(1.7 * len(blocks) + 0.4)
    grid = figure.subplots(len(blocks), len(objectives), squeeze=False)
    for row, block in enumerate(blocks):
        for column, objective in enumerate(objectives):
            chosen, maximize = table[table["block"] == block], objective.get("direction") == "maximize"
            axes = grid[row, column]
            plots.objective_history(chosen, axes, f"objective_{column}", objective["measure"], maximize)
            axes.set_title(f"{block}: {axes.get_title(loc='left')}", loc="left")
    _legend(figure, list(grid.flat))
    return Drawing(
        figure,
        f"The search: objectives of {len(table[table['block'].isin(blocks)])} configurations, grid cells first. "
        "Each is the mean "
        f"over the configuration's seeds on {objectives[0].get('split') or 'validation'} "
        f"images.{_oracle_words(analysis)}",
    )


def pareto(analysis: Analysis) -> Drawing | Nothing:
    """Draw two objectives against each other."""
    objectives, table = analysis.results.study["objectives"], analysis.configurations
    if len(objectives) != 2:
        return f"A Pareto view needs two objectives; this study has {len(objectives)}."
    if table.empty:
        return "No configuration has both objectives."
    signs = np.asarray([-1.0 if objective.get("direction") == "maximize" else 1.0 for objective in objectives])
    front = pareto_front(table[["objective_0", "objective_1"]].to_numpy(float) * signs)
    figure = _figure(2.8)
    plots.pareto(table, front, figure.subplots(), (objectives[0]["measure"], objectives[1]["measure"]))
    words = [
        f"{label_of(item['measure'])} {'higher' if sign < 0 else 'lower'}"
        for item, sign in zip(objectives, signs, strict=True)
    ]
    return Drawing(
        figure,
        f"Both objectives of {len(table)} configurations, means over their seeds; better is {' and '.join(words)}. "
        "The line "
        f"joins those that no other one beats in both.{_oracle_words(analysis)}",
    )


def searched(analysis: Analysis) -> Drawing | Nothing:
    """Draw what searched configurations with Gaussian codes keep, apart from the grid."""
    values = analysis.searched
    values = values[(values["subject"] == "model") & (values["code"] == "gaussian") & values["value"].notna()]
    names = [name for name in (*HEADLINE, "critic_accuracy", "dispersion_ratio") if (values["name"] == name).any()]
    if not names:
        return "No searched configuration with a Gaussian code has finished."
    figure = _figure(3.2)
    grid = figure.subplots(2, 3, squeeze=False)
    noise = values["noise_dim"].clip(lower=1)
    low = float(noise.min())
    norm = LogNorm(low, max(float(noise.max()), low + 1))
    for axes, name in zip(grid.flat, names, strict=False):
        chosen = values[values["name"] == name]
        plots.searched(chosen.assign(noise_dim=chosen["noise_dim"].clip(lower=1)), axes, name, norm)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    figure.supxlabel("latent dimension", fontsize=8)
    mappable = ScalarMappable(norm, "cividis")
    ticks = np.unique(np.geomspace(low, max(float(noise.max()), low + 1), 4).round())
    bar = figure.colorbar(mappable, ax=grid, label="noise dimension", fraction=0.04, pad=0.02)
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    return Drawing(
        figure,
        f"Searched configurations, {values['run'].nunique()} runs with Gaussian codes, a dot each. They never "
        "enter the means "
        f"of grid cells. {_split_words(analysis)}",
    )


def importance_bars(table: pd.DataFrame) -> Drawing | Nothing:
    """Draw the importance of parameters, one panel for each block and objective."""
    groups = list(table.groupby(["block", "objective"], sort=False))[:6]
    if not groups:
        return ""
    figure = _figure(0.6 + 0.3 * max(len(group) for _, group in groups))
    grid = figure.subplots(1, len(groups), squeeze=False)
    for axes, ((block, objective), group) in zip(grid.flat, groups, strict=True):
        plots.importance(group, axes)
        axes.set_title(f"{block}: {plots.math_label(str(objective))}")
    figure.supxlabel("importance (shares add up to 1)", fontsize=8)
    first = table.iloc[0]
    return Drawing(
        figure,
        f"Importance of the varied parameters for each objective, by {first['evaluator']}: how far the best "
        f"{100 * first['quantile']:.0f} % of {first['num_configurations']} configurations differ from all of them "
        "along a "
        "parameter. With so few configurations this is a hint and has no interval.",
    )


FIGURES: dict[str, Callable[[Analysis], Drawing | Nothing]] = {
    "training_effect": training_effect,
    "decomposition_maps": decomposition_maps,
    "controls": controls,
    "share_bars": share_bars,
    "clustering": clustering,
    "reconstructions": reconstructions,
    "generated": generated,
    "cluster_columns": cluster_columns,
    "learning_curves": learning_curves,
    "objective_history": objective_history,
    "pareto": pareto,
    "searched": searched,
}
"""Every figure by the name of its file."""


def _figure(height: float) -> Figure:
    return Figure(figsize=(plots.PAGE_WIDTH, max(1.6, min(height, 30))), layout="constrained")


def _panel_figure(count: int, aspect: float) -> tuple[Figure, list[Axes]]:
    columns = min(3, count)
    rows = -(-count // columns)
    figure = _figure(rows * (plots.PAGE_WIDTH / max(columns, 2) * aspect + 0.25))
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, grid


def _legend(figure: Figure, panels: list[Axes]) -> None:
    """Put one legend for all panels under them, each name once."""
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(4, len(entries)))


def _samples(analysis: Analysis, code: str, names: tuple[str, ...]) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Return the sample images of the first finished seed of every trained grid cell that has them, in the order of
    cells.""" runs = analysis.runs
    runs = runs[
        (runs["status"] == "finished") & (runs["code"] == code) & (runs["origin"] == "grid") & runs["trained_encoder"]
    ]
    runs = runs.sort_values(["family", "code_size", "noise_dim", "replicate"])
    panels: dict[str, tuple[str, dict[str, np.ndarray]]] = {}
    for _, run in runs.iterrows():
        key = str(run["config_key"])
        if key in panels or len(panels) == MAX_PANELS:
            continue
        arrays, _ = load_samples(analysis.results.folder.run(str(run["key"])))
        if all(name in arrays and _is_images(arrays[name], name) for name in names):
            panels[key] = (str(run["label"]), arrays)
    return list(panels.values())


def _is_images(array: np.ndarray, name: str) -> bool:
    dimensions = 4 if name == "originals" else 5
    return array.dtype == np.uint8 and array.ndim == dimensions and array.shape[-3] in (1, 3) and array.size > 0


def _bands(history: pd.DataFrame) -> pd.DataFrame:
    grouped = history.groupby(["code_size", "noise_dim", "config_key", "label", "step"], dropna=False)["value"]
    return grouped.agg(mean="mean", low="min", high="max").reset_index()


def _cell_styles(rows: pd.DataFrame) -> tuple[dict[str, object], dict[str, str]]:
    """Give every cell a colour by the size of its code and a line style by its noise dimension."""
    cells = rows.drop_duplicates("config_key")
    sizes, noises = sorted(cells["code_size"].unique()), sorted(cells["noise_dim"].unique())
    shades = mpl.colormaps["viridis"](np.linspace(0.05, 0.85, len(sizes)))
    lines = ("-", "--", ":", "-.")
    colours = {str(row["config_key"]): shades[sizes.index(row["code_size"])] for _, row in cells.iterrows()}
    styles = {str(row["config_key"]): lines[noises.index(row["noise_dim"]) % 4] for _, row in cells.iterrows()}
    return dict(colours), styles


def _split_words(analysis: Analysis) -> str:
    measured = analysis.grid if len(analysis.grid) else analysis.searched
    images = measured["n"].max()
    return f"Measured on up to {images:.0f} {analysis.split} images." if pd.notna(images) else ""


def _seed_words(cells: pd.DataFrame) -> str:
    low, high = cells["num_seeds"].min(), cells["num_seeds"].max()
    return f"n = {high} seeds a cell." if low == high else f"n = {low} to {high} seeds a cell."


def _oracle_words(analysis: Analysis) -> str:
    return " Label-selected: the objectives use labels." if analysis.results.study.get("oracle") else ""
