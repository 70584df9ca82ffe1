"""A mixture of seven Gaussians in the plane (Figure 5 of the paper, whose own layout is not given).

Seven means stand at equal distances on a circle of radius 2; each component has the standard deviation 0.15 and the
same number of points. A point's label is its component. Coordinates are rounded to a thousandth, so that they are the
same on every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from iae_models.data import hashed
from iae_models.data.images import Split

NUM_COMPONENTS = 7
RADIUS = 2.0
STANDARD_DEVIATION = 0.15
SIZES = (8400, 1050, 2100)
"""Number of training, validation and test points; a seventh of each is of one component."""


def centres() -> npt.NDArray[np.float64]:
    """Return the means with shape (7, 2)."""
    angles = 2 * np.pi * np.arange(NUM_COMPONENTS) / NUM_COMPONENTS
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], 1)


def read(_root: Path) -> tuple[Split, ...]:
    """Make the points; the folder of the data sets is not needed."""
    return tuple(_split(name, num) for name, num in zip(("train", "validation", "test"), SIZES, strict=True))


def _split(name: str, num: int) -> Split:
    labels = np.arange(num) % NUM_COMPONENTS
    noise = np.stack([hashed.normal(f"seven_gaussians/{name}/{axis}", num) for axis in "xy"], 1)
    points = (centres()[labels] + STANDARD_DEVIATION * noise).round(3)
    return Split(torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels))
