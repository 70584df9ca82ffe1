"""The adversarial autoencoder (Equation 5 of the paper): Euclidean reconstruction, adversarial regularization.

    regularization discriminator   real z ~ p(z)  fake ẑ
    style discriminator            real n ~ p(n)  fake n̂    with `infer_noise`
    autoencoder                    minimizes −log p(x | ẑ, n), fools both

It is the implicit autoencoder with another reconstruction cost, on the same networks. Its decoder's noise n is either
random, as there, which a Euclidean cost teaches it to ignore; or (`infer_noise`) the style code of the original, which
a second encoder infers from the image. A generated image then draws its style from p(n). A categorical code with a
style code is its clustering; with `data.num_labels` it is its semi-supervised classification.

Reference: Makhzani et al. (2016), Adversarial autoencoders. https://arxiv.org/abs/1511.05644
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig
from iae_models.labels import label_loss, labelled_sampler
from iae_models.losses import LOSSES, squared_loss
from iae_models.networks import Encoder
from iae_models.scoring import discriminator_terms, noisy_code
from iae_models.variant import Draws, Player, Sampler, Tape, Variant, parameters_of


class Forward(Tape):
    """One pass through the encoders, shared by all players."""

    def __init__(self, model: AdversarialAutoencoder, draws: Draws) -> None:
        super().__init__(draws)
        self._model = model
        noise = draws.get("input_noise")
        self.x: Tensor = draws["x"]
        self.x_noisy = self.x if noise is None else self.x + model.config.input_noise * noise

    @cached_property
    def z_hat(self) -> Tensor:
        """Codes with shape (N, code_dim)."""
        return self._model.infer(self.x_noisy, self.draws["eps"])

    @cached_property
    def n_hat(self) -> Tensor:
        """Inferred styles, or random noise, with shape (N, noise_dim)."""
        if self._model.style_encoder is None:
            n: Tensor = self.draws["n"]
            return n
        return self._model.infer_style(self.x_noisy, self.draws["eps"])


class AdversarialAutoencoder(Variant):
    """Encoder, decoder and discriminator of codes; with `infer_noise` also an encoder and a discriminator of styles."""

    averaged = ("encoder", "style_encoder", "decoder")

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.num_labels = config.data.num_labels
        self.encoder = cast("nn.Module", self.network("encoder"))
        self.decoder = cast("nn.Module", self.network("decoder"))
        self.style_encoder = self.network("style_encoder")
        self.regularization_discriminator = self.network("regularization_discriminator")
        self.style_discriminator = self.network("style_discriminator")
        self._loss = LOSSES[config.model.regularization_loss]

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes (N, code_dim)."""
        z: Tensor = self.encoder(x, eps)
        return z

    def infer_style(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return style codes (N, noise_dim), where the model infers them."""
        assert self.style_encoder is not None
        n: Tensor = self.style_encoder(x, eps)
        return n

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) of codes and styles, or noise."""
        x: Tensor = self.decoder(z, n)
        return x

    def pass_through(self, x: Tensor, generator: torch.Generator) -> None:
        """Encode and decode images, with their own styles where the model infers them."""
        eps = self.sample_encoder_noise(len(x), generator)
        n = self.sample_noise(len(x), generator) if self.style_encoder is None else self.infer_style(x, eps)
        self.generate(self.infer(x, eps), n)

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """The basic draws, labelled images, and one for each kind of added noise, where they are switched on."""
        samplers = self.basic_samplers | self.image_noise_samplers({"input_noise": self.config.input_noise})
        samplers |= self.code_noise_samplers()
        return samplers | ({"labelled": labelled_sampler(self.num_labels)} if self.num_labels else {})

    def tape(self, draws: Draws) -> Forward:
        """Return the tape of a step with these draws."""
        return Forward(self, draws)

    @cached_property
    def players(self) -> tuple[Player, ...]:
        """Discriminators of codes and styles (where there are any), autoencoder."""
        players = [
            Player(name, parameters_of(module), terms, "regularization_lr")
            for name, module, terms in (
                ("regularization_discriminator", self.regularization_discriminator, self._code_discriminator_terms),
                ("style_discriminator", self.style_discriminator, self._style_discriminator_terms),
            )
            if module is not None
        ]
        moved = parameters_of(self.encoder, self.style_encoder, self.decoder)
        return (*players, Player("autoencoder", moved, self._autoencoder_terms, "generator_lr"))

    def _code_discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        assert self.regularization_discriminator is not None
        real = self.regularization_discriminator(noisy_code(tape.draws["z_prior"], self.config, tape.draws, "real"))
        fake = self.regularization_discriminator(noisy_code(tape.z_hat.detach(), self.config, tape.draws, "fake"))
        return discriminator_terms(tape, "regularization_discriminator", self._loss, real, fake)

    def _style_discriminator_terms(self, tape: Forward) -> dict[str, Tensor]:
        assert self.style_discriminator is not None
        real, fake = self.style_discriminator(tape.draws["n"]), self.style_discriminator(tape.n_hat.detach())
        return discriminator_terms(tape, "style_discriminator", self._loss, real, fake)

    def _autoencoder_terms(self, tape: Forward) -> dict[str, Tensor]:
        model = self.config
        x_hat = self.generate(tape.z_hat, tape.n_hat)
        terms = {"reconstruction": squared_loss(tape.x, x_hat, model.likelihood_std)}
        if self.regularization_discriminator is not None:
            logits = self.regularization_discriminator(noisy_code(tape.z_hat, model, tape.draws, "fake"))
            terms["regularization"] = model.regularization_weight * self._loss.generator_fake(logits)
        if self.style_discriminator is not None:
            logits = self.style_discriminator(tape.n_hat)
            terms["style"] = model.regularization_weight * self._loss.generator_fake(logits)
        if self.num_labels:
            terms["labels"] = model.label_weight * label_loss(cast("Encoder", self.encoder), tape.draws)
        return terms
