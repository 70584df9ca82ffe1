"""More rows of the page of estimators: the match to the prior, reconstructions, labels, factors and retrieval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from analysis.measures.information import information_bracket
from analysis.measures.labels import label_preservation, label_shares
from analysis.measures.measurement import Estimate
from analysis.measures.prior_match import prior_accuracy
from analysis.measures.reconstruction import reconstruction
from analysis.measures.translation import retrieval
from benchmarks.estimator_rows import FEW, Row, normal


def matches(num: int) -> Iterator[Row]:
    """Yield the accuracy that tells shifted codes from the prior's, and the bracket of a correlated code."""
    for dim in (2, 20):
        for shift in (0.0, 1.0):

            def accuracy(generator: torch.Generator, dim: int = dim, shift: float = shift) -> Estimate:
                def pair() -> tuple[Tensor, Tensor]:
                    return normal(num, dim, generator) + shift / math.sqrt(dim), normal(num, dim, generator)

                return prior_accuracy(pair(), {"test": pair()}, generator)["test"]

            # the best rule is a plane half way: Φ(‖μ‖ / 2)
            best = 0.5 * math.erfc(-shift / 2 / math.sqrt(2))
            task = f"N(μ, I) against N(0, I), ‖μ‖ = {shift:g}, d = {dim}; truth: the best classifier"
            yield Row("q(z) against p(z), accuracy", task, num, best, accuracy, FEW)
    for correlation in (0.5, 0.9):

        def bracket(generator: torch.Generator, correlation: float = correlation) -> Estimate:
            z = normal(num, 2, generator)
            z[:, 1] = correlation * z[:, 0] + math.sqrt(1 - correlation**2) * z[:, 1]
            return information_bracket(z, generator)["information_low"]

        truth = 0.5 * math.log(4 - correlation**2)
        yield Row("I_σ, lower bound", f"correlated, ρ = {correlation:g}, d = 2, σ = 1", num, truth, bracket)


def reconstructions(num: int) -> Iterator[Row]:
    """Yield errors of the mean of calibrated draws, and retrieval of images that some others take the place of."""
    for noise in (0.5, 1.0):
        for name, truth in (("mse_mean", noise**2), ("r2_mean", 1 / (1 + noise**2))):

            def error(generator: torch.Generator, noise: float = noise, name: str = name) -> Estimate:
                content = torch.randn(num, 1, 1, 2, 5, generator=generator)
                images = content + noise * torch.randn(num, 5, 1, 2, 5, generator=generator)
                return reconstruction(images[:, 0], images[:, 1:], torch.zeros(1, 2, 5))[name]

            label = "MSE, mean of draws" if name == "mse_mean" else "R² of the mean"
            yield Row(label, f"calibrated, noise {noise:g} times as wide as the content", num, truth, error)
    for own in (0.3, 1.0):

        def found(generator: torch.Generator, own: float = own) -> Estimate:
            truth = torch.rand(num, 1, 4, 4, generator=generator)
            mixed = torch.rand(num, generator=generator) >= own
            return retrieval(torch.where(mixed[:, None, None, None], truth.roll(1, 0), truth), truth)

        yield Row("retrieval", f"{own:.0%} of images come back, the others as their neighbour", num, own, found)


def kept_labels(num: int) -> Iterator[Row]:
    """Yield what a classifier reads off decodes, of which the noise leaves or replaces the label."""
    for kept in (0.0, 0.5, 0.9):

        def decoded(generator: torch.Generator, kept: float = kept) -> tuple[Tensor, Tensor]:
            labels = torch.randint(10, (num,), generator=generator)
            own = torch.randint(10, (2, num), generator=generator)
            keeps = torch.rand(2, num, generator=generator) < kept
            draws = [torch.where(keeps[part].roll(by), labels, own[part].roll(by)) for by in (0, 1) for part in (0, 1)]
            return labels, torch.stack(draws, 1)

        def preserved(generator: torch.Generator, decoded: Callable[..., tuple[Tensor, Tensor]] = decoded) -> Estimate:
            return label_preservation(*decoded(generator))

        task = f"the noise leaves the code's label with probability {kept:g}"
        yield Row("label preservation", task, num, kept + (1 - kept) / 10, preserved)
        for part, truth in (("z", kept**2), ("n", 1 - kept), ("zn", kept * (1 - kept))):

            def share(
                generator: torch.Generator,
                decoded: Callable[..., tuple[Tensor, Tensor]] = decoded,
                part: str = part,
            ) -> Estimate:
                return label_shares(decoded(generator)[1], 10, "label")[f"share_{part}_label"]

            yield Row(f"S_{part}, label or factor", task, num, truth, share)
