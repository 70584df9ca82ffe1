"""ALI and BiGAN: one GAN matches the joint distribution of encoder and decoder (Section 2 of the paper).

    joint discriminator   real (x, ẑ), ẑ = f(x, ε)  fake (x̃, z), x̃ = g(z, n), z ~ p(z)
    generators            fool it: the encoder through the real pairs, the decoder through the fake ones

Encoder and decoder are not stacked: the decoder's input is the prior, never an inferred code.

References:
    Dumoulin et al. (2016), Adversarially learned inference. https://arxiv.org/abs/1606.00704
    Donahue, Krähenbühl and Darrell (2016), Adversarial feature learning. https://arxiv.org/abs/1605.09782
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.losses import LOSSES, r1_penalty
from iae_models.scoring import Pair, discriminator_terms, noisy_code, pair_logits
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One batch of real and fake pairs, shared by both players."""

    def __init__(self, model: AdversarialInference, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model

    @cached_property
    def real(self) -> Pair:
        """Images with their inferred codes."""
        z = self._model.infer(self.draws["x"], self.draws["eps"])
        return Pair(self.draws["x"], noisy_code(z, self._model.config, self.draws, "real"))

    @cached_property
    def fake(self) -> Pair:
        """Generated images with the codes that they were made from."""
        z = self.draws["z_prior"]
        x = self._model.generate(z, self.draws["n"])
        return Pair(x, noisy_code(z, self._model.config, self.draws, "fake"))


class AdversarialInference(Variant):
    """Encoder, decoder, and the discriminator of their joint distributions."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.joint_discriminator = cast("nn.Module", self.network("joint_discriminator"))
        self._loss = LOSSES[config.model.reconstruction_loss]

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes (N, code_dim)."""
        z: Tensor = self.encoder(x, eps)
        return z

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) of codes and noise."""
        x: Tensor = self.decoder(z, n)
        return x

    def pass_through(self, x: Tensor, generator: torch.Generator) -> None:
        """Encode images, and generate as many from the prior."""
        self.infer(x, self.sample_encoder_noise(len(x), generator))
        self.generate(self.sample_prior(len(x), generator), self.sample_noise(len(x), generator))

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The basic draws, and noise on images and codes where it is switched on."""
        return self.basic_samplers | self.instance_noise_samplers() | self.code_noise_samplers()

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Discriminator; encoder and decoder."""
        score, moved = parameters_of(self.joint_discriminator), parameters_of(self.encoder, self.decoder)
        return (
            Player("joint_discriminator", score, self._discriminator_terms, "discriminator_lr"),
            Player("generators", moved, self._generator_terms, "generator_lr"),
        )

    def _discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        score, config, loss = self.joint_discriminator, self.config, self._loss
        real, fake = pair_logits(score, config, tape.draws, tape.real.detach(), tape.fake.detach())
        terms = discriminator_terms(tape, "joint_discriminator", loss, real, fake)
        if config.r1_gamma > 0:
            z = tape.real.z.detach()
            terms["r1"] = config.r1_gamma * r1_penalty(lambda x: score(x, z), tape.real.x)
        return terms

    def _generator_terms(self, tape: Forward) -> dict[str, Tensor]:
        real, fake = pair_logits(self.joint_discriminator, self.config, tape.draws, tape.real, tape.fake)
        return {"encoder": self._loss.generator_real(real), "decoder": self._loss.generator_fake(fake)}
