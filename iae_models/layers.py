"""Linear layers and convolutions of stride 2, computed on a CPU the way that is fastest there.

They have the parameters of their `torch.nn` namesakes, and on another device than a CPU they are these namesakes. On a
CPU the same sums are formed in another order:

- A matrix product goes through oneDNN where `Linear.product` says so (see `iae_models.products`) and it is large enough
  to repay the call. PyTorch's own is MKL's, which on some processors is half as fast.
- What undoes a convolution of stride 2 is a transposed convolution: a decoder's layer, and the gradient of every
  convolution with respect to its input. oneDNN has no fast form of it for a few output channels. It is a matrix product
  and a sum over overlapping patches for one channel, and a convolution of stride 1 followed by a rearrangement of
  pixels for some.

A result depends on shapes and on `product` alone, never on a clock.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import conv2d, conv_transpose2d, fold, pixel_shuffle, pixel_unshuffle
from torch.nn.grad import conv2d_weight

LARGE_PRODUCT = 2**21
"""Multiplications from which on a product goes through oneDNN; below, the call costs more than it saves."""

FEW_CHANNELS = 12
"""Output channels up to which a transposed convolution is rearranged."""


class Linear(nn.Linear):
    """A linear layer for inputs with shape (N, in_features).

    Attributes:
        product: Which library multiplies on a CPU: "torch" or "onednn".
    """

    product = "torch"

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs with shape (N, out_features)."""
        if self.product == "torch" or not _is_large(x, self.weight):
            return super().forward(x)
        y: Tensor = _Product.apply(x, self.weight, self.bias)
        return y


class HalvingConvolution(nn.Conv2d):
    """A convolution of stride 2 that halves an image: kernel K is even and the padding is K / 2 − 1."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel, 2, kernel // 2 - 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return feature maps (N, out_channels, H / 2, W / 2) of maps (N, in_channels, H, W)."""
        if not _is_rearranged(x, self.in_channels):
            return super().forward(x)
        y: Tensor = _Halve.apply(x, self.weight)
        return y if self.bias is None else y + self.bias[:, None, None]


class DoublingConvolution(nn.ConvTranspose2d):
    """A transposed convolution of stride 2 that doubles an image: kernel K is even and the padding is K / 2 − 1."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(in_channels, out_channels, kernel, 2, kernel // 2 - 1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return feature maps (N, out_channels, 2H, 2W) of maps (N, in_channels, H, W)."""
        if output_size is not None or not _is_rearranged(x, self.out_channels):
            return super().forward(x, output_size)
        y: Tensor = _Double.apply(x, self.weight)
        return y if self.bias is None else y + self.bias[:, None, None]


class _Product(torch.autograd.Function):
    """x Wᵀ + b by oneDNN, for x (N, K), W (M, K) and b (M,) or None; its gradients are products again."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return y

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (gradient,) = ctx.saved_tensors, gradients  # type: ignore[attr-defined]
        wanted = ctx.needs_input_grad  # type: ignore[attr-defined]
        return (
            _Product.apply(gradient, weight.t(), None) if wanted[0] else None,
            _Product.apply(gradient.t(), x.t(), None) if wanted[1] else None,
            gradient.sum(0) if wanted[2] else None,
        )


class _Halve(torch.autograd.Function):
    """The convolution of x (N, I, H, W) with w (O, I, K, K), of stride 2."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return conv2d(x, weight, None, 2, weight.shape[-1] // 2 - 1)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (gradient,) = ctx.saved_tensors, gradients  # type: ignore[attr-defined]
        wanted = ctx.needs_input_grad  # type: ignore[attr-defined]
        return (
            _Double.apply(gradient, weight) if wanted[0] else None,
            _weight_gradient(x, weight, gradient) if wanted[1] else None,
        )


class _Double(torch.autograd.Function):
    """The transposed convolution of x (N, I, H, W) with w (I, O, K, K), of stride 2: what `_Halve` transposes to."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return doubled(x, weight)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (gradient,) = ctx.saved_tensors, gradients  # type: ignore[attr-defined]
        wanted = ctx.needs_input_grad  # type: ignore[attr-defined]
        return (
            _Halve.apply(gradient, weight) if wanted[0] else None,
            _weight_gradient(gradient, weight, x) if wanted[1] else None,
        )


def doubled(x: Tensor, weight: Tensor) -> Tensor:
    """Return the transposed convolution of stride 2, for few output channels.

    Args:
        x: Feature maps with shape (N, I, H, W).
        weight: Weights with shape (I, O, K, K).

    Returns:
        Feature maps with shape (N, O, 2H, 2W).
    """
    num, channels, height, width = x.shape
    outputs, kernel = weight.shape[1], weight.shape[-1]
    padding = kernel // 2 - 1
    if outputs == 1:
        patches = torch.matmul(weight.reshape(channels, kernel**2).t(), x.reshape(num, channels, height * width))
        return fold(patches, (2 * height, 2 * width), kernel, 1, padding, 2)
    # the four pixels that share a place are four channels of a convolution of stride 1
    places = conv_transpose2d(x, pixel_unshuffle(weight, 2))
    framed = pixel_shuffle(places, 2)
    return framed[:, :, padding : framed.shape[2] - padding, padding : framed.shape[3] - padding].contiguous()


def _weight_gradient(x: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    size = weight.shape[-1]
    found: Tensor = conv2d_weight(x, list(weight.shape), gradient, 2, size // 2 - 1)  # type: ignore[no-untyped-call]
    return found


def _is_large(x: Tensor, weight: Tensor) -> bool:
    is_large = x.dtype == torch.float32 and x.ndim == 2 and x.numel() * len(weight) >= LARGE_PRODUCT
    return is_large and _is_own(x)


def _is_rearranged(x: Tensor, channels: int) -> bool:
    """Return whether a transposed convolution to so many channels is computed in the other way."""
    return channels <= FEW_CHANNELS and _is_own(x)


def _is_own(x: Tensor) -> bool:
    """Return whether these layers have ways of their own here: on a CPU, in the precision of the numbers."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
