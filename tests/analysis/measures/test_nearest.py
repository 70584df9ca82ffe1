import math

import pytest
import torch

from analysis.measures.nearest import nearest_label_information


def mixture_information(distance):
    """I(y; z) of two equally likely labels with z ~ N(±distance/2, 1), by quadrature."""
    z = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    densities = torch.stack([torch.exp(-0.5 * (z - sign * distance / 2) ** 2) for sign in (-1, 1)]) / math.sqrt(
        2 * math.pi
    )
    mixture = densities.mean(0)
    return (0.5 * torch.xlogy(densities, densities / mixture).sum(0)).sum().item() * 24 / 20000


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("dim", [1, 2])
def test_two_normal_classes(distance, dim, generator):
    labels = torch.arange(4000) % 2
    z = torch.randn(4000, dim, generator=generator)
    z[:, 0] += distance * (labels - 0.5)
    found = nearest_label_information(z, labels)
    assert found.low - 0.01 <= mixture_information(distance) <= found.high + 0.01


def test_an_invertible_map_changes_little(generator):
    labels = torch.arange(3000) % 3
    z = torch.randn(3000, 2, generator=generator) + labels[:, None]
    values = [nearest_label_information(item, labels).value for item in (z, z @ torch.tensor([[3.0, 1.0], [0.0, 2.0]]))]
    assert values[0] == pytest.approx(values[1], abs=0.02)


def half_cube(z):
    """Heavier tails: z |z|^½ in each coordinate."""
    return z * z.abs().sqrt()


def spiral(z):
    """Turn each point by an angle that grows with its distance from the origin."""
    angle = z.square().sum(1)
    turned = [z[:, 0] * angle.cos() - z[:, 1] * angle.sin(), z[:, 0] * angle.sin() + z[:, 1] * angle.cos()]
    return torch.stack(turned, 1)


@pytest.mark.parametrize("warp", [half_cube, torch.asinh, spiral])
def test_a_nonlinear_invertible_map_keeps_the_information(warp, generator):
    """Tasks of Czyż et al. (2023), Beyond normal: https://arxiv.org/abs/2306.11078. The closed form is that of z."""
    labels = torch.arange(4000) % 2
    z = torch.randn(4000, 2, generator=generator)
    z[:, 0] += 2 * (labels - 0.5)
    found = nearest_label_information(warp(z), labels)
    assert found.low - 0.015 <= mixture_information(2.0) <= found.high + 0.015


def test_separate_classes_have_the_entropy_of_the_label(generator):
    labels = torch.arange(2000) % 10
    z = 0.01 * torch.randn(2000, 3, generator=generator) + labels[:, None]
    assert nearest_label_information(z, labels).value == pytest.approx(math.log(10), abs=0.02)


def test_rare_labels_and_broken_codes(generator):
    labels = torch.cat([torch.zeros(100), torch.ones(3)]).long()
    assert nearest_label_information(torch.randn(103, 2, generator=generator), labels).n == 100
    assert nearest_label_information(torch.full((10, 1), torch.nan), torch.zeros(10).long()).status == "invalid"
    assert nearest_label_information(torch.zeros(10, 0), torch.zeros(10).long()).status == "undefined"
