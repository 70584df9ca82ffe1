import pytest
import torch
from torch.nn.functional import avg_pool2d

from analysis.measures.sharpness import sharpness


@pytest.fixture
def images(generator):
    return torch.rand(200, 1, 12, 12, generator=generator)


def test_images_of_the_same_distribution_are_as_sharp(images, generator):
    found = sharpness(images, torch.rand(200, 4, 1, 12, 12, generator=generator))
    assert found.value == pytest.approx(1, abs=0.01)
    assert found.low < found.value < found.high


def test_contrast_scales_it_and_a_constant_image_has_none(images):
    assert sharpness(images, 0.5 * images[:, None]).value == pytest.approx(0.5)
    assert sharpness(images, torch.full((200, 2, 1, 12, 12), 0.3)).value == pytest.approx(0, abs=1e-6)


def test_blur_lowers_and_noise_raises_it(images, generator):
    smooth = avg_pool2d(images, 5, 1, 2)
    assert sharpness(images, smooth[:, None]).value < 0.5
    noisy = smooth + 0.5 * torch.randn(smooth.shape, generator=generator)
    assert sharpness(smooth, noisy[:, None]).value > 2


def test_the_mean_of_normal_noise_is_as_much_less_sharp_as_its_deviation(generator):
    draws = torch.randn(500, 4, 1, 9, 9, generator=generator)
    x = torch.randn(500, 1, 9, 9, generator=generator)
    assert sharpness(x, draws.mean(1, keepdim=True)).value == pytest.approx(0.5, rel=0.02)


def test_points_and_images_without_edges_have_none(images):
    assert sharpness(torch.zeros(5, 2), torch.zeros(5, 4, 2)).reason == "points have no pixels"
    assert sharpness(torch.ones(5, 1, 4, 4), images[:5, None, :, :4, :4]).status == "undefined"
