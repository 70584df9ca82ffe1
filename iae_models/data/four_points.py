"""Four points in the plane, each many times over (Figures 11 and 12 of the paper, which does not say where they lie).

They are the corners (±1, ±1) of a square; a point's label is its corner. Each is exactly a quarter of every split, so
the true posterior of each covers a quarter of the prior's mass.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from iae_models.data.images import Split

SIZES = (4000, 1000, 2000)
"""Number of training, validation and test points."""


def centres() -> npt.NDArray[np.float64]:
    """Return the four points with shape (4, 2)."""
    return np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


def read(_root: Path) -> tuple[Split, ...]:
    """Make the points; the folder of the data sets is not needed."""
    return tuple(_split(num) for num in SIZES)


def _split(num: int) -> Split:
    labels = np.arange(num) % len(centres())
    return Split(torch.from_numpy(centres()[labels].astype(np.float32)), torch.from_numpy(labels))
