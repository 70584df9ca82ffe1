"""Probabilities of labels given codes: a mixture of a linear and a neighbour classifier and the labels' frequencies.

The linear one is right for codes that separate the classes by planes, the second for codes of few dimensions that do
not, the third for codes that say nothing. The weights are those that predict a fifth of the training images best, so
nothing is selected on the images that are measured on.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, one_hot

PENALTY = 1e-3
"""Ridge penalty of the linear classifier's weights, on codes of unit mean variance."""

MAX_ITERATIONS = 40
NUM_FOLDS = 5
EM_STEPS = 50


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
    kept = len(train_z) - len(train_z) // NUM_FOLDS
    fit_z, fit_labels = train_z[:kept], train_labels[:kept]
    parts = _predict(fit_z, fit_labels, torch.cat([train_z[kept:], z]), num_classes)
    own = parts[:, : len(train_z) - kept].gather(2, train_labels[kept:][None, :, None].expand(len(parts), -1, 1))
    weights = _mixture_weights(own.squeeze(2))
    return (parts[:, len(train_z) - kept :] + weights.log()[:, None, None]).logsumexp(0)


def _predict(train_z: Tensor, train_labels: Tensor, z: Tensor, num_classes: int) -> Tensor:
    """Return the log probabilities of all three classifiers, with shape (3, N, num_classes)."""
    frequencies = train_labels.bincount(minlength=num_classes).clamp_min(1) / len(train_labels)
    linear = _linear(train_z, train_labels, z, num_classes)
    neighbours = _neighbours(train_z, train_labels, z, num_classes)
    return torch.stack([linear, neighbours, frequencies.log().expand(len(z), -1)])


def _mixture_weights(log_probabilities: Tensor) -> Tensor:
    """Return weights with shape (M,) of greatest likelihood, by EM, for log probabilities with shape (M, N)."""
    weights = torch.full_like(log_probabilities[:, 0], 1 / len(log_probabilities))
    for _ in range(EM_STEPS):
        weights = (log_probabilities + weights.log()[:, None]).softmax(0).mean(1).clamp_min(1e-9)
    return weights


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
