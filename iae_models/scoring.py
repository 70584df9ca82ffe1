"""How discriminators see real and fake: in one batch or two, with noise on what they compare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from iae_models.config import ModelConfig
from iae_models.losses import GanLoss, r1_penalty
from iae_models.variant import Draws, Tape


class Pair(NamedTuple):
    """Images with shape (N, C, H, W) and what they are paired with, codes with shape (N, code_dim)."""

    x: Tensor
    z: Tensor

    def detach(self) -> Pair:
        """Return the pair without its gradient."""
        return Pair(self.x.detach(), self.z.detach())


def alone(x: Tensor) -> Pair:
    """Return images without codes, for a discriminator of images alone."""
    return Pair(x, x.new_zeros(len(x), 0))


def pair_logits(
    discriminator: nn.Module, config: ModelConfig, draws: Draws, real: Pair, fake: Pair
) -> tuple[Tensor, Tensor]:
    """Return the logits with shape (N, 1) of real and of fake pairs."""
    real, fake = _noisy(real, config, draws, "real"), _noisy(fake, config, draws, "fake")
    if config.discriminator_batching == "joint":
        logits = discriminator(torch.cat([real.x, fake.x]), torch.cat([real.z, fake.z]))
        first, second = logits.chunk(2)
        return first, second
    return discriminator(*real), discriminator(*fake)


def fake_logits(discriminator: nn.Module, config: ModelConfig, draws: Draws, real: Pair, fake: Pair) -> Tensor:
    """Return the logits of fake pairs alone; the real ones are there for the statistics of a joint batch."""
    if config.discriminator_batching == "joint":
        return pair_logits(discriminator, config, draws, real.detach(), fake)[1]
    logits: Tensor = discriminator(*_noisy(fake, config, draws, "fake"))
    return logits


def discriminator_terms(tape: Tape, name: str, loss: GanLoss, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Return a discriminator's loss terms from its logits, and note its accuracy on the tape."""
    correct = (real > loss.threshold).float().mean() + (fake < loss.threshold).float().mean()
    tape.metrics[f"{name}/accuracy"] = 0.5 * correct.detach()
    return {"real": loss.discriminator_real(real), "fake": loss.discriminator_fake(fake)}


def image_gan_terms(
    score: nn.Module, config: ModelConfig, tape: Tape, loss: GanLoss, x_fake: Tensor
) -> dict[str, Tensor]:
    """Return the loss terms of a discriminator that compares generated images (N, C, H, W) with the step's own."""
    x: Tensor = tape.draws["x"]
    real, fake = pair_logits(score, config, tape.draws, alone(x), alone(x_fake.detach()))
    terms = discriminator_terms(tape, "regularization_discriminator", loss, real, fake)
    if config.r1_gamma > 0:
        terms["r1"] = config.r1_gamma * r1_penalty(lambda item: score(*alone(item)), x)
    return terms


def noisy_code(z: Tensor, config: ModelConfig, draws: Draws, side: str) -> Tensor:
    """Return codes with the noise of the "real" or the "fake" side, where there is any."""
    return z + config.code_noise * draws[f"code_noise_{side}"] if config.code_noise > 0 else z


def _noisy(pair: Pair, config: ModelConfig, draws: Draws, side: str) -> Pair:
    if config.instance_noise > 0:
        return Pair(pair.x + config.instance_noise * draws[f"instance_noise_{side}"], pair.z)
    return pair
