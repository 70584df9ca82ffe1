"""Encoder, decoder and discriminators, built from the layer tables of `iae_models.architectures`.

Images enter and leave in [0, 1]; networks with a tanh output work on [−1, 1] inside. Convolutions have stride 2 and
padding (kernel − 2) / 2, so that they halve or double the image exactly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from iae_models.architectures import CONDITIONING_WIDTH, REGULARIZATION_WIDTHS, Architecture


class Encoder(nn.Module):
    """ẑ = f(x, ε), with a last layer that is linear and batch normalized.

    For categorical codes a softmax turns it into probabilities. The noise ε is mapped linearly and added before the
    first activation, which for a fully connected first layer is the same as concatenating it to the image.
    """

    def __init__(
        self, architecture: Architecture, x_shape: tuple[int, ...], code_dim: int, noise_dim: int, softmax: bool
    ) -> None:
        super().__init__()
        channels, height, _ = x_shape
        self.signed = architecture.output == "tanh"
        self.softmax = softmax
        kernel = architecture.kernel
        self.convolutions = nn.ModuleList()
        self.convolution_norms = nn.ModuleList()
        for width in architecture.encoder_convolutions:
            self.convolutions.append(nn.Conv2d(channels, width, kernel, 2, (kernel - 2) // 2))
            self.convolution_norms.append(nn.BatchNorm2d(width))
            channels, height = width, height // 2
        features = channels * height * height
        self.layers = nn.ModuleList()
        for width in architecture.encoder_layers:
            self.layers.append(nn.Linear(features, width))
            features = width
        first = (*architecture.encoder_convolutions, *architecture.encoder_layers)[0]
        self.noise = nn.Linear(noise_dim, first, bias=False) if noise_dim else None
        self.last = nn.Linear(features, code_dim, bias=False)
        self.norm = nn.BatchNorm1d(code_dim)

    def logits(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return the normalized outputs of the last layer, with shape (N, code_dim)."""
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
        return code

    def forward(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return the code with shape (N, code_dim): Gaussian, or probabilities that sum to 1."""
        logits = self.logits(x, eps)
        return logits.softmax(1) if self.softmax else logits


class Decoder(nn.Module):
    """x̂ = g(ẑ, n): code and noise are concatenated; ReLU, then batch normalization, as in the tables."""

    def __init__(self, architecture: Architecture, x_shape: tuple[int, ...], input_dim: int) -> None:
        super().__init__()
        self.signed = architecture.output == "tanh"
        first, *rest = architecture.decoder_channels
        size, kernel = architecture.decoder_size, architecture.kernel
        self.first_map = (first, size, size)
        layers: list[nn.Module] = []
        for width in architecture.decoder_layers:
            layers += [nn.Linear(input_dim, width), nn.ReLU(), nn.BatchNorm1d(width)]
            input_dim = width
        layers += [nn.Linear(input_dim, first * size * size), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        maps: list[nn.Module] = [nn.BatchNorm2d(first)]
        for width in rest:
            maps += [nn.ConvTranspose2d(first, width, kernel, 2, (kernel - 2) // 2), nn.ReLU(), nn.BatchNorm2d(width)]
            first = width
        maps.append(nn.ConvTranspose2d(first, x_shape[0], kernel, 2, (kernel - 2) // 2))
        self.maps = nn.Sequential(*maps)

    def forward(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images with shape (N, C, H, W) in [0, 1]."""
        h = self.layers(torch.cat([z, n], 1)).unflatten(1, self.first_map)
        h = self.maps(h)
        return 0.5 * (torch.tanh(h) + 1) if self.signed else torch.sigmoid(h)


class ReconstructionDiscriminator(nn.Module):
    """Score pairs (x, ẑ); the code enters as a bias of the first convolution, before its activation (Appendix B.1).

    Location-dependent conditioning maps the code through one hidden ReLU layer to one value per position, the same for
    all channels; location-invariant conditioning maps it linearly to one value per channel, the same for all positions.
    """

    def __init__(
        self,
        architecture: Architecture,
        x_shape: tuple[int, ...],
        code_dim: int,
        conditioning: str,
        norm: str,
        width: float,
    ) -> None:
        super().__init__()
        self.signed = architecture.output == "tanh"
        kernel, padding = architecture.kernel, (architecture.kernel - 2) // 2
        channels, height, _ = x_shape
        first, *rest = architecture.discriminator_channels
        height //= 2
        # a bias right before batch normalization would be absorbed by it
        bias = norm != "pre_activation"
        self.first = nn.Conv2d(channels, first, kernel, 2, padding, bias=bias)
        self.conditioning = _conditioning(conditioning, code_dim, first, height, width)
        layers = _activation(norm, nn.BatchNorm2d(first))
        for item in rest:
            layers += [nn.Conv2d(first, item, kernel, 2, padding, bias=bias), *_activation(norm, nn.BatchNorm2d(item))]
            first, height = item, height // 2
        layers.append(nn.Flatten())
        features = first * height * height
        for item in architecture.discriminator_layers:
            layers += [nn.Linear(features, item, bias=bias), *_activation(norm, nn.BatchNorm1d(item))]
            features = item
        self.layers = nn.Sequential(*layers, nn.Linear(features, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits with shape (N, 1) for images (N, C, H, W) and codes (N, code_dim)."""
        h = self.first(2 * x - 1 if self.signed else x)
        if self.conditioning is not None:
            h = h + self.conditioning(z)
        logits: Tensor = self.layers(h)
        return logits


class RegularizationDiscriminator(nn.Sequential):
    """Score codes with shape (N, code_dim) by two hidden ReLU layers; logits with shape (N, 1)."""

    def __init__(self, code_dim: int, width: float) -> None:
        layers: list[nn.Module] = []
        for item in REGULARIZATION_WIDTHS:
            hidden = math.ceil(item * width)
            layers += [nn.Linear(code_dim, hidden), nn.ReLU()]
            code_dim = hidden
        super().__init__(*layers, nn.Linear(code_dim, 1))


def _conditioning(kind: str, code_dim: int, channels: int, height: int, width: float) -> nn.Module | None:
    if code_dim == 0:
        return None
    if kind == "location_invariant":
        return nn.Sequential(nn.Linear(code_dim, channels), nn.Unflatten(1, (channels, 1, 1)))
    hidden = math.ceil(CONDITIONING_WIDTH * width)
    return nn.Sequential(
        nn.Linear(code_dim, hidden),
        nn.ReLU(),
        nn.Linear(hidden, height * height),
        nn.Unflatten(1, (1, height, height)),
    )


def _activation(norm: str, layer: nn.Module) -> list[nn.Module]:
    if norm == "none":
        return [nn.ReLU()]
    return [layer, nn.ReLU()] if norm == "pre_activation" else [nn.ReLU(), layer]
