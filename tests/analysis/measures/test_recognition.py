"""Votes and their separation against closed forms, and recognisers that are wrong on planted images."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch

from analysis.measures.bench import fitted_map_error, make_bench
from analysis.measures.draws import infer
from analysis.measures.recognition import GAP, measure_recognition, separation, vote_entropy
from iae_models.data import ImageData, Split


def test_the_entropy_of_votes():
    assert vote_entropy(torch.full((1, 16), 3), 5).tolist() == pytest.approx([0], abs=1e-3)
    assert vote_entropy(torch.arange(16)[None] % 2, 5).item() == pytest.approx(math.log(2), abs=0.05)


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.5, 0.3, 0.2], [0.9, 0.1]])
def test_few_votes_do_not_bias_their_entropy(shares):
    """Sixteen votes of each of many images: the plug-in entropy of ten equal categories is .28 nats too small."""
    shares = torch.tensor(shares, dtype=torch.float64)
    votes = shares.expand(4000, -1).multinomial(16, replacement=True, generator=torch.Generator().manual_seed(0))
    truth = -(shares * shares.log()).sum().item()
    assert vote_entropy(votes, len(shares)).mean().item() == pytest.approx(truth, abs=0.04)


def test_separation_is_the_area_under_the_curve():
    scores = torch.tensor([0.1, 0.4, 0.35, 0.8])
    wrong = torch.tensor([False, False, True, True])
    assert separation(scores, wrong).value == pytest.approx(0.75)
    assert separation(scores, scores > 0.3).value == 1
    assert separation(torch.ones(4), wrong).value == 0.5
    assert separation(scores, torch.zeros(4, dtype=torch.bool)).status == "undefined"


def test_the_interval_of_the_separation_covers():
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(200):
        wrong = torch.rand(300, generator=generator) < 0.3
        # two normals one standard deviation apart: P[a > b] = Φ(1/√2)
        value = separation(torch.randn(300, generator=generator) + wrong, wrong)
        covered += value.low < 0.5 * math.erfc(-0.5) < value.high
    assert 0.9 <= covered / 200 <= 0.99


NUM_CLASSES = 4
WRONG = 0.25


def spots(labels, generator):
    """Return images (N, 1, 8, 8) in [0, 1) of random grey, brighter in the corner of the label, 0 to 3."""
    x = 0.4 * torch.rand(len(labels), 1, 8, 8, generator=generator)
    for corner in range(NUM_CLASSES):
        row, column = 4 * (corner // 2), 4 * (corner % 2)
        x[labels == corner, 0, row : row + 4, column : column + 4] += 0.5
    return x


def corner_of(x):
    return torch.nn.functional.avg_pool2d(x, 4).flatten(1).argmax(1)


class Recogniser:
    """Categories are corners in another order; of real or of generated images a share `WRONG` is called the next one.

    Generated images have a white pixel, which no real one has. What is called wrong hangs on a pixel's random grey.
    """

    capabilities = frozenset({"infer", "generate", "sample"})
    code, code_dim, noise_dim, encoder_noise_dim = "categorical", NUM_CLASSES, 1, 0

    def __init__(self, wrong_on):
        self.wrong_on = wrong_on

    def infer(self, x, eps):
        del eps
        generated = x[:, 0, 0, 0] == 1
        wrong = (x[:, 0, 7, 7] * 1e4).frac() < WRONG
        wrong &= {"real": ~generated, "generated": generated, "both": torch.ones_like(generated)}[self.wrong_on]
        return torch.nn.functional.one_hot((corner_of(x) + 1 + wrong) % NUM_CLASSES, NUM_CLASSES).float()

    def generate(self, z, n):
        seed = int(n[0, 0] * 1e6)
        x = spots((z.argmax(1) - 1) % NUM_CLASSES, torch.Generator().manual_seed(seed))
        x[:, 0, 0, 0] = 1
        return x

    def sample_prior(self, num, generator):
        return torch.eye(NUM_CLASSES)[torch.randint(NUM_CLASSES, (num,), generator=generator)]

    def sample_noise(self, num, generator):
        return torch.rand(num, 1, generator=generator)

    def sample_encoder_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)


@pytest.fixture(scope="module")
def bench():
    """Real spots in even classes, with a classifier that is never wrong."""
    generator, splits = torch.Generator().manual_seed(0), []
    for num in (40, 1000, 2000):
        y = torch.arange(num) % NUM_CLASSES
        splits.append(Split((255 * spots(y, generator)).to(torch.uint8), y))
    data = ImageData("planted", "", NUM_CLASSES, *splits)
    return dataclasses.replace(make_bench(data, None, 0), classifier=SimpleNamespace(predict=corner_of, accuracy=1.0))


def recognised(bench, model):
    codes = {split: infer(model, x, bench.stream(split)) for split, (x, _) in bench.held_out.items()}
    return codes, measure_recognition(bench, model, codes, 0)


@pytest.mark.parametrize(
    ("wrong_on", "synthetic", "gap"), [("real", 0, WRONG), ("generated", WRONG, -WRONG), ("both", WRONG, 0)]
)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_gap_is_what_real_images_cost(bench, split, wrong_on, synthetic, gap):
    codes, table = recognised(bench, Recogniser(wrong_on))
    found = table[split]
    for name, truth in zip(GAP, (synthetic, gap), strict=True):
        # a pixel of 256 greys decides over the real images
        assert found[name].value == pytest.approx(truth, abs=0.04)
        assert found[name].low - 0.01 <= truth <= found[name].high + 0.01
        assert found[name].low < found[name].high < found[name].low + 0.1
    real, own = fitted_map_error(bench, codes, split), found["synthetic_clustering_error"]
    assert found["recogniser_gap"].value == pytest.approx(real.value - own.value)
    assert own.n == real.n == len(codes[split]) and found["recogniser_gap"].n == 2 * real.n


def test_a_generator_of_the_wrong_class_does_not_count_against_the_recogniser(bench):
    """The class of an image is what it shows, not what the code it was made from means."""
    model = Recogniser("real")
    made = model.generate
    model.generate = lambda z, n: made(z.roll(1, 1), n)
    found = recognised(bench, model)[1]["test"]
    assert found["recognition_error"].value == 1
    assert found["synthetic_clustering_error"].value == 0


def test_a_classifier_that_is_often_wrong_misreads_the_gap(bench):
    doubtful = dataclasses.replace(bench, classifier=SimpleNamespace(predict=corner_of, accuracy=0.9))
    found, sure = (recognised(item, Recogniser("real"))[1]["test"] for item in (doubtful, bench))
    for name in GAP:
        assert (found[name].status, sure[name].status, found[name].value) == ("misread", "ok", sure[name].value)
