"""Points of the plane as pixels: the picture of one run whose data are points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
SIDE, MARGIN, PAPER = 160, 8, 255
"""Side of a panel and margin in pixels, and the grey level of the background."""

GREY = np.uint8(200)
"""The grey level of points that belong nowhere."""

COLOURS = np.array(
    [
        *((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189)),
        *((140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207)),
    ],
    dtype=np.uint8,
)
"""Ten colours that are told apart easily; labels beyond take turns."""

PANELS = (
    ("points", "points_label", "points"),
    ("generated_points", "generated_code", "points"),
    ("prior_codes", "generated_label", "prior_codes"),
    ("inferred_codes", "points_label", "prior_codes"),
)
"""Array of points, array of labels, and the array that sets the limits of both axes."""


def scatter_sheet(panels: Mapping[str, npt.NDArray[Any]]) -> Pixels:
    """Draw data, generated points, and codes with their true and their inferred posterior, as far as they are there.

    Args:
        panels: Arrays as `analysis.measures.point_samples` describes them.

    Returns:
        Pixels of the sheet, with shape (H, W, 3).
    """
    sheets = [
        scatter(panels[name], panels[label], float(np.abs(panels[scale]).max()))
        for name, label, scale in PANELS
        if name in panels and label in panels
    ]
    return np.concatenate(sheets, 1)


def scatter(points: npt.NDArray[Any], labels: npt.NDArray[Any], limit: float) -> Pixels:
    """Draw points (N, 2) as squares of four pixels, coloured by label, grey below 0, on axes from −limit to limit.

    Points beyond the limits, or that are not finite, are left out.
    """
    panel = np.full((SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 3), PAPER, dtype=np.uint8)
    scaled = (np.nan_to_num(points, nan=np.inf) / (1.1 * limit) + 1) / 2
    inside = np.isfinite(scaled).all(1) & (np.abs(scaled - 0.5) <= 0.5).all(1)
    place = (scaled[inside] * (SIDE - 2)).astype(int) + MARGIN
    label = labels[inside, None]
    colour = np.where(label < 0, GREY, COLOURS[labels[inside] % len(COLOURS)])
    for right in (0, 1):
        for down in (0, 1):
            # the second axis points up
            panel[SIDE + 2 * MARGIN - 2 - place[:, 1] + down, place[:, 0] + right] = colour
    return panel
