"""One function a figure, `(table, axes)`: it draws numbers that are computed elsewhere, and computes none.

Sizes are inches on paper and points of type: a figure is at most `PAGE_WIDTH` wide, and no type is smaller than 8
points, so it can be printed as it is. The colours are Okabe and Ito's, which people with any colour vision tell apart;
markers and line styles differ as well. No function draws through pyplot, so none depends on or changes
global state.

References:
    Okabe & Ito (2008), Color universal design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import math
import re
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from analysis.tables import axis_label, number

PAGE_WIDTH = 7.2
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "figure.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.7,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # a fixed place: to look for a free one takes a tenth of the time of a report
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "hatch.linewidth": 0.6,
    "hatch.color": "#999999",
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "svg.hashsalt": "report",
    "savefig.facecolor": "white",
}

SUBJECTS: dict[str, tuple[str, str, str, str]] = {
    "model": ("trained", "#0072B2", "o", "-"),
    "frozen": ("frozen random encoder", "#D55E00", "s", "--"),
    "untrained": ("untrained network", "#7a7a7a", "^", ":"),
    "pca": ("PCA, same dimension", "#009E73", "D", "-."),
    "kmeans": ("k-means, same K", "#CC79A7", "D", "-."),
    "chance": ("chance", "#333333", "_", ":"),
}
"""Name in the legend, colour, marker and line of every subject."""

SHARES = (("z", "code alone", "#0072B2"), ("n", "noise alone", "#E69F00"), ("zn", "interaction", "#b5b5b5"))

LIMITS: dict[str, tuple[float, float]] = {
    "share_z_pixel": (0, 1),
    "share_z_feature": (0, 1),
    "label_preservation": (0, 1),
    "r2_mean": (0, 1),
    "critic_accuracy": (0.5, 1),
    "dispersion_ratio": (0, 2),
}
"""Colour limits of the maps, so that maps of different studies can be compared; what lies outside has the end's
colour."""

FLOOR = -0.3
"""Shares and R² below this are written beside the axis and not drawn."""

MAX_WRITTEN, MAX_TICKS = 60, 20
"""Cells of a map up to which their values are written into it, and rows up to which each has a tick."""

WIDE_COLUMNS, ROOMY_COLUMNS = 2, 4
"""Columns of a map up to which a cell has room for half width and number of seeds side by side, and for "0." in one."""

SHARE_AXIS = {"share_z_pixel": -0.03, "share_z_feature": -0.03, "label_preservation": -0.03, "r2_mean": FLOOR}
"""Lower end of the axis of measures that end at 1: one scale for all, so that panels and studies can be compared."""

COLOURS = {"critic_accuracy": "Oranges", "dispersion_ratio": "PuOr"}
"""Colour maps of the calibration measures; the others have shades of blue."""

_SEQUENCE = mpl.colormaps["cividis"]


def math_label(measure: str) -> str:
    """Return a measure's label and unit with subscripts as Matplotlib writes them."""
    return subscripts(axis_label(measure))


def subscripts(text: str) -> str:
    """Return text with the subscripts of symbols like S_z as Matplotlib writes them."""
    return re.sub(r"\b([SIτ])_(zn|z|n|σ)", r"$\\mathregular{\1_{\2}}$", text)


def sequence(count: int) -> list[Any]:
    """Return `count` colours in an order that is also one of lightness."""
    return list(mpl.colormaps["viridis"](np.linspace(0.05, 0.85, max(count, 1))))[:count]


def short(family: str) -> str:
    """Return the name of a family as it stands in figures, cut where there is no room for all its fields."""
    name = family.replace("gaussian", "Gaussian", 1)
    return name if len(name) <= 36 else f"{name[:35]}…"


