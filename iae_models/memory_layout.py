"""How kernels and feature maps lie in memory: channel by channel, or with the channels of a pixel beside one another.

The numbers are the same but for the order in which a convolution sums. Channels last is faster for some networks, the
residual ones between two domains above all, and slower for others. What is elementwise, Adam for one, goes through
tensors in the order in which they lie, so all tensors of one parameter must lie alike.

Reference: https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html
"""

from __future__ import annotations

import torch
from torch import Tensor


def layout_of(parameter: Tensor) -> torch.memory_format:
    """Return how a parameter lies in memory."""
    is_last = parameter.dim() == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format


def laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """Return a tensor of the parameter's shape as the parameter lies: itself, or a copy where it lies otherwise."""
    return value.contiguous(memory_format=layout_of(parameter))
