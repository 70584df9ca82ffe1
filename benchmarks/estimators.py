"""Bias and spread of every estimator whose truth is known, over sample size and dimension, as a Markdown page.

    python -m benchmarks.estimators > docs/estimators.md

Each row draws its sample afresh, `REPEATS` times or, where a critic is trained, `FEW` times; some ten minutes on one
core. Tasks: z + σξ of independent and correlated Gaussians, normal classes, the K-ary symmetric channel, Gaussian
shifts, the bilinear decoder, a linear-Gaussian decoder that is calibrated, too wide, or ignores its code, and the
others of `estimator_rows` and `reconstruction_rows`. Truths are closed forms, or quadrature in one dimension.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import mean, stdev

import torch
from torch import Tensor

from analysis.measures.calibration import dispersion_ratio
from analysis.measures.draws import decode
from analysis.measures.fidelity import frechet_distance
from analysis.measures.gaussian import channel_information
from analysis.measures.information import (
    cluster_label_information,
    code_label_information,
    information_bracket,
)
from analysis.measures.labels import label_split
from analysis.measures.measurement import Estimate
from analysis.measures.mmd import squared_mmd
from analysis.measures.nearest import nearest_label_information
from analysis.measures.prior_match import prior_kl, prior_moment_kl
from analysis.measures.sharpness import sharpness
from analysis.measures.variance_split import variance_shares
from benchmarks.estimator_rows import FEW, PARTS, REPEATS, Row
from benchmarks.estimator_rows import normal as _normal
from benchmarks.machine import conditions
from benchmarks.reconstruction_rows import kept_labels, matches, reconstructions

SIZES = (500, 2000)


def rows() -> Iterator[Row]:
    """Yield every row of the page, table by table."""
    own = (_brackets, _label_information, _clusters, _prior_match, _shares, _labels, _spread, _fidelity)
    for part in (*own, *PARTS, matches, reconstructions, kept_labels):
        for num in SIZES:
            yield from part(num)


def _brackets(num: int) -> Iterator[Row]:
    for dim, sigma in ((1, 0.1), (2, 0.1), (2, 1.0), (5, 1.0), (10, 1.0), (20, 1.0)):
        for end in ("low", "high"):

            def estimate(generator: torch.Generator, dim: int = dim, sigma: float = sigma, end: str = end) -> Estimate:
                return information_bracket(_normal(num, dim, generator), generator, sigma)[f"information_{end}"]

            task = f"z + σξ, d = {dim}, σ = {sigma:g}"
            yield Row(
                "I_σ, upper bound" if end == "high" else "I_σ, lower bound",
                task,
                num,
                channel_information(dim, sigma),
                estimate,
            )
    for dim in (2, 10):

        def warped(generator: torch.Generator, dim: int = dim) -> Estimate:
            z = _normal(num, dim, generator)
            rotation = torch.linalg.qr(_normal(dim, dim, generator)).Q
            return information_bracket(3 * z @ rotation + 1, generator)["information_low"]

        truth = channel_information(dim, 1.0)
        yield Row("I_σ, lower bound", f"the same, z turned, moved and scaled, d = {dim}, σ = 1", num, truth, warped)


def two_classes(distance: float) -> float:
    """Return I(y; z) of two equally likely classes with z ~ N(±distance/2, 1), by quadrature."""
    z = torch.linspace(-14, 14, 40001, dtype=torch.float64)
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None]
    densities = (-0.5 * (z - signs * distance / 2).square()).exp() / math.sqrt(2 * math.pi)
    return (0.5 * torch.xlogy(densities, densities / densities.mean(0)).sum(0)).sum().item() * 28 / 40000


def _label_information(num: int) -> Iterator[Row]:
    for dim in (1, 2, 5, 10, 20):
        for distance in (0.0, 2.0):

            def draw(generator: torch.Generator, dim: int = dim, distance: float = distance) -> tuple[Tensor, Tensor]:
                labels = torch.randint(2, (num,), generator=generator)
                z = _normal(num, dim, generator)
                z[:, 0] += distance * (labels - 0.5)
                return z, labels

            def probe(generator: torch.Generator, draw: Callable[..., tuple[Tensor, Tensor]] = draw) -> Estimate:
                return code_label_information(*draw(generator), *draw(generator), 2)

            def nearest(generator: torch.Generator, draw: Callable[..., tuple[Tensor, Tensor]] = draw) -> Estimate:
                return nearest_label_information(*draw(generator))

            task = f"two normal classes {distance:g} apart, d = {dim}"
            yield Row("I(y; z), probe", task, num, two_classes(distance), probe)
            yield Row("I(y; z), neighbours", task, num, two_classes(distance), nearest)


def _clusters(num: int) -> Iterator[Row]:
    for clusters in (10, 30):
        for wrong in (0.2, 1.0):

            def estimate(generator: torch.Generator, clusters: int = clusters, wrong: float = wrong) -> Estimate:
                labels = torch.randint(10, (num,), generator=generator)
                noise = torch.randint(clusters, (num,), generator=generator)
                flipped = torch.rand(num, generator=generator) < wrong
                kept = labels + 10 * torch.randint(clusters // 10, (num,), generator=generator)
                return cluster_label_information(labels, torch.where(flipped, noise, kept))

            right = 1 - wrong + wrong / 10
            left = (1 - right) / 9
            truth = math.log(10) + right * math.log(right) + (9 * left * math.log(left) if left else 0.0)
            yield Row("I(y; k)", f"symmetric channel, K = {clusters}, {wrong:.0%} at random", num, truth, estimate)


def _prior_match(num: int) -> Iterator[Row]:
    for dim in (2, 10, 20):
        for shift in (0.0, 0.5):

            def moments(generator: torch.Generator, dim: int = dim, shift: float = shift) -> Estimate:
                return prior_moment_kl(_normal(num, dim, generator) + shift / math.sqrt(dim))

            def kernel(generator: torch.Generator, dim: int = dim, shift: float = shift) -> Estimate:
                return squared_mmd(_normal(num, dim, generator) + shift / math.sqrt(dim), _normal(num, dim, generator))

            task = f"N(μ, I) against N(0, I), ‖μ‖ = {shift:g}, d = {dim}"
            power = dim + 2
            mmd = 2 * (dim / power) ** (dim / 2) * (1 - math.exp(-(shift**2) / (2 * power)))
            yield Row("KL of moments to the prior", task, num, 0.5 * shift**2, moments)
            yield Row("MMD² to the prior", task, num, mmd, kernel)
    for clusters in (10, 30):

        def uniform(generator: torch.Generator, clusters: int = clusters) -> Estimate:
            return prior_kl(torch.randint(clusters, (num,), generator=generator), torch.full((clusters,), 1 / clusters))

        yield Row("KL of cluster use to the prior", f"equal use, K = {clusters}", num, 0.0, uniform)


class _Bilinear:
    """g = a·z + b·n + c·z n in `dim` pixels: shares a² : b² : c²."""

    weights = (1.0, 0.7, 0.5)

    def __init__(self, dim: int) -> None:
        self.noise_dim = dim

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        return _normal(num, self.noise_dim, generator)

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        a, b, c = self.weights
        return (a * z + b * n + c * z * n).view(len(z), 1, 1, -1)


def _shares(num: int) -> Iterator[Row]:
    total = sum(weight**2 for weight in _Bilinear.weights)
    for dim in (1, 20):
        for part, weight in zip(("z", "n", "zn"), _Bilinear.weights, strict=True):

            def estimate(generator: torch.Generator, dim: int = dim, part: str = part) -> Estimate:
                x_hat = decode(_Bilinear(dim), _normal(num, dim, generator), generator)  # type: ignore[arg-type]
                return variance_shares(x_hat, "pixel")[f"share_{part}_pixel"]

            yield Row(f"S_{part}", f"bilinear decoder, {dim} pixels", num, weight**2 / total, estimate)


def _labels(num: int) -> Iterator[Row]:
    for kept in (0.0, 0.5, 1.0):

        def estimate(generator: torch.Generator, kept: float = kept) -> Estimate:
            labels = torch.randint(10, (num, 1), generator=generator).expand(num, 4)
            noise = torch.randint(10, (num, 4), generator=generator)
            return label_split(torch.where(torch.rand(num, 4, generator=generator) < kept, labels, noise), 10)["tau_z"]

        yield Row("τ_z", f"each draw keeps the code's label with probability {kept:g}", num, kept**2, estimate)


def _spread(num: int) -> Iterator[Row]:
    for spread in (0.5, 1.0, 2.0):

        def estimate(generator: torch.Generator, spread: float = spread) -> Estimate:
            x = _normal(num, 10, generator).view(num, 1, 2, 5)
            x_hat = spread * torch.randn(num, 4, 1, 2, 5, generator=generator)
            return dispersion_ratio(x, x_hat, noise_dim=1)

        truth = 2 * spread**2 / (1 + spread**2)
        yield Row("dispersion ratio ρ", f"decoder {spread:g} times as wide as the data", num, truth, estimate)
    for count in (1, 4):

        def blurred(generator: torch.Generator, count: int = count) -> Estimate:
            x = _normal(num, 64, generator).view(num, 1, 8, 8)
            draws = torch.randn(num, 4, count, 1, 8, 8, generator=generator)
            return sharpness(x, draws.mean(2))

        yield Row("sharpness", f"a mean of {count} image{'s' * (count > 1)} of noise", num, count**-0.5, blurred)


def _fidelity(num: int) -> Iterator[Row]:
    for dim in (8, 128):
        for shift in (0.0, 2.0):

            def estimate(generator: torch.Generator, dim: int = dim, shift: float = shift) -> Estimate:
                fake = _normal(num, dim, generator)
                fake[:, 0] += shift
                return frechet_distance(_normal(num, dim, generator), fake)

            yield Row("Fréchet distance", f"normal features {shift:g} apart, d = {dim}", num, shift**2, estimate)


def measured(row: Row, seed: int) -> tuple[float, float, float]:
    """Return bias, standard deviation, and how often the 95 % interval holds the truth; NaN without values."""
    found = [row.estimate(torch.Generator().manual_seed(1000 * seed + index)) for index in range(row.repeats)]
    values = [item.value for item in found if item.value is not None]
    if len(values) < 2:
        return math.nan, math.nan, math.nan
    held = [item.low <= row.truth <= item.high for item in found if item.low is not None and item.high is not None]
    return mean(values) - row.truth, stdev(values), sum(held) / len(held) if held else math.nan


NOTES = """
A lower bound may lie below the truth and an upper one above it: that is their bias, and no fault. Where a bracket is
wide or near ln n, a report says so. The Fréchet distance has its bias of order 1/n removed, so that two samples of one
distribution have 0 give or take its spread. Divergences by neighbours fall short where q has next to no mass where p
has some, and have no interval. A critic is held against the best one that there could be: where the decoder is right,
.5; elsewhere its bias says how weak it is on so few images. NMI is not adjusted for chance, and its bias is what AMI
takes off. Of 40 intervals that cover with 95 %, fewer than 35
(.88) hold the truth once in seventy times.
"""


def page() -> Iterator[str]:
    """Yield the page's lines."""
    yield "# Estimators: bias and spread where the truth is known\n"
    yield from conditions(torch.device("cpu"))
    yield f"- {REPEATS} samples a row, {FEW} where a critic is trained"
    yield '- "held" is how many of their 95 % image-level intervals held the truth'
    yield NOTES.rstrip()
    current = ""
    for index, row in enumerate(rows_by_measure()):
        if row.measure != current:
            current = row.measure
            yield f"\n## {current}\n\n| task | n | truth | bias | sd | held |\n|---|---|---|---|---|---|"
        bias, spread, held = measured(row, index)
        numbers = [_written(value, 3) for value in (row.truth, bias, spread)]
        yield f"| {' | '.join([row.task, str(row.num), *numbers, _written(held, 2)])} |"


def rows_by_measure() -> Sequence[Row]:
    """Return all rows, those of one measure together, each task's sizes one below the other."""
    found = list(rows())
    measures, tasks = (list(dict.fromkeys(getattr(row, name) for row in found)) for name in ("measure", "task"))
    return sorted(found, key=lambda row: (measures.index(row.measure), tasks.index(row.task), row.num))


def _written(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def main() -> int:
    """Print the page."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        for line in page():
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
