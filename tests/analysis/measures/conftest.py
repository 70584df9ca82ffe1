"""Models and data whose measures are known in closed form."""

from __future__ import annotations

import pytest
import torch

from analysis.measures.classifier import Classifier, _initial
from iae_models.data import ImageData, Split, load
from iae_models.priors import GaussianPrior

SHAPE = (1, 28, 28)
PIXELS = 784


class LinearGaussian:
    """x̂ = ½ + z A + k n B with orthonormal directions: the calibrated decoder of Gaussian images where k = 1.

    Component i of the images has standard deviation `deviations[i]`; the first `code_dim` of them are the code.
    """

    capabilities = frozenset({"infer", "generate", "sample"})
    code = "gaussian"
    encoder_noise_dim = 0

    def __init__(self, code_dim, deviations, spread=1.0, ignore_code=False):
        generator = torch.Generator().manual_seed(17)
        directions = torch.linalg.qr(torch.randn(PIXELS, PIXELS, generator=generator)).Q[:, : len(deviations)]
        self.deviations, self.directions = deviations, directions
        self.code_dim, self.noise_dim = code_dim, len(deviations) - code_dim
        self.prior = GaussianPrior(code_dim)
        self.spread, self.ignore_code = spread, ignore_code

    @property
    def share_of_code(self):
        variances = self.deviations.square()
        return (variances[: self.code_dim].sum() / variances.sum()).item()

    def images(self, num, seed):
        generator = torch.Generator().manual_seed(seed)
        components = torch.randn(num, len(self.deviations), generator=generator) * self.deviations
        return (components @ self.directions.T).view(num, *SHAPE) + 0.5

    def infer(self, x, eps):
        assert eps.shape == (len(x), 0)
        return (x - 0.5).flatten(1) @ self.directions[:, : self.code_dim] / self.deviations[: self.code_dim]

    def generate(self, z, n):
        # a code that belongs to another image is as good as none
        z = z.roll(1, 0) if self.ignore_code else z
        components = torch.cat([z, self.spread * n], 1) * self.deviations
        return (components @ self.directions.T).view(len(z), *SHAPE) + 0.5

    def sample_prior(self, num, generator):
        return self.prior.sample(num, generator)

    def sample_noise(self, num, generator):
        return torch.randn(num, self.noise_dim, generator=generator)

    def sample_encoder_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """Every test of measures computes with one thread."""


@pytest.fixture(scope="session")
def linear_gaussian():
    """Return a factory of linear-Gaussian models with a spectrum like that of real images."""

    def make(code_dim=10, num=200, **options):
        return LinearGaussian(code_dim, 0.5 * torch.linspace(1, 0.05, num) ** 3, **options)

    return make


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


@pytest.fixture(scope="session")
def digits():
    return load("embedded_digits")


@pytest.fixture(scope="session")
def few_digits(digits):
    """A small part of the digits, for what is fast and needs no accuracy."""
    sizes = {"train": 400, "validation": 80, "test": 120}
    splits = [Split(getattr(digits, name).x[:num], getattr(digits, name).y[:num]) for name, num in sizes.items()]
    return ImageData(digits.name, digits.fingerprint, 10, *splits)


@pytest.fixture(scope="session")
def some_classifier(digits):
    """Return a factory of classifiers by the nearest class mean of random features that claim accuracies."""
    parameters = {name: item.detach() for name, item in _initial(SHAPE, 10, torch.Generator().manual_seed(0)).items()}
    features = Classifier(parameters, "", 0.0, 0.0).features(digits.train.images(slice(500)))
    means = torch.stack([features[digits.train.y[:500] == label].mean(0) for label in range(10)], 1)
    parameters |= {"last.weight": means, "last.bias": -0.5 * means.square().sum(0)}

    def make(validation=0.95, test=0.5):
        return Classifier(parameters, "", validation, test)

    return make
