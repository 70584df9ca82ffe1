"""What every model variant offers: the contract between models, training and measures.

A variant names its random draws, runs its forward pass once a step on a tape, and lists its players. A player is a
phase of a training step: some parameters, the loss terms that move them, and how often. The training loop knows
nothing else, so it has no case for any variant.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from iae_models.config import DATASETS, VARIANTS, RunConfig
from iae_models.data import Split
from iae_models.priors import prior_of

Sampler = Callable[[Split, int, torch.Generator], Tensor]
"""From (training images, batch size, random stream) to one named draw of a batch."""


@dataclass(frozen=True)
class Player:
    """One phase of a training step.

    Attributes:
        name: The player, as it appears in histories.
        parameters: What it moves; no other player moves any of it.
        terms: From the step's tape to its weighted loss terms by name; their sum is minimized.
        learning_rate: The field of `TrainConfig` that holds its learning rate.
        interval: It moves in every `interval`-th step.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    terms: Callable[[Any], dict[str, Tensor]]
    learning_rate: str
    interval: int = 1


class Tape:
    """The draws of one step, and room for forward results that several players share.

    A variant subclasses it with `functools.cached_property` for each shared result.

    Attributes:
        draws: The batch: one tensor per name that the variant declares.
        metrics: Scalars worth a line in the history besides the loss terms.
    """

    def __init__(self, draws: Mapping[str, Tensor]) -> None:
        self.draws = draws
        self.metrics: dict[str, Tensor] = {}


class Variant(nn.Module):
    """A generative model that infers a code from an image, or generates an image from a code and noise, or both.

    Attributes:
        capabilities: Which of "infer" and "generate" it can do; measures skip what they cannot have.
        x_shape: Shape of one image (C, H, W).
        code: "gaussian" or "categorical".
        code_dim: Length of the code; 0 where there is none.
        noise_dim: Length of the decoder's noise; 0 for a deterministic decoder.
        encoder_noise_dim: Length of the encoder's noise; 0 for a deterministic encoder.
    """

    capabilities: frozenset[str] = frozenset({"infer", "generate"})
    averaged: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    """Names of the modules that are measured, and so averaged over training."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config.model
        self.x_shape = DATASETS[config.data.name].image_shape
        self.code = config.model.code
        self.code_dim = config.model.code_dim
        self.noise_dim = config.model.noise_dim
        self.encoder_noise_dim = config.model.encoder_noise_dim
        self.prior = prior_of(config.model)

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The named draws of a batch."""
        raise NotImplementedError

    def tape(self, draws: Mapping[str, Tensor]) -> Tape:
        """Return the tape of a step with these draws."""
        raise NotImplementedError

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """The players in the order in which they move."""
        raise NotImplementedError

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes (N, code_dim) of images (N, C, H, W) in [0, 1] and noise (N, encoder_noise_dim)."""
        raise NotImplementedError

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) in [0, 1] of codes (N, code_dim) and noise (N, noise_dim)."""
        raise NotImplementedError

    def sample_prior(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes from p(z), with shape (num, code_dim)."""
        return self.prior.sample(num, generator)

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw decoder noise n ~ N(0, I), with shape (num, noise_dim)."""
        return torch.randn(num, self.noise_dim, generator=generator, device=generator.device)

    def sample_encoder_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw encoder noise ε ~ N(0, I), with shape (num, encoder_noise_dim)."""
        return torch.randn(num, self.encoder_noise_dim, generator=generator, device=generator.device)


def images(split: Split, num: int, generator: torch.Generator) -> Tensor:
    """Draw `num` training images uniformly with replacement, with shape (num, C, H, W) in [0, 1]."""
    return split.images(torch.randint(len(split), (num,), generator=generator, device=generator.device))


def build(config: RunConfig) -> Variant:
    """Build the variant that a configuration names, with parameters from torch's global random state."""
    module, _, name = VARIANTS[config.model.variant].partition(":")
    variant: Variant = getattr(importlib.import_module(module), name)(config)
    return variant
