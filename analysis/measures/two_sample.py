"""A small fresh network that tells two samples apart: the classifier two-sample test.

Its held-out accuracy is .5, give or take the sampling error, where the two distributions are one, however long it
trained; above .5 it bounds their total variation distance from below: TV ≥ 2 · accuracy − 1. Capacity and budget are
fixed, so that accuracies can be compared between runs.

Reference: Lopez-Paz and Oquab (2016), Revisiting classifier two-sample tests. https://arxiv.org/abs/1610.06545
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

HIDDEN = 128
BATCH = 128
LEARNING_RATE = 2e-3

Parameters = list[Tensor]
Features = Callable[[Tensor], Tensor]


def fit(
    real: Callable[[Tensor], Tensor], fake: Callable[[Tensor], Tensor], num: int, steps: int, generator: torch.Generator
) -> Parameters:
    """Train a network with two hidden ReLU layers to give real rows positive and fake rows negative logits.

    Adam with a learning rate that falls to zero along a cosine. Works under `torch.inference_mode` and leaves the
    global random state alone.

    Args:
        real: Maps row indices with shape (B,) to features of real rows with shape (B, D).
        fake: The same for fake rows.
        num: Number of rows of each kind.
        steps: Number of steps of 128 rows of each kind.
        generator: Where initialization and batches are drawn from.
    """
    with torch.inference_mode(False), torch.enable_grad():
        width = real(torch.zeros(1, dtype=torch.int64, device=generator.device)).shape[1]
        parameters = _initial(width, generator)
        adam = torch.optim.Adam(parameters, lr=LEARNING_RATE)
        order = batches(num, steps, BATCH, generator)
        for step, index in enumerate(order):
            adam.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            logits = score(parameters, torch.cat([real(index), fake(index)]))
            half = len(index)
            loss = softplus(-logits[:half]).mean() + softplus(logits[half:]).mean()
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
    return [item.detach() for item in parameters]


def score(parameters: Parameters, features: Tensor) -> Tensor:
    """Return logits with shape (N,) of features with shape (N, D)."""
    w1, b1, w2, b2, w3, b3 = parameters
    h = torch.relu(features @ w1 + b1)
    h = torch.relu(h @ w2 + b2)
    return (h @ w3 + b3).squeeze(1)


def right(logits: Tensor, *, real: bool) -> Tensor:
    """Return 1 for each logit on the right side of 0 and 0 for the others, with shape (N,).

    A logit that is not finite is on neither side: it gives NaN, so that a broken model has no accuracy at all instead
    of an accuracy of 0, which would be the best one.
    """
    side = logits > 0 if real else logits <= 0
    return torch.where(logits.isfinite(), side.double(), torch.nan)


def _initial(width: int, generator: torch.Generator) -> Parameters:
    parameters = []
    for fan_in, fan_out, gain in ((width, HIDDEN, 2.0), (HIDDEN, HIDDEN, 2.0), (HIDDEN, 1, 1.0)):
        weight = torch.randn(fan_in, fan_out, generator=generator, device=generator.device)
        parameters += [weight * math.sqrt(gain / fan_in), torch.zeros(fan_out, device=generator.device)]
    return [item.requires_grad_() for item in parameters]


def batches(num: int, steps: int, size: int, generator: torch.Generator) -> list[Tensor]:
    """Return the rows of each step, `size` of them: shuffled passes over `num` rows, cut into batches."""
    passes = math.ceil(steps * size / num)
    order = torch.cat([torch.randperm(num, generator=generator, device=generator.device) for _ in range(passes)])
    return list(torch.split(order[: steps * size], size))
