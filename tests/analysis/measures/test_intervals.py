import math

import pytest
import torch

from analysis.measures import intervals
from analysis.measures.clustering import agreement
from analysis.measures.fidelity import frechet_distance
from analysis.measures.information import information_bracket
from analysis.measures.measurement import invalid
from analysis.measures.mmd import squared_mmd
from analysis.measures.prior_match import prior_moment_kl


def test_mean_has_the_textbook_interval():
    values = torch.tensor([1.0, 2.0, 3.0, 6.0])
    result = intervals.mean(values, "nat")
    half = 1.959964 * values.std().item() / 2
    assert result.value == 3
    assert result.low == pytest.approx(3 - half, rel=1e-6)
    assert result.high == pytest.approx(3 + half, rel=1e-6)
    assert (result.n, result.unit, result.status) == (4, "nat", "ok")


def test_wilson_interval_of_a_sure_thing_is_not_a_point():
    result = intervals.mean_fraction(torch.zeros(10, dtype=torch.bool))
    assert (result.value, result.low) == (0, 0)
    assert result.high == pytest.approx(0.2775, abs=1e-4)


def test_wilson_interval_of_yes_or_no_answers():
    result = intervals.mean_fraction(torch.arange(101) < 30)
    # scipy.stats.binomtest(30, 101).proportion_ci(method="wilson"), but with the variance over N - 1
    assert (result.low, result.high) == pytest.approx((0.2166, 0.3922), abs=2e-3)


def test_the_difference_of_two_fractions_has_newcombes_interval():
    """Newcombe's own examples of his method 10; the variances here are over N − 1."""
    for (a, m), (b, n), ends in (((56, 70), (48, 80), (0.0524, 0.3339)), ((10, 10), (0, 10), (0.6075, 1.0))):
        first, second = (intervals.mean_fraction(torch.arange(size) < part) for part, size in ((a, m), (b, n)))
        found = intervals.fraction_difference(first, second)
        assert found.value == pytest.approx(a / m - b / n)
        assert (found.low, found.high) == pytest.approx(ends, abs=0.005)
        assert found.n == m + n
        back = intervals.fraction_difference(second, first)
        assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    broken = invalid("no number", 3, "fraction")
    assert intervals.fraction_difference(first, broken) == intervals.fraction_difference(broken, first) == broken


def test_the_interval_of_the_difference_covers():
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(400):
        parts = [torch.rand(size, generator=generator) < p for size, p in ((60, 0.1), (90, 0.02))]
        found = intervals.fraction_difference(*map(intervals.mean_fraction, parts))
        covered += found.low <= 0.08 <= found.high
    assert 0.93 <= covered / 400 <= 0.98


def test_values_between_no_and_yes_are_surer():
    whole = intervals.mean_fraction(torch.tensor([0.0, 1.0]).repeat(50))
    halves = intervals.mean_fraction(torch.tensor([0.25, 0.75]).repeat(50))
    assert halves.high - halves.low < 0.6 * (whole.high - whole.low)


