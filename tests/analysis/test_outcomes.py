import math
import shutil

import pytest

from analysis.outcomes import block_outcomes, cell_outcomes, wilson
from analysis.results import load_results
from analysis.selection import label_free_selection
from analysis.statistics import pooled_deviation, t_half_width
from analysis.tables import analyse


def test_outcomes_count_what_ended_and_what_it_cost(study_dir, synthetic, tmp_path):
    folder = shutil.copytree(study_dir, tmp_path / "s")
    runs = load_results(folder).runs
    cell = runs[(runs["block"] == "categorical") & (runs["model.num_categories"] == 10)]
    synthetic.fail_run(folder, cell["key"].iloc[0])
    synthetic.edit_measures(
        folder,
        cell["key"].iloc[1],
        lambda item: item.update(value=0.1) if item["name"] == "dispersion_ratio" else None,
    )
    found = analyse(load_results(folder))
    table = cell_outcomes(found.runs, found.grid, found.results).set_index("config_key")
    row = table.loc[cell["config_key"].iloc[0]]
    assert (row["num_runs"], row["num_finished"], row["num_failed"], row["num_pruned"]) == (3, 2, 1, 0)
    assert row["failure_rate"] == pytest.approx(1 / 3) and row["failure_low"] < 1 / 3 < row["failure_high"]
    # used clusters are K minus the replicate's number
    assert row["dead_clusters"] == pytest.approx(((10 - 9) + (10 - 8)) / 20)
    assert row["ignored_noise"] == 0.5
    # the failed run's last report came after 2000 / 60 seconds
    assert row["device_hours"] == pytest.approx((2 * 34 + 2000 / 60) / 3600)
    block = block_outcomes(table.reset_index()).set_index("block").loc["categorical"]
    assert (block["num_cells"], block["num_failed"], block["num_runs"]) == (2, 1, 6)
    assert (block["failure_rate"], block["failure_low"], block["failure_high"]) == wilson(1, 6)
    assert block["device_hours"] == pytest.approx(row["device_hours"] + 3 * 34 / 3600)
    files = [path for key in cell["key"] for path in (folder / "runs" / key).iterdir()]
    assert row["disk_mb"] == pytest.approx(sum(path.stat().st_size for path in files) / 1e6)


def test_wilson_by_hand():
    assert wilson(0, 10)[0] == 0 and wilson(0, 10)[1] == 0
    assert wilson(0, 10)[2] == pytest.approx(0.2775, abs=1e-3)
    assert all(value != value for value in wilson(0, 0))


def test_selection_regret_by_hand(study_dir, synthetic, tmp_path):
    """The critic chooses a cell whose label preservation is .2 below the best, the error the best one itself."""
    folder = shutil.copytree(study_dir, tmp_path / "s")
    runs = load_results(folder).runs
    chosen = runs[(runs["block"] == "gaussian") & (runs["origin"] == "grid")]
    labels = list(dict.fromkeys(chosen["label"]))
    for key, label in zip(chosen["key"], chosen["label"], strict=True):
        place = labels.index(label)
        planted = {
            "critic_accuracy": 0.6 + (0.01 * (place - 1) ** 2),
            "mse_mean": 9.0 - place,
            "label_preservation": 0.3 + 0.05 * place,
        }
        synthetic.edit_measures(
            folder, key, lambda item, planted=planted: item.update(value=planted.get(item["name"], item["value"]))
        )
    values = analyse(load_results(folder)).values
    found = label_free_selection(values[(values["block"] == "gaussian") & (values["origin"] == "grid")])
    table = found[found["oracle"] == "label_preservation"].set_index("criterion")
    last = len(labels) - 1
    error = table.loc["mse_mean"]
    assert error["regret"] == pytest.approx(0) and error["rank_correlation"] == pytest.approx(1)
    assert table.loc["critic_accuracy", "regret"] == pytest.approx(0.05 * (last - 1))
    assert table.loc["critic_accuracy", "chosen"] == f"gaussian:{labels[1]}"
    assert error["chosen"] == f"gaussian:{labels[last]}"
    # all seeds of a cell are alike, so the interval has no width; the best one has none from itself
    assert math.isnan(error["regret_low"])
    low, high = table.loc["critic_accuracy", ["regret_low", "regret_high"]]
    assert low == pytest.approx(0.05 * (last - 1)) and high == pytest.approx(low)
    assert (table["regret"] >= 0).all() and set(table["num_cells"]) == {6}


def test_configurations_of_two_blocks_that_share_a_label_stay_apart(study_dir):
    values = analyse(load_results(study_dir)).values
    values = values[(values["code"] == "gaussian") & (values["origin"] == "grid")]
    plain = label_free_selection(values)
    same = label_free_selection(values.assign(label="same"))
    assert set(same["num_cells"]) == set(plain["num_cells"]) == {6}
    assert same["regret"].tolist() == plain["regret"].tolist() and set(same["chosen"]) == {"gaussian:same"}


def test_the_interval_of_a_regret_is_that_of_a_difference_of_two_means(study_dir):
    values = analyse(load_results(study_dir)).values
    values = values[(values["code"] == "gaussian") & (values["origin"] == "grid")]
    found = label_free_selection(values)
    row = found[found["regret"] > 0].iloc[0]
    own = values[(values["name"] == row["oracle"]) & (values["subject"] == "model") & (values["split"] == "test")]
    own = own[own["trained_encoder"]]
    deviation, freedom = pooled_deviation(own["value"].tolist(), own["config_key"].tolist())
    half = t_half_width(deviation * math.sqrt(2 / 3), freedom)
    assert (row["regret_low"], row["regret_high"]) == pytest.approx((row["regret"] - half, row["regret"] + half))
