"""Figures made of points in the plane: a mixture and its samples, and the posteriors of codes of two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from analysis import plots, style
from analysis.cell_samples import Arrays, cell_samples
from analysis.drawing import Drawing, new_figure, wrapped
from analysis.tables import Analysis

COLUMNS = 4
TITLE_WIDTH = 26
"""Characters in a line of a panel's title."""


def mixture(analysis: Analysis) -> Drawing | str:
    """Show the data, and the points of every model coloured by the category that each was made from (Figure 5)."""
    needed = {"generated_points": "generated_code", "points": "points_label"}
    found = cell_samples(analysis, "categorical", lambda arrays: _have_points(arrays, needed))
    cells = found.panels
    if not cells:
        return ""
    data = cells[0][1]
    limit = 1.15 * float(np.abs(data["points"]).max())
    panels = [("data, by component", data["points"], data["points_label"])]
    panels += [(label, arrays["generated_points"], arrays["generated_code"]) for label, arrays in cells]
    rows = -(-len(panels) // COLUMNS)
    figure = new_figure(rows * (style.PAGE_WIDTH / COLUMNS + 0.35))
    grid = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes, (title, points, labels) in zip(grid, panels, strict=False):
        _panel(axes, points, labels, limit, title)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return Drawing(
        figure,
        "Samples of a mixture, as Figure 5 of the paper. The first panel shows data, coloured by component; the others "
        "generated points, coloured by the category of the code that each was made from. A model that uses its "
        "categories has one colour in each component, and no points between components. "
        f"What lies outside the panel is not drawn. {found.words}",
    )


def posteriors(analysis: Analysis) -> Drawing | str:
    """Show true and variational posteriors of every model with a code of two dimensions (Figures 11 and 12)."""
    needed = {"prior_codes": "generated_label", "inferred_codes": "points_label"}
    found = cell_samples(analysis, "gaussian", lambda arrays: _have_points(arrays, needed))
    cells = found.panels
    if not cells:
        return ""
    rows = -(-len(cells) // 2)
    figure = new_figure(rows * (style.PAGE_WIDTH / COLUMNS + 0.35))
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    places = list(grid.reshape(2 * rows, 2))
    for (left, right), (label, arrays) in zip(places, cells, strict=False):
        limit = 1.1 * float(np.abs(arrays["prior_codes"]).max())
        _panel(left, arrays["prior_codes"], arrays["generated_label"], limit, f"{label}: true")
        _panel(right, arrays["inferred_codes"], arrays["points_label"], limit, "variational")
    for pair in places[len(cells) :]:
        for axes in pair:
            axes.set_axis_off()
    return Drawing(
        figure,
        "Posteriors in the plane of the code, as Figures 11 and 12 of the paper. Left of each pair: codes of the "
        "prior, coloured by the component of the point that the model makes of them, which is the true posterior, or "
        "grey where that point is off the modes; right: codes inferred from data, coloured by the component of the "
        f"data, the variational posterior. What lies outside the prior's range is not drawn. {found.words}",
    )


def _have_points(arrays: Arrays, needed: dict[str, str]) -> bool:
    """Return whether arrays of points are there, each with its labels."""
    return all(_fit(arrays.get(points), arrays.get(labels)) for points, labels in needed.items())


def _fit(points: np.ndarray | None, labels: np.ndarray | None) -> bool:
    """Return whether these are points (N, 2) with a label each."""
    if points is None or labels is None:
        return False
    return points.ndim == 2 and points.shape[1] == 2 and labels.shape == points.shape[:1] and len(points) > 0


def _panel(axes: Axes, points: np.ndarray, labels: np.ndarray, limit: float, title: str) -> None:
    plots.coloured_points(points, labels, axes)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.set_title(wrapped(title, TITLE_WIDTH), fontsize=8)
