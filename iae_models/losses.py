"""Losses: the adversarial ones from logits to a scalar, and those of explicit likelihoods.

One convention for every discriminator: it scores *real* with high and *fake* with low logits. With P the distribution
of the real and Q that of the fake, a loss is a pair of functions of the logits v:

=============== ================================================== =================================
name            the discriminator minimizes                        the generator minimizes
=============== ================================================== =================================
minimax         E_P softplus(−v) + E_Q softplus(v)  (Equation 1)   −E_Q softplus(v)
non_saturating  the same                                           E_Q softplus(−v)
forward_kl      −E_P v + E_Q exp(v − 1)                            −E_Q exp(v − 1):  KL(P ‖ Q)
reverse_kl      E_P exp(−v) + E_Q (v − 1)                          −E_Q (v − 1):     KL(Q ‖ P)
=============== ================================================== =================================

Where the generator also moves the real side (the positive pair of the reconstruction GAN), it minimizes
`generator_real`.

References:
    Goodfellow et al. (2014), Generative adversarial nets.
    Nowozin, Cseke, Tomioka (2016), f-GAN, Tables 1, 2 and 6. https://arxiv.org/abs/1606.00709
    Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge? (R1)
    Miyato et al. (2018), Virtual adversarial training. https://arxiv.org/abs/1704.03976
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus

from iae_models.precision import in_single_precision


@dataclass(frozen=True)
class GanLoss:
    """The four parts of an adversarial loss, each from logits with shape (N, 1) to a scalar to be minimized.

    `threshold` is the logit at which the best discriminator finds P and Q equally likely: its logit is 1 + log P/Q
    under `forward_kl`, log P/Q under the others.
    """

    discriminator_real: Callable[[Tensor], Tensor]
    discriminator_fake: Callable[[Tensor], Tensor]
    generator_fake: Callable[[Tensor], Tensor]
    generator_real: Callable[[Tensor], Tensor]
    threshold: float = 0.0


LOSSES: dict[str, GanLoss] = {
    "minimax": GanLoss(
        lambda v: softplus(-v).mean(),
        lambda v: softplus(v).mean(),
        lambda v: -softplus(v).mean(),
        lambda v: -softplus(-v).mean(),
    ),
    "non_saturating": GanLoss(
        lambda v: softplus(-v).mean(),
        lambda v: softplus(v).mean(),
        lambda v: softplus(-v).mean(),
        lambda v: softplus(v).mean(),
    ),
    "forward_kl": GanLoss(
        lambda v: -v.mean(),
        lambda v: (v - 1).exp().mean(),
        lambda v: -(v - 1).exp().mean(),
        lambda v: v.mean(),
        threshold=1.0,
    ),
    "reverse_kl": GanLoss(
        lambda v: (-v).exp().mean(),
        lambda v: (v - 1).mean(),
        lambda v: -(v - 1).mean(),
        lambda v: -(-v).exp().mean(),
    ),
}


def r1_penalty(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return half the mean squared gradient norm of the logits with respect to real inputs with shape (N, ...)."""
    with in_single_precision(x):
        gradient = input_gradient(lambda point: discriminator(point).sum(), x, create_graph=True)
        penalty: Tensor = 0.5 * gradient.flatten(1).square().sum(1).mean()
    return penalty


def input_gradient(function: Callable[[Tensor], Tensor], x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Return the gradient of a scalar function with respect to its input.

    Args:
        function: From a tensor with the shape of `x` to a scalar.
        x: Where the gradient is taken; no gradient flows into it.
        create_graph: Whether the gradient is to be differentiated in turn.
    """
    point = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(function(point), point, create_graph=create_graph)
    return gradient


def squared_loss(x: Tensor, x_hat: Tensor, std: float) -> Tensor:
    """Return −log N(x; x̂, std² I) up to a constant, in nats per image, for images with shape (N, ...)."""
    loss: Tensor = (x - x_hat).flatten(1).square().sum(1).mean() / (2 * std**2)
    return loss


def normal_loss(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the mean −log N(z; mean, diag exp(log_variance)), in nats, of codes with shape (N, D)."""
    errors = (z - mean).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)
    loss: Tensor = 0.5 * errors.sum(1).mean()
    return loss


def normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the mean KL(N(mean, diag exp(log_variance)) ‖ N(0, I)), in nats, for shapes (N, D)."""
    loss: Tensor = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    return loss


def categorical_loss(logits: Tensor, z: Tensor) -> Tensor:
    """Return the mean cross-entropy, in nats, of categories with logits (N, K) and one-hot codes (N, K)."""
    loss: Tensor = -(z * log_softmax(logits, 1)).sum(1).mean()
    return loss


def virtual_adversarial_loss(
    logits_of: Callable[[Tensor], Tensor], x: Tensor, direction: Tensor, radius: float
) -> Tensor:
    """Return the mean KL divergence between predictions at x and at the most sensitive point within `radius`.

    Args:
        logits_of: Maps images with shape (N, ...) to logits with shape (N, K).
        x: Images with shape (N, ...).
        direction: A random start with the shape of x, standard normal.
        radius: Euclidean length of the perturbation, in the units of x.
    """

    def divergence(perturbation: Tensor) -> Tensor:
        predicted = log_softmax(logits_of(x + perturbation), 1)
        return (target.exp() * (target - predicted)).sum() / len(x)

    with in_single_precision(x):  # in less, the first small step would be rounded away
        target = log_softmax(logits_of(x), 1).detach()
        sensitive = input_gradient(lambda start: divergence(1e-2 * start), _unit(direction))
        return divergence(radius * _unit(sensitive))


def balance_loss(probabilities: Tensor, prior: Tensor) -> Tensor:
    """Return KL(batch mean of the cluster probabilities ‖ prior), in nats, for probabilities with shape (N, K)."""
    mean = probabilities.mean(0).clamp_min(1e-8)
    divergence: Tensor = (mean * (mean.log() - prior.log())).sum()
    return divergence


def _unit(direction: Tensor) -> Tensor:
    norm = direction.flatten(1).norm(dim=1).clamp_min(1e-12)
    unit: Tensor = direction / norm.view(-1, *[1] * (direction.dim() - 1))
    return unit.detach()
