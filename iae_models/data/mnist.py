"""MNIST: 70,000 handwritten digits, 28 x 28.

References:
    LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition.
"""

from __future__ import annotations

from pathlib import Path

from iae_models.data import idx_files
from iae_models.data.images import Split


def read(root: Path) -> tuple[Split, ...]:
    """Read MNIST from `root`/MNIST/raw, or download it there; see `idx_files.read`."""
    return idx_files.read("MNIST", root)
