"""The GAN on codes that are images, of every model between two domains: inferred codes against the second domain."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from iae_models.data import ImageData
from iae_models.losses import LOSSES, r1_penalty
from iae_models.scoring import alone, discriminator_terms, fake_logits, pair_logits
from iae_models.variant import Tape, Variant


def second_domain(data: ImageData, num: int, generator: torch.Generator) -> Tensor:
    """Draw `num` training images of the second domain, with replacement, with shape (num, C', H, W) in [0, 1]."""
    codes = data.train.codes
    assert codes is not None
    index = torch.randint(len(codes), (num,), generator=generator, device=generator.device)
    return data.train.code_images(index)


def code_gan_terms(model: Variant, tape: Tape, z_hat: Tensor) -> dict[str, Tensor]:
    """Return the terms of the discriminator that tells inferred codes (N, C', H, W) from the second domain's images."""
    score, z = cast("nn.Module", model.regularization_discriminator), tape.draws["z_prior"]
    real, fake = pair_logits(score, model.config, tape.draws, alone(z), alone(z_hat.detach()))
    loss = LOSSES[model.config.regularization_loss]
    terms = discriminator_terms(tape, "regularization_discriminator", loss, real, fake)
    if model.config.r1_gamma > 0:
        terms["r1"] = model.config.r1_gamma * r1_penalty(lambda item: score(*alone(item)), z)
    return terms


def code_generator_term(model: Variant, tape: Tape, z_hat: Tensor) -> Tensor:
    """Return the weighted term with which an encoder fools that discriminator."""
    score, z = cast("nn.Module", model.regularization_discriminator), tape.draws["z_prior"]
    logits = fake_logits(score, model.config, tape.draws, alone(z), alone(z_hat))
    return model.config.regularization_weight * LOSSES[model.config.regularization_loss].generator_fake(logits)
