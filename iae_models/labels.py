"""Labelled batches for semi-supervised learning (Section 2.1.2 of the paper).

Which images are labelled is drawn anew for each replicate, equally many of each class. It follows from the seed of the
replicate's random stream, which a checkpoint keeps, so it changes neither in the course of a run nor on resuming it.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from iae_models.data import ImageData, Split
from iae_models.networks import Encoder
from iae_models.variant import Draws, Sampler


@lru_cache(maxsize=8)
def labelled_indices(split: Split, num_labels: int, num_classes: int, seed: int) -> Tensor:
    """Return which images of a split are labelled, with shape (num_labels,): as many of each class."""
    generator = torch.Generator().manual_seed(seed)
    y = split.y.cpu()
    classes = [(y == label).nonzero().flatten() for label in range(num_classes)]
    each = num_labels // num_classes
    chosen = [members[torch.randperm(len(members), generator=generator)[:each]] for members in classes]
    return torch.cat(chosen).to(split.y.device)


def labelled_sampler(num_labels: int) -> Sampler:
    """Return the draw of a labelled batch: images with shape (N, C, H, W) and their labels (N,)."""

    def sample(data: ImageData, num: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        labelled = labelled_indices(data.train, num_labels, data.num_classes, generator.initial_seed())
        place = torch.randint(len(labelled), (num,), generator=generator, device=generator.device)
        index = labelled[place]
        return data.train.images(index), data.train.y[index]

    return sample


def label_loss(encoder: Encoder, draws: Draws) -> Tensor:
    """Return the cross-entropy, in nats, of the encoder's categories on the labelled batch."""
    x, y = draws["labelled"]
    return cross_entropy(encoder.logits(x, draws["eps"]), y)
