"""CycleGAN: two translators, a GAN on each domain, and an L1 cost of going there and back (Section 3 of the paper).

    image discriminator            real x  fake x̃ = g(z, n)       z: images of the second domain
    regularization discriminator   real z  fake ẑ = f(x, ε)
    translators                    fool both, and minimize |x − g(ẑ, n)| + |z − f(x̃, ε)|, means over pixels

On the networks of the cycle implicit autoencoder, with its noise: an L1 cost has one best reconstruction, so it teaches
the decoder to ignore n. `reconstruction_weight` is the weight of the cycles, 10 in the original, whose GAN is a
least-squares one; here it is the `regularization_loss`, as in the other variants.

Reference: Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation. https://arxiv.org/abs/1703.10593
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

from torch import Tensor, nn

from iae_models.code_gan import code_gan_terms, code_generator_term, second_domain
from iae_models.config import RunConfig
from iae_models.losses import LOSSES, r1_penalty
from iae_models.scoring import alone, discriminator_terms, fake_logits, pair_logits
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One pass from each domain to the other, shared by all three players."""

    def __init__(self, model: CycleGan, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]
        self.z: Tensor = draws["z_prior"]

    @cached_property
    def z_hat(self) -> Tensor:
        """Translations to the second domain, with shape (N, C', H, W)."""
        return self._model.infer(self.x, self.draws["eps"])

    @cached_property
    def x_fake(self) -> Tensor:
        """Translations to the first domain, with shape (N, C, H, W)."""
        return self._model.generate(self.z, self.draws["n_forth"])


class CycleGan(Variant):
    """Two translators and the discriminators of both domains."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.image_discriminator = cast("nn.Module", self.network("image_discriminator"))
        self.regularization_discriminator = cast("nn.Module", self.network("regularization_discriminator"))
        self._loss = LOSSES[config.model.regularization_loss]

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return images of the second domain (N, C', H, W)."""
        z: Tensor = self.encoder(x, eps)
        return z

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images of the first domain (N, C, H, W), for codes (N, C', H, W)."""
        x: Tensor = self.decoder(z, n)
        return x

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """Images of both domains, and noise for each of the four passes."""
        return self.basic_samplers | {
            "z_prior": second_domain,
            "n_forth": lambda _, num, generator: self.sample_noise(num, generator),
            "eps_back": lambda _, num, generator: self.sample_encoder_noise(num, generator),
        }

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Image discriminator, regularization discriminator, both translators."""
        images, codes = self.image_discriminator, self.regularization_discriminator
        moved = parameters_of(self.encoder, self.decoder)
        return (
            Player("image_discriminator", parameters_of(images), self._image_terms, "discriminator_lr"),
            Player("regularization_discriminator", parameters_of(codes), self._code_terms, "regularization_lr"),
            Player("autoencoder", moved, self._autoencoder_terms, "generator_lr"),
        )

    def _image_terms(self, tape: Forward) -> dict[str, Tensor]:
        score, x = self.image_discriminator, tape.x
        real, fake = pair_logits(score, self.config, tape.draws, alone(x), alone(tape.x_fake.detach()))
        terms = discriminator_terms(tape, "image_discriminator", self._loss, real, fake)
        if self.config.r1_gamma > 0:
            terms["r1"] = self.config.r1_gamma * r1_penalty(lambda item: score(*alone(item)), x)
        return terms

    def _code_terms(self, tape: Forward) -> dict[str, Tensor]:
        return code_gan_terms(self, tape, tape.z_hat)

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        model = self.config
        images = fake_logits(self.image_discriminator, model, tape.draws, alone(tape.x), alone(tape.x_fake))
        there_and_back = self.generate(tape.z_hat, tape.draws["n"])
        back_and_there = self.infer(tape.x_fake, tape.draws["eps_back"])
        return {
            "regularization": code_generator_term(self, tape, tape.z_hat),
            "images": model.regularization_weight * self._loss.generator_fake(images),
            "cycle": model.reconstruction_weight * (tape.x - there_and_back).abs().mean(),
            "code_cycle": model.reconstruction_weight * (tape.z - back_and_there).abs().mean(),
        }
