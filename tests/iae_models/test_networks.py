"""The networks are those of Tables 1-3."""

import math

import pytest
import torch
from torch import nn

from iae_models.architectures import ARCHITECTURES, EncoderNetwork
from iae_models.networks import Decoder, Encoder, ReconstructionDiscriminator, RegularizationDiscriminator

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def weights(module: nn.Module) -> list[tuple[int, ...]]:
    """Shapes of all weight matrices and kernels in order, batch normalization and biases left out."""
    return [tuple(value.shape) for value in module.parameters() if value.dim() > 1]


def norms(module: nn.Module) -> list[int]:
    """Sizes of all batch normalizations in order."""
    return [layer.num_features for layer in module.modules() if isinstance(layer, NORMS)]


def strides(module: nn.Module) -> set[tuple[int, ...]]:
    return {layer.stride for layer in module.modules() if isinstance(layer, CONVOLUTIONS)}


def networks(size: int, channels: int, code_dim: int, noise_dim: int, conditioning: str) -> tuple[nn.Module, ...]:
    """Return encoder, decoder and reconstruction discriminator as the tables have them."""
    x_shape = (channels, size, size)
    architecture = ARCHITECTURES[x_shape]
    return (
        Encoder(architecture, x_shape, EncoderNetwork(code_dim, 0)),
        Decoder(architecture, x_shape, code_dim + noise_dim),
        ReconstructionDiscriminator(architecture, x_shape, code_dim, conditioning, "paper"),
    )


def test_table_1() -> None:
    encoder, decoder, discriminator = networks(28, 1, 20, 100, "location_dependent")
    assert weights(encoder) == [(2000, 784), (2000, 2000), (20, 2000)]
    assert norms(encoder) == [20]
    assert weights(decoder) == [(1024, 120), (128 * 7 * 7, 1024), (128, 64, 4, 4), (64, 1, 4, 4)]
    assert norms(decoder) == [1024, 128, 64]
    # the second and third are the conditioning of Appendix B.1: 1000 hidden units, one value for each position
    assert weights(discriminator) == [
        (64, 1, 4, 4), (1000, 20), (14 * 14, 1000), (128, 64, 4, 4), (1024, 128 * 7 * 7), (1, 1024)
    ]  # fmt: skip
    assert norms(discriminator) == [64, 128, 1024]
    assert strides(decoder) == strides(discriminator) == {(2, 2)}


def test_table_2() -> None:
    encoder, decoder, discriminator = networks(32, 3, 75, 1000, "location_invariant")
    down = [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4)]
    assert weights(encoder) == [*down, (75, 256 * 4 * 4)]
    assert norms(encoder) == [64, 128, 256, 75]
    assert weights(decoder) == [(256 * 4 * 4, 1075), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4)]
    assert norms(decoder) == [256, 128, 64]
    assert weights(discriminator) == [down[0], (64, 75), *down[1:], (1, 256 * 4 * 4)]
    assert norms(discriminator) == [64, 128, 256]
    assert strides(encoder) == strides(decoder) == strides(discriminator) == {(2, 2)}


def test_table_3() -> None:
    encoder, decoder, discriminator = networks(48, 3, 50, 1000, "location_invariant")
    down = [(128, 3, 6, 6), (256, 128, 6, 6), (512, 256, 6, 6)]
    assert weights(encoder) == [*down, (50, 512 * 6 * 6)]
    assert norms(encoder) == [128, 256, 512, 50]
    assert weights(decoder) == [(512 * 6 * 6, 1050), (512, 256, 6, 6), (256, 128, 6, 6), (128, 3, 6, 6)]
    assert norms(decoder) == [512, 256, 128]
    assert weights(discriminator) == [down[0], (128, 50), *down[1:], (1, 512 * 6 * 6)]
    assert norms(discriminator) == [128, 256, 512]
    assert strides(encoder) == strides(decoder) == strides(discriminator) == {(2, 2)}


@pytest.mark.parametrize("x_shape", [(1, 28, 28), (3, 32, 32), (3, 48, 48)])
def test_regularization_discriminators_have_two_layers_of_2000(x_shape: tuple[int, ...]) -> None:
    score = RegularizationDiscriminator(ARCHITECTURES[x_shape], 20)
    assert weights(score) == [(2000, 20), (2000, 2000), (1, 2000)]
    assert norms(score) == []


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
    discriminator = ReconstructionDiscriminator(architecture, x_shape, 3, conditioning, norm)
    assert discriminator(x, z).shape == (4, 1)
    assert not torch.equal(discriminator(x, z), discriminator(x, z.flip(0)))


def test_conditioning_is_constant_over_channels_or_over_positions() -> None:
    z = torch.randn(2, 3)
    for kind, shape in (("location_dependent", (2, 1, 14, 14)), ("location_invariant", (2, 2, 1, 1))):
        architecture = ARCHITECTURES[1, 28, 28].scaled(0.03)
        conditioning = ReconstructionDiscriminator(architecture, (1, 28, 28), 3, kind, "none").conditioning
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
    assert full.scaled(1.0, 0.25).discriminator_channels == (16, 32)
    assert full.scaled(1.0, 0.25).conditioning_layer == 250
    assert full.scaled(1.0, 0.25).encoder_layers == full.encoder_layers
    assert full.scaled(0.001).discriminator_channels == (math.ceil(0.064), 1)
