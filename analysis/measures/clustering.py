"""Do the clusters of a categorical code agree with the labels?

    clustering_error           1 − accuracy of the map that sends each cluster to its most frequent label
    clustering_error_exemplar  the same for the map that sends it to the label of the image which it holds most surely
    clustering_error_hungarian the same for the best one-to-one map, where there are as many clusters as classes
    ami                        adjusted mutual information of clusters and labels
    nmi                        normalized mutual information, I(y; k) over the mean of H(y) and H(k)
    ari                        adjusted Rand index: pairs of images that are together in both, or in neither
    used_clusters              clusters that hold at least one image
    code_entropy               H(k) / ln K
    confidence                 mean largest entry of ẑ

A map is never scored on the images that it was fitted on. None of these is comparable between different K.

References:
    Makhzani et al. (2015), Adversarial autoencoders, section 6 (the exemplar rule). https://arxiv.org/abs/1511.05644
    Kuhn (1955), The Hungarian method for the assignment problem.
    Vinh, Epps and Bailey (2010), Information theoretic measures for clusterings comparison.
    Hubert and Arabie (1985), Comparing partitions.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from torch import Tensor
from torch.nn.functional import one_hot

from analysis.measures import intervals
from analysis.measures.draws import BROKEN_CODES, all_finite
from analysis.measures.information import cluster_entropy
from analysis.measures.measurement import Estimate, exact, invalid

MapRule = Callable[[Tensor, Tensor, int], Tensor]
"""From codes (N, K), labels (N,) and the number of classes to the label of each cluster, with shape (K,)."""


AGREEMENTS: dict[str, Callable[..., float]] = {
    "ami": adjusted_mutual_info_score,
    "nmi": normalized_mutual_info_score,
    "ari": adjusted_rand_score,
}
"""Scores of labels and clusters, in that order, that need no map between them."""


def majority_map(codes: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Send each cluster to its most frequent label, and an empty one to the most frequent label of all."""
    counts = _counts(codes, labels, num_classes)
    overall = labels.bincount(minlength=num_classes).argmax()
    return torch.where(counts.sum(1) > 0, counts.argmax(1), overall)


def exemplar_map(codes: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Send each cluster to the label of the image with the largest entry for it."""
    del num_classes
    return labels[codes.argmax(0)]


def hungarian_map(codes: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Send each cluster to a label of its own so that as many images as possible are right, for K = num_classes."""
    _, label_of_cluster = linear_sum_assignment(_counts(codes, labels, num_classes).cpu().numpy(), maximize=True)
    return torch.from_numpy(label_of_cluster).to(labels.device)


def clustering_error(
    fit_codes: Tensor, fit_labels: Tensor, codes: Tensor, labels: Tensor, num_classes: int, rule: MapRule = majority_map
) -> Estimate:
    """Return the error of a map that is fitted on some images and scored on others.

    Args:
        fit_codes: Codes to fit on, with shape (M, K).
        fit_labels: Their labels, int64 with shape (M,).
        codes: Codes to score, with shape (N, K).
        labels: Their labels, int64 with shape (N,).
        num_classes: Number of classes.
        rule: How the map is fitted.
    """
    if not all_finite(fit_codes, codes):
        return invalid(BROKEN_CODES, len(labels), "fraction")
    label_of_cluster = rule(fit_codes, fit_labels, num_classes)
    return intervals.mean_fraction(label_of_cluster[codes.argmax(1)] != labels)


def cross_fitted_error(codes: Tensor, labels: Tensor, num_classes: int, rule: MapRule = majority_map) -> Estimate:
    """Return the error of two maps, each fitted on one half of the images and scored on the other.

    Args:
        codes: Codes with shape (N, K).
        labels: Their labels, int64 with shape (N,).
        num_classes: Number of classes.
        rule: How a map is fitted.
    """
    if not all_finite(codes):
        return invalid(BROKEN_CODES, len(labels), "fraction")
    half = torch.zeros_like(labels, dtype=torch.bool)
    # every other image of each class, so that no label is left to one half
    half[labels.argsort(stable=True)[::2]] = True
    wrong = torch.zeros_like(labels, dtype=torch.bool)
    for part in (half, ~half):
        label_of_cluster = rule(codes[part], labels[part], num_classes)
        wrong[~part] = label_of_cluster[codes[~part].argmax(1)] != labels[~part]
    return intervals.mean_fraction(wrong)


def chance_error(fit_labels: Tensor, labels: Tensor) -> Estimate:
    """Return the error of always answering the most frequent label of `fit_labels`."""
    return intervals.mean_fraction(labels != fit_labels.bincount().argmax())


def agreement(labels: Tensor, clusters: Tensor, name: str) -> Estimate:
    """Return one of `AGREEMENTS` of labels and clusters, both int64 with shape (N,), with a jackknife interval."""
    y, k = labels.cpu().numpy(), clusters.cpu().numpy()

    def score(index: Tensor) -> float:
        with warnings.catch_warnings():
            # scikit-learn takes many clusters for a regression target and says so
            warnings.simplefilter("ignore", UserWarning)
            return float(AGREEMENTS[name](y[index.numpy()], k[index.numpy()]))

    return intervals.group_jackknife(score, len(labels), "fraction")


def cluster_use(codes: Tensor) -> dict[str, Estimate]:
    """Return used_clusters, code_entropy and confidence of codes with shape (N, K) that sum to 1."""
    num, size = codes.shape
    if not all_finite(codes):
        units = {"used_clusters": "clusters", "code_entropy": "fraction", "confidence": "fraction"}
        return {name: invalid(BROKEN_CODES, num, unit) for name, unit in units.items()}
    clusters = codes.argmax(1)
    return {
        "used_clusters": exact(float((clusters.bincount() > 0).sum()), num, "clusters"),
        "code_entropy": intervals.scaled(cluster_entropy(clusters), 1 / math.log(size), "fraction"),
        "confidence": intervals.mean_fraction(codes.max(1).values),
    }


def _counts(codes: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return how many images of each label each cluster holds, with shape (K, classes)."""
    members = one_hot(codes.argmax(1), codes.shape[1]).double()
    return members.T @ one_hot(labels, num_classes).double()
