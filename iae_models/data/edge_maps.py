"""Edge maps: where brightness changes fast. Whole numbers throughout, so they are the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

THRESHOLD = 200
"""Least Sobel gradient of an edge, of at most 1,442 for 8-bit images."""


def edge_maps(x: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return edges as 255 on 0, with shape (N, 1, H, W), of grey images with shape (N, 1, H, W)."""
    padded = np.pad(x[:, 0].astype(np.int32), ((0, 0), (1, 1), (1, 1)), mode="edge")

    def moved(down: int, right: int) -> npt.NDArray[np.int32]:
        height, width = x.shape[2:]
        return padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    across = sum(weight * (moved(row, 1) - moved(row, -1)) for row, weight in ((-1, 1), (0, 2), (1, 1)))
    down = sum(weight * (moved(1, column) - moved(-1, column)) for column, weight in ((-1, 1), (0, 2), (1, 1)))
    edges = np.asarray(across**2 + down**2 > THRESHOLD**2)
    return (255 * edges[:, None]).astype(np.uint8)
