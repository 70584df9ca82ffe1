"""The generative adversarial network: code and noise to an image, and nothing that infers a code.

    regularization discriminator   real x  fake x̃ = g(z, n), z ~ p(z)
    generator                      fools it

With a categorical code it is the left side of Figure 5 of the paper: nothing asks it to use its categories.

Reference: Goodfellow et al. (2014), Generative adversarial nets.
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.losses import LOSSES
from iae_models.scoring import alone, fake_logits, image_gan_terms
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One batch of generated images, shared by both players."""

    def __init__(self, model: GenerativeAdversarialNetwork, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]

    @cached_property
    def x_fake(self) -> Tensor:
        """Generated images with shape (N, C, H, W)."""
        return self._model.generate(self.draws["z_prior"], self.draws["n"])


class GenerativeAdversarialNetwork(Variant):
    """Generator and discriminator of images."""

    averaged = ("decoder",)

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.regularization_discriminator = cast("nn.Module", self.network("regularization_discriminator"))
        self._loss = LOSSES[config.model.regularization_loss]

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) of codes and noise."""
        x: Tensor = self.decoder(z, n)
        return x

    def pass_through(self, x: Tensor, generator: torch.Generator) -> None:
        """Generate as many images as there are in `x`, from the prior."""
        self.generate(self.sample_prior(len(x), generator), self.sample_noise(len(x), generator))

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """Images, codes and noise, and noise on images where it is switched on."""
        basic = {name: sample for name, sample in self.basic_samplers.items() if name != "eps"}
        return basic | self.instance_noise_samplers()

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Discriminator, generator."""
        score = parameters_of(self.regularization_discriminator)
        return (
            Player("regularization_discriminator", score, self._discriminator_terms, "discriminator_lr"),
            Player("generator", parameters_of(self.decoder), self._generator_terms, "generator_lr"),
        )

    def _discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        return image_gan_terms(self.regularization_discriminator, self.config, tape, self._loss, tape.x_fake)

    def _generator_terms(self, tape: Forward) -> dict[str, Tensor]:
        score = self.regularization_discriminator
        fake = fake_logits(score, self.config, tape.draws, alone(tape.x), alone(tape.x_fake))
        return {"regularization": self._loss.generator_fake(fake)}
