import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.attribution import (
    ATTRIBUTED,
    SEED,
    attribute,
    attributed_names,
    block_summary,
    grid_axes,
    interquartile_mean,
    variance_attribution,
)
from analysis.full_measure_names import FULL_MEASURES
from analysis.measure_names import MEASURES
from analysis.results import load_results
from analysis.statistics import describe_runs, joined
from analysis.tables import analyse


def grid(a, b, interaction, noise, seeds, random):
    """Cell means, counts, pooled variance and its degrees of freedom of a 3 x 4 grid with planted effects."""
    truth = a * np.array([-1, 0, 1])[:, None] + b * np.array([-1.5, -0.5, 0.5, 1.5])
    truth = truth + interaction * np.outer([1, -2, 1], [1, -1, -1, 1])
    runs = truth[..., None] + random.normal(0, noise, (3, 4, seeds))
    freedom = 12 * (seeds - 1)
    return runs.mean(2), np.full((3, 4), seeds), runs.var(2, ddof=1).mean(), freedom


def shares(found):
    return dict(zip(found["part"], found["share"], strict=True))


def test_without_noise_the_parts_are_those_of_the_table():
    means, counts, _, freedom = grid(3, 2, 1, 0, 3, np.random.default_rng(0))
    found = attribute(means, counts, 1e-12, freedom, ["a", "b"])
    parts = {"a": 9 * 2 / 3, "b": 4 * 1.25, "a × b": 2, SEED: 0}
    total = sum(parts.values())
    assert shares(found) == pytest.approx({name: value / total for name, value in parts.items()}, abs=1e-6)
    assert list(found["part"]) == ["a", "b", "a × b", SEED]


def test_shares_are_unbiased_and_their_intervals_cover():
    random = np.random.default_rng(1)
    truth = {"a": 0.0, "b": 0.25 * 1.25, "a × b": 0.0, SEED: 1.0}
    total = sum(truth.values())
    found, covered = [], []
    for _ in range(150):
        table = attribute(*grid(0, 0.5, 0, 1, 3, random), ["a", "b"])
        found.append(shares(table))
        inside = (table["low"] <= np.array([value / total for value in truth.values()])) & (
            table["high"] >= np.array([value / total for value in truth.values()])
        )
        covered.append(inside.tolist())
    means = pd.DataFrame(found).mean()
    assert means.to_numpy() == pytest.approx(np.array(list(truth.values())) / total, abs=0.04)
    coverage = np.mean(covered, axis=0)
    assert (coverage > 0.85).all()


def test_a_cell_with_more_seeds_weighs_no_more():
    random = np.random.default_rng(2)
    means, _, variance, _ = grid(3, 0, 0, 0.5, 3, random)
    few, many = np.full((3, 4), 3), np.full((3, 4), 3)
    many[0, 0] = 30
    first, second = (attribute(means, counts, variance, 24, ["a", "b"]) for counts in (few, many))
    assert shares(first) == pytest.approx(shares(second), abs=0.01)


def test_the_synthetic_study_varies_with_its_axes(study_dir):
    results = load_results(study_dir)
    runs = describe_runs(results.runs)
    values = joined(results.measures, runs)
    values = values[(values["split"] == "test") & (values["origin"] == "grid")]
    found = variance_attribution(values[values["name"] == "share_z_pixel"], runs).set_index(["block", "part"])
    assert set(found["status"]) == {"ok"} and set(found["num_missing"]) == {0}
    assert set(found.loc["gaussian"].index) == {"latent_dim", "noise_dim", "latent_dim × noise_dim", SEED}
    assert set(found.loc["categorical"].index) == {"num_categories", SEED}
    assert found.groupby("block")["share"].sum().to_numpy() == pytest.approx(1)
    assert found.loc[("gaussian", "latent_dim"), "share"] > 0.2
    summary = block_summary(values[values["name"] == "share_z_pixel"], runs).set_index("block")
    # a number of categories of one cell alone has no middle half to speak of
    assert summary["iqm_low"].isna().tolist() == [True, True, False, False]
    summary = summary.dropna(subset=["iqm_low"])
    assert (summary["iqm_low"] <= summary["iqm"]).all() and (summary["iqm"] <= summary["iqm_high"]).all()


def test_an_incomplete_grid_is_marked_and_not_averaged(study_dir):
    results = load_results(study_dir)
    runs = describe_runs(results.runs)
    values = joined(results.measures, runs)
    values = values[(values["split"] == "test") & (values["origin"] == "grid") & (values["label"] != "z=5 n=10")]
    found = variance_attribution(values[values["name"] == "rate"], runs).set_index(["block", "part"])
    assert list(found.loc["gaussian"].index) == [SEED]
    row = found.loc[("gaussian", SEED)]
    assert row["status"] == "incomplete: 1 of 6 cells have no value, or one by identity" and math.isnan(row["share"])
    assert row["num_missing"] == 1 and row["variance"] > 0


