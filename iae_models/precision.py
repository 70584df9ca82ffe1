"""In which precision a training step multiplies; weights, moments and sums stay in single precision.

=============== ====================================================================================
`float32`       single precision everywhere
`tf32`          products of single-precision numbers by TensorFloat-32, on GPUs that have it
`bfloat16`      products and convolutions in bfloat16 (`torch.autocast`); losses in single precision
=============== ====================================================================================

A run is measured in single precision whatever it was trained in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def products_in(precision: str, device: torch.device) -> Iterator[None]:
    """Multiply single-precision numbers as a precision says within this context, forward and backward."""
    if device.type != "cuda":
        yield
        return
    parts = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    former = [part.fp32_precision for part in parts]
    for part in parts:
        part.fp32_precision = "ieee" if precision == "float32" else "tf32"
    try:
        yield
    finally:
        for part, value in zip(parts, former, strict=True):
            part.fp32_precision = value


@contextmanager
def cast_to(precision: str, device: torch.device) -> Iterator[None]:
    """Cast what is multiplied within this context, a forward pass in which no weight changes, where that is asked."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        yield


@contextmanager
def in_single_precision(x: Tensor) -> Iterator[None]:
    """Compute in the precision of the numbers themselves, also within `cast_to`."""
    with torch.autocast(x.device.type, enabled=False):
        yield
