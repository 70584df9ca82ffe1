"""The maximum mean discrepancy of two samples, unbiased, with a Gaussian kernel.

    MMD² = E k(a, a') + E k(b, b') − 2 E k(a, b),     k(a, b) = exp(−‖a − b‖² / 2w²)

It is 0 where the two distributions are one, and can then be a little below 0. For N(0, I_d) against N(μ, I_d) it is
2 (w² / (w² + 2))^(d/2) (1 − exp(−‖μ‖² / (2w² + 4))). The width w is the same for all cells with codes of one size.

Reference: Gretton et al. (2012), A kernel two-sample test.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from analysis.measures import intervals
from analysis.measures.draws import BROKEN_CODES, all_finite
from analysis.measures.measurement import Estimate, invalid, undefined

UNIT = "squared kernel mean distance"
MAX_CODES = 2500
"""Codes of each sample that are compared, at most."""


def squared_mmd(a: Tensor, b: Tensor, width: float | None = None) -> Estimate:
    """Return MMD² of two samples with shapes (N, d), with a grouped jackknife; a bootstrap would be biased.

    Args:
        a: One sample.
        b: The other, with as many rows.
        width: The kernel's width w; √d, about the distance of a standard normal code from its mean, if None.
    """
    a, b = a[:MAX_CODES].double(), b[:MAX_CODES].double()
    num, dim = a.shape
    if dim == 0:
        return undefined("there is no code", num, UNIT)
    if not all_finite(a, b):
        return invalid(BROKEN_CODES, num, UNIT)
    if num < 2 * intervals.NUM_GROUPS:
        return undefined(f"there are fewer than {2 * intervals.NUM_GROUPS} codes", num, UNIT)
    scale = math.sqrt(dim) if width is None else width
    group = one_hot(intervals.jackknife_groups(num, a.device), intervals.NUM_GROUPS).double()
    # sums over pairs of groups are all that the jackknife needs
    within_a, within_b, between = (_pair_sums(group, *pair, scale) for pair in ((a, a), (b, b), (a, b)))
    for within in (within_a, within_b):
        within.diagonal().sub_(group.sum(0))  # a code is no pair with itself

    def value(kept: Tensor) -> float:
        count = (group.sum(0) * kept).sum()
        pairs_a, pairs_b, across = (kept @ sums @ kept for sums in (within_a, within_b, between))
        return ((pairs_a + pairs_b) / (count * (count - 1)) - 2 * across / count**2).item()

    ones = torch.ones(intervals.NUM_GROUPS, dtype=a.dtype, device=a.device)
    left_out = [value(ones - row) for row in torch.eye(intervals.NUM_GROUPS, dtype=a.dtype, device=a.device)]
    return intervals.jackknife(value(ones), left_out, num, UNIT)


def _pair_sums(group: Tensor, a: Tensor, b: Tensor, width: float) -> Tensor:
    """Return the kernel's sums over pairs of a row of `a` in one group and a row of `b` in another, (G, G)."""
    kernel = torch.cdist(a, b).square_().div_(-2 * width**2).exp_()
    return group.T @ kernel @ group
