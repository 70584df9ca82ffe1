"""The sample grid of one run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
GAP, ZOOM, PAPER = 2, 2, 255
"""Pixels between two images, enlargement, and the grey level of the background."""


def contact_sheet(panels: Mapping[str, npt.NDArray[Any]]) -> Pixels:
    """Lay out sample panels on one sheet: originals with their codes and reconstructions, then generated images below.

    Args:
        panels: Any of `originals` (N, C, H, W), `codes` (N, draws, C', H, W) where they are images, `reconstructions`
            (N, draws, C, H, W), `prior_codes` (rows, C', H, W) where codes are images, and `generated`
            (rows, columns, C, H, W), all uint8.

    Returns:
        Pixels of the sheet, with shape (H', W', 3).
    """
    grids = []
    if "originals" in panels and "reconstructions" in panels:
        names = ("codes", "reconstructions") if "codes" in panels else ("reconstructions",)
        grids.append(beside([panels["originals"][:, None], *(panels[name] for name in names)]))
    if "generated" in panels:
        codes = [panels["prior_codes"][:, None]] if "prior_codes" in panels else []
        grids.append(beside([*codes, panels["generated"]]))
    return _stack([_tile(grid) for grid in grids])


def beside(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Set images (rows, columns, C, H, W) beside one another: grey levels beside colours become grey colours."""
    channels = max(part.shape[2] for part in parts)
    return np.concatenate([part.repeat(channels // part.shape[2], axis=2) for part in parts], axis=1)


def write_png(sheet: Pixels, path: Path) -> None:
    """Write a sheet (H, W, 3) as a PNG, each pixel enlarged to a square of `ZOOM` pixels."""
    Image.fromarray(sheet.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)).save(path, format="PNG")


def _tile(grid: npt.NDArray[Any]) -> Pixels:
    """Set images (rows, columns, C, H, W) side by side with gaps, as RGB."""
    rows, columns, channels, height, width = grid.shape
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), PAPER, dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
            image = np.moveaxis(grid[row, column], 0, -1)
            sheet[top : top + height, left : left + width] = image if channels == 3 else image[..., :1]
    return sheet


def _stack(sheets: list[Pixels]) -> Pixels:
    """Put sheets below one another, with a wider gap between them."""
    width = max((sheet.shape[1] for sheet in sheets), default=1)
    parts: list[Pixels] = []
    for sheet in sheets:
        padded = np.full((sheet.shape[0] + 4 * GAP, width, 3), PAPER, dtype=np.uint8)
        padded[: sheet.shape[0], : sheet.shape[1]] = sheet
        parts.append(padded)
    return np.concatenate(parts) if parts else np.full((1, 1, 3), PAPER, dtype=np.uint8)