def heat_map(cells: pd.DataFrame, axes: Axes, measure: str) -> None:
    """Draw one measure over (code size, noise dimension), with its seed-level half width.

    Args:
        cells: Rows of `statistics.cell_summary` for one measure, split, subject and family, with `num_wanted` and
            `uncalibrated`.
        axes: Where to draw.
        measure: Name of the measure, for title and colour limits.
    """
    cells = cells.dropna(subset=["code_size", "noise_dim"])
    values = cells.pivot_table(index="code_size", columns="noise_dim", values="mean", dropna=False)
    low, high = LIMITS.get(measure, (float(cells["mean"].min()), float(cells["mean"].max())))
    colours = mpl.colormaps[COLOURS.get(measure, "Blues")]
    scale = Normalize(low, high if high > low else low + 1)
    axes.pcolormesh(values.to_numpy(), cmap=colours, norm=scale, edgecolors="white", linewidth=1.5)
    rows, columns = (list(index) for index in (values.index, values.columns))
    written = values.size <= MAX_WRITTEN
    for _, cell in (cells if written else cells[cells["uncalibrated"]]).iterrows():
        place = columns.index(cell["noise_dim"]), rows.index(cell["code_size"])
        _hatch(cell, place, axes)
        if written and math.isfinite(cell["mean"]):
            _write_cell(_cell_text(cell, len(columns)), place, _luminance(colours(scale(cell["mean"]))), axes)
    axes.set_xticks(np.arange(len(columns)) + 0.5, [f"{value:g}" for value in columns])
    step = -(-len(rows) // MAX_TICKS)
    axes.set_yticks(np.arange(len(rows))[::step] + 0.5, [f"{value:g}" for value in rows[::step]])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0, rotation=0)
    axes.set_title(math_label(measure))


def map_height(cells: pd.DataFrame) -> float:
    """Return the inches that a map of these cells needs for its rows and their lines of text."""
    rows, columns = cells["code_size"].nunique(), cells["noise_dim"].nunique()
    if rows * columns > MAX_WRITTEN:
        return min(2.5, max(1.0, 0.1 * rows))
    lacks_seeds = bool((cells["num_seeds"] < cells["num_wanted"]).any())
    return (0.5 if lacks_seeds and columns > WIDE_COLUMNS else 0.36) * max(2, rows)


def _cell_text(cell: pd.Series[Any], columns: int) -> str:
    """Write the mean, and below it the half width and how many seeds there are of how many, on one line if it fits."""
    wide, below = columns <= WIDE_COLUMNS, []
    if math.isfinite(cell["low"]):
        half = number(cell["mean"] - cell["low"])
        below.append(f"±{half.removeprefix('0') if columns > ROOMY_COLUMNS else half}")
    if cell["num_seeds"] < cell["num_wanted"]:
        below.append(f"{cell['num_seeds']:.0f}{' of ' if wide else '/'}{cell['num_wanted']:.0f}")
    return "\n".join([number(cell["mean"]), *([" · ".join(below)] if wide and below else below)])


def _write_cell(text: str, place: tuple[int, int], luminance: float, axes: Axes) -> None:
    ink = "black" if luminance > 0.4 else "white"
    axes.text(place[0] + 0.5, place[1] + 0.5, text, color=ink, ha="center", va="center", linespacing=1.15)


def _luminance(colour: Any) -> float:
    return float(np.dot(colour[:3], (0.299, 0.587, 0.114)))


def _hatch(cell: pd.Series[Any], place: tuple[int, int], axes: Axes) -> None:
    """Draw lines over a cell that is not calibrated, and a dash into one that has no value."""
    if not math.isfinite(cell["mean"]):
        axes.text(place[0] + 0.5, place[1] + 0.5, "–", ha="center", va="center")
    elif cell["uncalibrated"]:
        axes.add_patch(Rectangle(place, 1, 1, fill=False, hatch="//", linewidth=0))


