"""Is the decoder's spread its error? At the optimum x, x̂ and x̂' are independent and alike given ẑ.

    dispersion_ratio  ρ = E‖x̂ − x̂'‖² / E‖x − x̂‖²: 1 at the optimum, 0 where noise is ignored,
                      2k²/(1 + k²) for a spread k times too wide
    energy_score      E‖x − x̂‖ − ½E‖x̂ − x̂'‖, conditional on the code: smallest for p(x|ẑ)

ρ is near 1 for a decoder that ignores its code, too, so it never stands alone; `critic` sees that.

Reference: Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation (energy score).
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.measurement import Estimate, undefined
from analysis.measures.reconstruction import spread, squared_error


def dispersion_ratio(x: Tensor, x_hat: Tensor, noise_dim: int) -> Estimate:
    """Return ρ from images with shape (N, C, H, W) and draws with shape (N, M, C, H, W), M ≥ 2.

    It is undefined for a deterministic decoder (`noise_dim` 0) and for one that is never wrong.
    """
    if noise_dim == 0:
        return undefined("the decoder has no noise", len(x), "ratio")
    return intervals.ratio(2 * spread(x_hat), squared_error(x, x_hat), "ratio", neighbours=True)


def energy_score(x: Tensor, x_hat: Tensor, unit: str) -> Estimate:
    """Return the conditional energy score in the space of its arguments.

    Args:
        x: Images or features with shape (N, ...).
        x_hat: Draws with shape (N, M, ...), M ≥ 2.
        unit: Unit of the Euclidean norm.
    """
    x, x_hat = x.flatten(1), x_hat.flatten(2)
    error = (x[:, None] - x_hat).norm(dim=2).mean(1)
    pairs = [(x_hat[:, i] - x_hat[:, j]).norm(dim=1) for i, j in combinations(range(x_hat.shape[1]), 2)]
    return intervals.mean(error - 0.5 * torch.stack(pairs).mean(0), unit, neighbours=True)
