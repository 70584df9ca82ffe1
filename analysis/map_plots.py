"""Maps of one measure over the size of the code and of the noise, `(table, axes)` as in `analysis.plots`."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from analysis.style import math_label
from analysis.tables import number

LIMITS: dict[str, tuple[float, float]] = {
    "share_z_pixel": (0, 1),
    "share_z_feature": (0, 1),
    "label_preservation": (0, 1),
    "r2_mean": (0, 1),
    "joint_accuracy": (0.5, 1),
    "critic_accuracy": (0.5, 1),
    "dispersion_ratio": (0, 2),
}
"""Colour limits of the maps, so that maps of different studies can be compared; what lies outside has the end's
colour."""

MAX_WRITTEN, MAX_TICKS = 60, 20
"""Cells of a map up to which their values are written into it, and rows up to which each has a tick."""

WIDE_COLUMNS, ROOMY_COLUMNS = 2, 4
"""Columns of a map up to which a cell has room for half width and number of seeds side by side, and for "0." in one."""

COLOURS = {"joint_accuracy": "Oranges", "critic_accuracy": "Oranges", "dispersion_ratio": "PuOr"}
"""Colour maps of the calibration measures; the others have shades of blue."""


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
    mesh = axes.pcolormesh(values.to_numpy(), cmap=colours, norm=scale, edgecolors="white")
    rows, columns = (list(index) for index in (values.index, values.columns))
    written = values.size <= MAX_WRITTEN
    mesh.set_rasterized(not written)
    mesh.set_linewidth(1.5 if written else 0)
    column, row = cells["noise_dim"].map(columns.index), cells["code_size"].map(rows.index)
    cells = cells.assign(column=column, row=row)
    _hatch(cells[cells["uncalibrated"] & cells["mean"].notna()], "//" if written else "//////", axes)
    for _, cell in (cells if written else cells[cells["mean"].isna()]).iterrows():
        known = math.isfinite(cell["mean"])
        shade = colours(scale(cell["mean"])) if known else (1.0, 1.0, 1.0, 1.0)
        axes.text(
            cell["column"] + 0.5,
            cell["row"] + 0.5,
            _cell_text(cell, len(columns)) if known else "–",
            color="black" if _luminance(shade) > 0.5 else "white",
            ha="center",
            va="center",
            linespacing=1.15,
            bbox={"facecolor": shade, "linewidth": 0, "pad": 1},  # no line of a hatched cell runs through its numbers
        )
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


def _luminance(colour: Any) -> float:
    return float(np.dot(colour[:3], (0.299, 0.587, 0.114)))


def _hatch(cells: pd.DataFrame, lines: str, axes: Axes) -> None:
    """Draw lines over cells, all of them as one path: a large map has hundreds."""
    squares = [Path.unit_rectangle().vertices + place for place in cells[["column", "row"]].to_numpy(float)]
    if squares:
        path = Path.make_compound_path(*(Path(square, Path.unit_rectangle().codes) for square in squares))
        axes.add_patch(PathPatch(path, fill=False, hatch=lines, linewidth=0))
