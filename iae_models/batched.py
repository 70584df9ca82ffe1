"""Tensors with a hidden leading axis, one slice for each of several runs that train in one step.

`torch.vmap` hands a model such tensors, and the model computes as if there were one run alone. What the training loop
needs beyond that is the axis itself, within one call: gradients are taken of all runs at once, from the tensors as they
are. PyTorch keeps the access to itself, so it is looked for before it is used (`has_batching`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor


def is_batched(x: Tensor) -> bool:
    """Return whether a tensor has a hidden leading axis."""
    return torch._C._functorch.is_batchedtensor(x)


def shown(x: Tensor, num: int) -> Tensor:
    """Return a tensor with its hidden axis, of length `num`, in front; one without is repeated along it."""
    return _unwrapped(x) if is_batched(x) else x.expand(num, *x.shape)


def hidden(x: Tensor) -> Tensor:
    """Hide the leading axis of a tensor again, within a function that `torch.vmap` has called."""
    return torch._C._functorch._add_batch_dim(x, 0, torch._C._functorch.current_level())


def input_gradient(function: Callable[[Tensor], Tensor], x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Return the gradient of a scalar function with respect to its input, of a run alone or of each of several.

    Args:
        function: From a tensor with the shape of `x` to a scalar.
        x: Where the gradient is taken; no gradient flows into it.
        create_graph: Whether the gradient is to be differentiated in turn.
    """
    if not is_batched(x):
        point = x.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(function(point), point, create_graph=create_graph)
        return gradient
    point = _leaf(_unwrapped(x))
    # each run's value depends on its own slice alone, so the gradient of the sum is that of each
    total = shown(function(hidden(point)), len(point)).sum()
    (gradient,) = torch.autograd.grad(total, point, create_graph=create_graph)
    return hidden(gradient)


@cache
def has_batching() -> bool:
    """Return whether this PyTorch gives access to the hidden axis, and comes to the right gradients."""
    weights, points = torch.arange(6.0).view(2, 3).requires_grad_(True), torch.ones(2, 3)
    found: list[Tensor] = []

    def step(w: Tensor, x: Tensor) -> Tensor:
        slope = input_gradient(lambda point: (w * point).square().sum(), x, create_graph=True)
        found.extend(torch.autograd.grad(shown(slope.sum(), 2).sum(), weights))
        return slope

    try:
        slopes = torch.vmap(step)(weights, points)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.allclose(slopes, 2 * weights.square()) and torch.allclose(found[0], 4 * weights)


def _leaf(x: Tensor) -> Tensor:
    """Return a tensor to differentiate by. Within `torch.vmap` that is forbidden, for the sake of hidden axes."""
    allowed = torch._C._functorch.get_inplace_requires_grad_allowed()
    torch._C._functorch.set_inplace_requires_grad_allowed(True)
    try:
        return x.detach().requires_grad_(True)
    finally:
        torch._C._functorch.set_inplace_requires_grad_allowed(allowed)


def _unwrapped(x: Tensor) -> Tensor:
    inner, place = torch._C._functorch._unwrap_batched(x, torch._C._functorch.maybe_get_level(x))
    return inner.movedim(place or 0, 0)
