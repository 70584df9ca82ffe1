"""Which library multiplies matrices on this CPU: PyTorch's own choice, MKL, or oneDNN.

oneDNN is twice as fast as MKL on some processors and about as fast on others. It is reached through an operator that
PyTorch keeps to itself, so it is first looked for and then timed. Both have single precision, but not the same order of
sums. A run therefore records which one it was trained with and stays with it when it is resumed or reproduced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from iae_models.layers import Linear

PROBE_SIZE = (100, 1024, 1024)
PROBE_REPEATS = 5
WORTHWHILE = 1.2
"""How much faster oneDNN must be: enough that a repeated probe on one kind of CPU answers the same."""


@cache
def fastest_product() -> str:
    """Return the library that new runs of this process multiply with on the CPU: "torch" or "onednn"."""
    return "onednn" if has_onednn() and speedup() >= WORTHWHILE else "torch"


def product_of(model: nn.Module) -> str:
    """Return the library that the linear layers of a model multiply with on the CPU."""
    return next((module.product for module in model.modules() if isinstance(module, Linear)), "torch")


def set_product(model: nn.Module, product: str) -> None:
    """Let all linear layers of a model multiply with a library on the CPU.

    Raises:
        ValueError: It is none that this PyTorch has.
    """
    if product not in ("torch", "onednn") or (product == "onednn" and not has_onednn()):
        raise ValueError(
            f"product must be 'torch' or, where PyTorch has the operator, 'onednn', but got {product!r} "
            f"with PyTorch {torch.__version__}."
        )
    for module in model.modules():
        if isinstance(module, Linear):
            module.product = product


@cache
def has_onednn() -> bool:
    """Return whether this PyTorch multiplies through oneDNN, and comes to the right result."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # type: ignore[no-untyped-call]
        return False
    x, weight, bias = torch.arange(12.0).view(3, 4), torch.arange(8.0).view(2, 4), torch.ones(2)
    try:
        found = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    except (RuntimeError, TypeError):
        return False
    return torch.allclose(found, x @ weight.t() + bias)


def speedup() -> float:
    """Return how much less CPU time one large product takes with oneDNN; the best of some repeats of each."""
    num, inputs, outputs = PROBE_SIZE
    x, weight = torch.ones(num, inputs), torch.ones(outputs, inputs)
    own = _shortest(lambda: torch.mm(x, weight.t()))
    return own / _shortest(lambda: torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], ""))


def _shortest(product: Callable[[], object]) -> float:
    times = []
    for _ in range(PROBE_REPEATS):
        begin = time.thread_time()
        product()
        times.append(time.thread_time() - begin)
    return min(times)
