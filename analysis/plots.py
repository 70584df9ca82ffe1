"""One function a figure, `(table, axes)`: it draws numbers that are computed elsewhere, and computes none.

No function draws through pyplot, so none depends on or changes global state. Sizes and colours are those of
`analysis.style`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from analysis.style import MANY_DOTS, PANEL_TICKS, SUBJECTS, math_label, short
from analysis.tables import axis_label, number

SHARES = (("z", "code alone", "#0072B2"), ("n", "noise alone", "#E69F00"), ("zn", "interaction", "#b5b5b5"))

FLOOR = -0.3
"""Shares and R² below this are written beside the axis and not drawn."""

GREY = (0.78, 0.78, 0.78, 1.0)
"""Colour of points that belong nowhere."""

TIME_UNITS = {"seconds": 3600, "minutes": 60}
"""How many of each an hour has; a timeline is written in the first of which it has fewer than 180, or in hours."""

SHARE_AXIS = {"share_z_pixel": -0.03, "share_z_feature": -0.03, "label_preservation": -0.03, "r2_mean": FLOOR}
"""Lower end of the axis of measures that end at 1: one scale for all, so that panels and studies can be compared."""


def against_controls(
    cells: pd.DataFrame, seeds: pd.DataFrame, sizes: Sequence[float], axes: Axes, measure: str
) -> None:
    """Draw a measure against the code's size for the trained model and its controls, every seed as a dot.

    Args:
        cells: Rows of `statistics.cell_summary` for one measure, split, code and noise dimension.
        seeds: The runs behind them, of `statistics.joined`.
        sizes: All sizes of the axis, which panels may share, in their order.
        axes: Where to draw.
        measure: Name of the measure.
    """
    # Sizes are spaced as their logarithms, which 0 does not have; subjects stand side by side within a tenth of a step.
    for offset, subject in enumerate(("model", "frozen", "untrained", "pca")):
        name, colour, marker, line = SUBJECTS[subject]
        chosen = _subject_rows(cells, subject).sort_values("code_size")
        chosen = chosen[chosen["mean"].notna()]
        if chosen.empty:
            continue
        x = _positions(chosen["code_size"], sizes) + 0.09 * (offset - 1.5)
        axes.plot(x, chosen["mean"], line, marker=marker, color=colour, label=name)
        _intervals(axes, x, chosen, colour)
        dots = _subject_rows(seeds, subject)
        axes.plot(
            _positions(dots["code_size"], sizes) + 0.09 * (offset - 1.5),
            dots["value"],
            ".",
            color=colour,
            alpha=0.45,
            ms=3,
            rasterized=len(dots) > MANY_DOTS,
        )
    if measure in SHARE_AXIS and (cells["mean"] > FLOOR).any():
        axes.set_ylim(SHARE_AXIS[measure], 1.03)
    _write_what_is_below(cells, axes)
    step = -(-len(sizes) // PANEL_TICKS)
    axes.set_xticks(range(0, len(sizes), step), [f"{value:g}" for value in sizes[::step]])
    axes.set_xlim(-0.4, len(sizes) - 0.6)
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_title(math_label(measure))


def _write_what_is_below(cells: pd.DataFrame, axes: Axes) -> None:
    """End the axis at `FLOOR`, and write what lies below: an untrained network's R² of −2 would flatten all else."""
    lowest = cells.groupby("subject")["mean"].agg(["min", "max"])
    below = lowest[lowest["min"] < FLOOR]
    if below.empty or (cells["mean"] > FLOOR).sum() == 0:
        return
    axes.set_ylim(bottom=FLOOR)
    for line, (subject, row) in enumerate(below.iterrows()):
        name, colour, _, _ = SUBJECTS.get(str(subject), (str(subject), "black", "", ""))
        text = f"{name.split()[0]} ≤ {number(row['max'], 1)} ↓"
        axes.text(0.03, 0.03 + 0.12 * line, text, color=colour, transform=axes.transAxes)


def _subject_rows(table: pd.DataFrame, subject: str) -> pd.DataFrame:
    if subject in ("model", "frozen"):
        return table[(table["subject"] == "model") & (table["trained_encoder"] == (subject == "model"))]
    return table[(table["subject"] == subject) & table["trained_encoder"]]


