"""SVHN: photographs of house numbers, 32 x 32 in colour, in the cropped-digits format; a label is the middle digit.

The files `train_32x32.mat`, `test_32x32.mat` and, for `svhn_extra`, `extra_32x32.mat` are read from `root`/SVHN. They
hold "X", uint8 with shape (32, 32, 3, N), and "y", in which 10 stands for the digit 0. A twelfth of the training images
is held out for validation; the extra ones are for training alone.

Reference: Netzer et al. (2011), Reading digits in natural images with unsupervised feature learning.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from iae_models.data.idx_files import VALIDATION_SHARE
from iae_models.data.images import Split
from iae_models.data.missing import require_files
from iae_models.data.splits import stratified_splits

SOURCE = "http://ufldl.stanford.edu/housenumbers"


def read(root: Path) -> tuple[Split, ...]:
    """Read training, validation and test split.

    Raises:
        DataMissing: A file is not there.
        ValueError: A file does not hold what it must.
    """
    folder = root / "SVHN"
    require_files(folder, ("train_32x32.mat", "test_32x32.mat"), SOURCE)
    images, labels = _arrays(folder / "train_32x32.mat")
    num_validation = len(labels) // VALIDATION_SHARE
    splits = stratified_splits(images, labels, (len(labels) - num_validation, num_validation))
    images, labels = _arrays(folder / "test_32x32.mat")
    return splits + stratified_splits(images, labels, (len(labels),))


def read_with_extra(root: Path) -> tuple[Split, ...]:
    """Read the same with the extra images behind the training images."""
    require_files(root / "SVHN", ("train_32x32.mat", "test_32x32.mat", "extra_32x32.mat"), SOURCE)
    train, *others = read(root)
    images, labels = _arrays(root / "SVHN" / "extra_32x32.mat")
    (extra,) = stratified_splits(images, labels, (len(labels),))
    return (Split(torch.cat([train.x, extra.x]), torch.cat([train.y, extra.y])), *others)


def _arrays(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    # SciPy takes half a second to import, which other data sets should not pay.
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        file = loadmat(path)
    except (MatReadError, ValueError, TypeError, OSError) as error:
        raise ValueError(f"{path} must be a complete MATLAB file, but cannot be read: {error}.") from error
    x, y = file.get("X"), file.get("y")
    if x is None or y is None or x.dtype != np.uint8 or x.shape[:3] != (32, 32, 3) or y.size != x.shape[3]:
        found = {name: getattr(file[name], "shape", None) for name in ("X", "y") if name in file}
        raise ValueError(f"{path} must hold X with shape (32, 32, 3, N) and N labels y, but holds {found}.")
    return np.ascontiguousarray(x.transpose(3, 2, 0, 1)), y.astype(np.int64).ravel() % 10
