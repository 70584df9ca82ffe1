"""Adversarial variational Bayes: a variational autoencoder with an implicit posterior.

    posterior discriminator   real (x, z), z ~ p(z)  fake (x, ẑ), ẑ = f(x, ε)
    autoencoder               minimizes −log p(x|ẑ) + weight · E[−v(x, ẑ)]

At the discriminator's optimum its logit is v = log p(z) − log q(z|x), so the second term is KL(q(z|x) ‖ p(z)).

Reference: Mescheder, Nowozin and Geiger (2017), Adversarial variational Bayes. https://arxiv.org/abs/1701.04722
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.losses import LOSSES, r1_penalty, squared_loss
from iae_models.scoring import Pair, discriminator_terms, fake_logits, pair_logits
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One pass through the encoder, shared by both players."""

    def __init__(self, model: AdversarialVariationalBayes, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]

    @cached_property
    def z_hat(self) -> Tensor:
        """Codes with shape (N, code_dim)."""
        return self._model.infer(self.x, self.draws["eps"])


class AdversarialVariationalBayes(Variant):
    """Implicit encoder, decoder, and the discriminator of posterior and prior."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.posterior_discriminator = cast("nn.Module", self.network("posterior_discriminator"))
        self.noise_dim = 0

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return draws of q(z|x), with shape (N, code_dim)."""
        z: Tensor = self.encoder(x, eps)
        return z

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return the means (N, C, H, W) of p(x|z)."""
        x: Tensor = self.decoder(z, n)
        return x

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """Images, codes and ε, and noise on images where it is switched on."""
        basic = {name: sample for name, sample in self.basic_samplers.items() if name != "n"}
        return basic | self.instance_noise_samplers()

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Discriminator, autoencoder."""
        score, moved = parameters_of(self.posterior_discriminator), parameters_of(self.encoder, self.decoder)
        return (
            Player("posterior_discriminator", score, self._discriminator_terms, "discriminator_lr"),
            Player("autoencoder", moved, self._autoencoder_terms, "generator_lr"),
        )

    def _discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        # the logits are a log-ratio only under the logistic loss
        score, loss, z = self.posterior_discriminator, LOSSES["minimax"], tape.draws["z_prior"]
        real, fake = pair_logits(score, self.config, tape.draws, Pair(tape.x, z), Pair(tape.x, tape.z_hat.detach()))
        terms = discriminator_terms(tape, "posterior_discriminator", loss, real, fake)
        if self.config.r1_gamma > 0:
            terms["r1"] = self.config.r1_gamma * r1_penalty(lambda item: score(tape.x, item), z)
        return terms

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        model, z = self.config, tape.z_hat
        real, fake = Pair(tape.x, tape.draws["z_prior"]), Pair(tape.x, z)
        divergence = -fake_logits(self.posterior_discriminator, model, tape.draws, real, fake).mean()
        x_hat = self.generate(z, z.new_zeros(len(z), 0))
        return {
            "reconstruction": squared_loss(tape.x, x_hat, model.likelihood_std),
            "regularization": model.regularization_weight * divergence,
        }
