import math

import pytest
import torch

from analysis.measures.information import (
    cluster_entropy,
    cluster_label_information,
    code_label_information,
    information_bracket,
    label_information_gain,
)


@pytest.mark.parametrize(("dim", "sigma"), [(1, 0.1), (2, 0.1), (2, 1.0), (10, 1.0)])
def test_bracket_of_a_gaussian_channel(dim, sigma, generator):
    z = 3 * torch.randn(2000, dim, generator=generator)
    found = information_bracket(z, generator, sigma)
    truth = 0.5 * dim * math.log(1 + 1 / sigma**2)
    assert found["information_low"].low <= truth <= found["information_high"].high
    assert found["information_low"].value == pytest.approx(truth, abs=0.25)
    assert found["information_high"].value == pytest.approx(truth, abs=0.25)
    assert found["information_low"].value <= found["information_high"].value


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_bracket_of_a_heavy_tailed_code(sigma, generator):
    """z = g |g|^½, the half-cube map of Czyż et al. (2023): I = h(z̃) − h(σξ), h(z̃) by quadrature over g and z̃."""

    def half_cube(g):
        return g * g.abs().sqrt()

    g = torch.linspace(-7, 7, 2001, dtype=torch.float64)
    weights = torch.exp(-0.5 * g.square())
    weights /= weights.sum()
    # E z² = E |g|³
    width = sigma * math.sqrt(2 * math.sqrt(2 / math.pi))
    t = torch.linspace(-30, 30, 3001, dtype=torch.float64)
    kernels = torch.exp(-0.5 * ((t[:, None] - half_cube(g)) / width).square())
    density = kernels @ weights / (width * math.sqrt(2 * math.pi))
    truth = -torch.xlogy(density, density).sum().item() * 60 / 3000 - 0.5 * math.log(2 * math.pi * math.e * width**2)
    # of all codes of this variance the normal one says most
    assert truth < 0.5 * math.log(1 + 1 / sigma**2)
    found = information_bracket(half_cube(torch.randn(3000, 1, generator=generator)), generator, sigma)
    assert found["information_low"].low <= truth <= found["information_high"].high
    assert found["information_low"].value == pytest.approx(truth, abs=0.04)


def test_bracket_says_when_it_is_saturated(generator):
    found = information_bracket(torch.randn(500, 20, generator=generator), generator, sigma=0.1)
    for item in found.values():
        assert item.status == "saturated"
        assert "ln c − 1 = 5.21" in item.reason
    assert found["information_low"].value <= math.log(500)


@pytest.mark.parametrize("num_others", [0, 4000])
def test_a_wide_bracket_is_saturated_at_both_ends(num_others, generator):
    z, others = torch.randn(1000, 20, generator=generator), torch.randn(num_others, 20, generator=generator)
    found = information_bracket(z, generator, others=others)
    low, high = found["information_low"], found["information_high"]
    truth = 10 * math.log(2)
    assert low.value < truth < high.value
    assert low.status == high.status == "saturated"
    # more centres tighten it: 5.7 and 7.7 nats with 1,000
    assert (high.value - low.value < 1.3) == (num_others > 0)


def test_a_narrow_bracket_is_not_saturated(generator):
    z, others = torch.randn(500, 3, generator=generator), torch.randn(4000, 3, generator=generator)
    found = information_bracket(z, generator, others=others)
    assert {item.status for item in found.values()} == {"ok"}
    assert {item.n for item in found.values()} == {500}
    for item in found.values():
        assert item.value == pytest.approx(1.5 * math.log(2), abs=0.1)


