"""Measures of points against closed forms."""

import dataclasses
import math

import pytest
import torch

from analysis.measures import gaussian
from analysis.measures.bench import make_bench
from analysis.measures.draws import NO_SAMPLES
from analysis.measures.point_samples import point_panels
from analysis.measures.points import (
    BLUR,
    component_divergence,
    component_spread,
    joint_divergence,
    measure_data,
    measure_points,
    measure_posteriors,
    nearest_component,
    neighbour_divergence,
    overlap,
)
from iae_models.data import load, seven_gaussians


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


def _quadrant(codes):
    return (codes[:, 0] > 0).long() + 2 * (codes[:, 1] > 0).long()


def test_posteriors_that_are_the_true_ones():
    """Quadrants of a normal prior: no overlap, no divergence; the same shifted by one component: no match."""
    generator = torch.Generator().manual_seed(2)
    z, inferred = torch.randn(2, 4000, 2, generator=generator)
    values = measure_posteriors(z, _quadrant(z), inferred, _quadrant(inferred), 4)
    assert values["data_posterior_kl"].value == pytest.approx(0, abs=0.1)
    assert values["posterior_overlap"].value < 0.05
    assert values["true_overlap"].value < 0.05
    wrong = measure_posteriors(z, _quadrant(z), inferred, 3 - _quadrant(inferred), 4)
    assert wrong["data_posterior_kl"].value > 1


def test_a_mode_that_nothing_was_generated_on_has_no_posterior():
    z, inferred = torch.randn(2, 400, 2, generator=torch.Generator().manual_seed(2))
    values = measure_posteriors(z, _quadrant(z).clamp_max(2), inferred, _quadrant(inferred), 4)
    assert values["data_posterior_kl"].status == values["true_overlap"].status == "undefined"
    assert values["posterior_overlap"].value < 0.2


@pytest.mark.parametrize(("noise", "recognised"), [(0.5, 0.5), (0.5, 1.0), (0.2, 0.5), (0.0, 0.5)])
def test_the_divergence_of_blurred_pairs(noise, recognised):
    """x ~ N(0, I), z = .8 x + noise against the same with another noise: a closed form, blur included."""
    generator, blur, num = torch.Generator().manual_seed(3), BLUR, 20_000

    def pairs(deviation):
        x, extra = torch.randn(2, num, 2, generator=generator)
        return x, 0.8 * x + deviation * extra

    def covariance(deviation):
        entries = [[1 + blur**2, 0.8], [0.8, 0.64 + deviation**2 + blur**2]]
        return torch.tensor(entries, dtype=torch.float64)

    truth = 2 * gaussian.divergence(covariance(noise), covariance(recognised))
    found = joint_divergence(pairs(noise), pairs(recognised), generator)
    assert found == pytest.approx(truth, abs=0.1)


class _Smeared:
    """A generator whose points are everywhere, x = z, and a recogniser that is right about each of them."""

    capabilities = frozenset({"infer", "generate", "sample"})
    code, code_dim, noise_dim, encoder_noise_dim = "gaussian", 2, 0, 0

    def infer(self, x, eps):
        assert eps.shape == (len(x), 0)
        return x

    def generate(self, z, n):
        assert n.shape == (len(z), 0)
        return z

    def sample_prior(self, num, generator):
        return torch.randn(num, 2, generator=generator)

    def sample_noise(self, num, generator):
        return torch.randn(num, 0, generator=generator)

    sample_encoder_noise = sample_noise


