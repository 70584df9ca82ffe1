import dataclasses

import pytest
import torch

from analysis.measures import factors
from analysis.measures.bench import make_bench, take_sample
from analysis.measures.factors import factor_readers, measure_factors
from iae_models.data import ImageData, Split
from iae_models.priors import GaussianPrior


class Lamps:
    """Two lamps: the code lights the left one, the decoder's noise the right one, each in one of three strengths."""

    capabilities = frozenset({"infer", "generate"})
    code, code_dim, noise_dim, encoder_noise_dim = "gaussian", 1, 1, 0
    prior = GaussianPrior(1)

    def infer(self, x, eps):
        return x[:, 0, 4, 2:3] + eps.sum(1, keepdim=True)

    def generate(self, z, n):
        noise = ((n[:, :1] > -0.43).float() + (n[:, :1] > 0.43)) / 3
        return _picture(z, noise)

    def sample_noise(self, num, generator):
        return torch.randn(num, 1, generator=generator)

    def sample_encoder_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)


def _picture(left, right):
    x = torch.zeros(len(left), 1, 8, 8)
    x[:, :, 2:6, 1:4], x[:, :, 2:6, 5:8] = left.view(-1, 1, 1, 1), right.view(-1, 1, 1, 1)
    return x


@pytest.fixture(scope="module")
def lamps():
    def split(num, seed):
        left, right = torch.randint(3, (2, num), generator=torch.Generator().manual_seed(seed))
        x = (_picture(left[:, None] / 3, right[:, None] / 3) * 255).round().to(torch.uint8)
        return Split(x, left, {"left": left, "right": right})

    return ImageData("lamps", "0" * 64, 3, split(600, 1), split(200, 2), split(400, 3))


@pytest.fixture(scope="module")
def readers(lamps, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factors, "STEPS", 150)
        return factor_readers(lamps, tmp_path_factory.mktemp("classifiers"))


def measure(lamps, readers):
    bench = make_bench(lamps, None, 0)
    return measure_factors(take_sample(bench, Lamps(), "model", "test"), readers)


def test_the_code_decides_its_lamp_and_the_noise_the_other(lamps, readers):
    found = measure(lamps, readers)
    assert {item.status for item in found.values()} == {"ok"}
    assert found["factor_split/left"].value == pytest.approx(1, abs=0.02)
    assert found["factor_preservation/left"].value == pytest.approx(1, abs=0.02)
    assert found["factor_split/right"].low <= 0 <= found["factor_split/right"].high
    assert found["factor_preservation/right"].value == pytest.approx(1 / 3, abs=0.08)
    for lamp, decided_by in (("left", "z"), ("right", "n")):
        shares = {part: found[f"share_{part}_factor/{lamp}"] for part in ("z", "n", "zn")}
        assert shares[decided_by].value == pytest.approx(1, abs=0.1)
        assert sum(share.value for share in shares.values()) == pytest.approx(1)
        # τ_z is from all pairs of images, S_z from neighbours
        assert shares["z"].low - 0.02 <= found[f"factor_split/{lamp}"].value <= shares["z"].high + 0.02


@pytest.mark.parametrize(("accuracy", "status"), [(0.96, "ok"), (0.9, "misread"), (0.7, "refused")])
def test_a_poor_reader_gives_a_marked_value_or_nothing(lamps, readers, accuracy, status):
    doubtful = {name: dataclasses.replace(item, accuracy=accuracy) for name, item in readers.items()}
    found = measure(lamps, doubtful)
    assert {item.status for item in found.values()} == {status}
    assert all((item.value is None) == (status == "refused") for item in found.values())


class NeverOn:
    """A classifier that takes every image for one of value 0."""

    def predict(self, x):
        return torch.zeros(len(x), dtype=torch.int64)


class Dark(Lamps):
    """A decoder that lights nothing."""

    def generate(self, z, n):
        return torch.zeros(len(z), 1, 8, len(n[0]) * 8)


def test_a_rare_value_counts_as_much_as_a_common_one(tmp_path, monkeypatch):
    """One picture in twenty has its left lamp on."""

    def split(num):
        on = (torch.arange(num) % 20 == 0).long()
        x = (_picture(on[:, None].float(), torch.zeros(num, 1)) * 255).round().to(torch.uint8)
        return Split(x, on, {"on": on})

    rare = ImageData("rare", "1" * 64, 2, split(600), split(200), split(400))
    with monkeypatch.context() as patch:
        patch.setattr(factors, "classifier_for", lambda *_: NeverOn())
        assert factor_readers(rare, tmp_path)["on"].accuracy == 0.5  # right on 95 % of the images
    monkeypatch.setattr(factors, "STEPS", 150)
    readers = factor_readers(rare, tmp_path)
    assert readers["on"].accuracy > 0.99
    found = measure_factors(take_sample(make_bench(rare, None, 0), Dark(), "model", "test"), readers)
    preserved = found["factor_preservation/on"]
    assert preserved.value == pytest.approx(0.5, abs=0.01)
    assert 0 <= preserved.low <= preserved.value <= preserved.high <= 1
