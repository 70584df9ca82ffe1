"""Fashion-MNIST's footwear and edge maps of it, 28 x 28: Figure 8's task small enough for a CPU.

Sandals, sneakers and ankle boots, classes 0 to 2. For training, every second image of each class is left out and its
edge map is an image of the second domain, so no edge map belongs to a shoe that is there. On the held-out splits the
i-th edge map is that of the i-th shoe.
"""

from __future__ import annotations

from pathlib import Path

import torch

from iae_models.data import fashion_mnist
from iae_models.data.edge_maps import edge_maps
from iae_models.data.images import Split
from iae_models.data.splits import halves

FOOTWEAR = (5, 7, 9)


def read(root: Path) -> tuple[Split, ...]:
    """Make the three splits from those of Fashion-MNIST; see `fashion_mnist.read`."""
    train, validation, test = (_footwear(split) for split in fashion_mnist.read(root))
    first, second = halves(train.y)
    unpaired = Split(train.x[first], train.y[first], codes=_edges(train.x[second]), code_y=train.y[second])
    paired = (Split(split.x, split.y, codes=_edges(split.x), code_y=split.y) for split in (validation, test))
    return unpaired, *paired


def _footwear(split: Split) -> Split:
    places = torch.stack([split.y == label for label in FOOTWEAR])
    chosen = places.any(0)
    return Split(split.x[chosen], places.int().argmax(0)[chosen])


def _edges(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(edge_maps(x.numpy()))
