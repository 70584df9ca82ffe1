"""I(y; ẑ) of a continuous code and a label by nearest neighbours, in nats: no probe, and no bound.

For code i with label y_i, let d_i be the distance of its k-th neighbour among the codes with its label, N_y how many
those are, and m_i the number of codes of any label within d_i, itself included. Then

    I = ψ(N) + ψ(k) − ⟨ψ(N_y)⟩ − ⟨ψ(m_i)⟩

It is nearly unbiased in few dimensions, and falls short in many: see docs/estimators.md.

Reference: Ross (2014), Mutual information between discrete and continuous data sets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import BROKEN_CODES, all_finite
from analysis.measures.measurement import Estimate, invalid, undefined

NEIGHBOURS = 3
MAX_CODES = 5000
"""Codes that are compared with one another, at most."""

BLOCK = 1000
"""Rows of the distance matrix that are there at once."""


def nearest_label_information(z: Tensor, labels: Tensor) -> Estimate:
    """Return I(y; ẑ) of codes with shape (N, d) and labels, int64 with shape (N,); labels of few codes are left out."""
    z, labels = z[:MAX_CODES], labels[:MAX_CODES]
    if z.shape[1] == 0:
        return undefined("there is no code", len(z), "nat")
    if not all_finite(z):
        return invalid(BROKEN_CODES, len(z), "nat")
    counts = labels.bincount()
    kept = counts[labels] > NEIGHBOURS
    z, labels = z[kept].double(), labels[kept]
    if len(z) == 0:
        return undefined(f"no label has more than {NEIGHBOURS} codes", len(z), "nat")
    within = torch.cat([_count_within(z, labels, start) for start in range(0, len(z), BLOCK)])
    digamma = torch.digamma
    constant = digamma(torch.tensor(float(len(z)))) + digamma(torch.tensor(float(NEIGHBOURS)))
    local = constant.double().to(z.device) - digamma(counts[labels].double()) - digamma(within)
    return intervals.linearized(local.mean().item(), local, "nat")


def _count_within(z: Tensor, labels: Tensor, start: int) -> Tensor:
    """Return m_i of the codes from `start` on, a block of them, with shape (B,)."""
    rows = slice(start, start + BLOCK)
    distance = torch.cdist(z[rows], z)
    own = torch.arange(start, start + len(distance), device=z.device)
    distance[torch.arange(len(distance), device=z.device), own] = torch.inf
    same = distance.masked_fill(labels[rows, None] != labels, torch.inf)
    radius = same.topk(NEIGHBOURS, largest=False).values[:, -1:]
    return (distance <= radius).sum(1).double()
