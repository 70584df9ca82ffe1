"""The networks are those of Tables 1-3."""

import math

import pytest
import torch
from torch import nn

from iae_models.architectures import ARCHITECTURES, EncoderNetwork
from iae_models.networks import Decoder, Encoder, ReconstructionDiscriminator, RegularizationDiscriminator


def weights(module: nn.Module) -> list[tuple[int, ...]]:
    """Shapes of all weight matrices and kernels in order, batch normalization and biases left out."""
    return [tuple(value.shape) for value in module.parameters() if value.dim() > 1]


def test_table_1() -> None:
    architecture, x_shape = ARCHITECTURES[1, 28, 28], (1, 28, 28)
    assert weights(Encoder(architecture, x_shape, EncoderNetwork(20, 0))) == [(2000, 784), (2000, 2000), (20, 2000)]
    assert weights(Decoder(architecture, x_shape, 120)) == [
        (1024, 120), (6272, 1024), (128, 64, 4, 4), (64, 1, 4, 4)
    ]  # fmt: skip
    discriminator = ReconstructionDiscriminator(architecture, x_shape, 20, "location_dependent", "paper", 1.0)
    assert weights(discriminator) == [
        (64, 1, 4, 4), (1000, 20), (196, 1000), (128, 64, 4, 4), (1024, 6272), (1, 1024)
    ]  # fmt: skip
    assert weights(RegularizationDiscriminator(architecture, 20)) == [(2000, 20), (2000, 2000), (1, 2000)]


def test_table_2_and_3() -> None:
    for (size, kernel, first), code in zip([(32, 4, 64), (48, 6, 128)], (75, 50), strict=True):
        architecture, x_shape = ARCHITECTURES[3, size, size], (3, size, size)
        widths = [first, 2 * first, 4 * first]
        convolutions = [(b, a, kernel, kernel) for a, b in zip([3, *widths], widths, strict=False)]
        features = widths[-1] * (size // 8) ** 2
        assert weights(Encoder(architecture, x_shape, EncoderNetwork(code, 0))) == [*convolutions, (code, features)]
        up = [(b, a, kernel, kernel) for a, b in zip([3, *widths], widths, strict=False)][::-1]
        assert weights(Decoder(architecture, x_shape, code + 1000)) == [(features, code + 1000), *up]
        discriminator = ReconstructionDiscriminator(architecture, x_shape, code, "location_invariant", "paper", 1.0)
        assert weights(discriminator) == [
            convolutions[0], (first, code), *convolutions[1:], (1, features)
        ]  # fmt: skip


@pytest.mark.parametrize("x_shape", ARCHITECTURES)
@pytest.mark.parametrize("conditioning", ["location_dependent", "location_invariant"])
@pytest.mark.parametrize("norm", ["paper", "pre_activation", "none"])
def test_shapes_and_ranges(x_shape: tuple[int, ...], conditioning: str, norm: str) -> None:
    architecture = ARCHITECTURES[x_shape].scaled(0.03)
    x, z, n, eps = torch.rand(4, *x_shape), torch.randn(4, 3), torch.randn(4, 5), torch.randn(4, 2)
    assert Encoder(architecture, x_shape, EncoderNetwork(3, 2))(x, eps).shape == (4, 3)
    x_hat = Decoder(architecture, x_shape, 8)(z, n)
    assert x_hat.shape == x.shape
    if len(x_shape) == 3:
        assert x_hat.min() >= 0
        assert x_hat.max() <= 1
    discriminator = ReconstructionDiscriminator(architecture, x_shape, 3, conditioning, norm, 0.03)
    assert discriminator(x, z).shape == (4, 1)
    assert not torch.equal(discriminator(x, z), discriminator(x, z.flip(0)))


def test_conditioning_is_constant_over_channels_or_over_positions() -> None:
    z = torch.randn(2, 3)
    for kind, shape in (("location_dependent", (2, 1, 14, 14)), ("location_invariant", (2, 2, 1, 1))):
        architecture = ARCHITECTURES[1, 28, 28].scaled(0.03)
        conditioning = ReconstructionDiscriminator(architecture, (1, 28, 28), 3, kind, "none", 0.03).conditioning
        assert conditioning is not None
        assert conditioning(z).shape == shape


def test_categorical_codes_are_probabilities() -> None:
    encoder = Encoder(ARCHITECTURES[1, 28, 28].scaled(0.03), (1, 28, 28), EncoderNetwork(7, 0, "probabilities"))
    z = encoder(torch.rand(5, 1, 28, 28), torch.empty(5, 0))
    torch.testing.assert_close(z.sum(1), torch.ones(5))
    assert z.min() >= 0


def test_width_scales_every_hidden_layer() -> None:
    full, half = ARCHITECTURES[1, 28, 28], ARCHITECTURES[1, 28, 28].scaled(0.5)
    assert half.encoder_layers == (1000, 1000)
    assert half.decoder_channels == (64, 32)
    assert half.decoder_layers == (512,)
    assert full.scaled(0.001).discriminator_channels == (math.ceil(0.064), 1)
