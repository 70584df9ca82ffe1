"""Are reconstructions as sharp as images?

    sharpness  E TV(x̂) / E TV(x), with TV the sum of the absolute differences between neighbouring pixels

It is 1 for the data's own p(x|ẑ), less where images are blurred, as means are, and more where they are noisy. The total
variation of a sum of independent noise grows with it, so that blur and noise can cancel: it never stands alone.

Reference: Rudin, Osher and Fatemi (1992), Nonlinear total variation based noise removal algorithms.
"""

from __future__ import annotations

from torch import Tensor

from analysis.measures import intervals
from analysis.measures.measurement import Estimate, undefined

NO_PIXELS = "points have no pixels"


def sharpness(x: Tensor, x_hat: Tensor) -> Estimate:
    """Return the sharpness from images with shape (N, C, H, W) and draws with shape (N, M, C, H, W).

    It is undefined for points, with shape (N, D), and for images without any edge.
    """
    if x.dim() != 4:
        return undefined(NO_PIXELS, len(x), "ratio")
    return intervals.ratio(_variation(x_hat).mean(1), _variation(x), "ratio", neighbours=True)


def _variation(x: Tensor) -> Tensor:
    """Return the total variation of images with shape (..., C, H, W)."""
    across, down = x.diff(dim=-1).abs(), x.diff(dim=-2).abs()
    variation: Tensor = across.flatten(-3).sum(-1) + down.flatten(-3).sum(-1)
    return variation
