"""Rows of the page of estimators: the estimators of one kind each on tasks whose truth is known.

Posteriors in the plane, clusters, fidelity, calibration, critics, translations, rate and distortion, and the terms of
the paper's Equations 4 to 7 on a linear-Gaussian model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from scipy.stats import chi2
from torch import Tensor

from analysis.measures import clustering, gaussian, points
from analysis.measures.calibration import energy_score
from analysis.measures.critic import Pairs, critic_accuracy
from analysis.measures.fidelity import NEIGHBOURS, density_and_coverage, frechet_excess
from analysis.measures.information import information_bracket
from analysis.measures.intervals import mean as mean_of
from analysis.measures.joint_test import joint_accuracy
from analysis.measures.measurement import Estimate, exact
from analysis.measures.prior_match import prior_moment_kl
from analysis.measures.rate_distortion import rate_distortion
from analysis.measures.recognition import NUM_VOTES, vote_entropy
from analysis.measures.translation import diversity

REPEATS = 40
FEW = 8
"""Repeats of what trains a critic."""


@dataclass(frozen=True)
class Row:
    """One estimator on one task.

    Attributes:
        measure: What is estimated.
        task: What is drawn.
        num: Sample size.
        truth: The true value.
        estimate: Draws a sample and estimates.
        repeats: How often.
    """

    measure: str
    task: str
    num: int
    truth: float
    estimate: Callable[[torch.Generator], Estimate]
    repeats: int = REPEATS


def normal(num: int, dim: int, generator: torch.Generator) -> Tensor:
    """Draw standard normal rows with shape (num, dim)."""
    return torch.randn(num, dim, generator=generator)


def posteriors(num: int) -> Iterator[Row]:
    """Yield divergences and overlaps by nearest neighbours, as Figures 11 and 12 need them."""
    for dim in (2, 5):
        for shift, scale in ((0.0, 1.0), (1.0, 1.0), (0.0, 2.0), (0.0, 0.5), (3.0, 0.5)):

            def divergence(
                generator: torch.Generator, dim: int = dim, shift: float = shift, scale: float = scale
            ) -> Estimate:
                other = scale * normal(num, dim, generator)
                other[:, 0] += shift
                return exact(points.neighbour_divergence(normal(num, dim, generator), other), num, "nat")

            truth = dim * (math.log(scale) + 0.5 / scale**2 - 0.5) + 0.5 * (shift / scale) ** 2
            task = f"N(0, I) against sd {scale:g}, {shift:g} away, d = {dim}"
            yield Row("KL by neighbours", task, num, truth, divergence)
    for distance in (0.0, 1.0, 3.0):

        def overlap(generator: torch.Generator, distance: float = distance) -> Estimate:
            labels = torch.arange(num) % 2
            z = normal(num, 2, generator)
            z[:, 0] += distance * labels
            return points.overlap(z, labels)

        truth = 0.5 * math.erfc(distance / 2 / math.sqrt(2))
        yield Row("overlap", f"two normal classes {distance:g} apart, d = 2", num, truth, overlap)


def joints(num: int) -> Iterator[Row]:
    """Yield divergences of points with their codes, both blurred."""
    size = 10 * num
    for noise, recognised in ((0.5, 0.5), (0.5, 1.0), (0.1, 0.5), (0.5, 0.1)):

        def joint(generator: torch.Generator, noise: float = noise, recognised: float = recognised) -> Estimate:
            def pairs(deviation: float) -> tuple[Tensor, Tensor]:
                x = normal(size, 2, generator)
                return x, 0.8 * x + deviation * normal(size, 2, generator)

            return exact(points.joint_divergence(pairs(noise), pairs(recognised), generator), size, "nat")

        truth = 2 * gaussian.divergence(_blurred(noise), _blurred(recognised))
        task = f"z = .8 x + noise of sd {noise:g}, recognised with sd {recognised:g}, blur .1"
        yield Row("KL(p(z|x) ‖ q(z|x)), generated", task, size, truth, joint)

    for width in (1.0, 1.5):

        def bound(generator: torch.Generator, width: float = width) -> Estimate:
            def pairs(width: float) -> tuple[Tensor, Tensor]:
                x = width * normal(num, 2, generator)
                return x, 0.8 * x + 0.5 * normal(num, 2, generator)

            return exact(points.joint_divergence(pairs(1.0), pairs(width), generator), num, "nat")

        truth = 2 * gaussian.divergence(_blurred(0.5), _blurred(0.5, width))
        task = f"z = .8 x + noise of sd .5, data {width:g} times as wide, blur .1"
        yield Row("KL(p(x, z) ‖ data q(z|x))", task, num, truth, bound)


def _blurred(deviation: float, width: float = 1.0) -> Tensor:
    blur, square = points.BLUR**2, width**2
    entries = [[square + blur, 0.8 * square], [0.8 * square, 0.64 * square + deviation**2 + blur]]
    return torch.tensor(entries, dtype=torch.float64)


def clusters(num: int) -> Iterator[Row]:
    """Yield agreements and the clustering error of symmetric channels, and the entropy of few votes."""
    for size in (10, 30):
        for wrong in (0.2, 1.0):

            def draw(generator: torch.Generator, size: int = size, wrong: float = wrong) -> tuple[Tensor, Tensor]:
                labels = torch.randint(10, (num,), generator=generator)
                noise = torch.randint(size, (num,), generator=generator)
                kept = labels + 10 * torch.randint(size // 10, (num,), generator=generator)
                return labels, torch.where(torch.rand(num, generator=generator) < wrong, noise, kept)

            def error(
                generator: torch.Generator, draw: Callable[..., tuple[Tensor, Tensor]] = draw, size: int = size
            ) -> Estimate:
                (fit, fitted), (labels, found) = draw(generator), draw(generator)
                eye = torch.eye(size)
                return clustering.clustering_error(eye[fitted], fit, eye[found], labels, 10)

            right = 1 - wrong + wrong / 10
            left = (1 - right) / 9
            information = math.log(10) + right * math.log(right) + (9 * left * math.log(left) if left else 0.0)
            task = f"symmetric channel, K = {size}, {wrong:.0%} at random"
            normalized = information / (0.5 * math.log(10 * size))
            # Σ p(y, k)² of a class's own clusters and of the others, and the same of independent ones
            pairs, chance = (right**2 + 9 * left**2) / size, 1 / (10 * size)
            rand = (pairs - chance) / (0.5 * (1 / 10 + 1 / size) - chance)
            for name, truth in (("ami", normalized), ("nmi", normalized), ("ari", rand)):

                def agreement(
                    generator: torch.Generator, draw: Callable[..., tuple[Tensor, Tensor]] = draw, name: str = name
                ) -> Estimate:
                    return clustering.agreement(*draw(generator), name)

                yield Row(name.upper(), task, num, truth, agreement)
            yield Row("clustering error", task, num, 1 - right, error)
    for shares in ((0.1,) * 10, (0.5, 0.3, 0.2), (0.95, 0.05)):

        def votes(generator: torch.Generator, shares: tuple[float, ...] = shares) -> Estimate:
            drawn = torch.tensor(shares).expand(num, -1).multinomial(NUM_VOTES, replacement=True, generator=generator)
            return mean_of(vote_entropy(drawn, len(shares)), "nat")

        truth = -sum(share * math.log(share) for share in shares)
        task = f"{NUM_VOTES} votes over {len(shares)} categories, the first with {shares[0]:g}"
        yield Row("entropy of ε-votes", task, num, truth, votes)


def fidelity(num: int) -> Iterator[Row]:
    """Yield density and coverage of one distribution, and the Fréchet distance beyond real images."""
    for dim in (8, 64):
        missed = math.prod((num - k) / (2 * num - k) for k in range(1, NEIGHBOURS + 1))
        for name, truth in (("density", 1.0), ("coverage", 1 - missed)):

            def estimate(generator: torch.Generator, dim: int = dim, name: str = name) -> Estimate:
                return density_and_coverage(normal(num, dim, generator), normal(num, dim, generator))[name]

            yield Row(name, f"one normal distribution, d = {dim}", num, truth, estimate)
        for shift in (0.0, 2.0):

            def excess(generator: torch.Generator, dim: int = dim, shift: float = shift) -> Estimate:
                real, fake, floor = (normal(num, dim, generator) for _ in range(3))
                fake[:, 0] += shift
                return frechet_excess(real, fake, floor)

            task = f"normal features {shift:g} apart, d = {dim}"
            yield Row("Fréchet distance beyond real images", task, num, shift**2, excess)


def calibration(num: int) -> Iterator[Row]:
    """Yield energy scores and diversities of normal draws."""
    for dim in (1, 10):
        length = math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))
        for spread in (0.5, 1.0, 2.0):

            def score(generator: torch.Generator, dim: int = dim, spread: float = spread) -> Estimate:
                draws = spread * torch.randn(num, 4, dim, generator=generator)
                return energy_score(normal(num, dim, generator), draws, "norm")

            truth = length * (math.sqrt(1 + spread**2) - spread / math.sqrt(2))
            task = f"decoder {spread:g} times as wide as the data, d = {dim}"
            yield Row("energy score", task, num, truth, score)
    for noise in (0.0, 0.5, 2.0):

        def share(generator: torch.Generator, noise: float = noise) -> Estimate:
            content = normal(num, 10, generator)
            first, second = (content + noise * normal(num, 10, generator) for _ in range(2))
            return diversity(first, second)

        truth = noise**2 / (1 + noise**2)
        yield Row("diversity", f"noise {noise:g} times as wide as the content", num, truth, share)


def critics(num: int) -> Iterator[Row]:
    """Yield both critics on a linear-Gaussian decoder; with a wrong spread, against the best possible accuracy."""
    free = 10
    for spread, ignores in ((1.0, False), (1.5, False), (2.0, False), (1.0, True)):

        def pairs(generator: torch.Generator, spread: float = spread, ignores: bool = ignores) -> Pairs:
            directions = torch.linalg.qr(torch.randn(196, 5 + free, generator=torch.Generator().manual_seed(0))).Q
            z = normal(num, 5, generator)

            def images(width: float, code: Tensor) -> Tensor:
                components = torch.cat([code, width * normal(num, free, generator)], 1)
                pixels: Tensor = 0.5 + (components @ directions.T).view(num, 1, 14, 14)
                return pixels

            codes = (normal(num, 5, generator) if ignores else z for _ in range(2))
            return Pairs(images(1.0, z), z, torch.stack([images(spread, code) for code in codes], 1))

        def small(generator: torch.Generator, pairs: Callable[..., Pairs] = pairs) -> Estimate:
            return critic_accuracy(pairs(generator), {"test": pairs(generator)}, generator)["test"]

        def large(generator: torch.Generator, pairs: Callable[..., Pairs] = pairs) -> Estimate:
            return joint_accuracy(pairs(generator), pairs(generator), generator)

        # where the code is ignored, the five directions in which x is z tell everything
        best = 1.0 if ignores else 0.5
        if spread > 1:
            edge = free * math.log(spread**2) / (1 - 1 / spread**2)
            best = 0.5 * float(chi2.cdf(edge, free) + chi2.sf(edge / spread**2, free))
        words = "that ignores its code" if ignores else f"{spread:g} times as wide as the data in {free} directions"
        task = f"decoder {words}; truth: the best critic"
        yield Row("critic accuracy", task, num, best, small, FEW)
        yield Row("joint test accuracy", task, num, best, large, FEW)


class _Identity:
    """Images that are their codes."""

    noise_dim = 0

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        return torch.zeros(num, 0, device=generator.device)

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        return torch.cat([z, n], 1)[:, None, None]


def sweep(num: int) -> Iterator[Row]:
    """Yield the distortion of points of the rate-distortion sweep; their rates are brackets as any other."""
    for dim in (2, 10):
        for sigma in (0.5, 2.0):

            def distortion(generator: torch.Generator, dim: int = dim, sigma: float = sigma) -> Estimate:
                z, others = normal(num, dim, generator), normal(num, dim, generator)
                model = _Identity()
                (point,) = rate_distortion(model, z[:, None, None], z, others, generator, (sigma,))  # type: ignore[arg-type]
                return point.distortion

            truth = 2 * dim * (1 - 1 / math.sqrt(1 + sigma**2))
            yield Row(
                "distortion of the sweep",
                f"a decoder that is its code, d = {dim}, σ = {sigma:g}",
                num,
                truth,
                distortion,
            )


def equations(num: int) -> Iterator[Row]:
    """Yield the estimated terms of Equations 4 to 7 of one linear-Gaussian model: the others are closed forms of it."""
    data = torch.diag(torch.tensor([2.0, 1.0, 0.5, 0.5], dtype=torch.float64))
    weight = torch.tensor([[0.6, 0.2, 0.0, 0.1], [0.0, 0.5, 0.6, 0.0]], dtype=torch.float64)
    noise = 0.3 * torch.eye(2, dtype=torch.float64)
    decoder = torch.linalg.pinv(weight), 0.5 * torch.eye(4, dtype=torch.float64)
    code = weight @ data @ weight.T + noise

    def draw(generator: torch.Generator) -> Tensor:
        x = torch.randn(num, 1, 4, generator=generator, dtype=torch.float64) * data.diagonal().sqrt()
        return x @ weight.T + noise[0, 0].sqrt() * torch.randn(num, 8, 2, generator=generator, dtype=torch.float64)

    def prior(generator: torch.Generator) -> Estimate:
        return prior_moment_kl(draw(generator)[:, 0])

    def information(generator: torch.Generator) -> Estimate:
        return information_bracket(draw(generator), generator)["information_low"]

    blur = code.diagonal().mean() * torch.eye(2, dtype=torch.float64)
    terms = gaussian.objective_terms(data, (weight, noise), decoder)
    blurred = gaussian.objective_terms(data, (weight, noise + blur), decoder)
    yield Row("terms of Equations 4 to 7", "KL(q(z) ‖ p(z)), by moments", num, terms["prior_divergence"], prior)
    task = "I(z; x) of a stochastic encoder, blurred by σ = 1, lower bound"
    yield Row("terms of Equations 4 to 7", task, num, blurred["information"], information)


PARTS: tuple[Callable[[int], Iterator[Row]], ...] = (
    *(posteriors, joints, clusters, fidelity, calibration, critics, sweep, equations),
)
"""The tables of this file, each for one sample size."""
