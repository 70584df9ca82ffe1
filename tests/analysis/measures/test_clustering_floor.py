import itertools

import pytest
import torch

from analysis.measures import clustering_floor as module
from analysis.measures.clustering import cross_fitted_error
from analysis.measures.clustering_floor import clustering_floor

MNIST_TEST = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


def of_counts(counts):
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


@pytest.mark.parametrize(("size", "floor"), [(10, 0), (20, 0), (30, 0), (16, 0.15), (5, 0.5), (1, 0.9)])
def test_ten_equal_classes(size, floor):
    """At K = 16, ten clusters of 1/16 are pure, and six more hold the .0375 that is left of a class."""
    found = clustering_floor(of_counts((100,) * 10), (1 / size,) * size)
    assert (found.value, found.n, found.status) == (pytest.approx(floor, abs=1e-9), 1000, "ok")


@pytest.mark.parametrize(("size", "floor"), [(10, 0.0214), (20, 0.0214), (30, 0.0214), (16, 0.1304)])
def test_the_test_images_of_mnist(size, floor):
    assert clustering_floor(of_counts(MNIST_TEST), (1 / size,) * size).value == pytest.approx(floor)


def test_categories_with_the_classes_frequencies_have_no_floor():
    shares = tuple(count / sum(MNIST_TEST) for count in reversed(MNIST_TEST))
    assert clustering_floor(of_counts(MNIST_TEST), shares).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_best_of_all_maps(seed):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, 40, (3,), generator=generator)
    masses = torch.rand(5, generator=generator, dtype=torch.float64)
    masses /= masses.sum()
    shares = counts.double() / counts.sum()
    right = [
        torch.minimum(shares, torch.zeros(3, dtype=torch.float64).index_add(0, torch.tensor(image), masses))
        .sum()
        .item()
        for image in itertools.product(range(3), repeat=5)
    ]
    assert clustering_floor(of_counts(counts.tolist()), masses.tolist()).value == pytest.approx(1 - max(right))


def test_a_partition_of_these_masses_attains_it():
    """Four classes of a quarter and three clusters of a third: the fourth class fills the twelfths that are left."""
    labels = of_counts((300,) * 4)
    clusters = torch.cat([of_counts((300,) * 3), of_counts((100,) * 3)])
    assert clusters.bincount().tolist() == [400] * 3
    error = cross_fitted_error(torch.nn.functional.one_hot(clusters, 3).float(), labels, 4)
    assert clustering_floor(labels, (1 / 3,) * 3).value == pytest.approx(0.25) == pytest.approx(error.value)


def test_a_search_that_is_cut_short_gives_a_lower_bound(monkeypatch):
    monkeypatch.setattr(module, "MAX_NODES", 1)
    masses = torch.rand(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    found = clustering_floor(of_counts(MNIST_TEST), (masses / masses.sum()).tolist())
    assert found.status == "saturated" and 0 <= found.value < 0.02