def _positions(values: pd.Series[float], ordered: Sequence[float]) -> np.ndarray:
    return np.asarray([ordered.index(value) for value in values], dtype=float)


def _intervals(axes: Axes, x: np.ndarray, rows: pd.DataFrame, colour: str) -> None:
    known = rows["low"].notna().to_numpy()
    if known.any():
        axes.vlines(x[known], rows["low"][known], rows["high"][known], color=colour, linewidth=1.4)


def paired_differences(
    pairs: pd.DataFrame, rows: dict[str, str], summary: dict[str, float], axes: Axes, measure: str
) -> None:
    """Draw trained minus frozen in every cell, every pair of seeds as a dot, with the mean over cells as a band.

    Args:
        pairs: Rows of `statistics.control_differences` for one measure and code.
        rows: Label of each cell by its `config_key`, in the order of the rows from the bottom up.
        summary: `mean`, `low` and `high` of the difference over cells and seeds.
        axes: Where to draw.
        measure: Name of the measure.
    """
    place = {key: index for index, key in enumerate(rows)}
    height = pairs["config_key"].map(place)
    _, colour, _, _ = SUBJECTS["model"]
    axes.axvline(0, color="#333333", linewidth=0.8)
    if math.isfinite(summary["low"]):
        axes.axvspan(summary["low"], summary["high"], color=colour, alpha=0.15, linewidth=0)
    axes.axvline(summary["mean"], color=colour, linewidth=1.2)
    (dots,) = axes.plot(pairs["difference"], height, "o", color=colour, alpha=0.6, markersize=3.5, markeredgewidth=0)
    dots.set_rasterized(len(pairs) > MANY_DOTS)
    means = pairs.groupby("config_key")["difference"].mean()
    axes.plot(means, [place[str(key)] for key in means.index], "|", color="black", markersize=9, markeredgewidth=1.4)
    axes.set_yticks(range(len(rows)), list(rows.values()))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(_signed_tick))
    axes.set_title(math_label(measure))


def _signed_tick(value: float, _: int | None = None) -> str:
    return f"{value:+.2g}".replace("-", "−") if abs(value) > 1e-9 else "0"


def share_bars(cells: pd.DataFrame, axes: Axes, space: str) -> None:
    """Stack the shares of code, noise and their interaction, one bar a cell, the bars of a group side by side.

    Args:
        cells: Rows of `statistics.cell_summary` for the three shares of one space, with one split, in the order of the
            bars, and a column `group`; with those of codes from the prior, where there are any.
        axes: Where to draw.
        space: "pixel" or "feature".
    """
    bars = cells.drop_duplicates("config_key").reset_index(drop=True)
    x = np.arange(len(bars)) + 0.7 * (bars["group"] != bars["group"].shift()).cumsum().to_numpy()
    wide = cells.pivot_table(index="config_key", columns="name", values="mean", dropna=False)
    bottom = np.zeros(len(bars))
    for part, name, colour in SHARES:
        column = f"share_{part}_{space}"
        known = wide[column].reindex(bars["config_key"]).to_numpy() if column in wide else np.full(len(bars), np.nan)
        # An estimated interaction can fall a little below zero; a bar cannot.
        heights = np.clip(np.nan_to_num(known), 0, None)
        axes.bar(x, heights, 0.84, bottom, color=colour, label=name)
        for place, foot, height in zip(x, bottom, heights, strict=True):
            if height >= 0.12 and len(bars) <= 18:
                ink = "white" if part == "z" else "black"
                axes.text(place, foot + height / 2, f"{height:.2f}".lstrip("0"), ha="center", va="center", color=ink)
        bottom += heights
    _prior_ends(x, bars, wide, axes, space)
    for place in x[bottom == 0]:
        axes.add_patch(Rectangle((float(place) - 0.42, 0), 0.84, 1, facecolor="white", hatch="////", linewidth=0))
        axes.text(float(place), 0.5, "–", ha="center", va="center")
    for group, members in bars.groupby("group", sort=False) if space == "pixel" else ():
        axes.text(float(x[members.index].min()) - 0.42, 1.03, str(group), ha="left", va="bottom", fontweight="bold")
    axes.set_xticks(x, [f"{bar.code_size:g}\n{bar.noise_dim:g}" for bar in bars.itertuples()])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(x[0] - 0.6, x[-1] + 0.6)
    axes.set_ylim(0, 1.001)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axes.set_ylabel(
        {"pixel": "share of variance,\npixels", "feature": "share of variance,\nfeatures"}.get(space, space)
    )


