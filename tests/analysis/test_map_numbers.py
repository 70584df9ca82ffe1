import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.full_figures import curve_with_band
from analysis.map_numbers import confusion_shares, factor_splits, mean_of_channels, shown_maps


def test_a_pixel_is_the_mean_of_the_channels_in_which_it_varies():
    values = np.array([[[1.0, np.nan]], [[0.5, np.nan]], [[np.nan, np.nan]]])
    found = mean_of_channels(values)
    assert found[0, 0] == 0.75 and math.isnan(found[0, 1])


def test_maps_are_shown_with_the_variance_over_its_largest_pixel():
    shares = {name: np.full((1, 1, 2), 0.25) for name in ("share_z", "share_n", "share_zn")}
    found = shown_maps({**shares, "variance": np.array([[[2.0, 4.0]]])})
    assert found["variance"].tolist() == [[0.5, 1.0]] and found["share_z"].tolist() == [[0.25, 0.25]]
    still = shown_maps({**shares, "variance": np.full((1, 1, 2), np.nan)})
    assert np.isnan(still["variance"]).all()


def test_rows_of_a_confusion_matrix_are_shares():
    assert confusion_shares(np.array([[3, 1], [0, 0]])).tolist() == [[0.75, 0.25], [0, 0]]


def test_factors_are_a_row_each_of_the_first_cells():
    columns = ["name", "subject", "config_key", "label", "family", "code_size", "mean"]
    rows = [
        ("factor_split/ink", "model", "b", "z=5", "gaussian", 5, 0.9),
        ("factor_split/ink", "untrained", "b", "z=5", "gaussian", 5, 0.1),
        ("factor_split/ink", "model", "a", "z=2", "gaussian", 2, 0.4),
        ("factor_split/hue", "model", "a", "z=2", "gaussian", 2, math.nan),
        ("factor_split/ink", "pca", "a", "z=2", "gaussian", 2, 0.3),
        ("rate", "model", "a", "z=2", "gaussian", 2, 1.0),
    ]
    cells = pd.DataFrame(rows, columns=columns).assign(low=0.0, high=1.0, num_seeds=3, block="gaussian")
    names, found = factor_splits(cells, 12)
    assert names == ["ink"] and found["mean"].tolist() == [0.4, 0.9, 0.1]
    assert factor_splits(cells, 1)[1]["config_key"].tolist() == ["a"]


def test_distortion_is_drawn_against_the_upper_bound_of_the_rate():
    table = pd.DataFrame({"rate_low": [1.0, 4.0], "rate_high": [1.02, 9.0], "distortion": [5.0, 2.0]})
    table = table.assign(distortion_low_end=1.0, distortion_high_end=6.0)
    axes = Figure().subplots()
    curve_with_band(table, "distortion", axes, "black", "z=2")
    assert axes.lines[0].get_xdata().tolist() == [1.02, 9.0]
    close, far = axes.lines[1:]
    assert close.get_xdata().tolist() == [1.02] and far.get_xdata().tolist() == [9.0]
    assert far.get_markerfacecolor() == "white"
    ends = [
        segment[:, 0].tolist()
        for line in axes.collections
        if hasattr(line, "get_segments")
        for segment in line.get_segments()
    ]
    assert ends == [[1.0, 1.02], [4.0, 9.0]]
