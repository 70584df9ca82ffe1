"""What a blurred code is worth: rate, distortion and fidelity as noise is added to the code.

For each σ the code ẑ becomes z̃ = ẑ + σsξ, with s² its mean variance, and is put back to the code's spread before it is
decoded with fresh noise, ẑ_σ = m + (z̃ − m)/√(1 + σ²). The distortion is E‖x − g(ẑ_σ, n)‖², the rate I_σ the bracket of
`information`. For a code z ~ N(0, I_d) that is decoded to itself, D = 2d (1 − 1/√(1 + σ²)); a decoder of the posterior
mean, (z̃ − m)/(1 + σ²), has D = dσ²/(1 + σ²), on the curve R = d/2 ln(d/D).

References:
    Alemi et al. (2018), Fixing a broken ELBO. https://arxiv.org/abs/1711.00464
    Salehkalaibar et al. (2024), On the choice of perception loss function for learned video compression (the
    posterior-sampling decoder has twice the least error).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import Model, generate
from analysis.measures.information import information_bracket
from analysis.measures.measurement import Estimate

SIGMAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Standard deviations of the added noise, in code standard deviations."""

Keeps = Literal["spread", "mean"]


@dataclass(frozen=True, eq=False)
class Point:
    """One point of the curve.

    Attributes:
        sigma: Standard deviation of the noise, in code standard deviations.
        rate_low: Lower bound of I_σ; None at σ = 0, where a deterministic code has infinite information.
        rate_high: Upper bound.
        distortion: E‖x − x̂‖², in squared intensities, summed over pixels.
        x_hat: The decoded images, with shape (N, C, H, W), for measures of fidelity.
    """

    sigma: float
    rate_low: Estimate | None
    rate_high: Estimate | None
    distortion: Estimate
    x_hat: Tensor


def rate_distortion(
    model: Model,
    x: Tensor,
    z: Tensor,
    others: Tensor,
    generator: torch.Generator,
    sigmas: tuple[float, ...] = SIGMAS,
    keeps: Keeps = "spread",
) -> Iterator[Point]:
    """Yield the points of the curve of a deterministic encoder, one for each σ.

    Args:
        model: What decodes.
        x: Images with shape (N, C, H, W).
        z: Their codes with shape (N, d).
        others: Codes of other images with shape (M, d), which are centres of the bracket.
        generator: Where all noise is drawn from.
        sigmas: The noise levels.
        keeps: What of the code's distribution the decoder is given: "spread" samples the posterior of a normal code,
            "mean" gives its mean.
    """
    centres = torch.cat([z, others])
    middle, scale = centres.mean(0), centres.var(0).mean().sqrt()
    for sigma in sigmas:
        noise = torch.randn(z.shape, generator=generator, device=generator.device)
        power = 1 + sigma**2
        blurred = middle + (z + sigma * scale * noise - middle) / (power**0.5 if keeps == "spread" else power)
        x_hat = generate(model, blurred, generator)
        distortion = intervals.mean((x - x_hat).flatten(1).square().sum(1), "intensity²")
        if sigma == 0:
            yield Point(sigma, None, None, distortion, x_hat)
            continue
        bracket = information_bracket(z, generator, sigma, others)
        yield Point(sigma, bracket["information_low"], bracket["information_high"], distortion, x_hat)
