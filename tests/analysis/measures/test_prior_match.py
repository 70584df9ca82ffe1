import math

import pytest
import torch

from analysis.measures.prior_match import prior_accuracy, prior_kl, prior_moment_kl


def accuracy(shift, scale, generator):
    def sample(num):
        codes = scale * torch.randn(num, 10, generator=generator)
        codes[:, 0] += shift
        return codes, torch.randn(num, 10, generator=generator)

    return prior_accuracy(sample(3500), {"test": sample(1000)}, generator)["test"]


def test_a_match_cannot_be_told(generator):
    found = accuracy(0.0, 1.0, generator)
    assert found.low <= 0.5 <= found.high


def test_a_shift_has_the_accuracy_of_the_best_rule(generator):
    best = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert accuracy(2.0, 1.0, generator).value == pytest.approx(best, abs=0.03)


def test_a_wrong_scale_is_seen(generator):
    assert accuracy(0.0, 0.6, generator).low > 0.75


@pytest.mark.parametrize("rows", [1, 500], ids=["one", "all"])
@pytest.mark.parametrize("part", ["train", "held out"])
def test_codes_that_are_nan_have_no_accuracy(part, rows, generator):
    train, held_out = (tuple(torch.randn(500, 3, generator=generator) for _ in range(2)) for _ in range(2))
    (train if part == "train" else held_out)[0][:rows] = torch.nan
    found = prior_accuracy(train, {"test": held_out}, generator)["test"]
    assert (found.value, found.status) == (None, "invalid")


def test_moment_kl_of_nan_is_invalid(generator):
    z = torch.randn(500, 3, generator=generator)
    z[7, 1] = torch.nan
    assert prior_moment_kl(z).status == "invalid"


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_moment_kl_of_a_shift(shift, generator):
    found = prior_moment_kl(torch.randn(1000, 20, generator=generator) + shift / math.sqrt(20))
    assert found.low <= shift**2 / 2 <= found.high
    assert found.value == pytest.approx(shift**2 / 2, abs=0.06)


def test_moment_kl_of_a_scale(generator):
    found = prior_moment_kl(0.5 * torch.randn(4000, 3, generator=generator))
    assert found.value == pytest.approx(1.5 * (0.25 - 1 - math.log(0.25)), rel=0.03)


def test_moment_kl_of_a_flat_code_is_undefined(generator):
    z = torch.randn(500, 3, generator=generator)
    z[:, 2] = 0
    assert prior_moment_kl(z).status == "undefined"
    assert prior_moment_kl(z[:20]).status == "undefined"


def test_categorical_kl_by_hand():
    prior = torch.tensor([0.5, 0.25, 0.25])
    found = prior_kl(torch.tensor([0, 0, 0, 1]).repeat(25), prior)
    assert found.value == pytest.approx(0.75 * math.log(1.5) - 1 / 200)
    assert prior_kl(torch.tensor([0, 0, 1, 2]).repeat(25), prior).value == pytest.approx(-2 / 200)


def test_categorical_kl_of_a_match_is_zero(generator):
    found = [prior_kl(torch.randint(30, (1000,), generator=generator), torch.full((30,), 1 / 30)) for _ in range(40)]
    # the plug-in value is .0145; one value has the standard deviation sqrt(2 (K - 1)) / 2n = .004
    assert sum(item.value for item in found) / 40 == pytest.approx(0, abs=0.0025)
    assert sum(item.low <= 0 <= item.high for item in found) >= 34
