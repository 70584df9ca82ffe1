"""The implicit autoencoder (Section 2 of the paper), its four cases, clustering and semi-supervised classification.

The reconstruction GAN matches r(x, z) to q(x, z), the regularization GAN matches q(z) to p(z) (Equation 7):

    reconstruction discriminator   real (x, ẑ)    fake (x̂, ẑ)   both without gradient to the encoder
    regularization discriminator   real z ~ p(z)  fake ẑ
    autoencoder                    fools both; the first moves encoder and decoder, the second the encoder

Case 1 is `noise_dim: 0, regularization_weight: 0`, Case 2 `noise_dim: 0`, Case 3 `regularization_weight: 0`, Case 4 the
default. `latent_dim: 0` leaves an unconditional GAN. Clusters are a categorical code; with `data.num_labels` its
encoder also learns labels. Virtual adversarial training and batch-entropy balance of a categorical encoder are not in
the paper.
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.labels import label_loss, labelled_sampler
from iae_models.losses import LOSSES, balance_loss, r1_penalty, virtual_adversarial_loss
from iae_models.networks import Encoder
from iae_models.priors import CategoricalPrior
from iae_models.scoring import Pair, discriminator_terms, fake_logits, noisy_code, pair_logits
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One pass through encoder and decoder, shared by all three players."""

    def __init__(self, model: ImplicitAutoencoder, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        self.x: Tensor = draws["x"]

    @cached_property
    def z_hat(self) -> Tensor:
        """Codes with shape (N, code_dim)."""
        noise = self.draws.get("input_noise")
        x = self.x if noise is None else self.x + self._model.config.input_noise * noise
        z: Tensor = self._model.infer(x, self.draws["eps"])
        return z

    @cached_property
    def x_hat(self) -> Tensor:
        """Stochastic reconstructions with shape (N, C, H, W)."""
        return self._model.generate(self.z_hat, self.draws["n"])


class ImplicitAutoencoder(Variant):
    """Encoder, implicit decoder, and the discriminators of the reconstruction and the regularization GAN."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.num_labels = config.data.num_labels
        self.encoder = self.network("encoder")
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.reconstruction_discriminator = cast("nn.Module", self.network("reconstruction_discriminator"))
        self.regularization_discriminator = self.network("regularization_discriminator")
        self._reconstruction = LOSSES[config.model.reconstruction_loss]
        self._regularization = LOSSES[config.model.regularization_loss]

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes (N, code_dim); without a code, an empty one per image."""
        if self.encoder is None:
            return x.new_zeros(len(x), 0)
        z: Tensor = self.encoder(x, eps)
        return z if self.config.train_encoder else z.detach()

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) in [0, 1]."""
        x_hat: Tensor = self.decoder(z, n)
        return x_hat

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The basic draws, labelled images, and one for each kind of added noise, where they are switched on."""
        image_noise = {"input_noise": self.config.input_noise, "vat_direction": self.config.vat_weight}
        samplers = self.basic_samplers | self.image_noise_samplers(image_noise)
        samplers |= self.instance_noise_samplers() | self.code_noise_samplers()
        return samplers | ({"labelled": labelled_sampler(self.num_labels)} if self.num_labels else {})

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Reconstruction discriminator, regularization discriminator (where there is one), autoencoder."""
        reconstruction, regularization = self.reconstruction_discriminator, self.regularization_discriminator
        players = [
            Player(
                "reconstruction_discriminator",
                parameters_of(reconstruction),
                self._reconstruction_discriminator_terms,
                "discriminator_lr",
            )
        ]
        if regularization is not None:
            players.append(
                Player(
                    "regularization_discriminator",
                    parameters_of(regularization),
                    self._regularization_discriminator_terms,
                    "regularization_lr",
                )
            )
        encoder = self.encoder if self.config.train_encoder else None
        parameters = parameters_of(encoder, self.decoder)
        players.append(Player("autoencoder", parameters, self._autoencoder_terms, "generator_lr"))
        return tuple(players)

    def _reconstruction_discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        z, score, loss = tape.z_hat.detach(), self.reconstruction_discriminator, self._reconstruction
        real, fake = pair_logits(score, self.config, tape.draws, Pair(tape.x, z), Pair(tape.x_hat.detach(), z))
        terms = discriminator_terms(tape, "reconstruction_discriminator", loss, real, fake)
        if self.config.r1_gamma > 0:
            terms["r1"] = self.config.r1_gamma * r1_penalty(lambda x: score(x, z), tape.x)
        return terms

    def _regularization_discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        real = self._code_logits(tape, tape.draws["z_prior"], "real")
        fake = self._code_logits(tape, tape.z_hat.detach(), "fake")
        return discriminator_terms(tape, "regularization_discriminator", self._regularization, real, fake)

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        terms = self._reconstruction_terms(tape)
        model = self.config
        if self.regularization_discriminator is not None:
            logits = self._code_logits(tape, tape.z_hat, "fake")
            terms["regularization"] = model.regularization_weight * self._regularization.generator_fake(logits)
        if model.balance_weight > 0 and isinstance(self.prior, CategoricalPrior):
            weights = self.prior.weights(tape.z_hat.device)
            terms["balance"] = model.balance_weight * balance_loss(tape.z_hat, weights)
        if model.vat_weight > 0:
            terms["vat"] = model.vat_weight * self._vat(tape)
        if self.num_labels:
            terms["labels"] = model.label_weight * label_loss(cast("Encoder", self.encoder), tape.draws)
        return terms

    def _reconstruction_terms(self, tape: Forward) -> dict[str, Tensor]:
        model, loss, score = self.config, self._reconstruction, self.reconstruction_discriminator
        real = Pair(tape.x, tape.z_hat)
        fake = Pair(tape.x_hat, tape.z_hat if model.code_gradient else tape.z_hat.detach())
        if not model.positive_gradient:
            logits = fake_logits(score, model, tape.draws, real, fake)
            return {"reconstruction": model.reconstruction_weight * loss.generator_fake(logits)}
        positive, negative = pair_logits(score, model, tape.draws, real, fake)
        return {
            "reconstruction": model.reconstruction_weight * loss.generator_fake(negative),
            "positive": model.reconstruction_weight * loss.generator_real(positive),
        }

    def _code_logits(self, tape: Forward, z: Tensor, side: str) -> Tensor:
        assert self.regularization_discriminator is not None
        logits: Tensor = self.regularization_discriminator(noisy_code(z, self.config, tape.draws, side))
        return logits

    def _vat(self, tape: Forward) -> Tensor:
        encoder, eps = cast("Encoder", self.encoder), tape.draws["eps"]
        return virtual_adversarial_loss(
            lambda x: encoder.logits(x, eps), tape.x, tape.draws["vat_direction"], self.config.vat_radius
        )
