"""The flipped implicit autoencoder (Section 4 of the paper): it starts from a code, not from an image.

    z ~ p(z)   x̃ = g(z, n)   ẑ = f(x̃, ε)

    regularization discriminator   real x         fake x̃         KL(p(x) ‖ p_data(x)) is `reverse_kl`
    reconstruction discriminator   real (x̃, z)    fake (x̃, ẑ)    KL(p(x, z) ‖ s(x, z)) is `forward_kl`
    autoencoder                    fools both; the first moves the generator, the second generator and recogniser

(Equation 13.) The paper calls g the encoder and f the decoder; here, as in all variants, `decoder` generates images and
`encoder` infers codes, so that all are measured alike. The recogniser sees synthetic images alone. A one-hot z and a
soft ẑ are told apart at once unless both carry noise (`code_noise`).
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.losses import LOSSES, r1_penalty
from iae_models.scoring import Pair, alone, discriminator_terms, fake_logits, image_gan_terms, noisy_code, pair_logits
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One pass through generator and recogniser, shared by all three players."""

    def __init__(self, model: FlippedImplicitAutoencoder, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]

    @cached_property
    def x_fake(self) -> Tensor:
        """Generated images with shape (N, C, H, W)."""
        return self._model.generate(self.draws["z_prior"], self.draws["n"])

    @cached_property
    def z(self) -> Tensor:
        """Codes of the prior as the discriminator sees them, with shape (N, code_dim)."""
        return noisy_code(self.draws["z_prior"], self._model.config, self.draws, "real")

    @cached_property
    def z_hat(self) -> Tensor:
        """Recognised codes as the discriminator sees them, with shape (N, code_dim)."""
        z_hat = self._model.infer(self.x_fake, self.draws["eps"])
        return noisy_code(z_hat, self._model.config, self.draws, "fake")


class FlippedImplicitAutoencoder(Variant):
    """Generator, recogniser, and the discriminators of the reconstruction and the regularization GAN."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.reconstruction_discriminator = cast("nn.Module", self.network("reconstruction_discriminator"))
        self.regularization_discriminator = cast("nn.Module", self.network("regularization_discriminator"))
        self._reconstruction = LOSSES[config.model.reconstruction_loss]
        self._regularization = LOSSES[config.model.regularization_loss]

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes (N, code_dim)."""
        z: Tensor = self.encoder(x, eps)
        return z

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) of codes and noise."""
        x: Tensor = self.decoder(z, n)
        return x

    def pass_through(self, x: Tensor, generator: torch.Generator) -> None:
        """Generate as many images as there are in `x`, and recognise them."""
        x = self.generate(self.sample_prior(len(x), generator), self.sample_noise(len(x), generator))
        self.infer(x, self.sample_encoder_noise(len(x), generator))

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The basic draws, and noise on images and codes where it is switched on."""
        return self.basic_samplers | self.instance_noise_samplers() | self.code_noise_samplers()

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Reconstruction discriminator, regularization discriminator, generator with recogniser."""
        pairs, images = self.reconstruction_discriminator, self.regularization_discriminator
        moved = parameters_of(self.encoder, self.decoder)
        return (
            Player("reconstruction_discriminator", parameters_of(pairs), self._pair_terms, "discriminator_lr"),
            Player("regularization_discriminator", parameters_of(images), self._image_terms, "discriminator_lr"),
            Player("autoencoder", moved, self._autoencoder_terms, "generator_lr"),
        )

    def _pair_terms(self, tape: Forward) -> dict[str, Tensor]:
        score, loss, x = self.reconstruction_discriminator, self._reconstruction, tape.x_fake.detach()
        real, fake = pair_logits(score, self.config, tape.draws, Pair(x, tape.z), Pair(x, tape.z_hat.detach()))
        terms = discriminator_terms(tape, "reconstruction_discriminator", loss, real, fake)
        if self.config.r1_gamma > 0:
            # the pairs share their image: it is the code that is compared
            terms["r1"] = self.config.r1_gamma * r1_penalty(lambda z: score(x, z), tape.z)
        return terms

    def _image_terms(self, tape: Forward) -> dict[str, Tensor]:
        score, loss = self.regularization_discriminator, self._regularization
        return image_gan_terms(score, self.config, tape, loss, tape.x_fake)

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        model, score = self.config, self.regularization_discriminator
        fake = fake_logits(score, model, tape.draws, alone(tape.x), alone(tape.x_fake))
        regularization = model.regularization_weight * self._regularization.generator_fake(fake)
        return self._reconstruction_terms(tape) | {"regularization": regularization}

    def _reconstruction_terms(self, tape: Forward) -> dict[str, Tensor]:
        model, loss, score = self.config, self._reconstruction, self.reconstruction_discriminator
        real = Pair(tape.x_fake, tape.z)
        fake = Pair(tape.x_fake if model.code_gradient else tape.x_fake.detach(), tape.z_hat)
        if not model.positive_gradient:
            logits = fake_logits(score, model, tape.draws, real, fake)
            return {"reconstruction": model.reconstruction_weight * loss.generator_fake(logits)}
        positive, negative = pair_logits(score, model, tape.draws, real, fake)
        return {
            "reconstruction": model.reconstruction_weight * loss.generator_fake(negative),
            "positive": model.reconstruction_weight * loss.generator_real(positive),
        }
