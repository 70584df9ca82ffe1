from dataclasses import replace

import pandas as pd
import pytest

from analysis.cell_tables import TABLES, cell_rows, cell_table_html
from analysis.controls_table import CONTROLS, controls_table
from analysis.findings import answers, headline
from analysis.first_screen import controls_html
from analysis.measure_names import MEASURES


def with_rows(analysis, *tables):
    """Return a study with further values of its runs."""
    return replace(analysis, grid=pd.concat([analysis.grid, *tables]))


def test_every_control_stands_beside_trained_models_at_one_number_of_categories(analysis):
    table = analysis.controls
    rows = table[table["name"] == "clustering_error"].set_index("num_categories")
    assert list(rows.index) == [10, 30]
    for size, row in rows.iterrows():
        assert row["kmeans"] == pytest.approx(1.4 / size**0.5) and row["chance"] == pytest.approx(0.88)
        assert row["minus_kmeans"] == pytest.approx(row["trained"] - row["kmeans"]) and row["trained_cells"] == 1
    text = controls_html(analysis)
    assert text.count("<table") == 3 and "Categorical codes, K = 10, 1 cell" in text
    assert ">k-means</th>" in text and "chance 0.88" in text and ">PCA</th>" in text


def test_a_control_that_is_new_has_its_place(analysis):
    error = analysis.grid[(analysis.grid["name"] == "clustering_error") & (analysis.grid["subject"] == "kmeans")]
    found = with_rows(analysis, error.assign(subject="floor", value=0.02))
    table = controls_table(found.grid, analysis.pairs, ["clustering_error"])
    assert table["floor"].tolist() == [0.02, 0.02] and set(CONTROLS) <= set(table.columns)
    assert "floor 2 %" in " ".join(answers(found)) and "floor 2 %" in headline(found)[-1].note
    assert "floor" not in " ".join(answers(analysis))


def test_a_cell_table_has_a_row_a_cell_and_controls_under_its_values(analysis):
    head, rows, total = cell_rows(analysis, TABLES["clustering"][1])
    assert head == ["cell", "clustering error", "used clusters"] and len(rows) == total == 2
    known = [MEASURES[name] for name in TABLES["clustering"][1] if name in MEASURES]
    assert all(any(rule.value == "gaussian" for rule in info.undefined) for info in known), "no row of Gaussian cells"
    name, error, used = rows[0]
    assert name == "K=10 n=10\ncategorical" and used.startswith("9.00 ± ")
    assert error.splitlines()[1:] == ["k-means 0.44", "chance 0.88"]
    assert cell_table_html(analysis, "fidelity") == ""


def test_shares_from_the_prior_are_a_column_beside_those_of_q(analysis):
    cells = analysis.cells[(analysis.cells["name"] == "share_z_pixel") & (analysis.cells["subject"] == "model")]
    prior = cells.assign(name="share_z_pixel_prior", mean=0.123, low=0.1)
    found = replace(analysis, cells=pd.concat([analysis.cells, prior]))
    head, rows, _ = cell_rows(found, TABLES["shares"][1])
    place = head.index("S_z, pixels")
    assert head[place + 1] == "S_z, pixels, prior" and {row[place + 1] for row in rows} == {"0.12 ± 0.02"}


def test_fidelity_stands_beside_real_images(analysis):
    cells = analysis.cells[(analysis.cells["name"] == "rate") & (analysis.cells["subject"] == "model")]
    parts = [
        cells.assign(name="coverage", subject=subject, mean=mean) for subject, mean in (("model", 0.7), ("real", 0.98))
    ]
    text = cell_table_html(replace(analysis, cells=pd.concat([analysis.cells, *parts])), "fidelity")
    assert "Fidelity, in the measuring classifier" in text and "real data 0.98" in text


def test_a_mean_over_fewer_cells_than_its_table_says_so(analysis):
    joint = analysis.grid[(analysis.grid["name"] == "critic_accuracy") & (analysis.grid["label"] == "z=5 n=10")]
    found = with_rows(analysis, joint.assign(name="joint_accuracy", value=0.97))
    table = controls_table(found.grid, analysis.pairs, ["rate", "joint_accuracy"])
    text = controls_html(replace(analysis, controls=table))
    assert "Gaussian codes, 6 cells" in text and "0.97 [0.97, 0.97] (1 cell)" in text
