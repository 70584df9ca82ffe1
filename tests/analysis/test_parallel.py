import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import search_plots
from analysis.parallel import best_share, parallel_axes


def axis(values):
    (found,) = parallel_axes(pd.DataFrame({"x": values}))
    return found


def test_numbers_lie_between_the_ends():
    found = axis([1.0, 3.0, 2.0])
    assert found.places.tolist() == [0, 1, 0.5]
    assert found.ticks == ((0, "1"), (0.5, "2"), (1, "3"))


def test_wide_positive_numbers_lie_by_their_logarithms():
    found = axis([1e-4, 1e-2, 1e-3])
    assert found.places.tolist() == pytest.approx([0, 1, 0.5])
    assert axis([0.0, 1e-2, 1e-3]).places.tolist() == pytest.approx([0, 1, 0.1])


def test_of_many_values_the_ends_and_the_middle_are_written():
    assert [text for _, text in axis(list(range(1, 101))).ticks] == ["1", "10", "100"]


def test_words_and_switches_lie_at_equal_distances_and_what_is_missing_nowhere():
    found = axis(["b", "a", None, "c"])
    assert np.isnan(found.places[2]) and found.places[[0, 1, 3]].tolist() == [0.5, 0, 1]
    assert found.ticks == ((0, "a"), (0.5, "b"), (1, "c"))
    assert axis([True, False]).places.tolist() == [1, 0]
    assert axis([7, 7]).places.tolist() == [0.5, 0.5] and axis([7, 7]).ticks == ((0.5, "7"),)


def test_the_best_tenth_includes_ties_and_is_never_empty():
    values = pd.Series([3.0, 1.0, 2.0])
    assert best_share(values, maximize=True).tolist() == [True, False, False]
    assert best_share(values, maximize=False).tolist() == [False, True, False]
    assert best_share(pd.Series([1.0] * 30), maximize=True).all()
    assert best_share(pd.Series(range(30)), maximize=False).sum() == 3


def test_the_best_configurations_are_drawn_above_the_others():
    lines = parallel_axes(pd.DataFrame({"size": [1, 2, 3], "score": [0.2, 0.5, 0.8]}))
    axes = Figure().subplots()
    search_plots.parallel_coordinates(lines, np.array([False, True, False]), axes)
    others, best = (item for item in axes.collections[:2])
    assert np.allclose([segment[:, 1] for segment in best.get_segments()], [[0.5, 0.5]])
    assert len(others.get_segments()) == 2
    assert [text.get_text() for text in axes.get_xticklabels()] == ["size", "score"]
    assert {text.get_text() for text in axes.texts} == {"1", "2", "3", "0.2", "0.5", "0.8"}
