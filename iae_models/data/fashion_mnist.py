"""Fashion-MNIST: 70,000 pictures of clothes in ten classes, 28 x 28, in MNIST's format.

References:
    Xiao, Rasul and Vollgraf (2017), Fashion-MNIST. https://arxiv.org/abs/1708.07747
"""

from __future__ import annotations

from pathlib import Path

from iae_models.data import idx_files
from iae_models.data.images import Split


def read(root: Path) -> tuple[Split, ...]:
    """Read Fashion-MNIST from `root`/FashionMNIST/raw, or download it there; see `idx_files.read`."""
    return idx_files.read("FashionMNIST", root)