def test_the_bound_is_the_sum_of_its_parts():
    """p(x, z): z ~ N(0, I), x = z. The data are wider, N(0, σ² I), and q(z|x) is right: all closed forms, blurred."""
    width, num = 1.5, 4000
    x = width * torch.randn(num, 2, generator=torch.Generator().manual_seed(4))
    bench = make_bench(load("four_points"), None, 0)
    bench = dataclasses.replace(bench, held_out={"test": (x, torch.arange(num) % 4)})
    found = measure_points(bench, _Smeared())["test"]

    def covariance(variance):
        return variance * torch.ones(2, 2, dtype=torch.float64) + BLUR**2 * torch.eye(2, dtype=torch.float64)

    bound = 2 * gaussian.divergence(covariance(1), covariance(width**2))
    data = 2 * gaussian.divergence(covariance(1)[:1, :1], covariance(width**2)[:1, :1])
    assert found["bound_kl"].value == pytest.approx(bound, abs=0.06)
    assert found["data_kl"].value == pytest.approx(data, abs=0.05)
    assert found["bound_kl"].value == pytest.approx(found["data_kl"].value + found["joint_kl"].value, abs=0.1)
    assert found["code_kl"].value == pytest.approx(data, abs=0.05)


def test_a_wrong_posterior_is_in_the_bound_and_not_in_the_data():
    class Turned(_Smeared):
        def infer(self, x, eps):
            return -super().infer(x, eps)

    x = torch.randn(2000, 2, generator=torch.Generator().manual_seed(5))
    bench = make_bench(load("four_points"), None, 0)
    bench = dataclasses.replace(bench, held_out={"test": (x, torch.arange(2000) % 4)})
    found = measure_points(bench, Turned())["test"]
    assert found["data_kl"].value == pytest.approx(0, abs=0.05)
    assert found["code_kl"].value == pytest.approx(0, abs=0.05)
    assert found["bound_kl"].value > 3 and found["joint_kl"].value > 3


class _Unregularized(_Smeared):
    capabilities = frozenset({"infer", "generate"})


def test_a_generator_off_the_modes_with_a_perfect_recogniser():
    """Its posteriors are right on its own points. That says nothing of the data, and `off_modes` shows why."""
    found = measure_points(make_bench(load("four_points"), None, 0), _Smeared())["test"]
    # P(‖z − corner‖ ≤ ¼), four corners at distance √2: the density there times the disc, about
    on_modes = 4 * math.pi * 0.25**2 * math.exp(-1) / (2 * math.pi)
    assert found["off_modes"].value == pytest.approx(1 - on_modes, abs=0.01)
    assert found["joint_kl"].value == pytest.approx(0, abs=0.05)
    assert found["component_kl"].value == pytest.approx(0, abs=0.01)
    # every code of a corner is one point, where p(z|x) is a disc
    assert found["data_posterior_kl"].value > 3
    assert found["component_spread"].status == "undefined"


def test_points_off_the_modes_have_no_posterior_of_their_own():
    panels = point_panels(_Smeared(), load("four_points"), 0)
    component, distance = nearest_component(torch.from_numpy(panels["generated_points"]), "four_points")
    off = panels["generated_label"] == -1
    assert (off == (distance > 0.25).numpy()).all() and 0.8 < off.mean() < 1
    assert (panels["generated_label"][~off] == component.numpy()[~off]).all()
    assert (panels["prior_codes"] == panels["generated_points"]).all()


def test_a_model_without_samples_of_its_own_is_not_judged_by_the_prior():
    found = measure_points(make_bench(load("four_points"), None, 0), _Unregularized())["test"]
    assert {(item.status, item.reason) for item in found.values()} == {("undefined", NO_SAMPLES)}


def test_the_spread_within_components():
    data = load("seven_gaussians")
    x, y = data.test.images(), data.test.y
    narrow = torch.from_numpy(seven_gaussians.centres()).float()[y]
    narrow = narrow + 0.5 * (x - narrow)
    assert component_spread(narrow, y, x, y).value == pytest.approx(0.5, abs=0.01)
    same = component_spread(x, y, x, y)
    assert same.value == pytest.approx(1) and same.low < 1 < same.high


def test_the_data_have_a_floor_of_points_off_the_modes():
    bench = make_bench(load("seven_gaussians"), None, 0)
    # 3 standard deviations of a normal distribution in the plane
    found = measure_data(bench)["test"]
    assert found["off_modes"].value == pytest.approx(math.exp(-4.5), abs=0.006)
    assert found["data_kl"].value == pytest.approx(0, abs=0.05)
