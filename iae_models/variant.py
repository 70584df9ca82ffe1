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

from iae_models.config import DATASETS, VARIANTS, RunConfig, stream_seed
from iae_models.data import ImageData
from iae_models.priors import prior_of

Sampler = Callable[[ImageData, int, torch.Generator], Any]
"""From (data, batch size, random stream) to one named draw of a batch: a tensor, or a tuple of tensors that belong
together, such as images with their labels."""

Draws = Mapping[str, Any]


@dataclass(frozen=True)
class Player:
    """One phase of a training step.

    Attributes:
        name: The player, as it appears in histories.
        parameters: What it moves; no other player moves any of it.
        terms: From the step's tape to its weighted loss terms by name; their sum is minimized.
        learning_rate: The field of `TrainConfig` that holds its learning rate.
        interval: It moves in every `interval`-th step.
        fresh_tape: Whether it needs a forward pass of its own, because a player before it moves parameters that the
            shared results depend on. Without it, at most one player may differentiate the shared results.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    terms: Callable[[Any], dict[str, Tensor]]
    learning_rate: str
    interval: int = 1
    fresh_tape: bool = False


class Tape:
    """The draws of one step, and room for forward results that several players share.

    A variant subclasses it with `functools.cached_property` for each shared result.

    Attributes:
        draws: The batch: one tensor per name that the variant declares.
        metrics: Scalars worth a line in the history besides the loss terms.
    """

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        self.metrics: dict[str, Tensor] = {}


class Variant(nn.Module):
    """A generative model that infers a code from an image, or generates an image from a code and noise, or both.

    Attributes:
        capabilities: Which of "infer", "generate" and "sample" it can do; measures skip what they cannot have.
        x_shape: Shape of one image (C, H, W).
        code: "gaussian" or "categorical".
        code_dim: Length of the code; 0 where there is none.
        noise_dim: Length of the decoder's noise; 0 for a deterministic decoder.
        encoder_noise_dim: Length of the encoder's noise; 0 for a deterministic encoder.
    """

    averaged: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    """Names of the modules that are measured, and so averaged over training."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config.model
        self.capabilities = config.model.capabilities
        self.x_shape = DATASETS[config.data.name].shape
        self.code = config.model.code
        self.code_dim = config.model.code_dim
        self.noise_dim = config.model.noise_dim
        self.encoder_noise_dim = config.model.encoder_noise_dim
        self.prior = prior_of(config.model)

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The named draws of a batch."""
        raise NotImplementedError

    def tape(self, draws: Draws) -> Tape:
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

    def reconstruct(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return one reconstruction (N, C, H, W) of images (N, C, H, W), with noise from a random stream.

        It passes through every module in `averaged`, so that their batch-norm statistics can be recomputed from it.
        """
        z = self.infer(x, self.sample_encoder_noise(len(x), generator))
        return self.generate(z, self.sample_noise(len(x), generator))

    def sample_prior(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes from p(z), with shape (num, code_dim)."""
        return self.prior.sample(num, generator)

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw decoder noise n ~ N(0, I), with shape (num, noise_dim)."""
        return torch.randn(num, self.noise_dim, generator=generator, device=generator.device)

    def sample_encoder_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw encoder noise ε ~ N(0, I), with shape (num, encoder_noise_dim)."""
        return torch.randn(num, self.encoder_noise_dim, generator=generator, device=generator.device)


def images(data: ImageData, num: int, generator: torch.Generator) -> Tensor:
    """Draw `num` training images uniformly with replacement, with shape (num, C, H, W) in [0, 1]."""
    index = torch.randint(len(data.train), (num,), generator=generator, device=generator.device)
    return data.train.images(index)


def build(config: RunConfig, replicate: int) -> Variant:
    """Build the variant that a configuration names, on the CPU.

    Each layer has a random stream of its own, named after it, so that a layer more or less changes no other one.
    """
    module, _, name = VARIANTS[config.model.variant].place.partition(":")
    with torch.random.fork_rng(devices=[]):
        variant: Variant = getattr(importlib.import_module(module), name)(config)
        for path, layer in variant.named_modules():
            if hasattr(layer, "reset_parameters"):
                torch.manual_seed(stream_seed(replicate, f"init/{path}"))
                layer.reset_parameters()
    return variant
