import math
import statistics

import pytest
from scipy import stats

from study.failures import record_failure
from study.objectives import DEFAULT_OBJECTIVES
from study.replicates import Until
from study.results import read_result
from study.scores import Score, aggregate, half_width, score_over_replicates, wants_seed

VALUES = (0.6, 0.5, 0.9, 0.55)


@pytest.fixture
def score(folder):
    """Return a function from keys to the score of these runs."""

    def score_of(*keys, how="mean"):
        runs = [folder.run(key) for key in keys]
        results = {run.key: read_result(run, DEFAULT_OBJECTIVES) for run in runs if run.result.is_file()}
        return score_over_replicates(runs, results, DEFAULT_OBJECTIVES, how)

    return score_of


def test_aggregates_are_over_the_replicates_that_have_all_objectives(folder, finish, score):
    finish("a-0", critic=0.5, rate=1.0)
    finish("a-1", critic=0.7, rate=2.0)
    finish("a-2", critic=0.9, rate=None)
    record_failure(folder.run("a-3"), "diverged", "loss became nan")
    record_failure(folder.run("a-4"), "lost", "the worker died")
    assert score("a-0", "a-1") == Score((pytest.approx(0.6), 1.5), 2)
    assert score("a-0", "a-2", "a-3") == Score((0.5, 1.0), 1, 2)
    reason = "r2_mean was not measured; loss became nan; the worker died"
    assert score("a-2", "a-3", "a-4") == Score(None, 0, 3, reason, "missing; diverged; lost")
    assert score() == Score(None, 0, 0, "no run", "missing")


def test_a_value_that_is_not_finite_is_missing(folder, finish, score):
    finish("a-0", critic=0.5, rate=1.0)
    text = folder.run("a-0").result.read_text()
    for bad in ("NaN", "Infinity", "-Infinity"):
        folder.run("a-0").result.write_text(text.replace('"r2_mean": 1.0', f'"r2_mean": {bad}'))
        assert score("a-0") == Score(None, 0, 1, "r2_mean was not measured", "missing")


def test_the_worst_is_bad_in_the_direction_of_each_objective(finish, score):
    finish("a-0", critic=0.5, rate=1.0)
    finish("a-1", critic=0.7, rate=2.0)
    finish("a-2", critic=0.6, rate=4.0)
    assert [item.direction for item in DEFAULT_OBJECTIVES] == ["minimize", "maximize"]
    assert score("a-0", "a-1", "a-2", how="worst").values == (0.7, 1.0)
    assert score("a-0", "a-1", "a-2", how="median").values == (0.6, 2.0)
    low, high = score("a-0", "a-1", "a-2", how="lower_bound").values
    assert low > 0.6
    assert high < 7 / 3


def test_the_bad_side_of_replicates_of_which_one_diverged_has_no_value(folder, finish, score):
    finish("a-0", critic=0.5, rate=1.0)
    finish("a-1", critic=0.7, rate=2.0)
    record_failure(folder.run("a-2"), "lost", "the worker died")
    assert score("a-0", "a-1", "a-2", how="worst").values == (0.7, 1.0)
    record_failure(folder.run("a-3"), "diverged", "loss became nan")
    for how in ("worst", "lower_bound"):
        found = score("a-0", "a-1", "a-3", how=how)
        assert found == Score(None, 2, 1, "loss became nan", "diverged")
    assert score("a-0", "a-1", "a-3", how="median").values == (0.6, 1.5)


@pytest.mark.parametrize("maximize", [False, True])
def test_aggregates_in_closed_form(maximize):
    assert aggregate(VALUES, maximize, "mean") == pytest.approx(statistics.fmean(VALUES))
    assert aggregate(VALUES, maximize, "median") == pytest.approx(0.575)
    assert aggregate(VALUES, maximize, "worst") == (0.5 if maximize else 0.9)
    bound = stats.t.interval(0.90, 3, loc=statistics.fmean(VALUES), scale=stats.sem(VALUES))
    assert aggregate(VALUES, maximize, "lower_bound") == pytest.approx(bound[0] if maximize else bound[1])
    assert aggregate((0.5, 0.5), maximize, "lower_bound") == 0.5


def test_a_lower_bound_of_one_survivor_is_none(folder, finish, score):
    finish("a-0")
    record_failure(folder.run("a-1"), "out_of_memory", "no memory")
    found = score("a-0", "a-1", how="lower_bound")
    assert (found.values, found.num_seeds, found.num_failed) == (None, 1, 1)
    assert found.kind == "out_of_memory; too_few"
    assert "needs two replicates" in found.reason


def test_half_width_is_that_of_students_t():
    low, high = stats.t.interval(0.95, 3, loc=statistics.fmean(VALUES), scale=stats.sem(VALUES))
    assert half_width(VALUES) == pytest.approx((high - low) / 2)
    assert half_width(VALUES[:1]) == half_width(()) == math.inf
    assert half_width((0.5, 0.5)) == 0


@pytest.mark.parametrize(
    ("values", "num", "wants"),
    [
        ((0.5, 0.6), 2, True),
        ((0.5, 0.5001), 2, False),
        ((0.5,), 2, True),  # the other one failed
        ((), 2, False),  # no seed is known to survive
        ((0.5, 0.6), 4, False),
    ],
)
def test_a_seed_is_wanted_while_the_interval_is_wide(values, num, wants):
    assert wants_seed(values, num, Until(half_width=0.02, max=4)) is wants
