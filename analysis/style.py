"""What every figure has in common: its size and type, the colours of subjects, and how symbols are written.

Sizes are inches on paper and points of type: a figure is at most `PAGE_WIDTH` wide, and no type is smaller than 8
points, so it can be printed as it is. The colours are Okabe and Ito's, which people with any colour vision tell apart;
markers and line styles differ as well.

References:
    Okabe & Ito (2008), Color universal design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import re
from typing import Any

import matplotlib as mpl
import numpy as np

from analysis.tables import axis_label

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
    "floor": ("floor: best equal-mass partition", "#E69F00", "v", "-."),
}
"""Name in the legend, colour, marker and line of every subject."""

PANEL_TICKS = 8
"""Ticks that fit under a panel of a quarter of the page's width."""

MANY_DOTS, MANY_LINES = 500, 200
"""Dots or lines of a panel above which a vector file holds them as pixels: it would be large, and slow to show."""

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7a7a7a")
"""Colours of what has no order."""


def math_label(measure: str) -> str:
    """Return a measure's label and unit with subscripts as Matplotlib writes them."""
    return subscripts(axis_label(measure))


def subscripts(text: str) -> str:
    """Return text with the subscripts of symbols like S_z as Matplotlib writes them."""
    return re.sub(r"\b([SIτ])_(zn|z|n|σ)", r"$\\mathregular{\1_{\2}}$", text)


def sequence(count: int) -> list[Any]:
    """Return `count` colours in an order that is also one of lightness."""
    return list(mpl.colormaps["viridis"](np.linspace(0.05, 0.85, max(count, 1))))[:count]


def codes_title(family: str) -> str:
    """Return the name of a family of cells as the title of its part: "Gaussian codes, steps=500"."""
    code, comma, fields = short(family).partition(",")
    return f"{code} codes{comma}{fields}"


def short(family: str) -> str:
    """Return the name of a family as it stands in figures, cut where there is no room for all its fields."""
    name = family.replace("gaussian", "Gaussian", 1)
    return name if len(name) <= 36 else f"{name[:35]}…"
