import pytest
import torch

from analysis.measures.draws import decode
from analysis.measures.maps import share_maps
from analysis.measures.variance_split import variance_shares


def square(function, generator, num=4000, dim=3):
    """The four decodes of a square of codes and noises, in the design of `draws`."""

    class Decoder:
        noise_dim = dim

        def sample_noise(self, rows, stream):
            return torch.randn(rows, dim, generator=stream)

        def generate(self, z, n):
            return function(z, n)

    return decode(Decoder(), torch.randn(num, dim, generator=generator), generator)


def bilinear(z, n):
    """Pixels of the code alone, of the noise alone, of both added, of both multiplied, and a constant one."""
    pixels = [
        z[:, 0],
        n[:, 0],
        2 * z[:, 1] + n[:, 1],
        z[:, 2] * n[:, 2],
        0 * z[:, 0] + 0.5,
        z[:, 0] * n[:, 1] + z[:, 2],
    ]
    return torch.stack(pixels, 1).view(len(z), 1, 2, 3)


def test_maps_of_a_bilinear_decoder(generator):
    maps = share_maps(square(bilinear, generator))
    expected = {
        "variance": [1, 1, 5, 1, 0, 2],
        "share_z": [1, 0, 0.8, 0, torch.nan, 0.5],
        "share_n": [0, 1, 0.2, 0, torch.nan, 0],
        "share_zn": [0, 0, 0, 1, torch.nan, 0.5],
    }
    for name, values in expected.items():
        assert maps[name].shape == (1, 2, 3)
        assert maps[name].flatten().tolist() == pytest.approx(values, abs=0.08, rel=0.1, nan_ok=True), name


def test_weighted_by_variance_the_maps_are_the_shares(generator):
    x_hat = square(bilinear, generator, num=200)
    maps, shares = share_maps(x_hat), variance_shares(x_hat, "pixel")
    weights = maps["variance"] / maps["variance"].sum()
    for name in ("share_z", "share_n", "share_zn"):
        assert (weights * maps[name]).nansum().item() == pytest.approx(shares[f"{name}_pixel"].value, abs=1e-5)
    total = maps["share_z"] + maps["share_n"] + maps["share_zn"]
    assert total[total.isfinite()] == pytest.approx(torch.ones(5), abs=1e-5)
