"""Can a small fresh critic tell (x, ẑ) from (x̂, ẑ)? The label-free objective of a study.

At the optimum of the reconstruction GAN the two are one distribution and the accuracy is .5; a decoder that ignores
its code, one that spreads too far or too little, and one whose images look wrong, all show. The critic is trained on
training images and judged on held-out ones.

It must be weak enough to grade models after minutes of training, which any larger network tells from data without an
error, and strong enough to see a missing dependence between image and code. So it sees images averaged down to about
7 x 7, and codes, through four groups of features: with the linear regressions of image on code and of code on image
fitted on real pairs, the two residuals and their squares. Capacity, budget and number of training images are the same
for every model and data set.

Reference: Lopez-Paz and Oquab (2016), Revisiting classifier two-sample tests. https://arxiv.org/abs/1610.06545
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from analysis.measures import intervals, two_sample
from analysis.measures.measurement import Estimate

SIDE = 7
"""Images are averaged down until a side is this long, or a little longer; points enter as they are."""

STEPS = 100
NUM_TRAIN = 3500
"""Training images that the critic learns from, at most."""

NUM_DRAWS = 2
"""Reconstructions of each of them, which take turns."""

RIDGE = 1e-3
"""Penalty of the two regressions, relative to unit mean variance."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images, their codes, and draws of their reconstructions.

    Attributes:
        x: Images with shape (N, C, H, W).
        z: Codes with shape (N, code_dim); code_dim may be 0.
        x_hat: Draws with shape (N, M, C, H, W).
    """

    x: Tensor
    z: Tensor
    x_hat: Tensor


def critic_accuracy(train: Pairs, held_out: Mapping[str, Pairs], generator: torch.Generator) -> dict[str, Estimate]:
    """Train a critic and return its accuracy, real and fake pairs weighing the same, for each held-out set of pairs.

    Args:
        train: Pairs of training images; its draws take turns.
        held_out: Pairs of other images, by name.
        generator: Where the critic's initialization and batches are drawn from.
    """
    features = fit_features(train.x, train.z)
    real = features(train.x, train.z)
    fakes = cycle([features(x_hat, train.z) for x_hat in train.x_hat.unbind(1)])
    critic = two_sample.fit(lambda index: real[index], lambda index: next(fakes)[index], len(real), STEPS, generator)
    return {name: _accuracy(critic, features, pairs) for name, pairs in held_out.items()}


def _accuracy(critic: two_sample.Parameters, features: Callable[[Tensor, Tensor], Tensor], pairs: Pairs) -> Estimate:
    def right(x: Tensor, *, real: bool) -> Tensor:
        return two_sample.right(two_sample.score(critic, features(x, pairs.z)), real=real)

    fake = torch.stack([right(x_hat, real=False) for x_hat in pairs.x_hat.unbind(1)])
    return intervals.mean_fraction(0.5 * (right(pairs.x, real=True) + fake.mean(0)), neighbours=True)


def fit_features(x: Tensor, z: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the map from images and codes to features with shape (N, 2 (D + code_dim)), fitted on real pairs."""
    scale_x, scale_z = _standardizer(pool(x)), _standardizer(z)
    real_x, real_z = scale_x(pool(x)), scale_z(z)
    image_of_code, code_of_image = _ridge(real_z, real_x), _ridge(real_x, real_z)

    def features(x: Tensor, z: Tensor) -> Tensor:
        x, z = scale_x(pool(x)), scale_z(z)
        error_x, error_z = x - z @ image_of_code, z - x @ code_of_image
        return torch.cat([error_x, error_x.square() - 1, error_z, error_z.square()], 1)

    return features


def pool(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) averaged to about 7 x 7 as rows (N, D); points with shape (N, D) as they are."""
    if x.dim() == 2:
        return x
    factor = max(1, x.shape[-1] // SIDE)
    return avg_pool2d(x, factor, ceil_mode=True).flatten(1)


def _standardizer(values: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a map to mean 0 and mean variance 1 over columns: one scale for all, so that dead dimensions stay dead."""
    mean = values.mean(0)
    scale = (values - mean).square().mean().sqrt().clamp_min(1e-6) if values.numel() else 1.0
    return lambda items: (items - mean) / scale


def _ridge(inputs: Tensor, outputs: Tensor) -> Tensor:
    """Return the weights with shape (I, O) of a ridge regression without intercept."""
    inputs, outputs = inputs.double(), outputs.double()
    penalty = RIDGE * len(inputs) * torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    weights: Tensor = torch.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ outputs)
    return weights.float()