def _prior_ends(x: np.ndarray, bars: pd.DataFrame, wide: pd.DataFrame, axes: Axes, space: str) -> None:
    """Mark where the parts of code and noise end with codes from the prior, a line at the right of each bar."""
    columns = [f"share_{part}_{space}_prior" for part in ("z", "n")]
    if not set(columns) <= set(wide):
        return
    ends = wide[columns].reindex(bars["config_key"]).clip(lower=0).cumsum(axis=1, skipna=False)
    label = "the same, codes from the prior"
    for column in columns:
        known = ends[column].notna().to_numpy()
        if known.any():
            axes.hlines(
                ends[column][known], x[known] + 0.28, x[known] + 0.56, color="black", linewidth=1.6, label=label
            )


def clustering(cells: pd.DataFrame, dots: pd.DataFrame, axes: Axes) -> None:
    """Draw the clustering error against K beside every control that there is, every seed as a dot.

    Args:
        cells: Rows of `statistics.cell_summary` for `clustering_error`.
        dots: Runs of `statistics.joined`, grid and search; searched ones are drawn hollow.
        axes: Where to draw.
    """
    for subject in ("chance", "untrained", "kmeans", "floor"):
        name, colour, marker, line = SUBJECTS[subject]
        means = dots[(dots["subject"] == subject) & dots["trained_encoder"]].groupby("code_size")["value"].mean()
        if len(means):
            axes.plot(means.index, means, line, marker=marker, color=colour, label=name)
    name, first, marker, _ = SUBJECTS["model"]
    model = dots[(dots["subject"] == "model") & dots["trained_encoder"]]
    for family, noise, spread in _series(cells):
        rows = cells[
            (cells["family"] == family) & (cells["noise_dim"].fillna(-1) == noise) & (cells["subject"] == "model")
        ]
        rows = rows[rows["mean"].notna() & rows["trained_encoder"]].sort_values("code_size")
        x = rows["code_size"].to_numpy() * (1 + 0.02 * spread)
        label = name + (f", n = {noise:g}" if noise >= 0 else "") + short(family).removeprefix("categorical")
        colour = first if spread == 0 else mpl.colors.to_hex(mpl.colormaps["tab10"](spread % 10))
        axes.plot(x, rows["mean"], "-", marker=marker, color=colour, label=f"{label} (mean)")
        _intervals(axes, x, rows, colour)
    grid, searched = model[model["origin"] == "grid"], model[model["origin"] == "search"]
    axes.plot(grid["code_size"] * 0.97, grid["value"], ".", color=first, alpha=0.55, label=f"{name}, one seed")
    if len(searched):
        axes.plot(searched["code_size"], searched["value"], "o", color=first, mfc="none", label=f"{name}, searched")
    sizes = sorted(model["code_size"].dropna().unique())
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [f"{value:g}" for value in sizes])
    axes.set_ylim(0, 1)
    axes.grid(axis="y")
    axes.set_xlabel("number of categories K")
    axes.set_ylabel("clustering error")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))


def _series(cells: pd.DataFrame) -> list[tuple[str, float, int]]:
    found = (
        cells.assign(noise=cells["noise_dim"].fillna(-1))[["family", "noise"]].drop_duplicates().sort_values("noise")
    )
    return [(str(row["family"]), float(row["noise"]), index) for index, (_, row) in enumerate(found.iterrows())]


