"""What a run costs in parameters, memory and arithmetic, known before it starts. Imports no torch.

The layers counted here are those that `iae_models.networks` builds; a test holds the two equal.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from iae_models.architectures import (
    Architecture,
    CodeDiscriminator,
    DecoderNetwork,
    EncoderNetwork,
    ImageDiscriminator,
    Network,
    PatchDiscriminator,
    TranslatorNetwork,
    architecture_of,
    domain_channels,
    patch_channels,
    translator_channels,
)
from iae_models.config import DATASETS, RunConfig, variant_info

MEASURED_IMAGES = (10_000, 1000, 2000)
"""Training, validation and test images that are measured on, at most."""

PROBED_IMAGES = 3500
"""Training images whose codes are measured on, at most."""

MEASURES_THEMSELVES = 8 * 2**20
"""Bytes that measures take whatever is measured: critics, probes, distances between points."""

MEASURED_AT_ONCE = 256
"""Images that pass through a network at once while it is measured."""


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
    networks = variant_info(config.model.variant).networks(config.model)
    return {name: _layers(network, config) for name, network in networks.items()}


def num_parameters(config: RunConfig) -> int:
    """Return the number of parameters of all networks of a run."""
    return sum(layer.parameters for layers in network_layers(config).values() for layer in layers)


def training_bytes(config: RunConfig) -> int:
    """Estimate the memory of a run's tensors while it trains.

    Weight, gradient and Adam's two moments are 16 bytes a parameter, the moving average of encoder and decoder 4 more;
    what backpropagation keeps is 4 bytes an output and image, for the passes that are alive at once.
    """
    networks = network_layers(config)
    parameters = {name: sum(layer.parameters for layer in layers) for name, layers in networks.items()}
    outputs = {name: sum(layer.outputs for layer in layers) for name, layers in networks.items()}
    averaged = sum(count for name, count in parameters.items() if "discriminator" not in name)
    average = averaged if config.train.ema_decay else 0
    # The discriminators see real and fake pairs, and real ones again for a penalty, while encoder and decoder wait.
    pairs, alone = 2 + 2 * (config.model.r1_gamma > 0), variant_info(config.model.variant).passes
    kept = sum(count * (pairs if "discriminator" in name else alone) for name, count in outputs.items())
    if config.data.num_labels:
        kept += outputs.get("encoder", 0)
    # An activation function keeps its own output beside that of its layer.
    return 16 * sum(parameters.values()) + 4 * average + 2 * 4 * config.train.batch_size * kept


def measuring_bytes(config: RunConfig) -> int:
    """Estimate the memory of a run's tensors while it is measured, as `analysis.measures.suite` does it.

    There are the state of the training and two models; held-out images with four decodes of each; the matrices between
    codes for what a Gaussian code says of its image, or those of the strokes in grey images; and, briefly, what some
    layers put out.
    """
    info, networks = DATASETS[config.data.name], network_layers(config)
    num_train, *held_out = (min(*pair) for pair in zip(info.sizes, MEASURED_IMAGES, strict=True))
    size = math.prod(info.shape)
    images = 4 * size * (2 * num_train + 6 * sum(held_out))
    matrices = 6 * 8 * 2000 * size if info.holds_images and info.shape[0] == 1 else 0
    if config.model.code == "image":
        matrices = 0
    elif config.model.code == "gaussian" and "infer" in config.model.capabilities:
        num_codes = min(num_train, PROBED_IMAGES) + sum(held_out)
        draws = 8 if config.model.encoder_noise_dim else 1
        centres = draws * max(held_out) if draws > 1 else num_codes
        matrices = max(matrices, 3 * 8 * max(held_out) * centres)
    layers = 3 * 4 * MEASURED_AT_ONCE * max(layer.outputs for part in networks.values() for layer in part)
    return round(1.1 * (24 * num_parameters(config) + images + matrices + layers)) + MEASURES_THEMSELVES


def flops_per_step(config: RunConfig) -> int:
    """Estimate the floating-point operations of one training step; a backward pass counts as two forward passes."""
    passes = dict.fromkeys(network_layers(config), 3 * variant_info(config.model.variant).passes)
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


def _layers(network: Network, config: RunConfig) -> tuple[Layer, ...]:
    if isinstance(network, TranslatorNetwork):
        return _translator(network, config)
    if isinstance(network, PatchDiscriminator):
        return _patch_discriminator(network, config)
    architecture, shape = architecture_of(config), DATASETS[config.data.name].shape
    match network:
        case EncoderNetwork():
            return _encoder(architecture, shape, network)
        case DecoderNetwork():
            return _decoder(architecture, shape, network.inputs)
        case ImageDiscriminator():
            return _image_discriminator(architecture, shape, network.code_dim, config)
        case CodeDiscriminator():
            widths = (network.code_dim, *architecture.regularization_layers, 1)
            return tuple(_linear(a, b) for a, b in itertools.pairwise(widths))


def _encoder(architecture: Architecture, shape: tuple[int, ...], network: EncoderNetwork) -> tuple[Layer, ...]:
    channels, *sides = shape
    size = sides[0] if sides else 1
    layers: list[Layer] = []
    for width in architecture.encoder_convolutions:
        size //= 2
        layers += [_convolution(channels, width, architecture.kernel, size), _norm(width, size)]
        channels = width
    features = channels * size**2
    for width in architecture.encoder_layers:
        layers.append(_linear(features, width))
        features = width
    if network.noise_dim:
        first = (*architecture.encoder_convolutions, *architecture.encoder_layers)[0]
        layers.append(_linear(network.noise_dim, first, bias=False))
    if network.head == "linear":
        return (*layers, _linear(features, network.outputs))
    return (*layers, _linear(features, network.outputs, bias=False), _norm(network.outputs))


def _decoder(architecture: Architecture, shape: tuple[int, ...], features: int) -> tuple[Layer, ...]:
    size = architecture.decoder_size
    layers: list[Layer] = []
    for width in architecture.decoder_layers:
        layers += [_linear(features, width), _norm(width)]
        features = width
    if not architecture.decoder_channels:
        return (*layers, _linear(features, math.prod(shape)))
    channels, *rest = architecture.decoder_channels
    layers += [_linear(features, channels * size**2), _norm(channels, size)]
    for width in rest:
        layers += [_transposed_convolution(channels, width, architecture.kernel, size), _norm(width, 2 * size)]
        channels, size = width, 2 * size
    return (*layers, _transposed_convolution(channels, shape[0], architecture.kernel, size))


def _image_discriminator(
    architecture: Architecture, shape: tuple[int, ...], code_dim: int, config: RunConfig
) -> tuple[Layer, ...]:
    norm = config.model.discriminator_norm
    has_norm, bias = norm != "none", norm != "pre_activation"
    if architecture.discriminator_channels:
        channels, size, _ = shape
        layers = _conditioning(architecture, config.model.resolved_conditioning, code_dim, size // 2, bias)
        for width in architecture.discriminator_channels:
            size //= 2
            layers += [_convolution(channels, width, architecture.kernel, size, bias)]
            layers += [_norm(width, size)] * has_norm
            channels = width
        features = channels * size**2
    else:
        features, first = math.prod(shape), architecture.discriminator_layers[0]
        layers = [_linear(code_dim, first, bias=False)] if code_dim else []
    for width in architecture.discriminator_layers:
        layers += [_linear(features, width, bias), *[_norm(width)] * has_norm]
        features = width
    return (*layers, _linear(features, 1))


def _conditioning(architecture: Architecture, kind: str, code_dim: int, size: int, bias: bool) -> list[Layer]:
    if code_dim == 0:
        return []
    if kind == "location_invariant":
        return [_linear(code_dim, architecture.discriminator_channels[0], bias)]
    hidden = architecture.conditioning_layer
    return [_linear(code_dim, hidden), _linear(hidden, size**2)]


def _translator(network: TranslatorNetwork, config: RunConfig) -> tuple[Layer, ...]:
    channels, size = domain_channels(config), DATASETS[config.data.name].shape[1]
    first, last = ("image", "code") if network.to == "code" else ("code", "image")
    outer, middle, inner = translator_channels(config)

    def block(before: int, width: int, kernel: int, side: int) -> list[Layer]:
        # a bias before the normalization would be absorbed by it
        layer = _convolution(before, width, kernel, side, bias=False)
        return [layer, *_conditional_norm(width, side, network.noise_dim)]

    half, quarter = size // 2, size // 4
    layers = block(channels[first], outer, 7, size) + block(outer, middle, 3, half) + block(middle, inner, 3, quarter)
    for _ in range(2 * network.num_blocks):
        layers += block(inner, inner, 3, quarter)
    for before, width, side in ((inner, middle, quarter), (middle, outer, half)):
        layers += [_transposed_convolution(before, width, 3, side, bias=False)]
        layers += _conditional_norm(width, 2 * side, network.noise_dim)
    return (*layers, _convolution(outer, channels[last], 7, size))


def _conditional_norm(channels: int, size: int, noise_dim: int) -> tuple[Layer, ...]:
    if not noise_dim:
        return (_norm(channels, size),)
    return (Layer(0, 0, channels * size**2), _linear(noise_dim, 2 * channels))


def _patch_discriminator(network: PatchDiscriminator, config: RunConfig) -> tuple[Layer, ...]:
    norm = config.model.discriminator_norm
    first, *rest = patch_channels(config)
    size = DATASETS[config.data.name].shape[1] // 2
    layers = [_convolution(domain_channels(config)[network.sees], first, 4, size)]
    for index, width in enumerate(rest):
        size = size // 2 if index == 0 else size - 1
        layers += [_convolution(first, width, 4, size, norm != "pre_activation")]
        layers += [_norm(width, size)] * (norm != "none")
        first = width
    return (*layers, _convolution(first, 1, 4, size - 1))


def _linear(features: int, width: int, bias: bool = True) -> Layer:
    return Layer(features * width + bias * width, features * width, width)


def _convolution(channels: int, width: int, kernel: int, size: int, bias: bool = True) -> Layer:
    """Return a convolution whose output is `size` high and wide."""
    weights = channels * width * kernel**2
    return Layer(weights + bias * width, weights * size**2, width * size**2)


def _transposed_convolution(channels: int, width: int, kernel: int, size: int, bias: bool = True) -> Layer:
    """Return a transposed convolution whose input is `size` high and wide, and its output twice that."""
    weights = channels * width * kernel**2
    return Layer(weights + bias * width, weights * size**2, width * (2 * size) ** 2)


def _norm(channels: int, size: int = 1) -> Layer:
    return Layer(2 * channels, 0, channels * size**2)
