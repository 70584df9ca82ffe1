"""The implicit autoencoder (Section 2 of the paper), its four cases, and clustering with a categorical code.

The reconstruction GAN matches r(x, z) to q(x, z), the regularization GAN matches q(z) to p(z) (Equation 7):

    reconstruction discriminator   real (x, ẑ)    fake (x̂, ẑ)   both without gradient to the encoder
    regularization discriminator   real z ~ p(z)  fake ẑ
    autoencoder                    fools both; the first moves encoder and decoder, the second the encoder

Case 1 is `noise_dim: 0, regularization_weight: 0`, Case 2 `noise_dim: 0`, Case 3 `regularization_weight: 0`, Case 4 the
default. `latent_dim: 0` leaves an unconditional GAN. Virtual adversarial training and batch-entropy balance of a
categorical encoder are not in the paper.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from iae_models.architectures import architecture_of
from iae_models.config import RunConfig
from iae_models.losses import LOSSES, balance_loss, r1_penalty, virtual_adversarial_loss
from iae_models.networks import Decoder, Encoder, ReconstructionDiscriminator, RegularizationDiscriminator
from iae_models.priors import CategoricalPrior
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, images


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
        model, architecture = config.model, architecture_of(config)
        categorical = self.code == "categorical"
        self.encoder: nn.Module | None = None
        self.regularization_discriminator: nn.Module | None = None
        if self.code_dim:
            self.encoder = Encoder(architecture, self.x_shape, self.code_dim, self.encoder_noise_dim, categorical)
        self.decoder = Decoder(architecture, self.x_shape, self.code_dim + self.noise_dim)
        self.reconstruction_discriminator = ReconstructionDiscriminator(
            architecture,
            self.x_shape,
            self.code_dim,
            model.resolved_conditioning,
            model.discriminator_norm,
            model.width,
        )
        if self.code_dim and model.train_encoder and model.regularization_weight > 0:
            self.regularization_discriminator = RegularizationDiscriminator(self.code_dim, model.width)
        self._reconstruction = LOSSES[model.reconstruction_loss]
        self._regularization = LOSSES[model.regularization_loss]

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
        """The draws x, z_prior, n, eps, and one for each kind of added noise that is switched on."""
        samplers: dict[str, Sampler] = {
            "x": images,
            "z_prior": lambda _, num, generator: self.sample_prior(num, generator),
            "n": lambda _, num, generator: self.sample_noise(num, generator),
            "eps": lambda _, num, generator: self.sample_encoder_noise(num, generator),
        }
        image_noise = {
            "input_noise": self.config.input_noise,
            "instance_noise_real": self.config.instance_noise,
            "instance_noise_fake": self.config.instance_noise,
            "vat_direction": self.config.vat_weight,
        }
        for name, scale in image_noise.items():
            if scale > 0:
                samplers[name] = lambda _, num, generator: _normal((num, *self.x_shape), generator)
        if self.config.code_noise > 0:
            for name in ("code_noise_real", "code_noise_fake"):
                samplers[name] = lambda _, num, generator: _normal((num, self.code_dim), generator)
        return samplers

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Reconstruction discriminator, regularization discriminator (where there is one), autoencoder."""
        players = [
            Player(
                "reconstruction_discriminator",
                tuple(self.reconstruction_discriminator.parameters()),
                self._reconstruction_discriminator_terms,
                "discriminator_lr",
            )
        ]
        if self.regularization_discriminator is not None:
            players.append(
                Player(
                    "regularization_discriminator",
                    tuple(self.regularization_discriminator.parameters()),
                    self._regularization_discriminator_terms,
                    "regularization_lr",
                )
            )
        trained: list[nn.Module] = [self.decoder]
        if self.encoder is not None and self.config.train_encoder:
            trained.insert(0, self.encoder)
        parameters = tuple(parameter for module in trained for parameter in module.parameters())
        players.append(Player("autoencoder", parameters, self._autoencoder_terms, "generator_lr"))
        return tuple(players)

    def _reconstruction_discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        z = tape.z_hat.detach()
        real, fake = self._pair_logits(tape, tape.x_hat.detach(), z, z)
        assert real is not None
        loss = self._reconstruction
        _count_correct(tape, "reconstruction_discriminator", real, fake)
        terms = {"real": loss.discriminator_real(real), "fake": loss.discriminator_fake(fake)}
        if self.config.r1_gamma > 0:
            penalty = r1_penalty(lambda x: self.reconstruction_discriminator(x, z), tape.x)
            terms["r1"] = self.config.r1_gamma * penalty
        return terms

    def _regularization_discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        real = self._code_logits(tape, tape.draws["z_prior"], "code_noise_real")
        fake = self._code_logits(tape, tape.z_hat.detach(), "code_noise_fake")
        loss = self._regularization
        _count_correct(tape, "regularization_discriminator", real, fake)
        return {"real": loss.discriminator_real(real), "fake": loss.discriminator_fake(fake)}

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        model = self.config
        positive = tape.z_hat if model.positive_gradient else None
        negative = tape.z_hat if model.code_gradient else tape.z_hat.detach()
        real, fake = self._pair_logits(tape, tape.x_hat, positive, negative)
        terms = {"reconstruction": model.reconstruction_weight * self._reconstruction.generator_fake(fake)}
        if real is not None and model.positive_gradient:
            terms["positive"] = model.reconstruction_weight * self._reconstruction.generator_real(real)
        if self.regularization_discriminator is not None:
            logits = self._code_logits(tape, tape.z_hat, "code_noise_fake")
            terms["regularization"] = model.regularization_weight * self._regularization.generator_fake(logits)
        if model.balance_weight > 0 and isinstance(self.prior, CategoricalPrior):
            prior = tape.z_hat.new_tensor(self.prior.probabilities)
            terms["balance"] = model.balance_weight * balance_loss(tape.z_hat, prior)
        if model.vat_weight > 0:
            terms["vat"] = model.vat_weight * self._vat(tape)
        return terms

    def _pair_logits(
        self, tape: Forward, x_hat: Tensor, z_real: Tensor | None, z_fake: Tensor
    ) -> tuple[Tensor | None, Tensor]:
        """Return the logits of (x, ẑ) and (x̂, ẑ), through one batch or two.

        Without `z_real` the positive pair is left out, unless it shares the batch (and so its statistics) with the
        negative.
        """
        x, score = tape.x, self.reconstruction_discriminator
        if self.config.instance_noise > 0:
            x = x + self.config.instance_noise * tape.draws["instance_noise_real"]
            x_hat = x_hat + self.config.instance_noise * tape.draws["instance_noise_fake"]
        if self.config.discriminator_batching == "joint":
            z_real = tape.z_hat.detach() if z_real is None else z_real
            real, fake = score(torch.cat([x, x_hat]), torch.cat([z_real, z_fake])).chunk(2)
            return real, fake
        return None if z_real is None else score(x, z_real), score(x_hat, z_fake)

    def _code_logits(self, tape: Forward, z: Tensor, noise: str) -> Tensor:
        assert self.regularization_discriminator is not None
        if self.config.code_noise > 0:
            z = z + self.config.code_noise * tape.draws[noise]
        logits: Tensor = self.regularization_discriminator(z)
        return logits

    def _vat(self, tape: Forward) -> Tensor:
        assert isinstance(self.encoder, Encoder)
        encoder, eps = self.encoder, tape.draws["eps"]
        return virtual_adversarial_loss(
            lambda x: encoder.logits(x, eps), tape.x, tape.draws["vat_direction"], self.config.vat_radius
        )


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _count_correct(tape: Tape, name: str, real: Tensor, fake: Tensor) -> None:
    correct = (real > 0).float().mean() + (fake < 0).float().mean()
    tape.metrics[f"{name}/accuracy"] = 0.5 * correct.detach()
