"""Figures made of images: reconstructions, clusters, and samples with codes from the prior."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import plots, style
from analysis.cell_samples import Arrays, cell_samples
from analysis.drawing import Drawing, new_figure, pieces, wrapped
from analysis.tables import Analysis
from study.pictures import beside

NUM_DRAWS = 3
"""Reconstructions of one image that a cell with noise shows."""

BAND = 24
"""Columns of images that stand side by side on a page."""

NARROWEST = 2.5
"""Columns that a panel is wide at least: its name must have room."""

TITLE_SIZE = 8
CHARACTER = 0.075
"""Points of a panel's name, and inches that a character of it takes."""

MOST_COLUMNS = 3
PANEL_CHARACTERS = int(style.PAGE_WIDTH / MOST_COLUMNS / CHARACTER)
"""Panels beside one another in figures of one panel a cell, and the characters in a line of their titles."""

Panel = tuple[str, np.ndarray]
"""Name of a panel, and its images with shape (rows, columns, C, H, W)."""


def reconstructions(analysis: Analysis) -> Drawing | str:
    """Show originals and what each cell with a Gaussian code makes of them, side by side (Figures 2 to 4 and 13)."""
    found = cell_samples(analysis, "gaussian", lambda arrays: _are_images(arrays, "originals", "reconstructions"))
    if not found.panels:
        return "No finished run with a Gaussian code has stored reconstructions."
    bands = list(_bands(found.panels))
    columns = max(sum(_width(panel) for panel in band) for band in bands)
    unit = min(0.6, style.PAGE_WIDTH / columns)
    heights = [unit * len(band[0][1]) + 0.55 for band in bands]
    figure = new_figure(sum(heights))
    parts = np.atleast_1d(np.asarray(figure.subfigures(len(bands), 1, height_ratios=heights)))
    for part, band in zip(parts, bands, strict=True):
        widths = [_width(panel) for panel in band]
        # what is left of the page stays white, so that images have one size in all bands
        rest = style.PAGE_WIDTH / unit - sum(widths)
        grid = part.subplots(1, len(band) + 1, squeeze=False, width_ratios=[*widths, max(rest, 0.01)])[0]
        grid[-1].set_axis_off()
        for axes, (name, images), width in zip(grid, band, widths, strict=False):
            plots.image_grid(images, axes)
            axes.set_anchor("NW")
            room = int(width * unit / CHARACTER)
            longest = max(len(piece.rstrip()) for piece in pieces(name))
            axes.set_title(wrapped(name, room), fontsize=TITLE_SIZE * min(1.0, room / longest))
    return Drawing(
        figure,
        "Reconstructions side by side, as Figures 2 to 4 and 13 of the paper: held-out originals, a row each, and "
        f"beside them what every cell makes of the same images: {NUM_DRAWS} reconstructions from the same code, which "
        "differ by what the noise invents, or one where the noise changes nothing or there is none. Without a code "
        f"(z = 0) images are no reconstructions and belong to no row. {found.words}",
    )


def _bands(panels: list[tuple[str, Arrays]]) -> Iterator[list[Panel]]:
    """Yield panels that stand side by side: originals, and what cells make of these, as many as the page is wide."""
    band: list[Panel] = []
    for name, arrays in panels:
        panel, originals = (name, _draws(arrays["reconstructions"])), arrays["originals"][:, None]
        is_full = band and sum(map(_width, band)) + _width(panel) > BAND
        if is_full or (band and not np.array_equal(band[0][1], originals)):
            yield band
            band = []
        band = band or [("originals", originals)]
        band.append(panel)
    yield band


def _draws(images: np.ndarray) -> np.ndarray:
    """Return some reconstructions of each image; one where all are the same, as they are without noise."""
    return images[:, :1] if (images == images[:, :1]).all() else images[:, :NUM_DRAWS]


def _width(panel: Panel) -> float:
    return max(float(panel[1].shape[1]) + 0.5, NARROWEST)


