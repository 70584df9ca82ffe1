"""Adversarial losses: optima in closed form, one convention of sign, and their regularizers."""

import math

import pytest
import torch
from torch import Tensor

from iae_models.losses import LOSSES, balance_loss, r1_penalty, virtual_adversarial_loss
from iae_models.scoring import discriminator_terms
from iae_models.variant import Tape

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)


def expectation(function: object, logits: Tensor, weights: Tensor) -> Tensor:
    """E of a loss whose batch mean is taken over a discrete distribution."""
    assert callable(function)
    return torch.stack(
        [weight * function(logit.view(1, 1)) for logit, weight in zip(logits, weights, strict=True)]
    ).sum()


def trained_logits(name: str) -> Tensor:
    """The optimal discriminator between P and Q, by gradient descent on one logit an outcome."""
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = expectation(LOSSES[name].discriminator_real, logits, P) + expectation(
            LOSSES[name].discriminator_fake, logits, Q
        )
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return logits.detach()


@pytest.mark.parametrize("name", LOSSES)
def test_the_optimal_discriminator_is_the_log_density_ratio(name: str) -> None:
    shift = 1.0 if name == "forward_kl" else 0.0
    torch.testing.assert_close(trained_logits(name), (P / Q).log() + shift, atol=1e-4, rtol=0)
    assert LOSSES[name].threshold == shift


@pytest.mark.parametrize("name", LOSSES)
def test_the_accuracy_of_the_optimal_discriminator(name: str) -> None:
    """Two outcomes that P, and one that Q has more often: right on P's share of the former, on Q's of the latter."""
    logits = trained_logits(name)
    real, fake = (logits.repeat_interleave((10 * weights).long()) for weights in (P, Q))
    tape = Tape({})
    discriminator_terms(tape, "discriminator", LOSSES[name], real, fake)
    assert tape.metrics["discriminator/accuracy"].item() == pytest.approx(0.5 * (0.8 + 0.6))


@pytest.mark.parametrize(
    ("name", "divergence"),
    [
        ("forward_kl", (P * (P / Q).log()).sum()),
        ("reverse_kl", (Q * (Q / P).log()).sum()),
        (
            "minimax",
            (P * (2 * P / (P + Q)).log()).sum() + (Q * (2 * Q / (P + Q)).log()).sum() - 2 * math.log(2),
        ),
    ],
)
def test_the_optimal_value_is_the_divergence(name: str, divergence: Tensor) -> None:
    logits, loss = trained_logits(name), LOSSES[name]
    value = -expectation(loss.discriminator_real, logits, P) - expectation(loss.discriminator_fake, logits, Q)
    torch.testing.assert_close(value, divergence, atol=1e-6, rtol=0)
    # a minimax generator minimizes that same value, in both of its sides
    game = expectation(loss.generator_real, logits, P) + expectation(loss.generator_fake, logits, Q)
    torch.testing.assert_close(game, value, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_generators_raise_fake_logits_and_lower_real_ones(name: str) -> None:
    for part, sign in (("generator_fake", -1), ("generator_real", 1), ("discriminator_fake", 1)):
        logits = torch.zeros(4, 1, requires_grad=True)
        getattr(LOSSES[name], part)(logits).backward()
        assert logits.grad is not None
        assert bool((sign * logits.grad > 0).all()), part


def test_r1_of_a_linear_discriminator_is_its_squared_norm() -> None:
    weight = torch.tensor([3.0, 4.0])
    assert r1_penalty(lambda x: x @ weight, torch.randn(5, 2)).item() == pytest.approx(12.5)


def test_balance_is_the_divergence_of_the_mean() -> None:
    prior = torch.tensor([0.5, 0.25, 0.25])
    assert balance_loss(prior.expand(4, 3), prior).item() == pytest.approx(0, abs=1e-6)
    assert balance_loss(torch.tensor([[1.0, 0, 0]]), prior).item() == pytest.approx(math.log(2), abs=1e-5)


def test_virtual_adversarial_loss_sees_steep_predictions() -> None:
    x, direction = torch.rand(6, 2), torch.randn(6, 2)
    flat = virtual_adversarial_loss(lambda v: torch.zeros(len(v), 3) * v.sum(), x, direction, 1.0)

    def steep(slope: float) -> Tensor:
        return virtual_adversarial_loss(lambda v: torch.cat([slope * v, v * 0], 1)[:, :3], x, direction, 0.5)

    assert flat.item() == pytest.approx(0, abs=1e-6)
    assert 0 < steep(1.0) < steep(4.0)
