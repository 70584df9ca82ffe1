"""InfoGAN: a generative adversarial network whose code a recognition network must find again (Section 4 of the paper).

    regularization discriminator   real x  fake x̃ = g(z, n), z ~ p(z)
    generator, recogniser          fool it, and minimize −log q(z | x̃)

q(z|x) is a factorized normal distribution whose mean and standard deviation are both learnt, as in Figure 11, or a
categorical one. The recogniser is a network of its own, the encoder of the other variants, where the original shares
the discriminator's layers: so that only the objective differs. It never sees a real image in training.

Reference: Chen et al. (2016), InfoGAN. https://arxiv.org/abs/1606.03657
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.losses import LOSSES, categorical_loss, normal_loss
from iae_models.networks import Encoder
from iae_models.scoring import alone, fake_logits, image_gan_terms
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One batch of generated images, shared by both players."""

    def __init__(self, model: InfoGan, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]

    @cached_property
    def x_fake(self) -> Tensor:
        """Generated images with shape (N, C, H, W)."""
        return self._model.generate(self.draws["z_prior"], self.draws["n"])


class InfoGan(Variant):
    """Generator, recogniser, and discriminator of images."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("Encoder", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.regularization_discriminator = cast("nn.Module", self.network("regularization_discriminator"))
        self._loss = LOSSES[config.model.regularization_loss]
        # a draw of a normal q(z|x) takes as many normal numbers as the code has dimensions
        self.encoder_noise_dim = self.code_dim if self.code == "gaussian" else 0

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return draws of q(z|x), with shape (N, code_dim): normal, or the probabilities of the categories."""
        if self.code == "categorical":
            probabilities: Tensor = self.encoder(x, eps)
            return probabilities
        mean, log_variance = self.posterior(x)
        return mean + (0.5 * log_variance).exp() * eps

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of a normal q(z|x), each with shape (N, code_dim)."""
        mean, log_variance = self.encoder(x, x.new_zeros(len(x), 0)).chunk(2, 1)
        return mean, log_variance

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) of codes and noise."""
        x: Tensor = self.decoder(z, n)
        return x

    def pass_through(self, x: Tensor, generator: torch.Generator) -> None:
        """Generate as many images as there are in `x`, and recognise them."""
        x = self.generate(self.sample_prior(len(x), generator), self.sample_noise(len(x), generator))
        self.encoder(x, x.new_zeros(len(x), 0))

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
        """Discriminator; generator and recogniser."""
        score, moved = parameters_of(self.regularization_discriminator), parameters_of(self.encoder, self.decoder)
        return (
            Player("regularization_discriminator", score, self._discriminator_terms, "discriminator_lr"),
            Player("generator", moved, self._generator_terms, "generator_lr"),
        )

    def _discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        return image_gan_terms(self.regularization_discriminator, self.config, tape, self._loss, tape.x_fake)

    def _generator_terms(self, tape: Forward) -> dict[str, Tensor]:
        score, z = self.regularization_discriminator, tape.draws["z_prior"]
        fake = fake_logits(score, self.config, tape.draws, alone(tape.x), alone(tape.x_fake))
        if self.code == "categorical":
            logits = self.encoder.logits(tape.x_fake, tape.x.new_zeros(len(z), 0))
            reconstruction = categorical_loss(logits, z)
        else:
            reconstruction = normal_loss(z, *self.posterior(tape.x_fake))
        return {
            "regularization": self._loss.generator_fake(fake),
            "reconstruction": self.config.reconstruction_weight * reconstruction,
        }