def test_other_images_are_centres_and_no_queries(generator):
    z = torch.randn(60, 2, generator=generator)
    others = torch.randn(40, 2, generator=generator)
    found = information_bracket(z, torch.Generator().manual_seed(5), others=others)
    centres = torch.cat([z, others]).double()
    width = centres.var(0).mean().sqrt()
    noise = torch.randn(60, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    kernels = -(z.double() + width * noise)[:, None].sub(centres).square().sum(2) / (2 * width**2)
    own = kernels.diagonal()
    low = (own - kernels.logsumexp(1) + math.log(100)).mean().item()
    foreign = kernels.exp().sum(1) - own.exp()
    high = (own - foreign.log() + math.log(99)).mean().item()
    assert found["information_low"].value == pytest.approx(low)
    assert found["information_high"].value == pytest.approx(high)


def test_dead_dimensions_do_not_count(generator):
    live = torch.randn(2000, 2, generator=generator)
    dead = torch.cat([live, 1e-6 * torch.randn(2000, 6, generator=generator)], 1)
    # the code's mean variance is a quarter of the live dimensions', so σ is half of theirs
    truth = math.log(1 + 1 / 0.25)
    assert information_bracket(dead, generator)["information_low"].value == pytest.approx(truth, abs=0.15)


def test_bracket_of_a_stochastic_encoder(generator):
    x = torch.randn(1500, 1, 1, generator=generator)
    z = x + torch.randn(1500, 8, 1, generator=generator)
    found = information_bracket(z, generator)
    # z has variance 2, so the blur has, too, and the image's 1 stands against 1 + 2
    truth = 0.5 * math.log(1 + 1 / 3)
    assert found["information_low"].low <= truth <= found["information_high"].high
    assert found["information_high"].value < truth + 0.15
    assert found["information_low"].value > truth - 0.15


@pytest.mark.parametrize("z", [torch.zeros(100, 3), torch.zeros(100, 0)], ids=["constant", "empty"])
def test_no_code_no_information(z, generator):
    assert {item.status for item in information_bracket(z, generator).values()} == {"undefined"}


def test_entropy_of_uniform_clusters(generator):
    found = cluster_entropy(torch.randint(30, (500,), generator=generator))
    assert found.value == pytest.approx(math.log(30), abs=0.02)


def test_information_of_a_symmetric_channel(generator):
    labels = torch.arange(5000) % 10
    wrong = torch.rand(5000, generator=generator) < 0.2
    clusters = (labels + wrong * torch.randint(1, 10, (5000,), generator=generator)) % 10
    truth = math.log(10) + 0.8 * math.log(0.8) + 0.2 * math.log(0.2 / 9)
    found = cluster_label_information(labels, clusters)
    assert found.low <= truth <= found.high


def test_a_contingency_table_by_hand():
    labels = torch.arange(100) % 2
    found = cluster_label_information(labels, 1 - labels)
    # Grassberger's G(50) is ln 50 up to 1 / 50²
    assert found.value == pytest.approx(math.log(2), abs=1e-3)


def test_independent_clusters_say_nothing(generator):
    labels = torch.arange(5000) % 10
    found = cluster_label_information(labels, torch.randint(30, (5000,), generator=generator))
    assert found.value == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("num_clusters", [30, 50])
def test_many_independent_clusters_say_nothing(num_clusters, generator):
    labels = torch.arange(1000) % 10
    found = [
        cluster_label_information(labels, torch.randint(num_clusters, (1000,), generator=generator)) for _ in range(10)
    ]
    assert sum(item.value for item in found) / 10 == pytest.approx(0, abs=0.01)
    assert sum(item.low <= 0 <= item.high for item in found) >= 8


@pytest.mark.parametrize("right", [0.5, 0.8, 1.0])
def test_many_clusters_that_tell_the_label_by_a_noisy_channel(right, generator):
    labels = torch.arange(1000) % 10
    truth = math.log(10) + right * math.log(right) + (1 - right) * math.log(max(1 - right, 1e-9) / 9)
    values = []
    for _ in range(10):
        wrong = torch.rand(1000, generator=generator) > right
        shown = (labels + wrong * torch.randint(1, 10, (1000,), generator=generator)) % 10
        clusters = 3 * shown + torch.randint(3, (1000,), generator=generator)
        values.append(cluster_label_information(labels, clusters).value)
    # plug-in entropies are .17 nats too large at .8, Miller and Madow's .11
    assert sum(values) / 10 == pytest.approx(truth, abs=0.07)


def test_the_gain_over_other_clusters_does_not_rise_with_their_number(generator):
    labels = torch.arange(4000) % 10
    others = (
        labels + (torch.rand(4000, generator=generator) < 0.5) * torch.randint(10, (4000,), generator=generator)
    ) % 10
    cuts = torch.randint(5, (4000,), generator=generator)
    alone = [cluster_label_information(labels, clusters).value for clusters in (others, labels)]
    same = label_information_gain(labels, others, others)
    few, many = (
        label_information_gain(labels, labels, others),
        label_information_gain(labels, 5 * labels + cuts, 5 * others + cuts),
    )
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert few.value == pytest.approx(alone[1] - alone[0])
    assert few.low < math.log(10) - alone[0] < few.high
    assert many.value == pytest.approx(few.value, abs=0.05)


@pytest.mark.parametrize("distance", [0.0, 2.0, 8.0])
def test_probe_bounds_the_information_of_two_gaussians(distance, generator):
    def sample(num):
        y = torch.arange(num) % 2
        z = torch.randn(num, 3, generator=generator)
        z[:, 0] += distance * y
        return z, y

    (train_z, train_y), (z, y) = sample(3000), sample(3000)
    # I = ln 2 − E softplus(−logit), with logit = distance · t + distance² / 2 and t ~ N(0, 1)
    t = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = torch.exp(-t.square() / 2) / math.sqrt(2 * math.pi)
    loss = torch.nn.functional.softplus(-(distance * t + distance**2 / 2))
    truth = math.log(2) - torch.trapezoid(density * loss, t).item()
    found = code_label_information(train_z, train_y, z, y, 2)
    assert found.value <= truth + 0.02
    assert found.value >= truth - 0.04


def test_probe_sees_what_no_plane_separates(generator):
    z = torch.rand(4000, 2, generator=generator) - 0.5
    y = (z.prod(1) > 0).long()
    found = code_label_information(z[:3000], y[:3000], z[3000:], y[3000:], 2)
    assert found.value > 0.35


@pytest.mark.parametrize("rows", [1, 200], ids=["one", "all"])
def test_codes_that_are_nan_carry_no_information(rows, generator):
    """A code that is NaN is not one that does not vary, which is undefined."""
    z, labels = torch.randn(200, 3, generator=generator), torch.arange(200) % 2
    broken = z.clone()
    broken[:rows] = torch.nan
    found = [*information_bracket(broken, generator).values()]
    found += [
        code_label_information(broken, labels, z, labels, 2),
        code_label_information(z, labels, broken, labels, 2),
    ]
    assert {(item.value, item.status, item.unit) for item in found} == {(None, "invalid", "nat")}
    flat = information_bracket(torch.zeros(200, 3), generator)
    assert {item.status for item in flat.values()} == {"undefined"}
