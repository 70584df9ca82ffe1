"""Does the aggregated posterior q(z) match the prior p(z)?

    prior_accuracy    held-out accuracy of a small fresh classifier telling ẑ from z ~ p(z): .5 is a match
    prior_moment_kl   KL(N(μ, Σ) ‖ N(0, I)) = ½ (tr Σ + μᵀμ − d − log det Σ) of the codes' moments, in nats
    prior_kl          KL(q̄ ‖ π) of the mean one-hot code and the prior's class probabilities, in nats, less its bias

The moments are blind to shape, the classifier is not. Categorical codes enter as the one-hot of their largest entry:
soft codes differ from one-hot ones without saying anything about the prior.

Reference: Lopez-Paz and Oquab (2016), Revisiting classifier two-sample tests. https://arxiv.org/abs/1610.06545
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from analysis.measures import intervals, two_sample
from analysis.measures.draws import BROKEN_CODES, all_finite
from analysis.measures.measurement import Estimate, invalid, undefined

STEPS = 100


def prior_accuracy(
    train: tuple[Tensor, Tensor], held_out: Mapping[str, tuple[Tensor, Tensor]], generator: torch.Generator
) -> dict[str, Estimate]:
    """Train a classifier and return its accuracy for each held-out pair of samples.

    Args:
        train: Codes of training images and draws of the prior, with equal shapes (T, d).
        held_out: The same for other images, by name.
        generator: Where the classifier's initialization and batches are drawn from.
    """
    real, fake = (_with_squares(item) for item in train)
    parameters = two_sample.fit(lambda index: real[index], lambda index: fake[index], len(real), STEPS, generator)

    def accuracy(z: Tensor, prior: Tensor) -> Estimate:
        real = two_sample.right(two_sample.score(parameters, _with_squares(z)), real=True)
        fake = two_sample.right(two_sample.score(parameters, _with_squares(prior)), real=False)
        return intervals.mean_fraction((real + fake) / 2)

    return {name: accuracy(*pair) for name, pair in held_out.items()}


def prior_moment_kl(z: Tensor) -> Estimate:
    """Return KL(N(μ, Σ) ‖ N(0, I)) of codes with shape (N, d), its bias of order d² / n removed by the jackknife."""
    codes = z.double()
    num, dim = codes.shape
    if not all_finite(codes):
        return invalid(BROKEN_CODES, num, "nat")
    if num <= 2 * dim + intervals.NUM_GROUPS:
        return undefined(f"there are too few images for the covariance of {dim} dimensions", num, "nat")

    def divergence(index: Tensor) -> float:
        part = codes[index.to(codes.device)]
        mean, covariance = part.mean(0), part.T.cov().view(dim, dim)
        trace = covariance.diagonal().sum() + mean.square().sum()
        return float(0.5 * (trace - dim - torch.linalg.slogdet(covariance).logabsdet))

    value = intervals.group_jackknife(divergence, num, "nat", correct_bias=True)
    return undefined("the codes fill fewer dimensions than they have", num, "nat") if value.value is None else value


def prior_kl(clusters: Tensor, probabilities: Tensor) -> Estimate:
    """Return KL(q̄ ‖ π), with a jackknife interval.

    The plug-in value is too large by about (occupied clusters − 1) / 2n, which is subtracted: the value can be a little
    below 0 where q̄ = π.

    Args:
        clusters: Argmax codes, int64 with shape (N,).
        probabilities: Class probabilities π of the prior, with shape (K,).
    """
    symbols, prior = clusters.cpu(), probabilities.double().cpu()

    def divergence(index: Tensor) -> float:
        counts = symbols[index].bincount(minlength=len(prior))
        frequencies = counts.double() / len(index)
        plug_in = (torch.xlogy(frequencies, frequencies) - torch.xlogy(frequencies, prior)).sum().item()
        return plug_in - ((counts > 0).sum().item() - 1) / (2 * len(index))

    return intervals.group_jackknife(divergence, len(symbols), "nat")


def _with_squares(z: Tensor) -> Tensor:
    return torch.cat([z, z.square() - 1], 1)
