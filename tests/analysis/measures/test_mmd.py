import math

import pytest
import torch

from analysis.measures.mmd import squared_mmd


@pytest.mark.parametrize("dim", [1, 5])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_gaussian_shift(dim, shift, generator):
    width = math.sqrt(dim)
    power = width**2 + 2
    truth = 2 * (width**2 / power) ** (dim / 2) * (1 - math.exp(-(shift**2) / (2 * power)))
    found = []
    for _ in range(20):
        a = torch.randn(600, dim, generator=generator)
        b = torch.randn(600, dim, generator=generator) + shift / math.sqrt(dim)
        found.append(squared_mmd(a, b))
    # of twenty intervals of 95 % three and more miss in one set of draws out of thirteen, five and more in one of 400
    assert sum(item.low <= truth <= item.high for item in found) >= 16
    assert sum(item.value for item in found) / 20 == pytest.approx(truth, abs=0.01)


def test_it_is_the_mean_over_pairs(generator):
    a, b = torch.randn(50, 2, generator=generator), torch.randn(50, 2, generator=generator)

    def kernel(p, q):
        return (-(p[:, None] - q).double().square().sum(2) / 4).exp()

    within = [(kernel(item, item).sum() - 50) / (50 * 49) for item in (a, b)]
    assert squared_mmd(a, b).value == pytest.approx((sum(within) - 2 * kernel(a, b).mean()).item())


def test_what_cannot_be_compared(generator):
    few = torch.randn(30, 2, generator=generator)
    assert squared_mmd(few, few).status == "undefined"
    assert squared_mmd(torch.zeros(100, 0), torch.zeros(100, 0)).reason == "there is no code"
    broken = torch.full((100, 2), torch.nan)
    assert squared_mmd(broken, torch.zeros(100, 2)).status == "invalid"
