"""Probabilities of labels given codes: the equal mixture of a linear and a nearest-neighbour classifier.

The linear one is right for codes that separate the classes by planes, the other for codes of few dimensions that do
not. The cross-entropy of the mixture exceeds that of the better one by at most ln 2, and mostly lies below both;
nothing is selected on held-out data.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, one_hot

PENALTY = 1e-3
"""Ridge penalty of the linear classifier's weights, on codes of unit mean variance."""

MAX_ITERATIONS = 40


def probe_log_probabilities(train_z: Tensor, train_labels: Tensor, z: Tensor, num_classes: int) -> Tensor:
    """Return log p(y | ẑ) with shape (N, num_classes).

    Args:
        train_z: Codes to learn from, with shape (T, d).
        train_labels: Their labels, int64 with shape (T,).
        z: Codes to predict for, with shape (N, d).
        num_classes: Number of classes.
    """
    centre = train_z.mean(0)
    scale = (train_z - centre).square().mean().sqrt().clamp_min(1e-6)
    train_z, z = (train_z - centre) / scale, (z - centre) / scale
    parts = (_linear(train_z, train_labels, z, num_classes), _neighbours(train_z, train_labels, z, num_classes))
    return torch.stack(parts).logsumexp(0) - math.log(2)


def _linear(train_z: Tensor, train_labels: Tensor, z: Tensor, num_classes: int) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        # tensors made under inference mode cannot be differentiated through; their copies can
        inputs, targets = train_z.clone(), train_labels.clone()
        weight = torch.zeros(inputs.shape[1], num_classes, device=inputs.device, requires_grad=True)
        bias = torch.zeros(num_classes, device=inputs.device, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(inputs @ weight + bias, targets) + PENALTY * weight.square().sum()
            torch.autograd.backward(loss)
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]
    return log_softmax(z @ weight.detach() + bias.detach(), 1)


def _neighbours(train_z: Tensor, train_labels: Tensor, z: Tensor, num_classes: int) -> Tensor:
    """Count labels among the nearest sqrt(T) / 2 codes; one more neighbour has the labels' overall frequencies."""
    num = max(1, round(math.sqrt(len(train_z)) / 2))
    votes = one_hot(train_labels, num_classes).float()
    nearest = torch.cdist(z, train_z).topk(num, largest=False).indices
    counts = votes[nearest].sum(1) + votes.mean(0).clamp_min(1e-6)
    return (counts / counts.sum(1, keepdim=True)).log()
