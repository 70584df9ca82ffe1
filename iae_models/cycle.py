"""The cycle implicit autoencoder (Section 3 of the paper): its code is an image of a second domain.

    reconstruction discriminator   real (x, ẑ)    fake (x̂, ẑ)    both without gradient to the encoder
    regularization discriminator   real z         fake ẑ          z: images of the second domain
    autoencoder                    fools both; the first moves encoder and decoder, the second the encoder

with ẑ = f(x, ε) and x̂ = g(ẑ, n). With noise in the decoder alone one code has many reconstructions (Figure 8); with
noise in the encoder alone one image has many codes (Figure 9). `match_pairs: false` compares x with x̂ alone, which the
paper names as a failure: any image of the first domain then passes for a reconstruction.
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

from torch import Tensor, nn

from iae_models.code_gan import code_gan_terms, code_generator_term, second_domain
from iae_models.config import RunConfig
from iae_models.losses import LOSSES, r1_penalty
from iae_models.scoring import Pair, alone, discriminator_terms, fake_logits, pair_logits
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One pass through encoder and decoder, shared by all three players."""

    def __init__(self, model: CycleImplicitAutoencoder, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]

    @cached_property
    def z_hat(self) -> Tensor:
        """Codes: images of the second domain with shape (N, C', H, W)."""
        return self._model.infer(self.x, self.draws["eps"])

    @cached_property
    def x_hat(self) -> Tensor:
        """Reconstructions with shape (N, C, H, W)."""
        return self._model.generate(self.z_hat, self.draws["n"])


class CycleImplicitAutoencoder(Variant):
    """Encoder and decoder between two domains, and the discriminators of both GANs."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.reconstruction_discriminator = cast("nn.Module", self.network("reconstruction_discriminator"))
        self.regularization_discriminator = cast("nn.Module", self.network("regularization_discriminator"))
        self._reconstruction = LOSSES[config.model.reconstruction_loss]
        self._regularization = LOSSES[config.model.regularization_loss]

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
        """The basic draws, with images of the second domain for codes of the prior."""
        return self.basic_samplers | {"z_prior": second_domain}

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Reconstruction discriminator, regularization discriminator, autoencoder."""
        pairs, codes = self.reconstruction_discriminator, self.regularization_discriminator
        moved = parameters_of(self.encoder, self.decoder)
        return (
            Player("reconstruction_discriminator", parameters_of(pairs), self._pair_terms, "discriminator_lr"),
            Player("regularization_discriminator", parameters_of(codes), self._code_terms, "regularization_lr"),
            Player("autoencoder", moved, self._autoencoder_terms, "generator_lr"),
        )

    def _seen(self, x: Tensor, z: Tensor) -> Pair:
        """Return what the reconstruction discriminator sees of a pair."""
        return Pair(x, z) if self.config.match_pairs else alone(x)

    def _pair_terms(self, tape: Forward) -> dict[str, Tensor]:
        score, loss = self.reconstruction_discriminator, self._reconstruction
        real, fake = self._seen(tape.x, tape.z_hat).detach(), self._seen(tape.x_hat, tape.z_hat).detach()
        terms = discriminator_terms(
            tape,
            "reconstruction_discriminator",
            loss,
            *pair_logits(score, self.config, tape.draws, real, fake),
        )
        if self.config.r1_gamma > 0:
            terms["r1"] = self.config.r1_gamma * r1_penalty(lambda x: score(x, real.z), real.x)
        return terms

    def _code_terms(self, tape: Forward) -> dict[str, Tensor]:
        return code_gan_terms(self, tape, tape.z_hat)

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        model, loss, score = self.config, self._reconstruction, self.reconstruction_discriminator
        real = self._seen(tape.x, tape.z_hat)
        fake = self._seen(tape.x_hat, tape.z_hat if model.code_gradient else tape.z_hat.detach())
        terms = {"regularization": code_generator_term(self, tape, tape.z_hat)}
        if not model.positive_gradient:
            logits = fake_logits(score, model, tape.draws, real, fake)
            return terms | {"reconstruction": model.reconstruction_weight * loss.generator_fake(logits)}
        positive, negative = pair_logits(score, model, tape.draws, real, fake)
        return terms | {
            "reconstruction": model.reconstruction_weight * loss.generator_fake(negative),
            "positive": model.reconstruction_weight * loss.generator_real(positive),
        }
