"""Translators between two domains of squares, whose label is the corner that the square is in."""

import dataclasses

import pytest
import torch

from analysis.measures import classifier
from analysis.measures.identity import domain_readers, second_domain
from analysis.measures.suite import quick_suite
from analysis.measures.translation import measure_translation
from iae_models.data import ImageData, Split

NUM_CLASSES = 4


def squares(labels, generator):
    """Return uint8 images (N, 1, 8, 8) with a square of some brightness in the corner of the label, 0 to 3."""
    x = torch.randint(40, (len(labels), 1, 8, 8), generator=generator)
    for image, label in zip(x, labels.tolist(), strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[0, row : row + 4, column : column + 4] += int(torch.randint(100, 200, (1,), generator=generator))
    return x.to(torch.uint8)


@pytest.fixture(scope="module")
def domains():
    """Bright squares, and dark ones of other images; nothing is paired."""
    generator = torch.Generator().manual_seed(0)
    splits = []
    for num in (400, 200, 200):
        y, code_y = torch.arange(num) % NUM_CLASSES, torch.arange(num).flip(0) % NUM_CLASSES
        splits.append(Split(squares(y, generator), y, codes=255 - squares(code_y, generator), code_y=code_y))
    return ImageData("digits_two_styles", "0" * 64, NUM_CLASSES, *splits)


@pytest.fixture(scope="module")
def readers(domains, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "TRAININGS", {})
        patch.setattr(classifier, "STEPS", 100)
        return domain_readers(domains, tmp_path_factory.mktemp("classifiers"))


class Translator:
    """Makes a negative, of the image turned by some corners or of the first image; its decoder undoes the former."""

    capabilities = frozenset({"infer", "generate"})
    code, code_dim, noise_dim, encoder_noise_dim = "image", 0, 0, 0

    def __init__(self, turns=0, constant=False):
        self.turns, self.constant = turns, constant

    def infer(self, x, eps):
        x = x + eps.sum()
        return 1 - torch.rot90(x[:1].expand(len(x), -1, -1, -1) if self.constant else x, self.turns, (2, 3))

    def generate(self, z, n):
        return 1 - torch.rot90(z, -self.turns, (2, 3)) + n.sum()

    def sample_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)

    sample_encoder_noise = sample_noise


def test_the_second_domain_is_read_off_as_the_first(domains, readers):
    assert readers.image.validation_accuracy == readers.code.validation_accuracy == 1
    second = second_domain(domains)
    assert torch.equal(second.test.x, domains.test.codes) and torch.equal(second.test.y, domains.test.code_y)
    assert readers.image.hash != readers.code.hash


@pytest.mark.parametrize(
    ("translator", "identity", "retrieval"),
    [(Translator(), 1.0, 1.0), (Translator(turns=1), 0.0, 1.0), (Translator(constant=True), 0.25, 1 / 200)],
    ids=["perfect", "permuted", "constant"],
)
def test_identity_is_what_cycles_do_not_see(domains, readers, translator, identity, retrieval):
    found = measure_translation(translator, domains, "test", 0, readers=readers)
    assert found["identity_preservation"].value == pytest.approx(identity)
    assert found["image_retrieval"].value == pytest.approx(retrieval)


def test_controls_stand_beside(domains, readers):
    found = quick_suite(Translator(), Translator(turns=1), domains, None, 0, readers=readers)
    values = {
        item.subject: item.value for item in found if (item.name, item.split) == ("identity_preservation", "test")
    }
    assert values == {"model": 1, "untrained": 0, "chance": pytest.approx(0.25)}
    (one,) = quick_suite(Translator(), Translator(), domains, None, 0, only=["identity_preservation"], readers=readers)
    assert (one.value, one.split) == (1, "validation")


def test_a_bad_reader_of_either_domain_is_refused(domains, readers):
    for name, words in (("image", "first"), ("code", "second")):
        bad = dataclasses.replace(getattr(readers, name), validation_accuracy=0.9)
        found = measure_translation(
            Translator(), domains, "test", 0, readers=dataclasses.replace(readers, **{name: bad})
        )
        assert found["identity_preservation"].status == "refused"
        assert f"the {words} domain's classifier has accuracy 0.900" in found["identity_preservation"].reason


def test_domains_without_common_labels_have_no_identity(domains, tmp_path):
    unlabelled = [
        dataclasses.replace(split, code_y=None) for split in (domains.train, domains.validation, domains.test)
    ]
    data = ImageData("celeba_female_male", "0" * 64, 0, *unlabelled)
    assert domain_readers(data, tmp_path) is None and not list(tmp_path.iterdir())
    found = quick_suite(Translator(), Translator(), data, None, 0)
    assert {item.status for item in found if item.name == "identity_preservation"} == {"undefined"}
