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

from iae_models.config import DATASETS, RunConfig, stream_seed, variant_info
from iae_models.data import ImageData, Split
from iae_models.networks import make
from iae_models.priors import MixturePrior, noise_of, prior_of
from iae_models.products import fastest_product, set_product
from iae_models.variants import VariantInfo

Sampler = Callable[[ImageData, int, torch.Generator], Any]
"""From (data, batch size, random stream) to one named draw of a batch: a tensor, or a tuple of tensors that belong
together, such as images with their labels."""

Draws = Mapping[str, Any]

FITTED_IMAGES = 10_000
"""Training images, at most, whose codes a prior is fitted to after training."""


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
        x_shape: Shape of one image (C, H, W), or of one point (D,); "images" below stands for both.
        code: "gaussian" (continuous), "categorical" or "image".
        code_dim: Length of the code; 0 where there is none, or it is an image.
        z_shape: Shape of one code: (code_dim,), or (C', H, W) of an image of the second domain. Where a code is an
            image, "(N, code_dim)" below stands for that.
        noise_dim: Length of the decoder's noise; 0 for a deterministic decoder.
        encoder_noise_dim: Length of the encoder's noise; 0 for a deterministic encoder.
    """

    info: ClassVar[VariantInfo]
    """What a plan must know, stated by a variant that has no entry in `VARIANTS`."""

    averaged: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    """Names of the modules that are measured, and so averaged over training."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config.model
        self.capabilities = config.model.capabilities
        self.x_shape = DATASETS[config.data.name].shape
        self.code = config.model.code
        self.code_dim = config.model.code_dim
        self.z_shape = DATASETS[config.data.name].code_shape if self.code == "image" else (self.code_dim,)
        self.noise_dim = config.model.noise_dim
        self.encoder_noise_dim = config.model.encoder_noise_dim
        self.prior = prior_of(config.model)
        self._run = config
        self._networks = variant_info(config.model.variant).networks(config.model)

    def network(self, name: str) -> nn.Module | None:
        """Build the network that the variant's `VariantInfo` has under a name; None where it has none."""
        if name not in self._networks:
            return None
        network = make(self._networks[name], self._run)
        if self._run.train.precision == "bfloat16":
            network.register_forward_hook(_to_single_precision)
        return network

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The named draws of a batch."""
        raise NotImplementedError

    @property
    def basic_samplers(self) -> dict[str, Sampler]:
        """The draws of nearly every variant: images x, codes z_prior ~ p(z), noise n and ε."""
        return {
            "x": images,
            "z_prior": lambda _, num, generator: self.sample_prior(num, generator),
            "n": lambda _, num, generator: self.sample_noise(num, generator),
            "eps": lambda _, num, generator: self.sample_encoder_noise(num, generator),
        }

    def image_noise_samplers(self, scales: Mapping[str, float]) -> dict[str, Sampler]:
        """The draws of standard normal noise with the shape of images, for those names whose scale is positive."""
        shape = self.x_shape
        return {
            name: lambda _, num, generator: _normal((num, *shape), generator)
            for name, scale in scales.items()
            if scale > 0
        }

    def instance_noise_samplers(self) -> dict[str, Sampler]:
        """The draws of noise on the real and the fake images of discriminators, where there is such noise."""
        names = ("instance_noise_real", "instance_noise_fake")
        return self.image_noise_samplers(dict.fromkeys(names, self.config.instance_noise))

    def code_noise_samplers(self) -> dict[str, Sampler]:
        """The draws of standard normal noise on real and fake codes, where there is such noise."""
        dim = self.code_dim
        names = ("code_noise_real", "code_noise_fake") if self.config.code_noise > 0 else ()
        return {name: lambda _, num, generator: _normal((num, dim), generator) for name in names}

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
        """Return one reconstruction (N, C, H, W) of images (N, C, H, W), with noise from a random stream."""
        z = self.infer(x, self.sample_encoder_noise(len(x), generator))
        return self.generate(z, self.sample_noise(len(x), generator))

    def sample(self, split: Split, num: int, generator: torch.Generator) -> Tensor:
        """Return images (num, C, H, W) of the model's own.

        Their codes are of p(z): where codes are images, the first of the second domain's in `split`. Where nothing
        pulls codes there and no prior was fitted (Case 3) they are of q(z): those of the first images of `split`.
        """
        if "sample" not in self.capabilities:
            return self.reconstruct(split.images(slice(num)), generator)
        z = split.code_images(slice(num)) if self.code == "image" else self.sample_prior(num, generator)
        return self.generate(z, self.sample_noise(len(z), generator))

    def pass_through(self, x: Tensor, generator: torch.Generator) -> None:
        """Send a batch through every module in `averaged` as training does, to recompute their batch-norm statistics.

        Args:
            x: Training images with shape (N, C, H, W).
            generator: Where codes and noise are drawn from.
        """
        self.reconstruct(x, generator)

    def fit_prior(self, data: ImageData) -> None:
        """Fit the prior to the codes of training images, where the configuration asks for it."""
        if not isinstance(self.prior, MixturePrior):
            return
        generator = torch.Generator(data.train.x.device).manual_seed(stream_seed(0, "fit_prior"))
        fitted = data.train.images(slice(FITTED_IMAGES))
        with torch.no_grad():
            z = [self.infer(x, self.sample_encoder_noise(len(x), generator)) for x in torch.split(fitted, 500)]
        self.prior.fit(torch.cat(z), generator)

    def sample_prior(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes from p(z), with shape (num, code_dim)."""
        return self.prior.sample(num, generator)

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw decoder noise n, with shape (num, noise_dim)."""
        return noise_of(self.config, self.noise_dim).sample(num, generator)

    def sample_encoder_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw encoder noise ε ~ N(0, I), with shape (num, encoder_noise_dim)."""
        return _normal((num, self.encoder_noise_dim), generator)


def images(data: ImageData, num: int, generator: torch.Generator) -> Tensor:
    """Draw `num` training images uniformly with replacement, with shape (num, C, H, W) in [0, 1]."""
    index = torch.randint(len(data.train), (num,), generator=generator, device=generator.device)
    return data.train.images(index)


def parameters_of(*modules: nn.Module | None) -> tuple[nn.Parameter, ...]:
    """Return the parameters of those modules that there are."""
    return tuple(parameter for module in modules if module is not None for parameter in module.parameters())


def build(config: RunConfig, replicate: int, product: str | None = None) -> Variant:
    """Build the variant that a configuration names, on the CPU.

    Each layer has a random stream of its own, named after it, so that a layer more or less changes no other one.

    Args:
        config: The configuration.
        replicate: What the initial weights are drawn from.
        product: Which library multiplies on a CPU; None stands for `fastest_product()`.

    Raises:
        ValueError: The library is not there.
    """
    module, _, name = variant_info(config.model.variant).place.partition(":")
    with torch.random.fork_rng(devices=[]):
        variant: Variant = getattr(importlib.import_module(module), name)(config)
        for path, layer in variant.named_modules():
            if hasattr(layer, "reset_parameters"):
                torch.manual_seed(stream_seed(replicate, f"init/{path}"))
                layer.reset_parameters()
    set_product(variant, product or fastest_product())
    return variant


def _to_single_precision(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return output.float()


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)
