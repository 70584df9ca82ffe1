"""Closed forms of normal distributions, in nats: what the estimators of this package are checked against.

A linear-Gaussian model has x ~ N(0, C), q(z|x) = N(Wx, Q), p(x|z) = N(Az, P) and p(z) = N(0, I); every term of the
paper's Equations 4 to 7 is then known.

Reference: Cover and Thomas (2006), Elements of information theory, chapters 2 and 8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def entropy(covariance: Tensor) -> float:
    """Return ½ log det(2πe C) of a covariance with shape (d, d)."""
    return 0.5 * (len(covariance) * (1 + math.log(2 * math.pi)) + torch.logdet(covariance).item())


def divergence(covariance: Tensor, other: Tensor, shift: Tensor | None = None) -> float:
    """Return KL(N(μ, C) ‖ N(0, D)) of covariances C and D with shape (d, d) and the mean μ (d,), 0 if None."""
    inverse = torch.linalg.inv(other)
    square = 0.0 if shift is None else float(shift @ inverse @ shift)
    logs = float(torch.logdet(other) - torch.logdet(covariance))
    return 0.5 * (float((inverse @ covariance).trace()) - len(covariance) + square + logs)


def mutual_information(joint: Tensor, dim: int) -> float:
    """Return I(a; b) of the first `dim` coordinates and the others, from their joint covariance."""
    return entropy(joint[:dim, :dim]) + entropy(joint[dim:, dim:]) - entropy(joint)


def channel_information(dim: int, sigma: float) -> float:
    """Return I(z; z + σξ) = d/2 ln(1 + 1/σ²) of z ~ N(0, I_d)."""
    return 0.5 * dim * math.log1p(1 / sigma**2)


def objective_terms(data: Tensor, encoder: tuple[Tensor, Tensor], decoder: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return every term of the paper's Equations 4 to 7 for a linear-Gaussian model.

    Args:
        data: Covariance C of x, with shape (D, D).
        encoder: W with shape (d, D) and Q with shape (d, d).
        decoder: A with shape (D, d) and P with shape (D, D).

    Returns:
        `distortion` E[−log p(x|z)], `code_divergence` E KL(q(z|x) ‖ p(z)), `prior_divergence` KL(q(z) ‖ p(z)),
        `information` I(z; x), `inversion` E KL(q(x|z) ‖ p(x|z)), `joint_divergence` KL(q(x, z) ‖ r(x, z)) and
        `data_entropy` H(x).
    """
    (weight, noise), (loading, spread) = encoder, decoder
    cross = weight @ data
    code = weight @ data @ weight.T + noise
    joint = torch.cat([torch.cat([data, cross.T], 1), torch.cat([cross, code], 1)])
    # r(x, z) = q(z) p(x|z)
    decoded = torch.cat(
        [torch.cat([loading @ code @ loading.T + spread, loading @ code], 1), torch.cat([code @ loading.T, code], 1)]
    )
    inverse = torch.linalg.inv(spread)
    residual = data - loading @ cross - (loading @ cross).T + loading @ code @ loading.T
    normalizer = 0.5 * (len(data) * math.log(2 * math.pi) + torch.logdet(spread).item())
    gain = cross.T @ torch.linalg.inv(code)
    posterior = data - gain @ cross
    offset = gain - loading
    inversion = divergence(posterior, spread) + 0.5 * (inverse @ offset @ code @ offset.T).trace().item()
    eye = torch.eye(len(code), dtype=code.dtype)
    return {
        "distortion": normalizer + 0.5 * (inverse @ residual).trace().item(),
        "code_divergence": divergence(noise, eye) + 0.5 * (weight @ data @ weight.T).trace().item(),
        "prior_divergence": divergence(code, eye),
        "information": mutual_information(joint, len(data)),
        "inversion": inversion,
        "joint_divergence": divergence(joint, decoded),
        "data_entropy": entropy(data),
    }
