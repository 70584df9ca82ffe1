import math

import pytest
import torch

from analysis.measures.calibration import dispersion_ratio, energy_score
from analysis.measures.reconstruction import mean_image_reconstruction, reconstruction


def gaussian_draws(spread, generator, num=5000, pixels=4):
    """Images and draws with the same mean given the code, the draws `spread` times as wide."""
    mean = torch.randn(num, 1, pixels, generator=generator)
    x = mean[:, 0] + torch.randn(num, pixels, generator=generator)
    x_hat = mean + spread * torch.randn(num, 4, pixels, generator=generator)
    return x.view(num, 1, 2, 2), x_hat.view(num, 4, 1, 2, 2)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_dispersion_ratio_of_a_spread_k_times_too_wide(spread, generator):
    found = dispersion_ratio(*gaussian_draws(spread, generator), noise_dim=4)
    assert found.value == pytest.approx(2 * spread**2 / (1 + spread**2), rel=0.03)
    assert found.low < found.value < found.high


def test_ignored_noise_has_ratio_zero_and_no_noise_none(generator):
    x, x_hat = gaussian_draws(0.0, generator)
    assert dispersion_ratio(x, x_hat, noise_dim=4).value == pytest.approx(0, abs=1e-6)
    found = dispersion_ratio(x, x_hat, noise_dim=0)
    assert (found.value, found.status, found.reason) == (None, "undefined", "the decoder has no noise")


def test_energy_score_of_the_normal_distribution(generator):
    x = torch.randn(20_000, 1, generator=generator)
    x_hat = torch.randn(20_000, 4, 1, generator=generator)
    assert energy_score(x, x_hat, "u").value == pytest.approx(1 / math.sqrt(math.pi), abs=0.01)


def test_energy_score_is_smallest_for_the_calibrated_decoder(generator):
    scores = [energy_score(*gaussian_draws(spread, generator), "u").value for spread in (0.5, 1.0, 1.5)]
    assert min(scores) == scores[1]


@pytest.mark.parametrize("spread", [0.0, 1.0, 2.0])
def test_mean_error_is_free_of_the_draws_spread(spread, generator):
    x, x_hat = gaussian_draws(spread, generator)
    found = reconstruction(x, x_hat, torch.zeros(1, 2, 2))
    assert found["mse_single"].value == pytest.approx(1 + spread**2, rel=0.03)
    assert found["mse_mean"].value == pytest.approx(1, rel=0.03)
    # half the variance of the images is their codes'
    assert found["r2_mean"].value == pytest.approx(0.5, abs=0.02)


def test_the_mean_image_explains_nothing(generator):
    x, _ = gaussian_draws(1.0, generator)
    found = mean_image_reconstruction(x, torch.zeros(1, 2, 2))
    assert found["r2_mean"].value == 0
    assert found["mse_mean"] == found["mse_single"]
    assert found["mse_mean"].value == pytest.approx(x.square().mean().item(), rel=1e-5)
