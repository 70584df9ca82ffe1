"""What the measuring classifier c says of reconstructions: does the label survive, and does the noise change it.

    label_preservation  P[c(x̂) = c(x)]
    label_agreement     AG = P[c(x̂) = c(x̂') | ẑ], two draws for one code
    tau_z               (AG − AG0) / (1 − AG0), AG0 = P[c(x̂) = c(x̂'')] for independent codes
    share_z, share_n, share_zn
                        `variance_split` of the one-hot label: who decides its variance ½ E‖e − e''‖² = 1 − AG0

τ_z is S_z of the one-hot label, unbiased from two draws and with AG0 from all pairs of images; S_z takes it from
neighbours, whose squares S_n and S_zn need. In a calibrated decoder preservation equals agreement.

Reference: Goodman and Kruskal (1954), Measures of association for cross classifications (τ).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import one_hot

from analysis.measures import intervals
from analysis.measures.measurement import Estimate, exact, undefined
from analysis.measures.variance_split import variance_shares


def label_preservation(labels: Tensor, decoded: Tensor) -> Estimate:
    """Return P[c(x̂) = c(x)] from labels c(x) with shape (N,) and labels of the draws with shape (N, M), int64."""
    kept = (decoded == labels[:, None]).double().mean(1)
    return intervals.mean_fraction(kept, neighbours=True)


def chance_preservation(labels: Tensor) -> Estimate:
    """Return Σ_c p_c² of labels with shape (N,): what a perfect decoder without a code preserves."""
    frequencies = labels.bincount().double() / len(labels)
    return exact(frequencies.square().sum().item(), len(labels), "fraction")


def label_split(decoded: Tensor, num_classes: int) -> dict[str, Estimate]:
    """Return label_agreement and tau_z.

    Args:
        decoded: Labels c(x̂) of the draws, int64 with shape (N, M), M ≥ 2.
        num_classes: Number of classes.
    """
    num, draws = decoded.shape
    counts = one_hot(decoded, num_classes).double().sum(1)
    agreement = (counts.square().sum(1) - draws) / (draws * (draws - 1))
    result = {"label_agreement": intervals.mean_fraction(agreement, neighbours=True)}
    chance, influence = _chance_agreement(counts / draws)
    if num < 2 or chance >= 1 - 1e-12:
        return result | {"tau_z": undefined("all draws have the same label", num, "fraction")}
    mean = agreement.mean().item()
    slope = (agreement - mean) / (1 - chance) - influence * (1 - mean) / (1 - chance) ** 2
    tau = intervals.linearized((mean - chance) / (1 - chance), slope, "fraction", neighbours=True)
    return result | {"tau_z": tau}


def label_shares(decoded: Tensor, num_classes: int, suffix: str) -> dict[str, Estimate]:
    """Return share_z, share_n and share_zn of the one-hot label, each with the suffix; they sum to 1.

    Args:
        decoded: Labels c(x̂) of the four draws in the design of `draws`, int64 with shape (N, 4).
        num_classes: Number of classes.
        suffix: What the label says, such as "label".
    """
    return variance_shares(one_hot(decoded, num_classes), suffix)


def _chance_agreement(frequencies: Tensor) -> tuple[float, Tensor]:
    """Return Σ_c p_c² over pairs of different images, and its influence function, of frequencies (N, classes)."""
    num = len(frequencies)
    total = frequencies.sum(0)
    own = frequencies.square().sum(1)
    value = (total.square().sum() - own.sum()).item() / max(1, num * (num - 1))
    return value, 2 * (frequencies @ (total / num) - value)
