"""The networks of Tables 1-3 of the paper as data, and what they cost. Imports no torch.

A table names the widths and kernels of the encoder, the decoder and the reconstruction discriminator for one image
size; `iae_models.networks` builds modules from it. Every hidden width is multiplied by `model.width` and rounded up.

Reference: Makhzani (2018), Implicit Autoencoders, Appendix B, Tables 1-3.
"""

from __future__ import annotations

import itertools
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


ARCHITECTURES: dict[tuple[int, int, int], Architecture] = {
    (1, 28, 28): Architecture(4, (), (2000, 2000), (1024,), (128, 64), 7, (64, 128), (1024,), "sigmoid"),
    (3, 32, 32): Architecture(4, (64, 128, 256), (), (), (256, 128, 64), 4, (64, 128, 256), (), "tanh"),
    (3, 48, 48): Architecture(6, (128, 256, 512), (), (), (512, 256, 128), 6, (128, 256, 512), (), "tanh"),
}
"""Tables 1 (MNIST), 2 (SVHN) and 3 (CelebA), by image shape (channels, height, width)."""


def architecture_of(config: RunConfig) -> Architecture:
    """Return the architecture of a run, with its width applied."""
    return ARCHITECTURES[DATASETS[config.data.name].image_shape].scaled(config.model.width)


@dataclass(frozen=True)
class Layer:
    """What one layer costs.

    Attributes:
        parameters: Trained numbers.
        multiplications: Multiplications of one forward pass, for one image.
        outputs: Numbers that it puts out, for one image.
    """

    parameters: int
    multiplications: int
    outputs: int


def network_layers(config: RunConfig) -> dict[str, tuple[Layer, ...]]:
    """Return the layers of every network that a run trains or uses, by the name of its attribute on the variant."""
    model, architecture = config.model, architecture_of(config)
    shape = DATASETS[config.data.name].image_shape
    networks = {
        "decoder": _decoder(architecture, shape, model.code_dim + model.noise_dim),
        "reconstruction_discriminator": _reconstruction_discriminator(architecture, shape, config),
    }
    if model.code_dim:
        networks["encoder"] = _encoder(architecture, shape, model.code_dim, model.encoder_noise_dim)
    if model.code_dim and model.train_encoder and model.regularization_weight > 0:
        widths = (model.code_dim, *(math.ceil(width * model.width) for width in REGULARIZATION_WIDTHS), 1)
        networks["regularization_discriminator"] = tuple(_linear(a, b) for a, b in itertools.pairwise(widths))
    return networks


def num_parameters(config: RunConfig) -> int:
    """Return the number of parameters of all networks of a run."""
    return sum(layer.parameters for layers in network_layers(config).values() for layer in layers)


def memory_bytes(config: RunConfig) -> int:
    """Estimate the memory of a run's tensors while it trains, without its images and without the libraries.

    Weight, gradient and Adam's two moments are 16 bytes a parameter, the moving average of encoder and decoder 4 more;
    what backpropagation keeps is 4 bytes an output and image, for the passes that are alive at once.
    """
    networks = network_layers(config)
    parameters = {name: sum(layer.parameters for layer in layers) for name, layers in networks.items()}
    outputs = {name: sum(layer.outputs for layer in layers) for name, layers in networks.items()}
    average = sum(parameters.get(name, 0) for name in ("encoder", "decoder")) if config.train.ema_decay else 0
    # The discriminators see real and fake pairs, while encoder and decoder wait to be moved.
    kept = sum(count * (2 if "discriminator" in name else 1) for name, count in outputs.items())
    # An activation function keeps its own output beside that of its layer.
    return 16 * sum(parameters.values()) + 4 * average + 2 * 4 * config.train.batch_size * kept


