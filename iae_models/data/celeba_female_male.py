"""CelebA's women and men, 48 x 48: Figure 9's task. The first domain holds women, the second men; nothing is paired.

There are no labels; the attributes of the women are factors. See `iae_models.data.celeba`.
"""

from __future__ import annotations

from pathlib import Path

import torch

from iae_models.data import celeba
from iae_models.data.images import Split


def read(root: Path) -> tuple[Split, ...]:
    """Read training, validation and test split; see `celeba.read`."""
    return tuple(_domains(split) for split in celeba.read(root))


def _domains(split: Split) -> Split:
    men, women = split.y == 1, split.y == 0
    factors = {name: values[women] for name, values in split.factors.items()}
    labels = torch.zeros(int(women.sum()), dtype=torch.int64)
    return Split(split.x[women], labels, factors, codes=split.x[men])
