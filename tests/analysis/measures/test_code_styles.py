"""Encoders of bars whose noise sets a known share of their style, and data whose styles are known."""

import dataclasses

import pytest
import torch

from analysis.measures.code_styles import CODE_STYLES, factor_share, style_suite, style_tables
from analysis.measures.full import FullBench, full_suite
from analysis.measures.strokes import slant, thickness
from analysis.measures.suite import quick_suite
from iae_models.data import ImageData, Split, embedded_digits, load
from iae_models.data.digits_two_styles import restyled, styles
from iae_models.data.splits import halves

NUM = 400


def bars(lean, width):
    """Return one bright bar an image (N, 1, 28, 28): `lean` columns to the right a row up, `width` pixels across."""
    rows, columns = torch.arange(28.0), torch.arange(28.0)
    width = width * (1 + lean.square()).sqrt()
    centre = 13.5 - lean[:, None] * (rows - 13.5)
    x = (width[:, None, None] / 2 + 0.5 - (columns - centre[:, :, None]).abs()).clamp(0, 1)
    x[:, :4] = x[:, 24:] = 0
    return x[:, None]


def uniform(num, seed):
    """Return two columns of numbers in (−¼, ¼), with shape (num, 2)."""
    return 0.5 * torch.rand(num, 2, generator=torch.Generator().manual_seed(seed)) - 0.25


class Drawer:
    """Draws a bar, dark on white, with the image's lean and width, each weighted, and as much of the noise's own."""

    capabilities = frozenset({"infer", "generate"})
    code, code_dim, noise_dim = "image", 0, 0

    def __init__(self, of_image=(1.0, 1.0), of_noise=(1.0, 1.0), encoder_noise_dim=2, negative=True):
        self.of_image, self.of_noise = torch.tensor(of_image), torch.tensor(of_noise)
        self.encoder_noise_dim, self.negative = encoder_noise_dim, negative

    def infer(self, x, eps):
        eps = eps if self.encoder_noise_dim else torch.zeros(len(x), 2)
        lean = slant(x).float()
        width = x[:, 0, 14].sum(1) / (1 + lean.square()).sqrt()
        width = 5 + self.of_image[1] * (width - 5) + 6 * self.of_noise[1] * eps[:, 1]
        z = bars(self.of_image[0] * lean + self.of_noise[0] * eps[:, 0], width)
        return 1 - z if self.negative else z

    def generate(self, z, n):
        return 1 - z + n.sum()

    def sample_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)

    def sample_encoder_noise(self, num, generator):
        return 0.5 * torch.rand(num, self.encoder_noise_dim, generator=generator) - 0.25


def make_data(negative=True, known=True, num=NUM):
    """Bars, and in the second domain bars whose lean is half the shape's, half the factor's, and whose width is its."""
    splits = []
    for seed in range(3):
        ours, theirs = uniform(num, seed), uniform(num, seed + 10)
        factor = torch.randint(5, (num,), generator=torch.Generator().manual_seed(seed + 20))
        codes = bars(theirs[:, 0] + (factor - 2) / 5 * 0.5, 3.0 + factor)
        codes = 1 - codes if negative else codes
        splits.append(
            Split(
                (255 * bars(ours[:, 0], 5 + 6 * ours[:, 1])).round().to(torch.uint8),
                torch.zeros(num, dtype=torch.int64),
                codes=(255 * codes).round().to(torch.uint8),
                code_factors={"style": factor} if known else {},
            )
        )
    return ImageData("digits_two_styles", "none", 0, *splits)


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize(
    ("of_image", "of_noise", "shares"),
    [
        ((0.0, 1.0), (1.0, 0.0), (1, 0)),
        ((1.0, 0.0), (0.0, 1.0), (0, 1)),
        ((1.0, 1.0), (0.0, 0.0), (0, 0)),
        ((1.0, 0.5), (1.0, 1.0), (0.5, 0.8)),
    ],
    ids=["noise leans", "noise thickens", "noise is ignored", "both"],
)
def test_shares_are_those_that_the_noise_sets(of_image, of_noise, shares, negative):
    model = Drawer(of_image, of_noise, negative=negative)
    found = style_tables(model, model, make_data(negative), "test", 0)["model"]
    for name, share in zip(CODE_STYLES, shares, strict=True):
        # thickness is not quite linear in a bar's width
        assert found[name].value == pytest.approx(share, abs=0.06), name
        assert (found[name].n, found[name].unit, found[name].status) == (NUM, "fraction", "ok")
        assert found[name].low <= found[name].value <= found[name].high


