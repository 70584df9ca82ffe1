"""Data that are made: the same for ever, with factors that are what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from iae_models import data
from iae_models.data import ImageData, Split, hashed, seven_gaussians
from iae_models.data.street_digits import BACKGROUNDS, INKS


@pytest.fixture(scope="module")
def street() -> ImageData:
    return data.load("street_digits", Path("/nonexistent"))


def test_hashed_numbers_have_their_distributions() -> None:
    values = hashed.uniform("a", 4000)
    assert 0 < values.min() < values.max() < 1
    assert np.abs(np.histogram(values, 10, (0, 1))[0] / 400 - 1).max() < 0.2
    assert np.array_equal(hashed.uniform("a", 10), values[:10])
    assert not np.array_equal(hashed.uniform("b", 10), values[:10])
    normal = hashed.normal("a", 4000)
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05))
    assert set(hashed.integers("a", 4000, 3)) == {0, 1, 2}


def test_seven_gaussians_have_their_moments() -> None:
    points = data.load("seven_gaussians", Path("/nonexistent"))
    assert points.num_classes == 7
    for label, centre in enumerate(seven_gaussians.centres()):
        own = points.train.x[points.train.y == label]
        assert len(own) == 1200
        assert own.mean(0).tolist() == pytest.approx(centre.tolist(), abs=0.02)
        assert torch.allclose(own.T.cov(), 0.15**2 * torch.eye(2), atol=0.003)


def test_four_points_are_four() -> None:
    points = data.load("four_points", Path("/nonexistent"))
    assert len(points.train.x.unique(dim=0)) == 4
    assert points.test.y.bincount().tolist() == [500] * 4


def test_street_digits_have_the_colours_of_their_factors(street: ImageData) -> None:
    split = street.validation
    backgrounds, inks = torch.tensor(BACKGROUNDS), torch.tensor(INKS)
    # where no digit reaches, an image is its background; where ink is full, it is its ink
    brightness = split.x.sum(1).flatten(1)
    pixels = split.x.flatten(2)
    index = torch.arange(len(split))
    assert torch.equal(pixels[index, :, brightness.argmin(1)].long(), backgrounds[split.factors["background"]])
    assert (pixels[index, :, brightness.argmax(1)].long() - inks[split.factors["ink"]]).abs().max() <= 12
    assert torch.equal(split.y, split.factors["middle"])


def test_street_digits_move_by_their_shift(street: ImageData) -> None:
    x, factors = street.train.images(), street.train.factors
    # brightness relative to the background, averaged over everything else
    ink = (x - x.amin((2, 3), keepdim=True)).mean(1)
    rows = (ink.sum(2) * torch.arange(32.0)).sum(1) / ink.sum((1, 2))
    means = [rows[factors["shift_y"] == shift].mean().item() for shift in range(5)]
    assert np.diff(means) == pytest.approx(np.ones(4), abs=0.25)


def test_street_factors_are_independent(street: ImageData) -> None:
    factors = street.train.factors
    assert set(factors) == {"left", "middle", "right", "background", "ink", "shift_x", "shift_y"}
    values = torch.stack([value.double() for value in factors.values()])
    assert (values.corrcoef() - torch.eye(7)).abs().max() < 0.05


def test_factors_travel_with_their_split(street: ImageData) -> None:
    assert street.to("meta").test.factors["ink"].device.type == "meta"
    with pytest.raises(ValueError, match=r"ink must be int64 with shape \(2,\)"):
        Split(torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64), {"ink": torch.zeros(3, dtype=torch.int64)})


def test_points_are_kept_as_they_are() -> None:
    x = torch.tensor([[1.5, -2.0], [0.5, 2.0]])
    split = Split(x, torch.tensor([0, 1]))
    assert torch.equal(split.images(), x)
    assert split.mean().tolist() == [1.0, 0.0]
