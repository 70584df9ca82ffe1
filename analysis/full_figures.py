"""Figures of the full suite, for the runs that `analysis.measure` has measured: first seed of each cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from analysis import style
from analysis.drawing import Drawing, add_legend, new_figure, seed_words, wrapped
from analysis.map_numbers import MAPS, confusion_shares, factor_splits, shown_maps
from analysis.results import load_curve, load_maps
from analysis.tables import Analysis
from analysis.wording import cell_name
from study.records import RunFolder

Loaded = TypeVar("Loaded")

MAX_CELLS, MAX_ROWS, MAX_FACTOR_CELLS = 8, 30, 12
WIDE, WIDE_SHARE = 0.1, 0.05
"""A bracket of the rate is wide above so many nats, or above this share of its upper end if that is more."""

NOT_MEASURED = "No run has been measured with the full suite: python -m analysis.measure does it."


def calibration(analysis: Analysis) -> Drawing | str:
    """Draw the joint test's accuracy of every cell, and how much of a dependence that critic could have seen."""
    cells = analysis.cells[analysis.cells["name"].isin(["joint_accuracy", "joint_power"])]
    cells = cells[cells["mean"].notna() & cells["subject"].isin(["model", "pca"])]
    order = cells[(cells["name"] == "joint_accuracy") & (cells["subject"] == "model")]
    if order.empty:
        return NOT_MEASURED
    place = ["family", "code_size", "noise_dim"]
    shown = order.sort_values(["trained_encoder", *place], ascending=[False, True, True, True]).head(MAX_ROWS)
    left_out = f" {len(shown)} of {len(order)} cells, trained ones first." if len(shown) < len(order) else ""
    order = shown.sort_values(["trained_encoder", *place], ascending=[True, False, False, False])
    cell_names = (
        cell_name(str(block), str(label)) for block, label in zip(order["block"], order["label"], strict=True)
    )
    names = zip(cell_names, order["trained_encoder"], strict=True)
    labels = [name if trained or "frozen" in name else f"{name} frozen" for name, trained in names]
    figure = new_figure(0.2 * len(order) + 0.9)
    accuracy_rows(cells, list(order["config_key"]), labels, figure.subplots())
    return Drawing(
        figure,
        "Calibration: the joint two-sample test. Held-out accuracy of a fresh convolutional critic that tells (x, ẑ) "
        "from (x̂, ẑ), at 0.5 if it finds no difference; the same for PCA of the same size, a calibrated linear "
        "decoder; and the critic's power, its accuracy where codes were shuffled: what it sees of the dependence of "
        f"image and code. Means over seeds; bars: 95 % seed-level t intervals. {seed_words(order)} "
        f"All test images.{left_out}",
    )


