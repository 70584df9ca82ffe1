"""The networks of Tables 1-3 of the paper as data. Imports no torch.

A table names the widths and kernels of the encoder, the decoder and the discriminators for one shape of the data.
Every hidden width is multiplied by `model.width` and rounded up. A variant names the networks that it needs by their
inputs and outputs; `iae_models.networks` builds modules of both, and `iae_models.costs` counts them.

Reference: Makhzani (2018), Implicit Autoencoders, Appendix B, Tables 1-3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from iae_models.datasets import DATASETS

if TYPE_CHECKING:
    from iae_models.config import RunConfig


@dataclass(frozen=True)
class Architecture:
    """Layer widths for one shape of the data; those of points have no convolutions.

    Attributes:
        kernel: Kernel of every convolution and transposed convolution; all have stride 2.
        encoder_convolutions: Channels of the encoder's convolutions.
        encoder_layers: Units of the encoder's fully connected layers after them.
        decoder_layers: Units of the decoder's fully connected layers before the first feature map.
        decoder_channels: Channels of the decoder's first feature map and of every transposed convolution but the last.
        decoder_size: Height and width of the decoder's first feature map.
        discriminator_channels: Channels of the convolutions of a discriminator of images.
        discriminator_layers: Units of its fully connected layers before the last one.
        output: The decoder's last activation: "sigmoid", "tanh" or "linear".
        conditioning_layer: Hidden units of the network that turns a code into a location-dependent bias.
        regularization_layers: Units of a discriminator of codes before its last layer.
    """

    kernel: int
    encoder_convolutions: tuple[int, ...]
    encoder_layers: tuple[int, ...]
    decoder_layers: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    decoder_size: int
    discriminator_channels: tuple[int, ...]
    discriminator_layers: tuple[int, ...]
    output: str
    conditioning_layer: int = 1000
    regularization_layers: tuple[int, ...] = (2000, 2000)

    def scaled(self, width: float, discriminator: float = 1.0) -> Architecture:
        """Return the architecture with every hidden width multiplied by `width`.

        Those of the discriminator of images, and its conditioning, are multiplied by `discriminator` besides.
        """

        def scale(widths: tuple[int, ...], factor: float = width) -> tuple[int, ...]:
            return tuple(math.ceil(item * factor) for item in widths)

        return replace(
            self,
            encoder_convolutions=scale(self.encoder_convolutions),
            encoder_layers=scale(self.encoder_layers),
            decoder_layers=scale(self.decoder_layers),
            decoder_channels=scale(self.decoder_channels),
            discriminator_channels=scale(self.discriminator_channels, width * discriminator),
            discriminator_layers=scale(self.discriminator_layers, width * discriminator),
            conditioning_layer=math.ceil(self.conditioning_layer * width * discriminator),
            regularization_layers=scale(self.regularization_layers),
        )


TRANSLATOR_CHANNELS = (64, 128, 256)
"""Channels of a translator's outer convolutions and of its residual blocks (CycleGAN: Zhu et al., 2017)."""

PATCH_CHANNELS = (64, 128, 256)
"""Channels of a patch discriminator's convolutions before the last one."""

ARCHITECTURES: dict[tuple[int, ...], Architecture] = {
    (1, 28, 28): Architecture(4, (), (2000, 2000), (1024,), (128, 64), 7, (64, 128), (1024,), "sigmoid"),
    (3, 32, 32): Architecture(4, (64, 128, 256), (), (), (256, 128, 64), 4, (64, 128, 256), (), "tanh"),
    (3, 48, 48): Architecture(6, (128, 256, 512), (), (), (512, 256, 128), 6, (128, 256, 512), (), "tanh"),
    (2,): Architecture(0, (), (128, 128), (128, 128), (), 0, (), (128, 128), "linear", 0, (128, 128)),
}
"""Tables 1 (MNIST), 2 (SVHN) and 3 (CelebA), by image shape (channels, height, width), and our own for points."""


@dataclass(frozen=True)
class EncoderNetwork:
    """From an image and noise to a vector.

    Attributes:
        outputs: Length of the vector.
        noise_dim: Length of the noise.
        head: The last layer: "code" is batch normalized, as in the tables; "probabilities" has a softmax after that;
            "linear" has a bias and no normalization.
    """

    outputs: int
    noise_dim: int
    head: Literal["code", "probabilities", "linear"] = "code"


@dataclass(frozen=True)
class DecoderNetwork:
    """From a vector of `inputs` numbers, code and noise, to an image."""

    inputs: int


@dataclass(frozen=True)
class ImageDiscriminator:
    """From an image and what it is conditioned on, a vector of `code_dim` numbers (0: nothing), to one logit."""

    code_dim: int = 0


@dataclass(frozen=True)
class CodeDiscriminator:
    """From a vector of `code_dim` numbers to one logit."""

    code_dim: int


@dataclass(frozen=True)
class TranslatorNetwork:
    """From an image of one domain and noise to an image of the other: the generator of a CycleGAN.

    Attributes:
        to: What it makes, a "code" of an image or an "image" of a code.
        noise_dim: Length of the noise.
        num_blocks: Residual blocks.
    """

    to: Literal["code", "image"]
    noise_dim: int
    num_blocks: int


@dataclass(frozen=True)
class PatchDiscriminator:
    """From what it `sees`, an "image", a "code" that is an image, or a "pair" of both, to a map of logits."""

    sees: Literal["image", "code", "pair"]


Network = (
    EncoderNetwork | DecoderNetwork | ImageDiscriminator | CodeDiscriminator | TranslatorNetwork | PatchDiscriminator
)
"""One network that a variant needs."""


def translator_channels(config: RunConfig) -> tuple[int, ...]:
    """Return the channels of a run's translators, with its width applied."""
    return tuple(math.ceil(item * config.model.width) for item in TRANSLATOR_CHANNELS)


def patch_channels(config: RunConfig) -> tuple[int, ...]:
    """Return the channels of a run's patch discriminators, with its widths applied."""
    factor = config.model.width * config.model.discriminator_width
    return tuple(math.ceil(item * factor) for item in PATCH_CHANNELS)


def domain_channels(config: RunConfig) -> dict[str, int]:
    """Return the channels of images, of codes that are images, and of pairs of both."""
    info = DATASETS[config.data.name]
    return {"image": info.shape[0], "code": info.code_shape[0], "pair": info.shape[0] + info.code_shape[0]}


def architecture_of(config: RunConfig) -> Architecture:
    """Return the architecture of a run, with its width applied."""
    return ARCHITECTURES[DATASETS[config.data.name].shape].scaled(config.model.width, config.model.discriminator_width)
