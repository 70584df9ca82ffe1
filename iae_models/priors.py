"""Prior distributions p(z) of the latent code, and distributions of the decoder's noise.

The uniform distribution has unit variance, like the normal one, so that the two differ in shape alone and the batch
normalized codes of an encoder fit both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from iae_models.config import ModelConfig

UNIFORM_LIMIT = math.sqrt(3)
"""A uniform distribution on ±√3 has variance 1."""

EM_STEPS = 50
EM_RIDGE = 1e-4
"""Variance added to every fitted component, where codes have variance about 1."""


@dataclass(frozen=True)
class GaussianPrior:
    """The standard normal distribution in `dim` dimensions."""

    dim: int

    def sample(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes with shape (num, dim) on the generator's device."""
        return torch.randn(num, self.dim, generator=generator, device=generator.device)


@dataclass(frozen=True)
class UniformPrior:
    """The uniform distribution on the cube ±√3 in `dim` dimensions."""

    dim: int

    def sample(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes with shape (num, dim) on the generator's device."""
        unit = torch.rand(num, self.dim, generator=generator, device=generator.device)
        return UNIFORM_LIMIT * (2 * unit - 1)


@dataclass(frozen=True)
class CategoricalPrior:
    """One-hot codes with the given class probabilities."""

    probabilities: tuple[float, ...]

    def sample(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw one-hot codes with shape (num, K) on the generator's device."""
        weights = self.weights(generator.device)
        index = torch.multinomial(weights, num, replacement=True, generator=generator)
        return torch.nn.functional.one_hot(index, len(self.probabilities)).to(weights.dtype)

    def weights(self, device: torch.device) -> Tensor:
        """Return the class probabilities as a tensor with shape (K,), which is kept and must not be changed."""
        return _tensor(self.probabilities, device, torch.get_default_dtype())


@lru_cache(maxsize=16)
def _tensor(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    # a copy from the host at every step would make it wait for the device
    return torch.tensor(values, device=device, dtype=dtype)


class MixturePrior(torch.nn.Module):
    """A Gaussian mixture with full covariances, fitted to codes after training (the alternative of Case 3).

    Its parameters are buffers, so they are stored with the weights. Until it is fitted it is standard normal.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, num_components: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.full((num_components,), 1 / num_components))
        self.register_buffer("means", torch.zeros(num_components, dim))
        self.register_buffer("factors", torch.eye(dim).repeat(num_components, 1, 1))

    def sample(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes with shape (num, dim) on the generator's device."""
        index = torch.multinomial(self.weights, num, replacement=True, generator=generator)
        noise = torch.randn(num, self.means.shape[1], generator=generator, device=generator.device)
        return self.means[index] + torch.einsum("nij,nj->ni", self.factors[index], noise)

    @torch.no_grad()
    def fit(self, z: Tensor, generator: torch.Generator) -> None:
        """Fit the mixture to codes with shape (N, dim) by expectation maximization from codes drawn as centres.

        Reference: Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
        """
        num, dim = len(self.weights), z.shape[1]
        z = z.double()
        ridge = EM_RIDGE * torch.eye(dim, dtype=z.dtype, device=z.device)
        start = torch.randperm(len(z), generator=generator, device=generator.device)[:num]
        weights = torch.full((num,), 1 / num, dtype=z.dtype, device=z.device)
        means, covariances = z[start], (z.T.cov().view(dim, dim) + ridge).repeat(num, 1, 1)
        for _ in range(EM_STEPS if num > 1 else 1):
            shares = self._responsibilities(z, weights, means, covariances)
            totals = shares.sum(0).clamp_min(1e-9)
            weights, means = totals / len(z), shares.T @ z / totals[:, None]
            centred = z[:, None] - means
            covariances = torch.einsum("nk,nki,nkj->kij", shares, centred, centred) / totals[:, None, None] + ridge
        self.weights.copy_(weights)
        self.means.copy_(means)
        self.factors.copy_(torch.linalg.cholesky(covariances))

    @staticmethod
    def _responsibilities(z: Tensor, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
        """Return the posterior probability of each component for each code, with shape (N, K)."""
        factors = torch.linalg.cholesky(covariances)
        centred = (z[:, None] - means).transpose(0, 1).transpose(1, 2)
        distances = torch.linalg.solve_triangular(factors, centred, upper=False).square().sum(1)
        scales = factors.diagonal(dim1=1, dim2=2).log().sum(1)
        shares: Tensor = (weights.log()[:, None] - scales[:, None] - 0.5 * distances).softmax(0).T
        return shares


Prior = GaussianPrior | UniformPrior | CategoricalPrior | MixturePrior


def prior_of(config: ModelConfig) -> Prior:
    """Return the prior that a model's configuration names."""
    if config.code == "categorical":
        uniform = (1.0 / config.num_categories,) * config.num_categories
        return CategoricalPrior(config.category_probabilities or uniform)
    if config.prior_components:
        return MixturePrior(config.prior_components, config.latent_dim)
    return (
        UniformPrior(config.latent_dim) if config.prior_distribution == "uniform" else GaussianPrior(config.latent_dim)
    )


def noise_of(config: ModelConfig, dim: int) -> GaussianPrior | UniformPrior:
    """Return the distribution of a decoder's noise of `dim` dimensions."""
    return UniformPrior(dim) if config.noise_distribution == "uniform" else GaussianPrior(dim)