def accuracy_rows(cells: pd.DataFrame, keys: list[str], labels: list[str], axes: Axes) -> None:
    """Draw one row a cell.

    Args:
        cells: Rows of `statistics.cell_summary` for `joint_accuracy` and `joint_power`.
        keys: `config_key` of the cells, from the bottom up.
        labels: Their labels.
        axes: Where to draw.
    """
    series = (
        ("joint_accuracy", "model", style.SUBJECTS["model"][1], "o", "model"),
        ("joint_accuracy", "pca", style.SUBJECTS["pca"][1], "D", "PCA, same dimension"),
        ("joint_power", "model", "#8a8a8a", "|", "power: codes shuffled"),
    )
    for name, subject, colour, marker, label in series:
        chosen = cells[(cells["name"] == name) & (cells["subject"] == subject)].drop_duplicates("config_key")
        chosen = chosen.set_index("config_key").reindex(keys)
        if chosen["mean"].isna().all():
            continue
        height = np.arange(len(keys))
        axes.hlines(height, chosen["low"], chosen["high"], color=colour, linewidth=1.2)
        axes.plot(chosen["mean"], height, marker, color=colour, label=label)
    axes.axvline(0.5, color="#333333", linewidth=0.8)
    axes.set_yticks(range(len(keys)), labels)
    axes.set_ylim(-0.7, len(keys) - 0.3)
    axes.set_xlim(0.45, 1.01)
    axes.grid(axis="x")
    axes.set_xlabel("accuracy")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def rate_distortion(analysis: Analysis) -> Drawing | str:
    """Draw distortion, fidelity and label preservation against the rate as noise is added to the code."""
    curves = {label: table for label, table in _measured(analysis, load_curve) if len(table)}
    titles = {
        "distortion": "distortion\n(intensity² per image)",
        "frechet": "Fréchet distance\n(feature²)",
        "label_preservation": "label preservation",
    }
    panels = [panel for panel in titles.items() if any(panel[0] in table for table in curves.values())]
    if not panels:
        return NOT_MEASURED
    figure = new_figure(2.7)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    shades = style.sequence(len(curves))
    for axes, (name, title) in zip(grid, panels, strict=True):
        for colour, (label, table) in zip(shades, curves.items(), strict=True):
            if name in table:
                curve_with_band(table, name, axes, colour, label)
        axes.set_xlabel("rate I$_{σ}$ (nat)")
        axes.set_xscale("symlog", linthresh=1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(title)
        axes.grid(axis="y")
    add_legend(figure, list(grid))
    return Drawing(
        figure,
        "Rate, distortion and fidelity as noise of σ = 4, 2, 1, .5, .25 and .1 code deviations is added to the code, "
        "from left to right; the code's spread is restored before decoding. Rate: the upper bound, dotted to the "
        "lower one; hollow where they are far apart, for the images are too few to tell. Bands: 95 % image-level "
        "intervals. First seed "
        f"of {len(curves)} cells, 1,000 test images.",
    )


def curve_with_band(table: pd.DataFrame, name: str, axes: Axes, colour: object, label: str) -> None:
    """Draw one curve.

    Args:
        table: Columns `rate_low`, `rate_high` and `name` with its ends, one row for each σ.
        name: What is drawn against the rate.
        axes: Where to draw.
        colour: Its colour.
        label: Its name.
    """
    rows = table.dropna(subset=["rate_low", "rate_high", name]).sort_values("rate_high")
    rate, gap = rows["rate_high"], rows["rate_high"] - rows["rate_low"]
    axes.hlines(rows[name], rows["rate_low"], rate, color=colour, linewidth=0.8, linestyles="dotted")
    axes.plot(rate, rows[name], "-", color=colour, label=label)
    axes.fill_between(rate, rows[f"{name}_low_end"], rows[f"{name}_high_end"], color=colour, alpha=0.15, linewidth=0)
    known = (gap <= np.maximum(WIDE, WIDE_SHARE * rows["rate_high"])).to_numpy()
    for chosen, face in ((known, colour), (~known, "white")):
        axes.plot(rate[chosen], rows.loc[chosen, name], "o", color=colour, markerfacecolor=face, markersize=4)


def pixel_maps(analysis: Analysis) -> Drawing | str:
    """Show where in the image the code decides, and where the noise does."""
    measured = _measured(analysis, load_maps)
    panels = [(label, shown_maps(maps)) for label, maps in measured if set(MAPS) <= set(maps)]
    if not panels:
        return NOT_MEASURED
    figure = new_figure(1.05 * len(panels) + 0.5)
    grid = figure.subplots(len(panels), len(MAPS), squeeze=False)
    for axes, title in zip(grid[0], MAPS.values(), strict=True):
        axes.set_title(style.subscripts(title), loc="center")
    for row, (label, maps) in zip(grid, panels, strict=True):
        for axes, name in zip(row, MAPS, strict=True):
            axes.imshow(maps[name], cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(wrapped(label, 20), rotation=0, ha="right", va="center")
    return Drawing(
        figure,
        "Where the code decides. Each pixel's variance over generated images, and the shares of it that code, noise "
        "and both together explain, from 0 (dark) to 1 (bright); white pixels do not vary. The variance is scaled to "
        "its largest pixel. Weighted by it, the maps' means are the shares in the tables. First seed of "
        f"{len(panels)} cells.",
    )


def confusion(analysis: Analysis) -> Drawing | str:
    """Show which class an image becomes when it is reconstructed."""
    measured = _measured(analysis, load_maps)
    panels = [(label, confusion_shares(maps["confusion"])) for label, maps in measured if "confusion" in maps]
    if not panels:
        return NOT_MEASURED
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(1.95 * rows + 0.3)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, (label, shares) in zip(grid.flat, panels, strict=False):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(0, len(shares), 3))
        axes.set_yticks(range(0, len(shares), 3))
        axes.set_title(wrapped(label, 22))
    figure.supxlabel("class of the reconstruction", fontsize=8)
    figure.supylabel("class of the image", fontsize=8)
    return Drawing(
        figure,
        "Confusion of originals and reconstructions, as the measuring classifier sees them: of the images of a class "
        f"(row), the share whose reconstructions have another (column). First seed of {len(panels)} cells, all test "
        "images.",
    )


def factors(analysis: Analysis) -> Drawing | str:
    """Draw which known factors of the images the code decides."""
    names, splits = factor_splits(analysis.cells, MAX_FACTOR_CELLS)
    if splits.empty:
        return "The data have no known factors, or no run has been measured with the full suite."
    order = splits[splits["subject"] == "model"].drop_duplicates("config_key")
    figure = new_figure(0.3 * len(names) + 1.0 + 0.18 * -(-len(order) // 4))
    axes = figure.subplots()
    shades = style.sequence(len(order))
    for index, (colour, (_, cell)) in enumerate(zip(shades, order.iterrows(), strict=True)):
        height = np.arange(len(names)) + 0.3 - 0.6 * index / max(1, len(order) - 1)
        own, name = (
            splits[splits["config_key"] == cell["config_key"]],
            cell_name(str(cell["block"]), str(cell["label"])),
        )
        for subject, marker in (("model", "o"), ("untrained", "x")):
            rows = own[own["subject"] == subject].set_index("factor").reindex(names)
            axes.plot(rows["mean"], height, marker, color=colour, label=name if marker == "o" else "")
            axes.hlines(height, rows["low"], rows["high"], color=colour, linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.05, 1.02)
    axes.grid(axis="x")
    axes.set_xlabel(style.subscripts("τ_z") + ": share of the factor that the code decides")
    add_legend(figure, [axes])
    return Drawing(
        figure,
        "Which factors the code decides: for each known factor of the images, the share of its variance, read off "
        "reconstructions by a classifier, that the code explains; 0: the noise decides it alone. Factors whose "
        "classifier is right on less than 80 % of images are left out. Crosses: untrained networks; lines: 95 % "
        "seed-level t intervals. "
        f"{seed_words(order)}",
    )


def _measured(analysis: Analysis, load: Callable[[RunFolder], Loaded]) -> list[tuple[str, Loaded]]:
    """Return the name and what is loaded of the first fully measured seed of each trained cell, a few of them."""
    runs = analysis.runs
    runs = runs[(runs["status"] == "finished") & runs["trained_encoder"] & runs["full_hash"].map(_is_hash)]
    runs = runs.sort_values(["family", "code_size", "noise_dim", "replicate"]).drop_duplicates("config_key")
    shown = [runs.iloc[index] for index in np.linspace(0, len(runs) - 1, min(len(runs), MAX_CELLS)).astype(int)]
    return [
        (cell_name(str(run["block"]), str(run["label"])), load(analysis.results.folder.run(str(run["key"]))))
        for run in shown
    ]


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and value != ""
