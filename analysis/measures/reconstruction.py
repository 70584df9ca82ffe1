"""Reconstruction error, in squared intensities per pixel of images in [0, 1].

With M draws x̂_m of the decoder for one code, D pixels, and v̂ the draws' unbiased variance,

    mse_single  E‖x − x̂_m‖² / D
    mse_mean    E‖x − E[x̂|ẑ]‖² / D = mse_single − E v̂ / D
    r2_mean     1 − mse_mean / (E‖x − x̄‖² / D), x̄ the mean training image

The squared error of the mean of M draws would be too large by v̂ / M; the difference above is free of it. At the
optimum of an implicit autoencoder mse_single is twice mse_mean.
"""

from __future__ import annotations

from torch import Tensor

from analysis.measures import intervals
from analysis.measures.measurement import Estimate

UNIT = "intensity² per pixel"


def reconstruction(x: Tensor, x_hat: Tensor, mean_image: Tensor) -> dict[str, Estimate]:
    """Return mse_single, mse_mean and r2_mean.

    Args:
        x: Images with shape (N, C, H, W).
        x_hat: Draws of their reconstructions with shape (N, M, C, H, W), M ≥ 2.
        mean_image: Mean training image with shape (C, H, W).
    """
    single = squared_error(x, x_hat)
    of_mean = single - spread(x_hat)
    return {
        "mse_single": intervals.mean(single, UNIT, neighbours=True),
        "mse_mean": intervals.mean(of_mean, UNIT, neighbours=True),
        "r2_mean": _r2(of_mean, x, mean_image),
    }


def mean_image_reconstruction(x: Tensor, mean_image: Tensor) -> dict[str, Estimate]:
    """Return the same three for the mean training image in place of every reconstruction; its R² is 0."""
    error = squared_error(x, mean_image.expand(x.shape)[:, None])
    value = intervals.mean(error, UNIT)
    return {"mse_single": value, "mse_mean": value, "r2_mean": _r2(error, x, mean_image)}


def squared_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return ‖x − x̂‖² / D averaged over the draws, with shape (N,), for images (N, ...) and draws (N, M, ...)."""
    return (x[:, None] - x_hat).flatten(1).square().mean(1)


def spread(x_hat: Tensor) -> Tensor:
    """Return the unbiased variance of the draws over D, with shape (N,): half the mean of ‖x̂ − x̂'‖² / D over pairs."""
    deviations = x_hat - x_hat.mean(1, keepdim=True)
    # Tensor.var is ten times slower over a dimension that is not the last
    return deviations.flatten(1).square().sum(1) / ((x_hat.shape[1] - 1) * x_hat[0, 0].numel())


def _r2(error: Tensor, x: Tensor, mean_image: Tensor) -> Estimate:
    total = (x - mean_image).flatten(1).square().mean(1)
    return intervals.ratio(total - error, total, "fraction", neighbours=True)
