"""Data sets: from files, from an installed package or from a formula, to tensors in three fixed splits.

One file for each data set, with a function `read(root)` that returns the training, validation and test split. A new
one needs that file, a line in `LOADERS` and an entry in `iae_models.config.DATASETS`, where its fingerprint stands:
`load` checks it every time, because the names of runs rely on it. A published data set that nobody had at hand when its
reader was written has none there: it is read as it is, and runs are named after it and record what they found.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from iae_models.config import DATASETS
from iae_models.data import (
    celeba,
    celeba_female_male,
    digits_two_styles,
    edges2shoes,
    edges_shoes_28,
    embedded_digits,
    fashion_mnist,
    four_points,
    mnist,
    seven_gaussians,
    street_digits,
    svhn,
)
from iae_models.data.images import ImageData, Split, fingerprint
from iae_models.data.missing import DataMissing

__all__ = ["LOADERS", "DataMissing", "ImageData", "Split", "data_root", "fingerprint", "load"]

LOADERS: dict[str, Callable[[Path], tuple[Split, ...]]] = {
    "embedded_digits": embedded_digits.read,
    "mnist": mnist.read,
    "fashion_mnist": fashion_mnist.read,
    "street_digits": street_digits.read,
    "street_digits_mnist": street_digits.read_mnist,
    "svhn": svhn.read,
    "svhn_extra": svhn.read_with_extra,
    "celeba": celeba.read,
    "digits_two_styles": digits_two_styles.read,
    "digits_two_styles_mnist": digits_two_styles.read_mnist,
    "edges_shoes_28": edges_shoes_28.read,
    "edges2shoes": edges2shoes.read,
    "celeba_female_male": celeba_female_male.read,
    "seven_gaussians": seven_gaussians.read,
    "four_points": four_points.read,
}
"""The function that reads each data set; it is given the folder of the data sets."""


def load(name: str, root: Path | None = None) -> ImageData:
    """Load a data set into memory, on the CPU.

    Args:
        name: A key of `iae_models.config.DATASETS`.
        root: Folder of the data sets; None stands for `data_root()`.

    Raises:
        DataMissing: Its files are not there and could not be downloaded.
        ValueError: There is no such data set, or its images are not the published ones.
    """
    if name not in LOADERS:
        near = difflib.get_close_matches(str(name), LOADERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"name must be one of {sorted(LOADERS)}, but got {name!r}{hint}")
    root = data_root() if root is None else root
    info = DATASETS[name]
    train, validation, test = LOADERS[name](root)
    found = fingerprint(train, validation, test)
    sizes = (len(train), len(validation), len(test))
    if not info.fingerprint and sizes != info.sizes:
        raise ValueError(
            f"{name} must have {info.sizes[0]}, {info.sizes[1]} and {info.sizes[2]} training, validation and test "
            f"examples, but the files under {root} hold {sizes[0]}, {sizes[1]} and {sizes[2]}: they are not the "
            "published ones. Remove them and get them again."
        )
    if info.fingerprint and found != info.fingerprint:
        raise ValueError(
            f"the images of {name} must have the fingerprint {info.fingerprint[:12]}, but got {found[:12]} for "
            f"{len(train)} training, {len(validation)} validation and {len(test)} test images: the files under {root}, "
            "or in the package that ships them, are not the published ones. Remove them and get them again."
        )
    return ImageData(name, found, info.num_classes, train, validation, test)


def data_root() -> Path:
    """Return the folder of the data sets: $IAE_DATA_ROOT if it is set, else ~/.cache/iae-data."""
    return Path(os.environ.get("IAE_DATA_ROOT") or "~/.cache/iae-data").expanduser()
