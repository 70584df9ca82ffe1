"""Measures of points against closed forms."""

import math

import pytest
import torch

from analysis.measures.points import (
    component_divergence,
    measure_posteriors,
    nearest_component,
    neighbour_divergence,
    overlap,
)


def test_the_divergence_of_two_normals():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(2000, 2, generator=generator)
    q = 2 * torch.randn(2000, 2, generator=generator) + torch.tensor([1.0, 0.0])
    # KL(N(0, I) ‖ N(m, 4 I)) = ½ (d/4 + ‖m‖²/4 − d + d ln 4)
    truth = 0.5 * (0.5 + 0.25 - 2 + 2 * math.log(4))
    assert neighbour_divergence(p, q) == pytest.approx(truth, abs=0.1)
    same = torch.randn(2000, 2, generator=generator)
    assert neighbour_divergence(p, same) == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("distance", [0.0, 2.0, 12.0])
def test_the_overlap_of_two_normals_is_the_error_of_the_best_classifier(distance):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(3000, 2, generator=generator)
    labels = torch.arange(3000) % 2
    z[:, 0] += distance * labels
    truth = 0.5 * math.erfc(distance / 2 / math.sqrt(2))
    assert overlap(z, labels).value == pytest.approx(truth, abs=0.025)


def test_one_component_has_no_overlap():
    assert overlap(torch.randn(50, 2), torch.zeros(50, dtype=torch.int64)).status == "undefined"


def test_components_and_their_divergence():
    component, distance = nearest_component(torch.tensor([[0.9, 1.0], [-1.0, -1.3]]), "four_points")
    assert component.tolist() == [0, 2]
    assert distance.tolist() == pytest.approx([0.1, 0.3])
    data = torch.arange(400) % 4
    halves = torch.arange(1000) % 2
    assert component_divergence(halves, data, 4).value == pytest.approx(math.log(2), abs=0.01)
    assert component_divergence(torch.arange(1000) % 4, data, 4).value == pytest.approx(0, abs=0.01)


def test_posteriors_that_are_the_true_ones():
    """Quadrants of a normal prior: no overlap, no divergence; the same shifted by one component: no match."""
    generator = torch.Generator().manual_seed(2)
    z, inferred = torch.randn(2, 4000, 2, generator=generator)

    def quadrant(codes):
        return (codes[:, 0] > 0).long() + 2 * (codes[:, 1] > 0).long()

    values = measure_posteriors(z, quadrant(z), inferred, quadrant(inferred), 4)
    assert values["posterior_kl"].value == pytest.approx(0, abs=0.1)
    assert values["code_kl"].value == pytest.approx(0, abs=0.1)
    assert values["posterior_overlap"].value < 0.05
    assert values["true_overlap"].value < 0.05
    wrong = measure_posteriors(z, quadrant(z), inferred, 3 - quadrant(inferred), 4)
    assert wrong["posterior_kl"].value > 1
    assert wrong["code_kl"].value == values["code_kl"].value
