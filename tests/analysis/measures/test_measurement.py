import math

import pytest

from analysis.measure_table import USABLE
from analysis.measures.measurement import estimate, exact, undefined


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_invalid(value):
    """Undefined is what has no value by construction; a network that breaks down is something else."""
    for found in (estimate(value, 0.0, 1.0, 7, "nat"), exact(value, 7, "nat")):
        assert (found.value, found.low, found.high, found.n, found.unit) == (None, None, None, 7, "nat")
        assert (found.status, found.reason) == ("invalid", "the value is not finite")


def test_an_end_that_is_not_finite_is_left_out():
    found = estimate(0.5, math.nan, 1.0, 7, "nat")
    assert (found.value, found.low, found.high, found.status) == (0.5, None, None, "ok")


def test_a_misread_value_keeps_its_number_and_enters_means():
    found = exact(0.5, 10, "fraction").misread("the label", 0.9)
    assert (found.value, found.n) == (0.5, 10) and "error of 0.100" in found.reason
    assert found.status in USABLE
    assert undefined("no code").misread("the label", 0.9) == undefined("no code")
