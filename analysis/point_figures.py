"""Figures made of points in the plane: a mixture and its samples, and the posteriors of codes of two dimensions."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes

from analysis import plots, style
from analysis.drawing import Drawing, new_figure
from analysis.results import load_samples
from analysis.tables import Analysis

MAX_PANELS = 12
"""Cells whose points one figure shows."""

COLUMNS = 4
TITLE_WIDTH = 26
"""Characters in a line of a panel's title."""

Arrays = dict[str, np.ndarray]


def mixture(analysis: Analysis) -> Drawing | str:
    """Show the data, and the points of every model coloured by the category that each was made from (Figure 5)."""
    cells = _cells(analysis, "categorical", {"generated_points": "generated_code", "points": "points_label"})
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
        f"{len(cells)} cells, the first seed of each; what lies outside the panel is not drawn.",
    )


def posteriors(analysis: Analysis) -> Drawing | str:
    """Show true and variational posteriors of every model with a code of two dimensions (Figures 11 and 12)."""
    needed = {"prior_codes": "generated_label", "inferred_codes": "points_label"}
    cells = _cells(analysis, "gaussian", needed)
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
        "prior, coloured by the component of the point that the model makes of them, which is the true posterior; "
        "right: codes inferred from data, coloured by the component of the data, the variational posterior. "
        f"{len(cells)} cells, the first seed of each; what lies outside the prior's range is not drawn.",
    )


def _cells(analysis: Analysis, code: str, needed: dict[str, str]) -> list[tuple[str, Arrays]]:
    """Return label and arrays of the first finished seed of every trained cell that has points and labels."""
    runs = analysis.runs
    runs = runs[(runs["status"] == "finished") & (runs["code"] == code) & (runs["origin"] == "grid")]
    runs = runs[runs["trained_encoder"]].sort_values(["block", "config_key", "replicate"]).drop_duplicates("config_key")
    found = []
    for _, run in runs.iterrows():
        arrays, _ = load_samples(analysis.results.folder.run(str(run["key"])))
        if all(_fit(arrays.get(points), arrays.get(labels)) for points, labels in needed.items()):
            found.append((_title(str(run["block"]), str(run["label"])), arrays))
        if len(found) == MAX_PANELS:
            break
    return found


def _title(block: str, label: str) -> str:
    """Return block and cell; a block of one cell is labelled by its own name."""
    return label if block in ("", label) else f"{block}, {label}"


def _fit(points: np.ndarray | None, labels: np.ndarray | None) -> bool:
    """Return whether these are points (N, 2) with a label each."""
    if points is None or labels is None:
        return False
    return points.ndim == 2 and points.shape[1] == 2 and labels.shape == points.shape[:1] and len(points) > 0


def _panel(axes: Axes, points: np.ndarray, labels: np.ndarray, limit: float, title: str) -> None:
    plots.coloured_points(points, labels, axes)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.set_title("\n".join(textwrap.wrap(title, TITLE_WIDTH)[:3]), fontsize=8)
