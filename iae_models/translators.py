"""Networks from one domain of images to another (Appendix B.2 of the paper), and the discriminators that judge them.

A translator is the residual generator of CycleGAN: a 7x7 convolution, two that halve the image, residual blocks, two
that double it again, and a 7x7 convolution. Its noise enters in all layers, by conditional batch normalization: a
linear map of the noise gives each layer's scale and shift. How a discriminator sees a code that is an image is not in
the paper; here image and code are channels of one picture, as in pix2pix, and every patch of it is scored.

References:
    Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation. https://arxiv.org/abs/1703.10593
    Dumoulin, Shlens and Kudlur (2017), A learned representation for artistic style. https://arxiv.org/abs/1610.07629
    Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from iae_models.architectures import (
    PatchDiscriminator,
    TranslatorNetwork,
    domain_channels,
    patch_channels,
    translator_channels,
)
from iae_models.config import RunConfig

SLOPE = 0.2
"""Slope of a patch discriminator's leaky ReLU below 0."""


def make(network: TranslatorNetwork | PatchDiscriminator, config: RunConfig) -> nn.Module:
    """Build one network of a run."""
    channels = domain_channels(config)
    if isinstance(network, PatchDiscriminator):
        return PatchScores(channels[network.sees], patch_channels(config), config.model.discriminator_norm)
    first, last = ("image", "code") if network.to == "code" else ("code", "image")
    widths = translator_channels(config)
    return Translator(channels[first], channels[last], widths, network.noise_dim, network.num_blocks)


class ConditionalNorm(nn.Module):
    """Batch normalization whose scale and shift follow from noise; without noise, both are parameters."""

    def __init__(self, channels: int, noise_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=noise_dim == 0)
        self.affine = nn.Linear(noise_dim, 2 * channels) if noise_dim else None

    def forward(self, h: Tensor, n: Tensor) -> Tensor:
        """Return normalized maps with shape (N, C, H, W), for noise with shape (N, noise_dim)."""
        normed: Tensor = self.norm(h)
        if self.affine is None:
            return normed
        affine: Tensor = self.affine(n)
        scale, shift = affine[:, :, None, None].chunk(2, 1)
        return normed * (1 + scale) + shift


class NormedConvolution(nn.Module):
    """A convolution without bias, and conditional normalization."""

    def __init__(self, convolution: nn.Module, channels: int, noise_dim: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = ConditionalNorm(channels, noise_dim)

    def forward(self, h: Tensor, n: Tensor) -> Tensor:
        """Return maps with shape (N, channels, H', W'), not yet activated."""
        out: Tensor = self.norm(self.convolution(h), n)
        return out


class ResidualBlock(nn.Module):
    """Two normed 3x3 convolutions beside the identity."""

    def __init__(self, channels: int, noise_dim: int) -> None:
        super().__init__()
        self.first = NormedConvolution(_reflected(channels, channels, 3), channels, noise_dim)
        self.second = NormedConvolution(_reflected(channels, channels, 3), channels, noise_dim)

    def forward(self, h: Tensor, n: Tensor) -> Tensor:
        """Return maps with the shape of `h`."""
        out: Tensor = h + self.second(torch.relu(self.first(h, n)), n)
        return out


class Translator(nn.Module):
    """From images (N, before, H, W) in [0, 1] and noise (N, noise_dim) to images (N, after, H, W) in [0, 1].

    H and W are multiples of 4.
    """

    def __init__(self, before: int, after: int, widths: tuple[int, ...], noise_dim: int, num_blocks: int) -> None:
        super().__init__()
        outer, middle, inner = widths
        self.down = nn.ModuleList(
            [
                NormedConvolution(_reflected(before, outer, 7), outer, noise_dim),
                NormedConvolution(nn.Conv2d(outer, middle, 3, 2, 1, bias=False), middle, noise_dim),
                NormedConvolution(nn.Conv2d(middle, inner, 3, 2, 1, bias=False), inner, noise_dim),
            ]
        )
        self.blocks = nn.ModuleList(ResidualBlock(inner, noise_dim) for _ in range(num_blocks))
        self.up = nn.ModuleList(
            NormedConvolution(nn.ConvTranspose2d(a, b, 3, 2, 1, 1, bias=False), b, noise_dim)
            for a, b in ((inner, middle), (middle, outer))
        )
        self.last = nn.Conv2d(outer, after, 7, padding=3, padding_mode="reflect")

    def forward(self, x: Tensor, n: Tensor) -> Tensor:
        """Return images of the other domain."""
        h = 2 * x - 1
        for layer in self.down:
            h = torch.relu(layer(h, n))
        for block in self.blocks:
            h = block(h, n)
        for layer in self.up:
            h = torch.relu(layer(h, n))
        return 0.5 * (torch.tanh(self.last(h)) + 1)


class PatchScores(nn.Module):
    """Score every patch of an image, of a code that is an image, or of both as channels of one picture."""

    def __init__(self, channels: int, widths: tuple[int, ...], norm: str) -> None:
        super().__init__()
        first, *rest = widths
        self.norm = norm
        self.convolutions = nn.ModuleList([nn.Conv2d(channels, first, 4, 2, 1)])
        self.norms = nn.ModuleList()
        for index, width in enumerate(rest):
            stride = 2 if index == 0 else 1
            self.convolutions.append(nn.Conv2d(first, width, 4, stride, 1, bias=norm != "pre_activation"))
            self.norms.append(nn.Identity() if norm == "none" else nn.BatchNorm2d(width))
            first = width
        self.last = nn.Conv2d(first, 1, 4, 1, 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits with shape (N, 1, h, w) of images x and codes z, each with shape (N, C, H, W) or (N, 0)."""
        h = 2 * torch.cat([part for part in (x, z) if part.dim() == 4], 1) - 1
        first, *rest = self.convolutions
        h = leaky_relu(first(h), SLOPE)
        for convolution, norm in zip(rest, self.norms, strict=True):
            h = convolution(h)
            h = norm(leaky_relu(h, SLOPE)) if self.norm == "paper" else leaky_relu(norm(h), SLOPE)
        logits: Tensor = self.last(h)
        return logits


def _reflected(before: int, after: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, padding_mode="reflect", bias=False)
