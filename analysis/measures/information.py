"""How much the code says about the image and about the label, in nats.

**I(x; ẑ + σξ).** The mutual information of image and code is infinite for a deterministic encoder, so Gaussian noise
of σ code standard deviations is added to the code. With the centres z_i of n images and queries z̃_j = z_j + σsξ_j,
s² the code's mean variance,

    information_low   mean_j [log N(z̃_j; z_j) − log (1/n) Σ_i N(z̃_j; z_i)]
    information_high  the same with i ≠ j and 1/(n − 1)

bracket the truth in expectation. They can say no more than about ln n. Where the encoder itself is noisy, N(z̃; z_i)
becomes the mean over its draws of ε; the lower bound leaves out the draw that made z̃_j, the upper bound keeps it.

**Rate.** For a Gaussian code with a deterministic encoder it is information_low; for a categorical code the entropy
of argmax ẑ.

**I(y; ẑ).** Categorical: the contingency table of labels and argmax codes. Continuous: H(y) minus the held-out
cross-entropy of a probe, a mixture of a linear and a nearest-neighbour classifier, which is a lower bound.
Entropies carry Miller and Madow's correction (occupied cells − 1) / 2n.

References:
    Poole et al. (2019), On variational bounds of mutual information. https://arxiv.org/abs/1905.06922
    Miller (1955), Note on the bias of information estimates.
    Xu et al. (2020), A theory of usable information under computational constraints. https://arxiv.org/abs/2002.10689
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from analysis.measures import intervals
from analysis.measures.draws import BROKEN_CODES, all_finite
from analysis.measures.measurement import Estimate, invalid, undefined
from analysis.measures.probe import probe_log_probabilities

UNIT = "nat"


NUM_ENCODER_DRAWS = 8
"""Draws of ε for each image where the encoder is stochastic."""


def information_bracket(z: Tensor, generator: torch.Generator, sigma: float = 1.0) -> dict[str, Estimate]:
    """Return information_low and information_high, marked as saturated above ln n − 1.

    Args:
        z: Codes with shape (n, d) of a deterministic encoder; of a stochastic one M ≥ 2 draws, with shape (n, M, d).
        generator: Where the queries' noise is drawn from.
        sigma: Standard deviation of the added noise, in code standard deviations.
    """
    centres = (z if z.ndim == 3 else z[:, None]).double()
    num, draws, dim = centres.shape
    scale = centres.flatten(0, 1).var(0).mean().sqrt().item() if dim else 0.0
    names = ("information_low", "information_high")
    if not all_finite(centres):
        return dict.fromkeys(names, invalid(BROKEN_CODES, num, UNIT))
    if num < 2 * intervals.NUM_GROUPS or not scale > 0:
        reason = "there is no code" if dim == 0 else "there are too few images, or the code does not vary"
        return dict.fromkeys(names, undefined(reason, num, UNIT))
    width = sigma * scale
    noise = torch.randn(num, dim, generator=generator, device=generator.device, dtype=torch.float64)
    queries = centres[:, 0] + width * noise
    kernels = _log_kernels(queries, centres, width)
    own = kernels.diagonal().clone()
    blind = _own_log_kernels(queries, centres[:, 1:], width) if draws > 1 else own
    low = _bracket_end(blind, kernels.diagonal_scatter(blind), own_columns=0)
    high = _bracket_end(own, kernels.fill_diagonal_(-math.inf), own_columns=1)
    return {name: _flag_saturation(value) for name, value in zip(names, (low, high), strict=True)}


def cluster_entropy(clusters: Tensor) -> Estimate:
    """Return the Miller-Madow entropy of clusters, int64 with shape (N,): the rate of a categorical code."""
    surprise, correction = _surprise(clusters)
    return intervals.linearized(surprise.mean().item() + correction, surprise, UNIT)


def cluster_label_information(labels: Tensor, clusters: Tensor) -> Estimate:
    """Return I(y; k) = H(y) + H(k) − H(y, k), each with Miller and Madow's correction.

    Args:
        labels: int64 with shape (N,).
        clusters: int64 with shape (N,).
    """
    of_label, label_correction = _surprise(labels)
    of_cluster, cluster_correction = _surprise(clusters)
    of_both, correction = _surprise(labels * (int(clusters.max()) + 1) + clusters)
    local = of_label + of_cluster - of_both
    value = local.mean().item() + label_correction + cluster_correction - correction
    return intervals.linearized(value, local, UNIT)


def code_label_information(
    train_z: Tensor, train_labels: Tensor, z: Tensor, labels: Tensor, num_classes: int
) -> Estimate:
    """Return the lower bound H(y) − cross-entropy of a probe on I(y; ẑ) for continuous codes.

    Args:
        train_z: Codes that the probe learns from, with shape (T, d).
        train_labels: Their labels, int64 with shape (T,).
        z: Held-out codes with shape (N, d).
        labels: Their labels, int64 with shape (N,).
        num_classes: Number of classes.
    """
    if z.shape[1] == 0:
        return undefined("there is no code", len(z), UNIT)
    if not all_finite(train_z, z):
        return invalid(BROKEN_CODES, len(z), UNIT)
    of_label, correction = _surprise(labels)
    predicted = probe_log_probabilities(train_z, train_labels, z, num_classes)
    local = of_label + predicted.gather(1, labels[:, None]).squeeze(1).double()
    return intervals.linearized(local.mean().item() + correction, local, UNIT)


def _log_kernels(queries: Tensor, centres: Tensor, width: float) -> Tensor:
    """Return log mean exp(−‖z̃_j − z_i‖² / 2 width²) over the draws of image i, with shape (n, n) for queries j."""
    num, draws, _ = centres.shape
    # exact distances: the expanded square loses digits where codes are close together
    distance = torch.cdist(queries, centres.flatten(0, 1), compute_mode="donot_use_mm_for_euclid_dist")
    log_kernel = -distance.square() / (2 * width**2)
    return log_kernel.view(num, num, draws).logsumexp(2) - math.log(draws)


def _own_log_kernels(queries: Tensor, centres: Tensor, width: float) -> Tensor:
    distance = (queries[:, None] - centres).square().sum(2)
    return (-distance / (2 * width**2)).logsumexp(1) - math.log(centres.shape[1])


def _bracket_end(own: Tensor, kernels: Tensor, own_columns: int) -> Estimate:
    """Return mean_j [own_j − log mean_i kernels_ji] with its grouped jackknife.

    Args:
        own: Log density of each query under its own image, with shape (n,).
        kernels: Log density of query j under image i, with shape (n, n); −inf where it is left out.
        own_columns: How many images of each row are left out.
    """
    num = len(own)
    peak = kernels.max(1).values
    weights = (kernels - peak[:, None]).exp()
    group = one_hot(torch.arange(num, device=own.device) % intervals.NUM_GROUPS).double()
    tiny = torch.finfo(torch.float64).tiny

    def terms(sums: Tensor, columns: Tensor) -> Tensor:
        return (own - peak)[:, None] - sums.clamp_min(tiny).log() + (columns - own_columns).log()

    value = terms(weights.sum(1, keepdim=True), own.new_tensor([num])).mean().item()
    kept = 1 - group
    left_out = (terms(weights @ kept, kept.sum(0)) * kept).sum(0) / kept.sum(0)
    return intervals.jackknife(value, left_out.tolist(), num, UNIT)


def _flag_saturation(value: Estimate) -> Estimate:
    limit = math.log(value.n) - 1
    if value.value is None or value.value <= limit:
        return value
    return value.saturated(f"above ln n − 1 = {limit:.2f} nats, where {value.n} images cannot tell")


def _surprise(symbols: Tensor) -> tuple[Tensor, float]:
    """Return −log p̂ of each symbol, with shape (N,), and Miller and Madow's correction of its mean."""
    counts = symbols.bincount()
    surprise = -(counts[symbols].double() / len(symbols)).log()
    return surprise, ((counts > 0).sum().item() - 1) / (2 * len(symbols))
