"""Translations in more images than a run takes, and tests of pairs and domains whose outcome is known."""

import pytest
import torch

from analysis.measures.full_translation import (
    domain_accuracy,
    pair_tests,
    sample_accuracy,
    translation_maps,
    translations,
)
from analysis.measures.translation import LIMIT, retrieval
from iae_models.data import ImageData, Split

SHAPE = (1, 8, 8)


class Negative:
    """Codes are images in negative. The decoder gives the image back, or that of the next row of its chunk."""

    capabilities = frozenset({"infer", "generate", "sample"})
    code, code_dim, encoder_noise_dim = "image", 0, 0

    def __init__(self, noise_dim=0, mixes=False):
        self.noise_dim, self.mixes = noise_dim, mixes

    def infer(self, x, eps):
        del eps
        return 1 - x

    def generate(self, z, n):
        x = 1 - z
        x[:, 0, 0, : n.shape[1]] = n
        return x.roll(1, 0) if self.mixes else x

    def sample_noise(self, num, generator):
        return torch.rand(num, self.noise_dim, generator=generator)

    def sample_encoder_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)


def stream(name):
    return torch.Generator().manual_seed(sum(name.encode()))


def make_data(num, codes=lambda x: 255 - x):
    """Images of one spot each, in a random place and of a random brightness, and images of a second domain."""
    random = torch.Generator().manual_seed(0)
    splits = []
    for _ in range(3):
        x = torch.randint(60, (num, *SHAPE), generator=random)
        row, column = torch.randint(2, 6, (2, num), generator=random)
        x[torch.arange(num), 0, row, column] += torch.randint(100, 196, (num,), generator=random)
        x = x.to(torch.uint8)
        splits.append(Split(x, torch.zeros(num, dtype=torch.int64), codes=codes(x)))
    return ImageData("digits_two_styles", "none", 0, *splits)


def test_all_test_images_are_translated():
    found = translations(Negative(), Negative(), make_data(2 * LIMIT + 20), 0, None)
    assert set(found) == {"model", "untrained"}
    assert (found["model"]["image_retrieval"].value, found["model"]["image_retrieval"].n) == (1, 2 * LIMIT)
    assert found["model"]["cycle_error"].n == 2 * LIMIT + 20


def test_an_image_is_looked_for_in_its_own_group():
    x = torch.rand(LIMIT, *SHAPE, generator=torch.Generator().manual_seed(0))
    twice = torch.cat([x, x, x[:3]])
    assert (retrieval(twice, twice).value, retrieval(twice, twice).n) == (1, 2 * LIMIT)
    assert retrieval(x[:40], x[:40].flip(0)).value == 0


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("analysis.measures.joint_test.STEPS", 60)


@pytest.mark.usefixtures("short")
def test_pairs_that_are_the_same_cannot_be_told_apart_and_others_can():
    data = make_data(1000)
    same = pair_tests(Negative(), data, stream)
    assert same["joint_accuracy"].value == pytest.approx(0.5, abs=0.02)
    assert same["joint_power"].low > 0.6
    # every reconstruction is an image of the data, but of another code
    assert pair_tests(Negative(mixes=True), data, stream)["joint_accuracy"].low > 0.6


@pytest.mark.usefixtures("short")
def test_codes_are_told_from_another_domain_alone():
    assert domain_accuracy(Negative(), make_data(1000), stream).value == pytest.approx(0.5, abs=0.03)
    assert domain_accuracy(Negative(), make_data(1000, lambda x: x), stream).low > 0.9


@pytest.mark.usefixtures("short")
def test_images_of_the_model_are_told_from_others_alone(monkeypatch):
    """Of negatives the decoder makes images again; of images, which are no negatives, it does not."""
    assert sample_accuracy(Negative(), make_data(1000), stream).value == pytest.approx(0.5, abs=0.03)
    assert sample_accuracy(Negative(), make_data(1000, lambda x: x), stream).low > 0.9
    monkeypatch.setattr(Negative, "capabilities", frozenset({"infer", "generate"}))
    assert sample_accuracy(Negative(), make_data(20), stream).status == "undefined"


def test_maps_say_which_pixels_the_noise_decides():
    shares = translation_maps(Negative(noise_dim=3), make_data(400), stream)
    assert shares["share_n"][0, 0, :3] == pytest.approx(1, abs=0.05)
    assert shares["share_z"][0, 3] == pytest.approx(1, abs=0.05)
