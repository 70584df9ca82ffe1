"""Prior distributions p(z) of the latent code."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from iae_models.config import ModelConfig


@dataclass(frozen=True)
class GaussianPrior:
    """The standard normal distribution in `dim` dimensions."""

    dim: int

    def sample(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes with shape (num, dim) on the generator's device."""
        return torch.randn(num, self.dim, generator=generator, device=generator.device)


@dataclass(frozen=True)
class CategoricalPrior:
    """One-hot codes with the given class probabilities."""

    probabilities: tuple[float, ...]

    def sample(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw one-hot codes with shape (num, K) on the generator's device."""
        weights = torch.tensor(self.probabilities, device=generator.device)
        index = torch.multinomial(weights, num, replacement=True, generator=generator)
        return torch.nn.functional.one_hot(index, len(self.probabilities)).float()


Prior = GaussianPrior | CategoricalPrior


def prior_of(config: ModelConfig) -> Prior:
    """Return the prior that a model's configuration names."""
    if config.code == "gaussian":
        return GaussianPrior(config.latent_dim)
    uniform = (1.0 / config.num_categories,) * config.num_categories
    return CategoricalPrior(config.category_probabilities or uniform)
