"""Votes and their separation against closed forms."""

import math

import pytest
import torch

from analysis.measures.recognition import separation, vote_entropy


def test_the_entropy_of_votes():
    assert vote_entropy(torch.full((1, 16), 3), 5).tolist() == pytest.approx([0], abs=1e-3)
    assert vote_entropy(torch.arange(16)[None] % 2, 5).item() == pytest.approx(math.log(2), abs=0.05)


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.5, 0.3, 0.2], [0.9, 0.1]])
def test_few_votes_do_not_bias_their_entropy(shares):
    """Sixteen votes of each of many images: the plug-in entropy of ten equal categories is .28 nats too small."""
    shares = torch.tensor(shares, dtype=torch.float64)
    votes = shares.expand(4000, -1).multinomial(16, replacement=True, generator=torch.Generator().manual_seed(0))
    truth = -(shares * shares.log()).sum().item()
    assert vote_entropy(votes, len(shares)).mean().item() == pytest.approx(truth, abs=0.04)


def test_separation_is_the_area_under_the_curve():
    scores = torch.tensor([0.1, 0.4, 0.35, 0.8])
    wrong = torch.tensor([False, False, True, True])
    assert separation(scores, wrong).value == pytest.approx(0.75)
    assert separation(scores, scores > 0.3).value == 1
    assert separation(torch.ones(4), wrong).value == 0.5
    assert separation(scores, torch.zeros(4, dtype=torch.bool)).status == "undefined"


def test_the_interval_of_the_separation_covers():
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(200):
        wrong = torch.rand(300, generator=generator) < 0.3
        # two normals one standard deviation apart: P[a > b] = Φ(1/√2)
        value = separation(torch.randn(300, generator=generator) + wrong, wrong)
        covered += value.low < 0.5 * math.erfc(-0.5) < value.high
    assert 0.9 <= covered / 200 <= 0.99
