"""The variational autoencoder (Equation 4 of the paper): a factorized posterior and a factorized likelihood.

    autoencoder   minimizes E[−log p(x|z)] + KL(q(z|x) ‖ p(z))

with q(z|x) = N(μ(x), diag σ²(x)) and p(x|z) = N(g(z), likelihood_std² I). `regularization_weight` is the weight of the
second term. The decoder has no noise; an image is the mean of its likelihood, without the pixels' own noise.

References:
    Kingma and Welling (2014), Auto-encoding variational Bayes. https://arxiv.org/abs/1312.6114
    Rezende, Mohamed and Wierstra (2014), Stochastic backpropagation.
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.losses import normal_divergence, squared_loss
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class VariationalAutoencoder(Variant):
    """Encoder with the parameters of q(z|x), and decoder."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.noise_dim = 0
        # a draw of q(z|x) takes as many normal numbers as the code has dimensions
        self.encoder_noise_dim = self.code_dim

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), each with shape (N, code_dim)."""
        mean, log_variance = self.encoder(x, x.new_zeros(len(x), 0)).chunk(2, 1)
        return mean, log_variance

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return draws of q(z|x), with shape (N, code_dim)."""
        mean, log_variance = self.posterior(x)
        return mean + (0.5 * log_variance).exp() * eps

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return the means (N, C, H, W) of p(x|z)."""
        x: Tensor = self.decoder(z, n)
        return x

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """Images and the numbers that draw their codes."""
        return {name: self.basic_samplers[name] for name in ("x", "eps")}

    def tape(self, draws: Draws) -> Tape:
        """Return the tape of a step with these draws."""
        return Tape(draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """The autoencoder alone."""
        return (Player("autoencoder", parameters_of(self.encoder, self.decoder), self._terms, "generator_lr"),)

    def _terms(self, tape: Tape) -> dict[str, Tensor]:
        x, eps = tape.draws["x"], tape.draws["eps"]
        mean, log_variance = self.posterior(x)
        x_hat = self.generate(mean + (0.5 * log_variance).exp() * eps, x.new_zeros(len(x), 0))
        return {
            "reconstruction": squared_loss(x, x_hat, self.config.likelihood_std),
            "regularization": self.config.regularization_weight * normal_divergence(mean, log_variance),
        }
