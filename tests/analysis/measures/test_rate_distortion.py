import math

import pytest
import torch

from analysis.measures.gaussian import channel_information
from analysis.measures.rate_distortion import rate_distortion

DIM, SIGMAS = 2, (0.0, 0.5, 1.0, 2.0)


class Identity:
    """Images of two pixels that are their code."""

    noise_dim = 0

    def sample_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)

    def generate(self, z, n):
        return torch.cat([z, n], 1).view(-1, 1, 1, DIM)


@pytest.fixture
def curve(generator):
    def compute(keeps):
        z, others = torch.randn(2000, DIM, generator=generator), torch.randn(2000, DIM, generator=generator)
        return list(rate_distortion(Identity(), z.view(-1, 1, 1, DIM), z, others, generator, SIGMAS, keeps))

    return compute


def test_the_sampling_decoder_has_its_closed_form(curve):
    for point in curve("spread"):
        truth = 2 * DIM * (1 - 1 / math.sqrt(1 + point.sigma**2))
        assert point.distortion.value == pytest.approx(truth, abs=0.1)
        if point.sigma:
            rate = channel_information(DIM, point.sigma)
            assert point.rate_low.low - 0.02 <= rate <= point.rate_high.high + 0.02


def test_the_mean_decoder_lies_on_the_rate_distortion_function(curve):
    for point in curve("mean"):
        if point.sigma == 0:
            assert point.distortion.value == pytest.approx(0, abs=1e-9) and point.rate_low is None
            continue
        rate = DIM / 2 * math.log(DIM / point.distortion.value)
        assert rate == pytest.approx(channel_information(DIM, point.sigma), rel=0.1)


def test_sampling_costs_less_than_twice_the_mean_and_keeps_the_spread(curve):
    sampled, mean = curve("spread"), curve("mean")
    for first, second in zip(sampled[1:], mean[1:], strict=True):
        assert second.distortion.value < first.distortion.value < 2.1 * second.distortion.value
        assert first.x_hat.var().item() == pytest.approx(1, abs=0.1)
