"""Translations whose content, secrets and diversity are known."""

import numpy as np
import pytest
import torch

from analysis.measures import draws
from analysis.measures.code_styles import CODE_STYLES
from analysis.measures.suite import quick_suite
from analysis.measures.translation import NOISE, TRANSLATION, diversity, retrieval, translation_panels
from iae_models.data import ImageData, Split

SHAPE = (1, 28, 28)


class Translation:
    """Codes are images in negative; the decoder turns them back and adds `noise_dim` numbers to the first pixels.

    With a secret, the code is the same for all but for faint brightness in its last rows, `secret` of the image.
    """

    capabilities = frozenset({"infer", "generate", "sample"})
    code = "image"
    code_dim = 0

    def __init__(self, noise_dim=0, encoder_noise_dim=0, secret=None):
        self.noise_dim, self.encoder_noise_dim, self.secret = noise_dim, encoder_noise_dim, secret

    def infer(self, x, eps):
        z = 1 - x
        if self.secret is not None:
            return 0.5 + self.secret * (x - 0.5)
        z[:, 0, 0, : eps.shape[1]] += eps
        return z

    def generate(self, z, n):
        x = 0.5 + (z - 0.5) / self.secret if self.secret is not None else 1 - z
        x[:, 0, 1, : n.shape[1]] += n
        return x

    def sample_noise(self, num, generator):
        return torch.randn(num, self.noise_dim, generator=generator)

    def sample_encoder_noise(self, num, generator):
        return torch.randn(num, self.encoder_noise_dim, generator=generator)


def make_data(paired_name="edges_shoes_28", num=60):
    x = torch.randint(256, (num, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    split = Split(x, torch.arange(num) % 3, codes=255 - x)
    return ImageData(paired_name, "none", 3, split, split, split)


def values(model, data, **options):
    found = quick_suite(model, model, data, None, 0, **options)
    return {item.name: item for item in found if (item.subject, item.split) == ("model", "validation")}


def test_a_perfect_translation():
    found = values(Translation(), make_data())
    assert set(found) == {*TRANSLATION, *CODE_STYLES}
    for name in ("image_retrieval", "image_retrieval_noisy", "code_retrieval"):
        assert found[name].value == 1
    assert found["cycle_error"].value == pytest.approx(0, abs=1e-6)
    assert found["decoder_diversity"].status == found["encoder_diversity"].status == "undefined"


def test_a_secret_is_lost_in_noise():
    found = values(Translation(secret=0.002), make_data())
    assert found["image_retrieval"].value == 1
    assert found["image_retrieval_noisy"].value < 0.2
    assert found["code_retrieval"].value < 0.5
    assert NOISE > 0.002


def test_chance_and_untrained_stand_beside():
    found = quick_suite(Translation(), Translation(), make_data(), None, 0)
    chance = [item for item in found if item.subject == "chance"]
    assert {item.value for item in chance} == {1 / 60}
    assert {item.subject for item in found} == {"model", "untrained", "chance"}
    unpaired = values(Translation(), make_data("digits_two_styles"))
    assert unpaired["code_retrieval"].status == "undefined"


def test_only_some_are_measured_alike():
    data, model = make_data(), Translation(noise_dim=3)
    (one,) = quick_suite(model, model, data, None, 0, only=["decoder_diversity"])
    assert one == values(model, data)["decoder_diversity"]


def test_chunks_change_nothing(monkeypatch):
    data, model = make_data(), Translation(noise_dim=3, encoder_noise_dim=2)
    whole = values(model, data)
    monkeypatch.setattr(draws, "CHUNK", 7)
    assert values(model, data) == whole


def test_diversity_is_the_share_of_the_noise():
    generator = torch.Generator().manual_seed(1)
    shared = torch.randn(4000, 1, 2, 2, generator=generator)
    first, second = (shared + 0.5 * torch.randn(4000, 1, 2, 2, generator=generator) for _ in range(2))
    share = diversity(first, second)
    # 0.25 of 1.25
    assert share.value == pytest.approx(0.2, abs=0.01)
    assert share.low < 0.2 < share.high
    assert diversity(shared, shared).value == 0


def test_retrieval_of_one_image_for_all_is_chance():
    truth = torch.rand(50, *SHAPE)
    assert retrieval(truth[:1].expand(50, -1, -1, -1), truth).value == 1 / 50


@pytest.mark.parametrize(("noises", "columns"), [((3, 0), 1), ((0, 3), 5)])
def test_columns_of_the_picture_share_their_noise(noises, columns):
    panels = translation_panels(Translation(*noises), make_data(), 0)
    assert panels["originals"].shape == (8, *SHAPE)
    assert panels["codes"].shape == (8, columns, *SHAPE)
    assert panels["reconstructions"].shape == (8, 5, *SHAPE)
    assert (panels["prior_codes"] == make_data().test.codes[:8].numpy()).all()
    assert panels["generated"].shape == (8, 5 if noises[0] else 1, *SHAPE)
    negatives = 255 - panels["prior_codes"][:, None]
    assert (np.abs(panels["generated"][:, :, :, 2:].astype(int) - negatives[:, :, :, 2:]) <= 1).all()
    assert {item.dtype for item in panels.values()} == {np.dtype("uint8")}
    first = panels["reconstructions"][:, 0]
    assert (np.abs(first[:, :, 2:].astype(int) - panels["originals"][:, :, 2:]) <= 1).all()


def test_codes_that_follow_no_domain_have_no_images_of_its_own(monkeypatch):
    monkeypatch.setattr(Translation, "capabilities", frozenset({"infer", "generate"}))
    assert set(translation_panels(Translation(), make_data(), 0)) == {"originals", "codes", "reconstructions"}


@pytest.mark.parametrize("num_classes", [2, 10])
def test_diversity_does_not_follow_the_order_of_classes(num_classes):
    """Classes in turn, as splits have them, their means far apart: pairs of two images include those of a class."""
    generator = torch.Generator().manual_seed(4)
    num, deviation = 500, 0.5
    means = torch.randn(num_classes, 20, generator=generator)
    x = means[torch.arange(num) % num_classes]
    first, second = (x + deviation * torch.randn(num, 20, generator=generator) for _ in range(2))
    spread = 2 * (means - means.mean(0)).square().sum(1).mean().item() * num / (num - 1)
    truth = 2 * 20 * deviation**2 / (2 * 20 * deviation**2 + spread)
    found = diversity(first, second)
    assert found.low <= truth <= found.high and found.high - found.low < 0.3 * truth
    order = torch.randperm(num, generator=generator)
    assert diversity(first[order], second[order]).value == pytest.approx(found.value)


def test_intervals_of_diversity_cover():
    generator = torch.Generator().manual_seed(5)
    hits = 0
    for _ in range(300):
        x = torch.randn(60, 5, generator=generator)
        first, second = (x + torch.randn(60, 5, generator=generator) for _ in range(2))
        found = diversity(first, second)
        hits += found.low <= 0.5 <= found.high
    assert 0.9 <= hits / 300 <= 0.98