def image_grid(images: np.ndarray, axes: Axes, gap: int = 2) -> None:
    """Draw images as a grid.

    Args:
        images: uint8 with shape (rows, columns, C, H, W), C = 1 or 3.
        axes: Where to draw; its ticks are removed.
        gap: White pixels between images.
    """
    rows, columns, channels, height, width = images.shape
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for row in range(rows):
        top = row * (height + gap)
        for column in range(columns):
            left = column * (width + gap)
            sheet[top : top + height, left : left + width] = images[row, column].transpose(1, 2, 0)
    axes.imshow(sheet if channels == 3 else sheet[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()


def along_axis(cells: pd.DataFrame, dots: pd.DataFrame, axes: Axes, colour: Any, label: str) -> None:
    """Draw the means of cells at their places, with seed-level intervals, and every seed as a dot.

    Args:
        cells: Rows of `statistics.cell_summary` for one measure, with their `place` along the axis, in that order.
        dots: Runs of `statistics.joined` for it, with their `place`.
        axes: Where to draw.
        colour: Colour of the line.
        label: Its name in the legend; empty for none.
    """
    place = cells["place"].to_numpy(float)
    axes.plot(place, cells["mean"], "-", marker=SUBJECTS["model"][2], color=colour, label=label or None)
    _intervals(axes, place, cells, colour)
    axes.plot(dots["place"] + 0.12, dots["value"], ".", color=colour, alpha=0.45, ms=3)


TICK_CHARACTERS = 12
"""Characters of an axis's ticks for which a panel has room side by side."""


def finish_axis(axes: Axes, ticks: list[str], measure: str) -> None:
    """Write what stands at the places 0, 1, … of an axis, and the measure as the title."""
    axes.set_xticks(range(len(ticks)), ticks)
    if sum(map(len, ticks)) > TICK_CHARACTERS:
        axes.tick_params("x", rotation=45)
    axes.set_xlim(-0.4, len(ticks) - 0.6)
    axes.grid(axis="y")
    axes.set_title(axis_label(measure))


def timeline(bars: pd.DataFrame, axes: Axes, colours: dict[str, str]) -> None:
    """Draw runs as bars over time, a row for each lane.

    Args:
        bars: Rows of `timeline.lane_timeline`.
        axes: Where to draw.
        colours: Colour of each block, in the order of the legend.
    """
    gap, many = 0.12, len(bars) > MANY_DOTS
    for block, colour in colours.items():
        rows = bars[bars["block"] == block]
        boxes = [
            [(start, lane - 0.5 + gap), (end, lane - 0.5 + gap), (end, lane + 0.5 - gap), (start, lane + 0.5 - gap)]
            for start, end, lane in zip(rows["start_h"], rows["end_h"], rows["lane"], strict=True)
        ]
        polygons = PolyCollection(boxes, facecolors=colour, edgecolors="white", label=block, rasterized=many)
        polygons.set_linewidth(0 if many else 0.5)
        axes.add_collection(polygons)
    count = int(bars["lane"].max()) + 1
    step = -(-count // PANEL_TICKS)
    axes.set_yticks(range(0, count, step), [str(lane + 1) for lane in range(0, count, step)])
    axes.set_ylim(count - 0.4, -0.6)
    end = float(bars["end_h"].max())
    unit, factor = next((item for item in TIME_UNITS.items() if end * item[1] < 180), ("hours", 1))
    axes.set_xlim(0, end or 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * factor:g}"))
    axes.xaxis.set_major_locator(FixedLocator([tick / factor for tick in MaxNLocator(8).tick_values(0, end * factor)]))
    axes.grid(axis="x")
    axes.set_ylabel("lane")
    axes.set_xlabel(f"{unit} since the first start")


def coloured_points(points: np.ndarray, labels: np.ndarray, axes: Axes) -> None:
    """Draw points with shape (N, 2), coloured by their labels (N,), grey below 0, on square axes without ticks."""
    colours = np.array([mpl.colormaps["tab10"](index % 10) if index >= 0 else GREY for index in labels])
    axes.scatter(points[:, 0], points[:, 1], s=1.2, c=colours, linewidths=0, rasterized=True)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])


def learning_curves(bands: pd.DataFrame, axes: Axes, colours: dict[str, Any], styles: dict[str, str]) -> None:
    """Draw one logged value over steps: the mean of a cell's seeds, and their range as a band.

    Args:
        bands: Columns `config_key`, `label`, `step`, `mean`, `low` and `high`.
        axes: Where to draw.
        colours: Colour of each cell.
        styles: Line style of each cell.
    """
    for key, band in bands.groupby("config_key", sort=False):
        name = str(key)
        axes.fill_between(band["step"], band["low"], band["high"], color=colours[name], alpha=0.15, linewidth=0)
        axes.plot(
            band["step"], band["mean"], styles[name], color=colours[name], linewidth=1.1, label=band["label"].iloc[0]
        )
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