def cluster_columns(analysis: Analysis) -> Drawing | str:
    """Show generated images, a column for each category and a row for each noise vector (Figure 6)."""
    found = cell_samples(analysis, "categorical", lambda arrays: _are_images(arrays, "generated"))
    if not found.panels:
        return "No finished run with a categorical code has stored samples."
    widest = max(10, *(arrays["generated"].shape[1] for _, arrays in found.panels))
    rows = [arrays["generated"].shape[0] for _, arrays in found.panels]
    figure = new_figure(sum(style.PAGE_WIDTH * count / widest + 0.25 for count in rows))
    grid = figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows)
    for axes, (name, arrays) in zip(grid.flat, found.panels, strict=True):
        plots.image_grid(arrays["generated"], axes)
        axes.set_anchor("W")
        axes.set_title(name)
    return Drawing(
        figure,
        "Clusters, as Figure 6 of the paper. Each column shows samples of one category (at most 20 are shown), "
        f"each row one noise vector. {found.words}",
    )


def generated(analysis: Analysis) -> Drawing | str:
    """Show images from the prior: rows share their noise, columns their code."""
    found = cell_samples(analysis, "gaussian", lambda arrays: _are_images(arrays, "generated"))
    if not found.panels:
        return "No finished run with a Gaussian code has stored samples."
    figure, grid = _panel_figure(len(found.panels), 1.0)
    for axes, (name, arrays) in zip(grid, found.panels, strict=False):
        plots.image_grid(arrays["generated"], axes)
        axes.set_title(wrapped(name, PANEL_CHARACTERS))
    return Drawing(
        figure,
        "Samples with codes from the prior, or of the originals where nothing pulls codes to it (regularization_weight "
        "0): each row has one noise vector, each column one code; without a code (z = 0) each image has a noise vector "
        f"of its own. {found.words}",
    )


def translations(analysis: Analysis) -> Drawing | str:
    """Show originals, codes that are images, and reconstructions, for every cell with image codes (Figures 8 and 9)."""
    names = ("originals", "codes", "reconstructions")
    found = cell_samples(analysis, "image", lambda arrays: _are_images(arrays, *names))
    if not found.panels:
        return ""
    sheets = [(name, _translated(arrays), _from_domain(arrays)) for name, arrays in found.panels]
    some_generate = any(generated is not None for _, _, generated in sheets)
    # with both parts a panel is about twice as wide as it is high
    figure, grid = _panel_figure(len(sheets), 0.6, 2) if some_generate else _panel_figure(len(sheets), 0.85)
    for axes, (name, translated, generated) in zip(grid, sheets, strict=False):
        plots.image_grid(translated if generated is None else _apart(translated, generated), axes)
        axes.set_title(wrapped(name, PANEL_CHARACTERS))
    return Drawing(
        figure,
        "Translations, as Figures 8 and 9 of the paper. From the left: a held-out original in each row; its code, or "
        "five where the encoder has noise; five reconstructions. "
        + "Behind the gap: a held-out image of the second domain, and what the decoder makes of it: five images, or "
        "one where it has no noise. " * some_generate + f"A column shares its noise. {found.words}",
    )


def _translated(arrays: Arrays) -> np.ndarray:
    return beside([arrays["originals"][:, None], arrays["codes"], arrays["reconstructions"]])


def _from_domain(arrays: Arrays) -> np.ndarray | None:
    """Return images of the second domain and what was made of them; None where a run has stored none."""
    if not _are_images(arrays, "prior_codes", "generated") or len(arrays["generated"]) != len(arrays["originals"]):
        return None
    return beside([arrays["prior_codes"][:, None], arrays["generated"]])


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Set two parts beside one another, a white column between them."""
    return beside([first, np.full_like(first[:, :1], 255), second])


def _are_images(arrays: Arrays, *names: str) -> bool:
    return all(name in arrays and _is_images(arrays[name], name) for name in names)


def _is_images(array: np.ndarray, name: str) -> bool:
    dimensions = 4 if name in ("originals", "prior_codes") else 5
    return array.dtype == np.uint8 and array.ndim == dimensions and array.shape[-3] in (1, 3) and array.size > 0


def _panel_figure(count: int, aspect: float, most: int = MOST_COLUMNS) -> tuple[Figure, list[Axes]]:
    columns = min(most, count)
    rows = -(-count // columns)
    figure = new_figure(rows * (style.PAGE_WIDTH / max(columns, 2) * aspect + 0.35))
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, grid