def test_the_mean_over_classes_has_the_interval_of_its_spread():
    """A common class that is right 9 times in 10, a rare one that is right half of the time, and one without images."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(400):
        classes = 2 * (torch.rand(1000, generator=generator) < 0.1).long()
        values = torch.rand(1000, generator=generator) < torch.tensor([0.9, 0.0, 0.5])[classes]
        found.append(intervals.class_mean_fraction(values, classes))
    values = torch.tensor([item.value for item in found])
    assert values.mean().item() == pytest.approx(0.7, abs=0.005)
    inside = sum(item.low <= 0.7 <= item.high for item in found) / len(found)
    assert 0.92 <= inside <= 0.98
    assert found[0].n == 1000


def test_jackknife_of_a_mean_is_its_standard_error():
    values = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    result = intervals.group_jackknife(lambda index: values[index].mean().item(), 2000, "nat")
    assert (result.high - result.value) / 2.093 == pytest.approx(1 / math.sqrt(2000), rel=0.4)


def test_jackknife_removes_the_bias_of_a_variance():
    generator = torch.Generator().manual_seed(0)
    errors = []
    for _ in range(50):
        values = torch.randn(40, generator=generator, dtype=torch.float64)
        result = intervals.group_jackknife(
            lambda index, values=values: values[index].var(correction=0).item(), 40, "nat", correct_bias=True
        )
        errors.append(result.value - values.var().item())
    # without the correction the mean error is -1 / 40
    assert abs(sum(errors) / 50) < 0.003


def test_zero_denominator_is_undefined():
    result = intervals.ratio(torch.zeros(5), torch.zeros(5), "fraction")
    assert (result.value, result.status, result.reason) == (None, "undefined", "the denominator is zero")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_ratio_of_what_is_not_finite_is_invalid(value):
    broken = torch.tensor([1.0, value, 1.0])
    for pair in ((broken, torch.ones(3)), (torch.ones(3), broken)):
        assert intervals.ratio(*pair, "fraction").status == "invalid"


def test_not_a_number_is_invalid():
    assert intervals.mean(torch.tensor([1.0, math.nan]), "nat").status == "invalid"


@pytest.mark.parametrize("neighbours", [False, True])
def test_intervals_of_ratios_cover(neighbours):
    """Nineteen of twenty intervals contain the truth, also where neighbours share a term."""
    generator = torch.Generator().manual_seed(1)
    hits = 0
    for _ in range(400):
        a, b = torch.randn(2, 300, generator=generator)
        a = a + a.roll(1) if neighbours else a
        result = intervals.ratio(1 + a, 2 + b, "ratio", neighbours=neighbours)
        hits += result.low <= 0.5 <= result.high
    assert 0.92 <= hits / 400 <= 0.98


def _stratified(num, generator):
    """Return labels that take ten classes in turn, as a split of balanced data does, and codes of ten tight classes."""
    labels = torch.arange(num) % 10
    means = torch.randn(10, 10, generator=generator, dtype=torch.float64)
    return labels, means[labels] + 0.4 * torch.randn(num, 10, generator=generator, dtype=torch.float64)


STRATIFIED = {
    "moments": lambda _, z: prior_moment_kl(z),
    "frechet": lambda _, z: frechet_distance(z, torch.randn(z.shape, generator=torch.Generator().manual_seed(9))),
    "mmd": lambda _, z: squared_mmd(z, torch.ones_like(z)),
    "ami": lambda labels, z: agreement(labels, (z[:, 0] > 0).long(), "ami"),
    "information": lambda _, z: information_bracket(z, torch.Generator().manual_seed(0))["information_low"],
}


@pytest.mark.parametrize("measure", STRATIFIED.values(), ids=STRATIFIED)
def test_intervals_do_not_follow_the_stratified_order(measure):
    """In ten drawn orders an interval is as wide as in the stratified one, and its bias is corrected alike."""
    generator = torch.Generator().manual_seed(3)
    labels, z = _stratified(1000, generator)
    ordered = measure(labels, z)
    shuffled = [
        measure(labels[order], z[order]) for order in (torch.randperm(1000, generator=generator) for _ in range(10))
    ]
    widths = torch.tensor([item.high - item.low for item in shuffled])
    assert 0.6 * widths.min() <= ordered.high - ordered.low <= 1.5 * widths.max()
    assert abs(ordered.value - sum(item.value for item in shuffled) / 10) <= widths.mean() / 4


@pytest.mark.parametrize("num", [40, 1000, 2013])
def test_groups_are_of_equal_size_and_of_all_classes(num):
    groups = intervals.jackknife_groups(num)
    counts = groups.bincount(minlength=intervals.NUM_GROUPS)
    assert len(counts) == intervals.NUM_GROUPS and counts.max() - counts.min() <= 1
    assert torch.equal(groups, intervals.jackknife_groups(num))
    if num >= 1000:
        assert min((torch.arange(num) % 10)[groups == group].unique().numel() for group in range(20)) >= 9
