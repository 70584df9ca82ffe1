"""95 % image-level intervals: what another sample of images, from the same model, would have given.

A smooth statistic of n images is treated through its influence function ψ (the delta method): its variance is Var ψ /
n. Where images share a decoder noise with the next one in the order, as `draws` arranges it, the covariance of
neighbours is added. They say nothing of other seeds.

References:
    van der Vaart (1998), Asymptotic statistics, sections 3.1 and 20.1.
    Efron and Stein (1981), The jackknife estimate of variance.
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    Newcombe (1998), Interval estimation for the difference between independent proportions (method 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from analysis.measures.measurement import Estimate, estimate, invalid, undefined

Z95 = 1.959964
"""97.5 % quantile of the normal distribution."""

NUM_GROUPS = 20
"""Groups of images that a jackknife leaves out in turn."""

T95 = 2.093024
"""97.5 % quantile of Student's t with `NUM_GROUPS` − 1 degrees of freedom."""


def linearized(value: float, influence: Tensor, unit: str, *, neighbours: bool = False) -> Estimate:
    """Return a value with the interval value ± 1.96 sqrt(Var ψ / n).

    Args:
        value: The statistic.
        influence: Its influence function at each image, with shape (N,); an added constant does not matter.
        unit: Unit of the value.
        neighbours: Whether images i and i + 1 (in a circle) are dependent.
    """
    num = len(influence)
    if num < 2:
        return undefined("there are fewer than two images", num, unit)
    centred = influence.double() - influence.double().mean()
    variance = centred.square().mean().item()
    if neighbours:
        variance += 2 * max(0.0, (centred * centred.roll(1)).mean().item())
    half = Z95 * math.sqrt(variance / (num - 1))
    return estimate(value, value - half, value + half, num, unit)


def mean(values: Tensor, unit: str, *, neighbours: bool = False) -> Estimate:
    """Return the mean of one value per image, with shape (N,)."""
    return linearized(values.double().mean().item(), values, unit, neighbours=neighbours)


def ratio(numerator: Tensor, denominator: Tensor, unit: str, *, neighbours: bool = False) -> Estimate:
    """Return E[a] / E[b] from one a and one b per image, each with shape (N,)."""
    a, b = numerator.double(), denominator.double()
    scale = b.mean().item()
    if not math.isfinite(scale):
        return invalid("the denominator is not finite", len(a), unit)
    if scale <= 0:
        return undefined("the denominator is zero", len(a), unit)
    value = a.mean().item() / scale
    return linearized(value, (a - value * b) / scale, unit, neighbours=neighbours)


def mean_fraction(values: Tensor, *, neighbours: bool = False) -> Estimate:
    """Return the mean of one value in [0, 1] per image, with shape (N,), with Wilson's interval, which stays in [0, 1].

    Values other than 0 and 1 vary less, and neighbours more, than N independent yes-or-no answers: the interval is that
    of the number of such answers that would vary as much.
    """
    return _wilson(mean(values, "fraction", neighbours=neighbours))


def class_mean_fraction(values: Tensor, classes: Tensor, *, neighbours: bool = False) -> Estimate:
    """Return the mean over classes of the mean within each, for values in [0, 1], with Wilson's interval.

    Args:
        values: One value per image, with shape (N,).
        classes: The class of each image, int64 with shape (N,); those that no image has do not count.
        neighbours: Whether images i and i + 1 (in a circle) are dependent.
    """
    values, counts = values.double(), classes.bincount().double()
    means = torch.zeros_like(counts).index_add_(0, classes, values) / counts
    value = means[counts > 0].mean().item()
    weights = len(values) / (counts * (counts > 0).sum())
    influence = weights[classes] * (values - means[classes])
    return _wilson(linearized(value, influence, "fraction", neighbours=neighbours))


def fraction_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return the first of two fractions of independent images less the second, with Newcombe's interval.

    Both are of `mean_fraction`, whose ends make the interval: it is no point where the fractions are 0 or 1. Where one
    has no value, the difference has none for the same reason.
    """
    if first.value is None or first.low is None or first.high is None:
        return first
    if second.value is None or second.low is None or second.high is None:
        return second
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return estimate(value, value - below, value + above, first.n + second.n, "fraction")


def _wilson(plain: Estimate) -> Estimate:
    if plain.value is None or plain.high is None:
        return plain
    p, error = plain.value, (plain.high - plain.value) / Z95
    answers = p * (1 - p) / error**2 if error > 0 else float(plain.n)
    shrink = 1 + Z95**2 / answers
    centre = (p + Z95**2 / (2 * answers)) / shrink
    half = Z95 * math.sqrt(p * (1 - p) / answers + Z95**2 / (4 * answers**2)) / shrink
    # rounding must not push the end of a sure thing past the value
    return estimate(p, min(p, centre - half), max(p, centre + half), plain.n, "fraction")


def jackknife(value: float, left_out: list[float], num: int, unit: str, *, correct_bias: bool = False) -> Estimate:
    """Return a value with the interval of its grouped jackknife.

    With θ_g the statistic without group g of G, the squared standard error is (G − 1)/G Σ (θ_g − θ̄)², and the bias,
    if it falls as 1/n, is (G − 1)(θ̄ − θ).

    Args:
        value: The statistic θ of all images.
        left_out: θ_g for each of the `NUM_GROUPS` groups.
        num: Number of images.
        unit: Unit of the value.
        correct_bias: Whether to subtract the bias.
    """
    values = torch.tensor(left_out, dtype=torch.float64)
    factor = (len(values) - 1) / len(values)
    half = T95 * math.sqrt(factor * (values - values.mean()).square().sum().item())
    if correct_bias:
        value -= (len(values) - 1) * (values.mean().item() - value)
    return estimate(value, value - half, value + half, num, unit)


def jackknife_groups(num: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the group of each of `num` images, int64 with shape (num,): 0 to `NUM_GROUPS` − 1, nearly equally often.

    The order in which images come is stratified: every tenth of ten classes is of one class. Groups that were counted
    off along it would each be of a few classes, and leaving one out would change the classes' shares. So the groups
    follow a random permutation, which depends on `num` alone.
    """
    order = torch.randperm(num, generator=torch.Generator().manual_seed(num))
    return (order % NUM_GROUPS).to(device)


def group_jackknife(
    statistic: Callable[[Tensor], float], num: int, unit: str, *, correct_bias: bool = False
) -> Estimate:
    """Return a statistic of image indices with the interval of its grouped jackknife.

    Args:
        statistic: Maps the indices of the images to use, int64 with shape (n,), to the value.
        num: Number of images; at least two for each group.
        unit: Unit of the value.
        correct_bias: Whether to subtract the bias that the jackknife finds.
    """
    if num < 2 * NUM_GROUPS:
        return undefined(f"there are fewer than {2 * NUM_GROUPS} images", num, unit)
    index, groups = torch.arange(num), jackknife_groups(num)
    left_out = [statistic(index[groups != group]) for group in range(NUM_GROUPS)]
    return jackknife(statistic(index), left_out, num, unit, correct_bias=correct_bias)


def scaled(value: Estimate, factor: float, unit: str) -> Estimate:
    """Return an estimate in another unit."""

    def scale(end: float | None) -> float | None:
        return None if end is None else end * factor

    return replace(value, value=scale(value.value), low=scale(value.low), high=scale(value.high), unit=unit)