def test_the_data_stand_beside_with_the_share_of_their_styles():
    model = Drawer()
    tables = style_tables(model, Drawer(of_noise=(0.0, 0.0)), make_data(), "test", 0)
    assert set(tables) == {"model", "untrained", "real"}
    assert tables["untrained"]["encoder_diversity_slant"].value == pytest.approx(0, abs=1e-6)
    # five steps of a tenth have the variance .02, a uniform number of width ½ has 1/48
    truth = 0.02 / (0.02 + 1 / 48)
    real = tables["real"]["encoder_diversity_slant"]
    assert real.low <= truth <= real.high and real.value == pytest.approx(truth, abs=0.06)
    assert tables["real"]["encoder_diversity_thickness"].value > 0.95


def test_a_run_has_them_with_its_translations():
    data, model = make_data(), Drawer()
    found = quick_suite(model, model, data, None, 0)
    assert {item.subject for item in found if item.name in CODE_STYLES} == {"model", "untrained", "real"}
    chosen = quick_suite(model, model, data, None, 0, only=["encoder_diversity_slant", "cycle_error"])
    assert {item.name for item in chosen} == {"encoder_diversity_slant", "cycle_error"}
    assert all(item in found for item in chosen)
    (one,) = quick_suite(model, model, data, None, 0, only=["encoder_diversity_thickness"])
    assert one in found and (one.split, one.subject) == ("validation", "model")


def test_the_full_suite_measures_all_test_images(tmp_path):
    data = make_data(num=700)
    found = full_suite(FullBench(Drawer(), Drawer(), data, None, 0, tmp_path), "decoder").tables
    assert {found[subject][name].n for subject in ("model", "untrained", "real") for name in CODE_STYLES} == {700}
    assert found["model"]["cycle_error"].n == 700


def test_without_noise_or_known_styles_there_is_no_share():
    model, silent = Drawer(), Drawer(encoder_noise_dim=0)
    tables = style_tables(silent, silent, make_data(), "test", 0)
    assert {item.reason for item in tables["model"].values()} == {"without noise all draws are the same"}
    tables = style_tables(model, model, make_data(known=False), "test", 0)
    assert "real" not in tables
    assert {item.reason for item in tables["model"].values()} == {"the styles of the second domain are not known"}


def test_a_broken_code_has_no_share():
    model = Drawer(of_noise=(float("nan"), 0.0))
    found = style_suite(model, Drawer(), make_data(), 0)
    assert {item.status for item in found if item.subject == "model"} == {"invalid"}
    assert {item.status for item in found if item.subject != "model"} == {"ok"}


def test_the_share_of_factors_has_no_bias_and_its_interval_covers():
    """Two factors in 18 cells of 14 values each: the plug-in share of nothing at all would be 17 / 249."""
    generator = torch.Generator().manual_seed(0)
    for weight in (0.0, 1.0):
        found = []
        for _ in range(150):
            factors = {name: torch.randint(high, (250,), generator=generator) for name, high in (("a", 9), ("b", 2))}
            values = weight * (factors["a"] - 4) + 2 * torch.randn(250, generator=generator)
            found.append(factor_share(values, factors))
        # nine steps have the variance 60 / 9
        truth = weight * (60 / 9) / (60 / 9 + 4)
        assert sum(item.value for item in found) / 150 == pytest.approx(truth, abs=0.01)
        assert sum(item.low <= truth <= item.high for item in found) / 150 >= 0.9
        spread = torch.tensor([item.value for item in found]).std().item()
        # where factors decide nothing the interval is too wide, never too narrow
        assert 0.85 < sum(item.high - item.low for item in found) / 150 / (2 * 1.96 * spread) < 1.5
    assert factor_share(torch.ones(250), factors).status == "undefined"


def test_styles_alone_decide_nearly_all_that_digits_leave_open(tmp_path):
    """Every digit of the second domain in twelve styles: the variance given its shape, over all of it."""
    train = embedded_digits.read(tmp_path)[0]
    x = train.x[halves(train.y)[1]].numpy()
    data = load("digits_two_styles", tmp_path)
    data = dataclasses.replace(data, test=data.train)
    ignores = Drawer(of_noise=(0.0, 0.0))
    own = style_tables(ignores, ignores, data, "test", 0, None)["real"]
    draws = [1 - torch.from_numpy(restyled(x, **styles(f"again {index}", len(x)))) / 255 for index in range(12)]
    for name, style in zip(CODE_STYLES, (slant, thickness), strict=True):
        values = torch.stack([style(ink) for ink in draws], 1)
        assert own[name].low <= (values.var(1).mean() / values.var()).item() <= own[name].high
        assert own[name].high - own[name].low < 0.2
