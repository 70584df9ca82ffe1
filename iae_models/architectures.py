"""The networks of Tables 1-3 of the paper as data. Imports no torch.

A table names the widths and kernels of the encoder, the decoder and the reconstruction discriminator for one image
size; `iae_models.networks` builds modules from it. Every hidden width is multiplied by `model.width` and rounded up.

Reference: Makhzani (2018), Implicit Autoencoders, Appendix B, Tables 1-3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from iae_models.config import DATASETS, RunConfig

REGULARIZATION_WIDTHS = (2000, 2000)
"""Hidden units of the regularization discriminator, in all experiments of the paper."""

CONDITIONING_WIDTH = 1000
"""Hidden units of the network that turns a code into a location-dependent bias."""


@dataclass(frozen=True)
class Architecture:
    """Layer widths for one image size.

    Attributes:
        kernel: Kernel of every convolution and transposed convolution; all have stride 2.
        encoder_convolutions: Channels of the encoder's convolutions.
        encoder_layers: Units of the encoder's fully connected layers after them.
        decoder_layers: Units of the decoder's fully connected layers before the first feature map.
        decoder_channels: Channels of the decoder's first feature map and of every transposed convolution but the last.
        decoder_size: Height and width of the decoder's first feature map.
        discriminator_channels: Channels of the reconstruction discriminator's convolutions.
        discriminator_layers: Units of its fully connected layers before the last one.
        output: The decoder's last activation.
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

    def scaled(self, width: float) -> Architecture:
        """Return the architecture with every hidden width multiplied by `width`."""

        def scale(widths: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(math.ceil(item * width) for item in widths)

        return Architecture(
            self.kernel,
            scale(self.encoder_convolutions),
            scale(self.encoder_layers),
            scale(self.decoder_layers),
            scale(self.decoder_channels),
            self.decoder_size,
            scale(self.discriminator_channels),
            scale(self.discriminator_layers),
            self.output,
        )


ARCHITECTURES: dict[tuple[int, ...], Architecture] = {
    (1, 28, 28): Architecture(4, (), (2000, 2000), (1024,), (128, 64), 7, (64, 128), (1024,), "sigmoid"),
    (3, 32, 32): Architecture(4, (64, 128, 256), (), (), (256, 128, 64), 4, (64, 128, 256), (), "tanh"),
    (3, 48, 48): Architecture(6, (128, 256, 512), (), (), (512, 256, 128), 6, (128, 256, 512), (), "tanh"),
}
"""Tables 1 (MNIST), 2 (SVHN) and 3 (CelebA), by image shape (channels, height, width)."""


def architecture_of(config: RunConfig) -> Architecture:
    """Return the architecture of a run, with its width applied."""
    return ARCHITECTURES[DATASETS[config.data.name].shape].scaled(config.model.width)
