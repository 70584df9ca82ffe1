"""What the figures of a report have in common: their size, their legend, and the words that captions repeat."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.style import PAGE_WIDTH
from analysis.tables import Analysis

MAX_ROWS = 4
"""Families, blocks or noise dimensions that one figure shows; the tables have all of them."""

SEED_INTERVAL = "95 % seed-level t intervals, the seeds' variance pooled over cells"


@dataclass(frozen=True)
class Drawing:
    """A figure and the caption that belongs to it."""

    figure: Figure
    caption: str


def new_figure(height: float) -> Figure:
    """Return an empty figure of the page's width, `height` inches high within reason."""
    return Figure(figsize=(PAGE_WIDTH, max(1.6, min(height, 30))), layout="constrained")


def add_legend(figure: Figure, panels: list[Axes], columns: int = 4) -> None:
    """Put one legend for all panels under them, each name once, in so many columns at most."""
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(columns, len(entries)))


def wrapped(title: str, width: int) -> str:
    """Return a panel's title in lines of `width` characters, three at most; only a longer piece makes a longer line."""
    lines = [""]
    for piece in pieces(title):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines[:3])


def pieces(title: str) -> list[str]:
    """Return what a title may be broken between: words, and the parts of names with underscores."""
    return re.findall(r"[^ _]+[ _]*|[ _]+", title)


def split_words(analysis: Analysis) -> str:
    """Say on which images, and how many, the values were measured."""
    images = analysis.num_images
    return f"Measured on up to {images:.0f} {analysis.split} images." if math.isfinite(images) else ""


def seed_words(cells: pd.DataFrame) -> str:
    """Say how many seeds a cell has."""
    cells = cells[cells["num_seeds"] > 0]
    if cells.empty:
        return "No value is defined."
    low, high = cells["num_seeds"].min(), cells["num_seeds"].max()
    return f"n = {high} seed{'' if high == 1 else 's'} a cell." if low == high else f"n = {low} to {high} seeds a cell."


def oracle_words(analysis: Analysis) -> str:
    """Say that labels chose the configurations, where they did."""
    return " Label-selected: the objectives use labels." if analysis.results.study.get("oracle") else ""