def flops_per_step(config: RunConfig) -> int:
    """Estimate the floating-point operations of one training step; a backward pass counts as two forward passes."""
    passes = dict.fromkeys(network_layers(config), 3)
    # Real and fake pairs forward and back, then the fake ones again for the gradient of the autoencoder.
    passes |= {name: 2 * 3 + 2 for name in passes if "discriminator" in name}
    if not config.model.train_encoder and "encoder" in passes:
        passes["encoder"] = 1
    if config.model.vat_weight > 0:
        passes["encoder"] += 7
    forward = {
        name: 2 * sum(layer.multiplications for layer in layers) for name, layers in network_layers(config).items()
    }
    return config.train.batch_size * sum(passes[name] * forward[name] for name in passes)


def _encoder(
    architecture: Architecture, shape: tuple[int, int, int], code_dim: int, noise_dim: int
) -> tuple[Layer, ...]:
    channels, size, _ = shape
    layers: list[Layer] = []
    for width in architecture.encoder_convolutions:
        size //= 2
        layers += [_convolution(channels, width, architecture.kernel, size), _norm(width, size)]
        channels = width
    features = channels * size**2
    for width in architecture.encoder_layers:
        layers.append(_linear(features, width))
        features = width
    if noise_dim:
        first = (*architecture.encoder_convolutions, *architecture.encoder_layers)[0]
        layers.append(_linear(noise_dim, first, bias=False))
    return (*layers, _linear(features, code_dim, bias=False), _norm(code_dim))


def _decoder(architecture: Architecture, shape: tuple[int, int, int], features: int) -> tuple[Layer, ...]:
    size = architecture.decoder_size
    layers: list[Layer] = []
    for width in architecture.decoder_layers:
        layers += [_linear(features, width), _norm(width)]
        features = width
    channels, *rest = architecture.decoder_channels
    layers += [_linear(features, channels * size**2), _norm(channels, size)]
    for width in rest:
        layers += [_transposed_convolution(channels, width, architecture.kernel, size), _norm(width, 2 * size)]
        channels, size = width, 2 * size
    return (*layers, _transposed_convolution(channels, shape[0], architecture.kernel, size))


def _reconstruction_discriminator(
    architecture: Architecture, shape: tuple[int, int, int], config: RunConfig
) -> tuple[Layer, ...]:
    model = config.model
    has_norm, bias = model.discriminator_norm != "none", model.discriminator_norm != "pre_activation"
    channels, size, _ = shape
    layers = _conditioning(config, architecture.discriminator_channels[0], size // 2)
    for width in architecture.discriminator_channels:
        size //= 2
        layers += [_convolution(channels, width, architecture.kernel, size, bias), *[_norm(width, size)] * has_norm]
        channels = width
    features = channels * size**2
    for width in architecture.discriminator_layers:
        layers += [_linear(features, width, bias), *[_norm(width)] * has_norm]
        features = width
    return (*layers, _linear(features, 1))


def _conditioning(config: RunConfig, channels: int, size: int) -> list[Layer]:
    code_dim = config.model.code_dim
    if code_dim == 0:
        return []
    if config.model.resolved_conditioning == "location_invariant":
        return [_linear(code_dim, channels)]
    hidden = math.ceil(CONDITIONING_WIDTH * config.model.width)
    return [_linear(code_dim, hidden), _linear(hidden, size**2)]


def _linear(features: int, width: int, bias: bool = True) -> Layer:
    return Layer(features * width + bias * width, features * width, width)


def _convolution(channels: int, width: int, kernel: int, size: int, bias: bool = True) -> Layer:
    """Return a convolution whose output is `size` high and wide."""
    weights = channels * width * kernel**2
    return Layer(weights + bias * width, weights * size**2, width * size**2)


def _transposed_convolution(channels: int, width: int, kernel: int, size: int) -> Layer:
    """Return a transposed convolution whose input is `size` high and wide, and its output twice that."""
    weights = channels * width * kernel**2
    return Layer(weights + width, weights * size**2, width * (2 * size) ** 2)


def _norm(channels: int, size: int = 1) -> Layer:
    return Layer(2 * channels, 0, channels * size**2)
