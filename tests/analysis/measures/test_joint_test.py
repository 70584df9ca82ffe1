import pytest
import torch

from analysis.measures.critic import Pairs
from analysis.measures.draws import generate, infer
from analysis.measures.joint_test import joint_accuracy, joint_power


def pairs(model, num, seed):
    generator = torch.Generator().manual_seed(seed)
    x = model.images(num, seed)
    z = infer(model, x, generator)
    return Pairs(x, z, torch.stack([generate(model, z, generator) for _ in range(2)], 1))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("analysis.measures.joint_test.STEPS", 60)


def accuracy(model, measure=joint_accuracy):
    with torch.inference_mode():
        return measure(pairs(model, 1000, 1), pairs(model, 500, 2), torch.Generator().manual_seed(0))


@pytest.mark.usefixtures("short")
def test_a_calibrated_decoder_cannot_be_told_from_data(linear_gaussian):
    found = accuracy(linear_gaussian())
    assert found.low <= 0.5 <= found.high
    # and that says something: the critic sees that code and image belong together
    assert accuracy(linear_gaussian(), joint_power).low > 0.6


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("fault", [{"spread": 1.4}, {"spread": 0.6}, {"ignore_code": True}], ids=str)
def test_a_faulty_decoder_is_found_out(linear_gaussian, fault):
    assert accuracy(linear_gaussian(**fault)).low > 0.6


@pytest.mark.usefixtures("short")
def test_a_fine_texture_that_pooling_hides_is_seen(linear_gaussian):
    model = linear_gaussian()
    train, held_out = pairs(model, 1000, 1), pairs(model, 500, 2)
    board = 0.1 * (1 - 2 * ((torch.arange(28)[:, None] + torch.arange(28)) % 2))
    for item in (train, held_out):
        item.x_hat.add_(board)
    assert joint_accuracy(train, held_out, torch.Generator().manual_seed(0)).low > 0.8


@pytest.mark.usefixtures("short")
def test_points_and_broken_decoders(generator):
    x = torch.randn(1000, 2, generator=generator)
    same = Pairs(x, torch.zeros(1000, 0), torch.randn(1000, 2, 2, generator=generator))
    found = joint_accuracy(same, same, torch.Generator().manual_seed(0))
    assert abs(found.value - 0.5) < 0.1
    same.x_hat[0] = torch.nan
    assert joint_accuracy(same, same, torch.Generator().manual_seed(0)).status == "invalid"


@pytest.mark.usefixtures("short")
def test_power_does_not_follow_the_order_of_classes(generator):
    """Two classes in turn, known from image and code alike: every second code of another image is of the same class."""
    labels = torch.arange(1000) % 2
    x = 4.0 * labels[:, None] + 0.1 * torch.randn(1000, 2, generator=generator)
    same = Pairs(x, torch.eye(2)[labels], x[:, None].repeat(1, 2, 1))
    found = joint_power(same, same, torch.Generator().manual_seed(0))
    assert found.value == pytest.approx(0.75, abs=0.04)
