"""Generalized Sobol' shares: how much of the output's variance the code, the noise and their interaction explain.

For y = g(z, n) with independent z and n, in any Euclidean space, V = ½E‖y − y'‖² over independent (z, n) and (z',
n'):

    T_n = E‖g(z, n) − g(z, n')‖² / 2V     S_z = 1 − T_n     share of the code alone
    T_z = E‖g(z, n) − g(z', n)‖² / 2V     S_n = 1 − T_z     share of the noise alone
                                          S_zn = T_z + T_n − 1

The three sum to 1. A deterministic decoder has S_z = 1, one that ignores the code S_n = 1. S_z is a property of the
decoder: it is explained variance of the data only where the decoder is calibrated.

Reference: Gamboa, Janon, Klein and Lagnoux (2014), Sensitivity analysis for multidimensional and functional outputs.
https://arxiv.org/abs/1311.1797
"""

from __future__ import annotations

from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import squares
from analysis.measures.measurement import Estimate, undefined

SHARES = tuple(f"share_{part}_{space}" for space in ("pixel", "feature") for part in ("z", "n", "zn"))
"""The names of the shares in the two spaces that every subject is measured in."""

NO_VARIANCE = 1e-12
"""Variance of an output, as a fraction of its mean square, that is rounding and no variation."""


def variance_shares(values: Tensor, suffix: str) -> dict[str, Estimate]:
    """Return share_z, share_n and share_zn, each with the suffix.

    All four decodes of a square enter each term. By the parallelogram law S_zn is then never negative, and exactly 0
    for an additive decoder.

    Args:
        values: The decoder's outputs, or features of them, in the design of `draws`, with shape (N, 4, ...).
        suffix: The space, such as "pixel".
    """
    y, yn, yz, yi = (item.double() for item in squares(values))
    total = _distance(y, yi) + _distance(yn, yz)
    frozen_code = _distance(y, yn) + _distance(yz, yi)
    frozen_noise = _distance(y, yz) + _distance(yn, yi)
    names = ("share_z", "share_n", "share_zn")
    if total.mean() <= NO_VARIANCE * (y.square().sum(1).mean() + yi.square().sum(1).mean()):
        return {f"{name}_{suffix}": undefined("the output does not vary", len(y), "fraction") for name in names}
    parts = (total - frozen_code, total - frozen_noise, frozen_code + frozen_noise - total)
    return {
        f"{name}_{suffix}": intervals.ratio(part, total, "fraction", neighbours=True)
        for name, part in zip(names, parts, strict=True)
    }


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(1)
