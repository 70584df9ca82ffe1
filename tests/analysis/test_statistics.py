import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from analysis import statistics


def test_pooled_deviation_by_hand():
    # Cell a: 1, 3 (squares 2); cell b: 2, 2, 5 (squares 6); 3 degrees of freedom.
    deviation, freedom = statistics.pooled_deviation([1, 3, 2, 2, 5], list("aabbb"))
    assert freedom == 3
    assert deviation == pytest.approx(math.sqrt(8 / 3))


def test_pooled_deviation_without_a_repeated_cell_is_undefined():
    deviation, freedom = statistics.pooled_deviation([1.0, 3.0], ["a", "b"])
    assert math.isnan(deviation) and freedom == 0


def test_mean_over_cells_pools_where_seeds_agree():
    # Residuals −1, 1 in cell a and 1, −1 in cell b: the seeds' sums cancel, so the pooled variance is the larger one.
    result = statistics.mean_over_cells([1, 3, 7, 5], list("aabb"), [0, 1, 0, 1])
    half = t.ppf(0.975, 2) * math.sqrt(2 * (1 / 2 + 1 / 2) / 4)
    assert result.mean == 4
    assert (result.low, result.high) == pytest.approx((4 - half, 4 + half))
    assert (result.num_cells, result.num_runs, result.num_seeds, result.degrees_of_freedom) == (2, 4, 2, 2)
    assert (result.lowest, result.highest) == (2, 6)


def test_mean_over_cells_clusters_where_seeds_move_all_cells_together():
    # Both cells move by −1, 1 with the seed: two cells carry no more information than one.
    both = statistics.mean_over_cells([1, 3, 5, 7], list("aabb"), [0, 1, 0, 1])
    half = t.ppf(0.975, 1) * math.sqrt(2 / 2)
    assert both.high - both.mean == pytest.approx(half)
    assert both.degrees_of_freedom == 1


def test_cells_have_equal_weight_whatever_their_seeds():
    result = statistics.mean_over_cells([0, 0, 0, 3], ["a", "a", "a", "b"], [0, 1, 2, 0])
    assert result.mean == 1.5


def test_one_seed_a_cell_has_a_mean_and_no_interval():
    result = statistics.mean_over_cells([1, 2], ["a", "b"], [0, 0])
    assert result.mean == 1.5 and not result.has_interval


def test_nothing_gives_nan():
    result = statistics.mean_over_cells([math.nan], ["a"], [0])
    assert math.isnan(result.mean) and result.num_runs == 0


@pytest.mark.parametrize("seed_deviation", [0.0, 0.5])
def test_interval_covers_with_and_without_common_seed_errors(seed_deviation):
    random = np.random.default_rng(1)
    cells, seeds = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    covered = 0
    for _ in range(150):
        values = random.normal(size=18) + random.normal(0, seed_deviation, 3)[seeds]
        result = statistics.mean_over_cells(values.tolist(), cells.tolist(), seeds.tolist())
        covered += result.low <= 0 <= result.high
    assert covered / 150 > 0.88


def test_bootstrap_interval_is_refused_for_few_values_and_matches_the_normal_one_for_many():
    assert all(math.isnan(end) for end in statistics.bootstrap_interval([1, 2, 3, 4]))
    values = np.random.default_rng(0).normal(size=400)
    low, high = statistics.bootstrap_interval(values.tolist())
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)
    assert (low, high) == statistics.bootstrap_interval(values.tolist())


def test_pareto_front_by_hand():
    points = np.array([[0, 3], [1, 1], [3, 0], [2, 2], [1, 1]])
    assert statistics.pareto_front(points).tolist() == [True, True, True, False, True]


def measures(rows):
    columns = ["run", "name", "split", "subject", "value", "low", "high", "status", "unit"]
    return pd.DataFrame([[*row, row[-1] - 0.1, row[-1] + 0.1, "ok", ""] for row in rows], columns=columns)


