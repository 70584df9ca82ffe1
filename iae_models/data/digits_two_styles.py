"""MNIST digits in a plain and in a free style, 28 x 28: Figure 9's task, one image to many, with nothing to download.

The first domain holds digits as they are. The second holds digits of other images, black on white, sheared sideways by
up to 8 pixels from top to bottom and drawn thin or thick; shear and thickness are drawn from SHA-256. A digit has many
images in the second domain, and each of those one in the first: the encoder needs noise, and the decoder none. Nothing
is paired, on held-out splits either; the label is the digit. Factors of the second domain: `shear` (0..8 for −4..4
pixels at the top and 4..−4 at the bottom) and `thick` (0 or 1), independent of the digit and uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from iae_models.data import embedded_digits, hashed, mnist
from iae_models.data.images import Split
from iae_models.data.splits import halves

MAX_SHEAR = 4
"""Pixels by which the top row is moved to one side and the bottom row to the other, at most."""


def read(root: Path, digits: Callable[[Path], tuple[Split, ...]] = embedded_digits.read) -> tuple[Split, ...]:
    """Make training, validation and test split, each of the two halves of one of `digits`."""
    names = ("train", "validation", "test")
    return tuple(_domains(name, split) for name, split in zip(names, digits(root), strict=True))


read_mnist = partial(read, digits=mnist.read)
"""The same from the whole of MNIST."""


def _domains(name: str, split: Split) -> Split:
    first, second = halves(split.y)
    factors = styles(name, len(second))
    codes = torch.from_numpy(restyled(split.x[second].numpy(), **factors))
    known = {factor: torch.from_numpy(values) for factor, values in factors.items()}
    return Split(split.x[first], split.y[first], codes=codes, code_y=split.y[second], code_factors=known)


def styles(name: str, num: int) -> dict[str, npt.NDArray[np.int64]]:
    """Draw `shear` and `thick` of `num` images for the split of that name."""
    highs = {"shear": 2 * MAX_SHEAR + 1, "thick": 2}
    return {factor: hashed.integers(f"digits_two_styles/{name}/{factor}", num, high) for factor, high in highs.items()}


def restyled(
    x: npt.NDArray[np.uint8], shear: npt.NDArray[np.int64], thick: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Return digits with shape (N, 1, 28, 28) in the free style of factors with shape (N,)."""
    _, _, height, width = x.shape
    # whole pixels, the middle row unmoved
    rows = np.arange(height) - height // 2
    offsets = ((shear - MAX_SHEAR)[:, None] * rows[None, :] * 2 + height // 2) // height
    columns = np.arange(width)[None, None, :] - offsets[:, :, None]
    inside = (columns >= 0) & (columns < width)
    places = np.arange(len(x))[:, None, None], np.arange(height)[None, :, None], columns.clip(0, width - 1)
    sheared = np.where(inside, x[:, 0][places], 0)
    wide = np.maximum(sheared, np.pad(sheared, ((0, 0), (0, 0), (1, 0)))[:, :, :-1])
    wide = np.maximum(wide, np.pad(wide, ((0, 0), (1, 0), (0, 0)))[:, :-1])
    return (255 - np.where(thick[:, None, None] == 1, wide, sheared)[:, None]).astype(np.uint8)