def test_one_seed_a_cell_has_no_split(study_dir):
    results = load_results(study_dir)
    runs = describe_runs(results.runs)
    values = joined(results.measures, runs)
    one = values[(values["replicate"] == 0) & (values["split"] == "test") & (values["origin"] == "grid")]
    assert set(variance_attribution(one, runs)["status"]) == {"no cell has two seeds"}
    assert variance_attribution(one[:0], runs).empty and block_summary(one[:0], runs).empty


def test_interquartile_mean_by_hand():
    values, cells = np.array([1.0, 3, 4, 5, 100, 100]), np.array(["a", "a", "b", "c", "d", "d"])
    # cell means 2, 4, 5, 100: the middle half is 4 and 5
    assert interquartile_mean(values, cells)[0] == pytest.approx(4.5)
    # of three cells the middle one weighs 1, the others a quarter each
    assert interquartile_mean(np.array([0.0, 1, 8]), np.array(["a", "b", "c"]))[0] == pytest.approx(
        (0.25 * 8 + 1) / 1.5
    )
    assert math.isnan(interquartile_mean(np.array([0.0, 1]), np.array(["a", "b"]))[1])


def test_axes_are_the_fields_that_vary(study_dir):
    runs = describe_runs(load_results(study_dir).runs)
    chosen = runs[(runs["block"] == "gaussian") & (runs["origin"] == "grid")]
    axes = grid_axes(chosen)
    assert list(axes.columns) == ["latent_dim", "noise_dim"] and len(axes) == 6


def test_what_is_so_by_identity_enters_no_attribution(study_dir):
    """S_z is 1 where there is no noise, whatever was learnt: its grid is incomplete, that of other measures whole."""
    results = load_results(study_dir)
    runs = results.runs.assign(**{"model.noise_dim": results.runs["model.noise_dim"].replace(10, 0)})
    found = analyse(replace(results, runs=runs))
    parts = found.attribution[found.attribution["block"] == "gaussian"].groupby("name")["status"].agg(set)
    assert parts["share_z_pixel"] == {"incomplete: 3 of 6 cells have no value, or one by identity"}
    assert parts["r2_mean"] == {"ok"}
    cells = found.summary[found.summary["block"] == "gaussian"].set_index("name")["num_cells"]
    assert (cells["share_z_pixel"], cells["r2_mean"]) == (3, 6)


def test_no_mean_is_over_different_numbers_of_categories(study_dir):
    """A clustering error of 10 categories and one of 30 are two rows, each the mean of its own runs."""
    results = load_results(study_dir)
    runs = describe_runs(results.runs)
    values = joined(results.measures, runs)
    values = values[(values["split"] == "test") & (values["origin"] == "grid")]
    summary = block_summary(values, runs)
    rows = summary[(summary["name"] == "clustering_error") & (summary["block"] == "categorical")]
    model = values[(values["name"] == "clustering_error") & (values["subject"] == "model") & values["value"].notna()]
    means = model.groupby("code_size")["value"].mean()
    assert dict(zip(rows["num_categories"], rows["mean"], strict=True)) == pytest.approx(dict(means))
    assert len(means) == 2 and summary.loc[summary["block"] == "gaussian", "num_categories"].isna().all()


def test_a_summary_says_of_how_many_cells_and_runs_it_is(study_dir):
    results = load_results(study_dir)
    runs = describe_runs(results.runs)
    values = joined(results.measures, runs)
    values = values[(values["split"] == "test") & (values["origin"] == "grid") & (values["label"] != "z=5 n=10")]
    values = values[(values["replicate"] > 0) | (values["label"] != "K=10 n=10")]
    summary = block_summary(values, runs).set_index(["block", "name"])
    row = summary.loc[("gaussian", "rate")]
    assert (row["num_cells"], row["num_cells_wanted"], row["num_runs"], row["num_runs_wanted"]) == (5, 6, 15, 18)
    row = summary.loc[("categorical", "rate")].set_index("num_categories").loc[10]
    assert (row["num_cells"], row["num_cells_wanted"], row["num_runs"], row["num_runs_wanted"]) == (1, 1, 2, 3)


def test_every_measure_is_attributed_the_leading_ones_first():
    found = ["tau_z", "no such measure", "factor_split/ink", "off_modes", "cycle_error", "share_z_feature"]
    assert attributed_names(found) == ["share_z_feature", "cycle_error", "off_modes", "tau_z", "factor_split/ink"]
    assert {*MEASURES, *FULL_MEASURES} == set(ATTRIBUTED)
