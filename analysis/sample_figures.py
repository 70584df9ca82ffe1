"""Figures made of images: reconstructions, clusters, and samples with codes from the prior."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import plots, style
from analysis.drawing import Drawing, new_figure
from analysis.results import load_samples
from analysis.tables import Analysis

MAX_PANELS = 12
"""Cells whose images one figure shows."""


def reconstructions(analysis: Analysis) -> Drawing | str:
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


def cluster_columns(analysis: Analysis) -> Drawing | str:
    """Show generated images, a column for each category and a row for each noise vector (Figure 6)."""
    panels = _samples(analysis, "categorical", ("generated",))
    if not panels:
        return "No finished run with a categorical code has stored samples."
    widest = max(10, *(arrays["generated"].shape[1] for _, arrays in panels))
    rows = [arrays["generated"].shape[0] for _, arrays in panels]
    figure = new_figure(sum(style.PAGE_WIDTH * count / widest + 0.25 for count in rows))
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


def generated(analysis: Analysis) -> Drawing | str:
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
        "Samples with codes from the prior, or of the originals where nothing pulls codes to it (regularization_weight "
        "0): each row has one noise vector, each column one code. "
        f"{len(panels)} cells, the first seed of each.",
    )


def translations(analysis: Analysis) -> Drawing | str:
    """Show originals, codes that are images, and reconstructions, for every cell with image codes (Figures 8 and 9)."""
    panels = _samples(analysis, "image", ("originals", "codes", "reconstructions"))
    if not panels:
        return ""
    figure, grid = _panel_figure(len(panels), 0.85)
    for axes, (label, arrays) in zip(grid, panels, strict=False):
        parts = [arrays["originals"][:, None], arrays["codes"], arrays["reconstructions"]]
        channels = max(part.shape[2] for part in parts)
        plots.image_grid(np.concatenate([part.repeat(channels // part.shape[2], 2) for part in parts], 1), axes)
        axes.set_title(label)
    return Drawing(
        figure,
        "Translations, as Figures 8 and 9 of the paper. From the left: a held-out original in each row; its code, or "
        "five where the encoder has noise; five reconstructions. A column shares its noise. "
        f"{len(panels)} cells, the first seed of each.",
    )


def _samples(analysis: Analysis, code: str, names: tuple[str, ...]) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Return the sample images of the first finished seed of every trained grid cell that has them."""
    runs = analysis.runs
    runs = runs[
        (runs["status"] == "finished") & (runs["code"] == code) & (runs["origin"] == "grid") & runs["trained_encoder"]
    ]
    runs = runs.sort_values(["family", "code_size", "noise_dim", "replicate"])
    panels: dict[str, tuple[str, dict[str, np.ndarray]]] = {}
    for key, cell, label in zip(runs["key"], runs["config_key"], runs["label"], strict=True):
        run = analysis.results.folder.run(str(key))
        if str(cell) in panels or not run.samples.is_file():
            continue
        arrays, _ = load_samples(run)
        if all(name in arrays and _is_images(arrays[name], name) for name in names):
            panels[str(cell)] = str(label), arrays
        if len(panels) == MAX_PANELS:
            break
    return list(panels.values())


def _is_images(array: np.ndarray, name: str) -> bool:
    dimensions = 4 if name == "originals" else 5
    return array.dtype == np.uint8 and array.ndim == dimensions and array.shape[-3] in (1, 3) and array.size > 0


def _panel_figure(count: int, aspect: float) -> tuple[Figure, list[Axes]]:
    columns = min(3, count)
    rows = -(-count // columns)
    figure = new_figure(rows * (style.PAGE_WIDTH / max(columns, 2) * aspect + 0.25))
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, grid
