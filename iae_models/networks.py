"""Encoder, decoder and discriminators, built from the layer tables of `iae_models.architectures`.

Images enter and leave in [0, 1]; networks with a tanh output work on [−1, 1] inside. Convolutions have stride 2 and
padding (kernel − 2) / 2, so that they halve or double the image exactly. Points, with shape (N, D), enter and leave as
they are, through fully connected layers alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from iae_models import translators
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
)
from iae_models.config import DATASETS, RunConfig
from iae_models.layers import DoublingConvolution, HalvingConvolution, Linear


def make(network: Network, config: RunConfig) -> nn.Module:
    """Build one network of a run."""
    if isinstance(network, TranslatorNetwork | PatchDiscriminator):
        return translators.make(network, config)
    architecture, x_shape, model = architecture_of(config), DATASETS[config.data.name].shape, config.model
    match network:
        case EncoderNetwork():
            return Encoder(architecture, x_shape, network)
        case DecoderNetwork():
            return Decoder(architecture, x_shape, network.inputs)
        case ImageDiscriminator():
            return ReconstructionDiscriminator(
                architecture,
                x_shape,
                network.code_dim,
                model.resolved_conditioning,
                model.discriminator_norm,
            )
        case CodeDiscriminator():
            return RegularizationDiscriminator(architecture, network.code_dim)


class Encoder(nn.Module):
    """ẑ = f(x, ε), with a last layer that is linear and, unless it holds parameters, batch normalized.

    For categorical codes a softmax turns it into probabilities. The noise ε is mapped linearly and added before the
    first activation, which for a fully connected first layer is the same as concatenating it to the image.
    """

    def __init__(self, architecture: Architecture, x_shape: tuple[int, ...], network: EncoderNetwork) -> None:
        super().__init__()
        channels, *sides = x_shape
        height = sides[0] if sides else 1
        self.signed = architecture.output == "tanh"
        self.softmax = network.head == "probabilities"
        noise_dim = network.noise_dim
        kernel = architecture.kernel
        self.convolutions = nn.ModuleList()
        self.convolution_norms = nn.ModuleList()
        for width in architecture.encoder_convolutions:
            self.convolutions.append(HalvingConvolution(channels, width, kernel))
            self.convolution_norms.append(nn.BatchNorm2d(width))
            channels, height = width, height // 2
        features = channels * height * height
        self.layers = nn.ModuleList()
        for width in architecture.encoder_layers:
            self.layers.append(Linear(features, width))
            features = width
        first = (*architecture.encoder_convolutions, *architecture.encoder_layers)[0]
        self.noise = Linear(noise_dim, first, bias=False) if noise_dim else None
        # a bias right before batch normalization would be absorbed by it
        self.last = Linear(features, network.outputs, bias=network.head == "linear")
        self.norm = nn.Identity() if network.head == "linear" else nn.BatchNorm1d(network.outputs)

    def logits(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return the outputs of the last layer, normalized where it is, with shape (N, outputs)."""
        h = 2 * x - 1 if self.signed else x
        shift = self.noise(eps) if self.noise is not None else None
        for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
            h = convolution(h)
            if shift is not None:
                h, shift = h + shift[:, :, None, None], None
            h = norm(torch.relu(h))
        h = h.flatten(1)
        for layer in self.layers:
            h = layer(h)
            if shift is not None:
                h, shift = h + shift, None
            h = torch.relu(h)
        code: Tensor = self.norm(self.last(h))
        return code.to(self.last.weight.dtype)

    def forward(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return a code or its parameters with shape (N, outputs), or probabilities that sum to 1."""
        logits = self.logits(x, eps)
        return logits.softmax(1) if self.softmax else logits


class Decoder(nn.Module):
    """x̂ = g(ẑ, n): code and noise are concatenated; ReLU, then batch normalization, as in the tables."""

    def __init__(self, architecture: Architecture, x_shape: tuple[int, ...], input_dim: int) -> None:
        super().__init__()
        self.output = architecture.output
        layers: list[nn.Module] = []
        for width in architecture.decoder_layers:
            layers += [Linear(input_dim, width), nn.ReLU(), nn.BatchNorm1d(width)]
            input_dim = width
        if architecture.decoder_channels:
            maps, first_map = _feature_maps(architecture, x_shape[0])
            layers += [Linear(input_dim, math.prod(first_map)), nn.ReLU()]
        else:
            maps, first_map = [], x_shape
            layers.append(Linear(input_dim, math.prod(x_shape)))
        self.first_map = first_map
        self.layers = nn.Sequential(*layers)
        self.maps = nn.Sequential(*maps)

    def forward(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images with shape (N, C, H, W) in [0, 1], or points with shape (N, D)."""
        h: Tensor = self.maps(self.layers(torch.cat([z, n], 1)).unflatten(1, self.first_map))
        match self.output:
            case "linear":
                return h
            case "tanh":
                return 0.5 * (torch.tanh(h) + 1)
        return torch.sigmoid(h)


class ReconstructionDiscriminator(nn.Module):
    """Score pairs (x, ẑ); the code enters as a bias of the first convolution, before its activation (Appendix B.1).

    Location-dependent conditioning maps the code through one hidden ReLU layer to one value per position, the same for
    all channels; location-invariant conditioning maps it linearly to one value per channel, the same for all positions.
    Without a code it scores images alone.
    """

    def __init__(
        self,
        architecture: Architecture,
        x_shape: tuple[int, ...],
        code_dim: int,
        conditioning: str,
        norm: str,
    ) -> None:
        super().__init__()
        self.signed = architecture.output == "tanh"
        # a bias right before batch normalization would be absorbed by it
        bias = norm != "pre_activation"
        if architecture.discriminator_channels:
            kernel = architecture.kernel
            channels, height, _ = x_shape
            first, *rest = architecture.discriminator_channels
            height //= 2
            self.first: nn.Module = HalvingConvolution(channels, first, kernel, bias=bias)
            self.conditioning = _conditioning(
                conditioning, code_dim, first, height, architecture.conditioning_layer, bias=bias
            )
            layers = _activation(norm, nn.BatchNorm2d(first))
            for item in rest:
                layers += [HalvingConvolution(first, item, kernel, bias=bias)]
                layers += _activation(norm, nn.BatchNorm2d(item))
                first, height = item, height // 2
            layers.append(nn.Flatten())
            features, rest = first * height * height, list(architecture.discriminator_layers)
        else:
            features, *rest = architecture.discriminator_layers
            self.first = Linear(math.prod(x_shape), features, bias=bias)
            # the same as concatenating the code to the point
            self.conditioning = Linear(code_dim, features, bias=False) if code_dim else None
            layers = _activation(norm, nn.BatchNorm1d(features))
        for item in rest:
            layers += [Linear(features, item, bias=bias), *_activation(norm, nn.BatchNorm1d(item))]
            features = item
        self.layers = nn.Sequential(*layers, Linear(features, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits with shape (N, 1) for images (N, C, H, W) and codes (N, code_dim)."""
        h = self.first(2 * x - 1 if self.signed else x)
        if self.conditioning is not None:
            h = h + self.conditioning(z)
        logits: Tensor = self.layers(h)
        return logits


class RegularizationDiscriminator(nn.Sequential):
    """Score codes with shape (N, code_dim) by two hidden ReLU layers; logits with shape (N, 1)."""

    def __init__(self, architecture: Architecture, code_dim: int) -> None:
        layers: list[nn.Module] = []
        for width in architecture.regularization_layers:
            layers += [Linear(code_dim, width), nn.ReLU()]
            code_dim = width
        super().__init__(*layers, Linear(code_dim, 1))


def _feature_maps(architecture: Architecture, channels: int) -> tuple[list[nn.Module], tuple[int, ...]]:
    """Return the layers of a decoder from its first feature map on, and the shape of that map."""
    first, *rest = architecture.decoder_channels
    size, kernel = architecture.decoder_size, architecture.kernel
    shape = (first, size, size)
    maps: list[nn.Module] = [nn.BatchNorm2d(first)]
    for width in rest:
        maps += [DoublingConvolution(first, width, kernel), nn.ReLU(), nn.BatchNorm2d(width)]
        first = width
    return [*maps, DoublingConvolution(first, channels, kernel)], shape


def _conditioning(kind: str, code_dim: int, channels: int, height: int, hidden: int, *, bias: bool) -> nn.Module | None:
    """Build what the code enters by; `bias` is whether one per channel would last, beside that of the convolution."""
    if code_dim == 0:
        return None
    if kind == "location_invariant":
        return nn.Sequential(Linear(code_dim, channels, bias=bias), nn.Unflatten(1, (channels, 1, 1)))
    return nn.Sequential(
        Linear(code_dim, hidden),
        nn.ReLU(),
        Linear(hidden, height * height),
        nn.Unflatten(1, (1, height, height)),
    )


def _activation(norm: str, layer: nn.Module) -> list[nn.Module]:
    if norm == "none":
        return [nn.ReLU()]
    return [layer, nn.ReLU()] if norm == "pre_activation" else [nn.ReLU(), layer]
