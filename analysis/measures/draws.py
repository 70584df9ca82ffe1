"""Codes and decoded images: the raw material of most measures.

The pick-freeze design decodes every code four times. In a fixed random order of the images, image i and its successor
share two noises a_i and b_i, which makes the square

    y = g(z_i, a_i)        y_n = g(z_i, b_i)
    y_z = g(z_{i+1}, a_i)  y_i = g(z_{i+1}, b_i)

so that each image's own four draws, g(z_i, ·) at a_i, b_i, a_{i−1}, b_{i−1}, are independent given its code. All
noise is drawn at once and sliced, so the size of a chunk changes no draw.

Reference: Saltelli et al. (2010), Variance based sensitivity analysis of model output (the pick-freeze design).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

CHUNK = 256
"""Images or codes that pass through a network at once."""

NUM_DRAWS = 4
"""Decodes of each code."""


class Model(Protocol):
    """What is measured: the part of `iae_models.variant.Variant` that concerns inference and generation."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of "infer", "generate" and "sample" (from a prior that its codes follow) the model can do."""

    @property
    def code(self) -> str:
        """The kind of code, "gaussian", "categorical" or "image"."""

    @property
    def code_dim(self) -> int:
        """Length of the code; 0 where there is none."""

    @property
    def noise_dim(self) -> int:
        """Length of the decoder's noise; 0 for a deterministic decoder."""

    @property
    def encoder_noise_dim(self) -> int:
        """Length of the encoder's noise; 0 for a deterministic encoder."""

    @property
    def prior(self) -> object:
        """The prior p(z), one of `iae_models.priors`."""

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes (N, code_dim) of images (N, C, H, W) in [0, 1] and noise (N, encoder_noise_dim)."""

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images (N, C, H, W) of codes (N, code_dim) and noise (N, noise_dim)."""

    def sample_prior(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes from p(z), with shape (num, code_dim)."""

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw decoder noise with shape (num, noise_dim)."""

    def sample_encoder_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw encoder noise with shape (num, encoder_noise_dim)."""


NO_SAMPLES = "nothing pulls the model's codes to the prior, so images of the prior's codes are not its own"
"""Why what is measured on the images of a model's prior is undefined for one without the capability "sample"."""

BROKEN_CODES = "some codes are not finite"
BROKEN_IMAGES = "some reconstructions are not finite"
"""Why a value is invalid that would hide it: the argmax of NaN is a category like any other."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Images with their codes and four decodes each, in the order of the design.

    Attributes:
        x: Images with shape (N, C, H, W).
        y: Their labels, int64 with shape (N,).
        z: Codes with shape (N, code_dim).
        x_hat: Decoded images with shape (N, 4, C, H, W).
    """

    x: Tensor
    y: Tensor
    z: Tensor
    x_hat: Tensor


def infer(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return codes with shape (N, code_dim) of images with shape (N, C, H, W), one draw of ε for each.

    A model without a code, such as an unconditional generative adversarial network, gives empty ones.
    """
    if model.code_dim == 0:
        return x.new_zeros(len(x), 0)
    eps = model.sample_encoder_noise(len(x), generator)
    return in_chunks(model.infer, x, eps)


def generate(model: Model, z: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with shape (N, C, H, W) of codes with shape (N, code_dim), one draw of n for each."""
    return in_chunks(model.generate, z, model.sample_noise(len(z), generator))


def own_codes(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return codes that the model's own images are made of, with shape (N, code_dim) for images x (N, C, H, W).

    They are of p(z). Where nothing pulls codes there and no prior was fitted (Case 3) they are of q(z): those of x.
    """
    return model.sample_prior(len(x), generator) if "sample" in model.capabilities else infer(model, x, generator)


def draw(model: Model, x: Tensor, y: Tensor, generator: torch.Generator) -> Draws:
    """Encode images with shape (N, C, H, W) and labels (N,), in a random order, and decode each code four times."""
    order = torch.randperm(len(x), generator=generator, device=generator.device)
    x, y = x[order], y[order]
    z = infer(model, x, generator)
    return Draws(x, y, z, decode(model, z, generator))


def decode(model: Model, z: Tensor, generator: torch.Generator) -> Tensor:
    """Return four decodes of each code, in the design above, with shape (N, 4, C, H, W) for codes (N, code_dim)."""
    first = model.sample_noise(len(z), generator)
    second = model.sample_noise(len(z), generator)
    noises = (first, second, first.roll(1, 0), second.roll(1, 0))
    return torch.stack([in_chunks(model.generate, z, n) for n in noises], 1)


def squares(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return y, y_n, y_z and y_i, each with shape (N, D), from values of the four draws with shape (N, 4, ...)."""
    values = values.flatten(2)
    return values[:, 0], values[:, 1], values[:, 2].roll(-1, 0), values[:, 3].roll(-1, 0)


def all_finite(*values: Tensor) -> bool:
    """Tell whether no value is NaN or infinite."""
    return all(bool(item.isfinite().all()) for item in values)


def in_chunks(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Apply a function of rows to tensors with equal numbers of rows, a chunk at a time."""
    return torch.cat([function(*parts) for parts in zip(*(torch.split(item, CHUNK) for item in inputs), strict=True)])
