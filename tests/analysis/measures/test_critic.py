import pytest
import torch

from analysis.measures.critic import Pairs, critic_accuracy
from analysis.measures.draws import generate, infer


def pairs(model, num, seed, draws=2):
    generator = torch.Generator().manual_seed(seed)
    x = model.images(num, seed)
    z = infer(model, x, generator)
    return Pairs(x, z, torch.stack([generate(model, z, generator) for _ in range(draws)], 1))


def accuracy(model, seed=0):
    found = critic_accuracy(pairs(model, 3500, 1), {"test": pairs(model, 1000, 2)}, torch.Generator().manual_seed(seed))
    return found["test"]


def test_a_calibrated_decoder_cannot_be_told_from_data(linear_gaussian):
    found = accuracy(linear_gaussian())
    assert found.low <= 0.5 <= found.high
    assert found.high - found.low < 0.06


@pytest.mark.parametrize(
    "fault", [{"spread": 1.3}, {"spread": 0.7}, {"ignore_code": True}], ids=["wide", "narrow", "ignores the code"]
)
def test_a_faulty_decoder_is_found_out(linear_gaussian, fault):
    assert accuracy(linear_gaussian(**fault)).low > 0.65


def test_without_a_code_it_compares_images_alone(linear_gaussian):
    found = accuracy(linear_gaussian(code_dim=0))
    assert found.low <= 0.5 <= found.high


def test_it_depends_on_its_own_stream_only(linear_gaussian):
    model = linear_gaussian(spread=1.3)
    first = accuracy(model)
    before = torch.get_rng_state()
    torch.manual_seed(99)
    torch.rand(3)
    with torch.inference_mode():
        again = accuracy(model)
    assert again == first
    assert accuracy(model, seed=1) != first
    torch.set_rng_state(before)
    accuracy(model)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("part", ["train", "held out"])
def test_a_decoder_that_breaks_down_has_no_accuracy(linear_gaussian, part, value):
    """It was 0, the best value of a search that minimizes it."""
    model = linear_gaussian()
    train, held_out = pairs(model, 300, 1), pairs(model, 300, 2)
    (train if part == "train" else held_out).x_hat[0] = value
    found = critic_accuracy(train, {"test": held_out}, torch.Generator().manual_seed(0))["test"]
    assert (found.value, found.low, found.high, found.status) == (None, None, None, "invalid")
