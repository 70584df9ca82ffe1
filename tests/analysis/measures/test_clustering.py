import math

import pytest
import torch
from torch.nn.functional import one_hot

from analysis.measures.clustering import (
    agreement,
    chance_error,
    cluster_use,
    clustering_error,
    cross_fitted_error,
    exemplar_map,
    hungarian_map,
    majority_map,
)


def hard(clusters, size):
    return one_hot(torch.tensor(clusters), size).float()


def test_majority_map_by_hand():
    codes = hard([0, 0, 0, 1, 1, 1, 3], 4)
    labels = torch.tensor([2, 2, 0, 1, 1, 0, 1])
    # cluster 2 is empty: it gets the most frequent label of all, which is 1
    assert majority_map(codes, labels, 3).tolist() == [2, 1, 1, 1]


def test_error_is_scored_on_other_images():
    fit, fit_labels = hard([0, 0, 1], 2), torch.tensor([1, 1, 0])
    codes, labels = hard([0, 0, 1, 1], 2), torch.tensor([1, 0, 0, 0])
    assert clustering_error(fit, fit_labels, codes, labels, 2).value == 0.25


def test_exemplar_map_takes_the_surest_image():
    codes = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    labels = torch.tensor([3, 1, 1, 2])
    assert exemplar_map(codes, labels, 4).tolist() == [3, 2]


def test_refining_a_perfect_clustering_costs_nothing(generator):
    labels = torch.arange(1000) % 10
    clusters = labels * 3 + torch.randint(3, (1000,), generator=generator)
    codes = one_hot(clusters, 30).float()
    assert cross_fitted_error(codes, labels, 10).value == 0
    assert agreement(labels, clusters, "ami").value == pytest.approx(0.81, abs=0.02)
    assert agreement(labels, labels, "ami").value == pytest.approx(1)


def test_agreement_of_a_refinement_in_closed_form():
    """Ten classes of 90, each in three clusters of 30."""
    labels = torch.arange(900) % 10
    clusters = torch.arange(900) % 30
    assert agreement(labels, clusters, "nmi").value == pytest.approx(math.log(10) / (0.5 * math.log(300)))
    together, in_class, pairs = 30 * math.comb(30, 2), 10 * math.comb(90, 2), math.comb(900, 2)
    chance = together * in_class / pairs
    truth = (together - chance) / (0.5 * (together + in_class) - chance)
    assert agreement(labels, clusters, "ari").value == pytest.approx(truth)
    for name in ("nmi", "ari"):
        assert agreement(labels, (labels + 3) % 10, name).value == pytest.approx(1)


def test_a_one_to_one_map_gives_no_label_twice():
    """Two clusters of label 0, the smaller of which gets the label that is left."""
    codes, labels = hard([0] * 6 + [1] * 4 + [2] * 5, 3), torch.tensor([0] * 6 + [0, 0, 0, 1] + [2] * 5)
    assert majority_map(codes, labels, 3).tolist() == [0, 0, 2]
    assert hungarian_map(codes, labels, 3).tolist() == [0, 1, 2]
    assert clustering_error(codes, labels, codes, labels, 3, hungarian_map).value == pytest.approx(3 / 15)
    permuted = (torch.arange(500) + 3) % 10
    codes = one_hot(torch.arange(500) % 10, 10).float()
    assert cross_fitted_error(codes, permuted, 10, hungarian_map).value == 0


def test_clusters_without_labels_do_no_better_than_chance(generator):
    labels = torch.arange(1000) % 10
    clusters = torch.randint(30, (1000,), generator=generator)
    codes = one_hot(clusters, 30).float()
    # a map that was scored on the images that it was fitted on would seem to know something
    assert cross_fitted_error(codes, labels, 10).high > 0.9
    fitted = majority_map(codes, labels, 10)
    assert (fitted[clusters] != labels).double().mean() < 0.85
    ami = agreement(labels, clusters, "ami")
    assert ami.low <= 0 <= ami.high
    ari = agreement(labels, clusters, "ari")
    assert ari.low <= 0 <= ari.high
    # not adjusted for chance
    assert agreement(labels, clusters, "nmi").low > 0.02
    assert chance_error(labels, labels).value == pytest.approx(0.9)


def test_use_of_clusters():
    codes = torch.tensor([[0.8, 0.1, 0.1, 0.0], [0.0, 1.0, 0.0, 0.0]]).repeat(500, 1)
    found = cluster_use(codes)
    assert found["used_clusters"].value == 2
    assert found["confidence"].value == pytest.approx(0.9)
    assert found["code_entropy"].value == pytest.approx(math.log(2) / math.log(4), abs=1e-3)
    assert found["code_entropy"].unit == "fraction"


@pytest.mark.parametrize("rows", [1, 1000], ids=["one", "all"])
def test_codes_that_are_nan_are_no_clusters(rows, generator):
    """The argmax of NaN is the first cluster."""
    labels = torch.arange(1000) % 10
    whole = torch.rand(1000, 10, generator=generator)
    broken = whole.clone()
    broken[:rows] = torch.nan
    found = [
        clustering_error(*pair, labels, 10, rule)
        for rule in (majority_map, exemplar_map)
        for pair in ((broken, labels, whole), (whole, labels, broken))
    ]
    found += [cross_fitted_error(broken, labels, 10), *cluster_use(broken).values()]
    assert {(item.value, item.status) for item in found} == {(None, "invalid")}
    assert [item.unit for item in cluster_use(broken).values()] == [item.unit for item in cluster_use(whole).values()]