def against_controls(cells: pd.DataFrame, seeds: pd.DataFrame, axes: Axes, measure: str) -> None:
    """Draw a measure against the code's size for the trained model and its controls, every seed as a dot.

    Args:
        cells: Rows of `statistics.cell_summary` for one measure, split, code and noise dimension.
        seeds: The runs behind them, of `statistics.joined`.
        axes: Where to draw.
        measure: Name of the measure.
    """
    sizes = sorted(cells["code_size"].dropna().unique())
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
        )
    if measure in SHARE_AXIS and (cells["mean"] > FLOOR).any():
        axes.set_ylim(SHARE_AXIS[measure], 1.03)
    _write_what_is_below(cells, axes)
    step = -(-len(sizes) // MAX_TICKS)
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


def _positions(values: pd.Series[float], ordered: list[float]) -> np.ndarray:
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
    axes.plot(pairs["difference"], height, "o", color=colour, alpha=0.6, markersize=3.5, markeredgewidth=0)
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
            bars, and a column `group`.
        axes: Where to draw.
        space: "pixel" or "feature".
    """
    bars = cells.drop_duplicates("config_key").reset_index(drop=True)
    x = np.arange(len(bars)) + 0.7 * (bars["group"] != bars["group"].shift()).cumsum().to_numpy()
    wide = cells.pivot_table(index="config_key", columns="name", values="mean", dropna=False)
    bottom = np.zeros(len(bars))
    for short, name, colour in SHARES:
        column = f"share_{short}_{space}"
        known = wide[column].reindex(bars["config_key"]).to_numpy() if column in wide else np.full(len(bars), np.nan)
        # An estimated interaction can fall a little below zero; a bar cannot.
        heights = np.clip(np.nan_to_num(known), 0, None)
        axes.bar(x, heights, 0.84, bottom, color=colour, label=name)
        for place, foot, height in zip(x, bottom, heights, strict=True):
            if height >= 0.12 and len(bars) <= 18:
                ink = "white" if short == "z" else "black"
                axes.text(place, foot + height / 2, f"{height:.2f}".lstrip("0"), ha="center", va="center", color=ink)
        bottom += heights
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


def clustering(cells: pd.DataFrame, dots: pd.DataFrame, axes: Axes) -> None:
    """Draw the clustering error against K beside k-means and chance, every seed as a dot.

    Args:
        cells: Rows of `statistics.cell_summary` for `clustering_error`.
        dots: Runs of `statistics.joined`, grid and search; searched ones are drawn hollow.
        axes: Where to draw.
    """
    for subject in ("chance", "kmeans"):
        name, colour, marker, line = SUBJECTS[subject]
        means = dots[dots["subject"] == subject].groupby("code_size")["value"].mean()
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


def image_grid(images: np.ndarray, axes: Axes, gap: int = 2, first_row_gap: int = 0) -> None:
    """Draw images as a grid.

    Args:
        images: uint8 with shape (rows, columns, C, H, W), C = 1 or 3.
        axes: Where to draw; its ticks are removed.
        gap: White pixels between images.
        first_row_gap: Further white pixels under the first row, which sets originals apart.
    """
    rows, columns, channels, height, width = images.shape
    sheet = np.full(
        (rows * (height + gap) + first_row_gap - gap, columns * (width + gap) - gap, channels), 255, np.uint8
    )
    for row in range(rows):
        top = row * (height + gap) + (first_row_gap if row else 0)
        for column in range(columns):
            left = column * (width + gap)
            sheet[top : top + height, left : left + width] = images[row, column].transpose(1, 2, 0)
    axes.imshow(sheet if channels == 3 else sheet[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()


def along_axis(cells: pd.DataFrame, dots: pd.DataFrame, ticks: list[str], axes: Axes, measure: str) -> None:
    """Draw the means of cells at places 0, 1, …, with seed-level intervals, and every seed as a dot.

    Args:
        cells: Rows of `statistics.cell_summary` for one measure, with their `place`.
        dots: Runs of `statistics.joined` for it, with their `place`.
        ticks: What stands at each place.
        axes: Where to draw.
        measure: Name of the measure, the title.
    """
    _, colour, marker, _ = SUBJECTS["model"]
    place = cells["place"].to_numpy(float)
    axes.plot(place, cells["mean"], "-", marker=marker, color=colour)
    _intervals(axes, place, cells, colour)
    axes.plot(dots["place"] + 0.12, dots["value"], ".", color=colour, alpha=0.45, ms=3)
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.4, len(ticks) - 0.6)
    axes.grid(axis="y")
    axes.set_title(axis_label(measure))


def coloured_points(points: np.ndarray, labels: np.ndarray, axes: Axes) -> None:
    """Draw points with shape (N, 2), coloured by their labels (N,), on square axes without ticks."""
    colours = np.array([mpl.colormaps["tab10"](index % 10) for index in labels])
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
