"""Shares of the variance of each pixel: where in the image the code decides, and where the noise does.

The generalized shares of `variance_split` are averages of these maps, weighted by each pixel's variance V_p:

    S_z = Σ_p V_p S_z(p) / Σ_p V_p

Reference: Gamboa, Janon, Klein and Lagnoux (2014), Sensitivity analysis for multidimensional and functional outputs.
https://arxiv.org/abs/1311.1797
"""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.measures.draws import squares


def share_maps(x_hat: Tensor) -> dict[str, Tensor]:
    """Return the maps of one decoder, each with shape (C, H, W).

    Args:
        x_hat: Decoded images in the design of `draws`, with shape (N, 4, C, H, W).

    Returns:
        `variance`, V_p in squared intensities, and `share_z`, `share_n` and `share_zn`, which sum to 1 where the pixel
        varies and are NaN where it does not.
    """
    shape = x_hat.shape[2:]
    y, yn, yz, yi = (item.double() for item in squares(x_hat))
    total = _mean_square(y, yi) + _mean_square(yn, yz)
    frozen_code = _mean_square(y, yn) + _mean_square(yz, yi)
    frozen_noise = _mean_square(y, yz) + _mean_square(yn, yi)
    # float32 images carry rounding of about 1e-7 of an intensity
    known = torch.where(total > 1e-12, total, torch.nan)
    maps = {
        "variance": total / 4,
        "share_z": (total - frozen_code) / known,
        "share_n": (total - frozen_noise) / known,
        "share_zn": (frozen_code + frozen_noise - total) / known,
    }
    return {name: values.view(shape).float() for name, values in maps.items()}


def _mean_square(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean(0)