def runs(rows):
    columns = ["key", "config_key", "replicate", "model.latent_dim", "model.noise_dim", "model.train_encoder"]
    table = pd.DataFrame(rows, columns=columns)
    fixed = {"model.code": "gaussian", "model.num_categories": 30.0, "block": "b", "origin": "grid", "trial": math.nan}
    return table.assign(label=table["config_key"], **fixed)


def test_cell_summary_by_hand():
    described = statistics.describe_runs(
        runs([["a-0", "a", 0, 2, 1, True], ["a-1", "a", 1, 2, 1, True], ["b-0", "b", 0, 5, 1, True]])
    )
    rows = [["a-0", "m", "test", "model", 1.0], ["a-1", "m", "test", "model", 3.0], ["b-0", "m", "test", "model", 7.0]]
    cells = statistics.cell_summary(statistics.joined(measures(rows), described)).set_index("config_key")
    assert cells["mean"].to_dict() == {"a": 2.0, "b": 7.0}
    assert cells["num_seeds"].to_dict() == {"a": 2, "b": 1}
    assert cells["image_half_width"].to_list() == pytest.approx([0.1, 0.1])
    # One degree of freedom in all, from cell a; cell b borrows its deviation.
    assert cells.loc["a", "high"] - 2 == pytest.approx(t.ppf(0.975, 1) * math.sqrt(2) / math.sqrt(2))
    assert cells.loc["b", "high"] - 7 == pytest.approx(t.ppf(0.975, 1) * math.sqrt(2))


def test_pairs_differ_in_the_frozen_encoder_only():
    table = runs(
        [
            ["a-0", "a", 0, 2, 1, True],
            ["f-0", "f", 0, 2, 1, False],
            ["f-1", "f", 1, 2, 1, False],
            ["g-0", "g", 0, 5, 1, False],
        ]
    )
    rows = [
        [key, "m", "test", "model", value] for key, value in (("a-0", 5.0), ("f-0", 3.0), ("f-1", 9.0), ("g-0", 9.0))
    ]
    pairs = statistics.control_differences(statistics.joined(measures(rows), statistics.describe_runs(table)))
    assert pairs[["run", "control_run", "difference"]].to_numpy().tolist() == [["a-0", "f-0", 2.0]]


def test_fields_that_differ_within_the_grid_split_families():
    table = runs([["a-0", "a", 0, 2, 1, True], ["b-0", "b", 0, 2, 1, True]]).assign(**{"model.width": [0.125, 0.25]})
    assert statistics.describe_runs(table)["family"].tolist() == ["gaussian, width=0.125", "gaussian, width=0.25"]


def test_noise_dimension_zero_is_no_evidence_for_shares():
    table = pd.DataFrame({"name": ["share_z_pixel", "r2_mean", "share_z_pixel"], "noise_dim": [0, 0, 10]})
    assert statistics.without_identities(table).index.tolist() == [1, 2]


def test_planted_effects_are_recovered_with_their_intervals(synthetic, analysis):
    paired = analysis.paired.set_index("name")
    for name, effect in synthetic.PLANTED.items():
        row = paired.loc[name]
        assert row["low"] <= effect <= row["high"], name
        assert row["high"] - row["low"] < 0.1
        assert (row["num_cells"], row["num_runs"], row["num_seeds"]) == (6, 18, 3)


def test_planted_cell_means_are_recovered(synthetic, analysis):
    cells = analysis.cells[(analysis.cells["name"] == "share_z_pixel") & (analysis.cells["subject"] == "model")]
    frozen = cells[~cells["trained_encoder"]]
    assert len(frozen) == 6
    for _, cell in frozen.iterrows():
        assert cell["mean"] == pytest.approx(synthetic.share_of_code(cell["code_size"], cell["noise_dim"]), abs=0.05)
        assert cell["image_half_width"] == pytest.approx(0.015)


def test_searched_runs_never_enter_cells(analysis):
    searched = set(analysis.runs.loc[analysis.runs["origin"] == "search", "config_key"])
    assert searched and not searched & set(analysis.cells["config_key"])
    assert searched <= set(analysis.configurations["config_key"])
