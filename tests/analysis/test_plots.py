import itertools
import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis import map_plots, plots, style
from analysis.caveats import caveats
from analysis.figures import FIGURES
from analysis.results import load_results
from analysis.tables import analyse, clustering_table
from study.records import StudyFolder


def texts(artist):
    return [text.get_text() for text in artist.findobj(Text) if text.get_text()]


def cells(rows):
    columns = ["code_size", "noise_dim", "mean", "low", "num_seeds", "num_wanted"]
    return pd.DataFrame(rows, columns=columns).assign(uncalibrated=False)


POINT_FIGURES = ("mixture", "posteriors")
OTHER_FIGURES = (*POINT_FIGURES, "translations", "along_axes")
FULL_FIGURES = ("calibration", "rate_distortion", "pixel_maps", "confusion", "factors")


@pytest.fixture(scope="module")
def full_analysis(synthetic, tmp_path_factory):
    """A small study that the full suite has measured."""
    planted = synthetic.Planted(gaussian=((2, 10), (5, 10)), replicates=2, searched=0, samples=False, full=True)
    return analyse(load_results(synthetic.write_study(tmp_path_factory.mktemp("full") / "s", planted)))


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in OTHER_FIGURES])
def test_every_figure_is_drawn_with_readable_type(name, analysis, full_analysis):
    analysis = full_analysis if name in FULL_FIGURES else analysis
    with mpl.rc_context(style.STYLE):
        drawing = FIGURES[name](analysis)
        assert not isinstance(drawing, str), drawing
        drawing.figure.draw_without_rendering()
    assert drawing.figure.get_size_inches()[0] <= style.PAGE_WIDTH
    assert min(text.get_fontsize() for text in drawing.figure.findobj(Text) if text.get_text()) >= 8
    assert len(drawing.caption) > 60


def test_heat_map_writes_means_half_widths_and_missing_seeds():
    axes = Figure().subplots()
    rows = [[2, 10, 0.31, 0.27, 3, 3], [5, 10, 0.5, math.nan, 2, 3], [7, 10, 0.31, 0.27, 2, 3]]
    map_plots.heat_map(cells(rows), axes, "share_z_pixel")
    assert {"0.31\n±0.04", "0.50\n2 of 3", "0.31\n±0.04 · 2 of 3"} <= set(texts(axes))


@pytest.mark.parametrize("noises", [(10, 100), (1, 5, 10, 50, 100)])
def test_text_stays_within_the_cells_of_a_map_that_lacks_seeds(noises, analysis):
    one = analysis.cells[analysis.cells["noise_dim"] == 10].assign(num_seeds=2, num_wanted=3)
    cells = pd.concat([one.assign(noise_dim=float(noise)) for noise in noises])
    with mpl.rc_context(style.STYLE):
        figure = FIGURES["decomposition_maps"](replace(analysis, cells=cells)).figure
        figure.draw_without_rendering()
    found = [(axes, text) for axes in figure.axes for text in axes.texts if "\n±" in text.get_text()]
    assert len(found) == 6 * 5 * len(noises)
    assert all(text.get_text().endswith((" · 2 of 3", "\n2/3")) for _, text in found)
    for axes, text in found:
        (left, bottom), (right, top) = axes.transData.transform([(0, 0), (1, 1)])
        box = text.get_window_extent()
        assert box.width < abs(right - left) and box.height < abs(top - bottom), text.get_text()


def test_clustering_shows_categorical_runs_only(analysis):
    """Gaussian runs have a chance level and an undefined error; their code size is no number of categories."""
    gaussian = analysis.values[
        (analysis.values["name"] == "clustering_error") & (analysis.values["code"] == "gaussian")
    ]
    assert set(gaussian["subject"]) == {"model", "chance"}
    (axes,) = FIGURES["clustering"](analysis).figure.axes
    names = {"chance", "k-means, same K", "trained, n = 10 (mean)", "trained, one seed"}
    assert set(axes.get_legend_handles_labels()[1]) == names
    assert all(min(line.get_xdata()) > 9 and max(line.get_xdata()) < 31 for line in axes.lines)
    assert set(clustering_table(analysis)["num_categories"]) == {10, 30}


def test_heat_map_hatches_what_is_not_calibrated_and_leaves_out_what_is_undefined():
    axes = Figure().subplots()
    rows = [[2, 0, math.nan, math.nan, 0, 3], [2, 10, 0.5, 0.4, 3, 3], [2, 50, 0.5, 0.4, 3, 3]]
    map_plots.heat_map(cells(rows).assign(uncalibrated=[True, True, False]), axes, "dispersion_ratio")
    assert "–" in texts(axes)
    (patch,) = axes.patches
    assert patch.get_hatch() == "//"
    assert patch.get_path().get_extents().bounds == (1, 0, 1, 1)


def test_a_large_map_has_no_numbers_in_its_cells():
    axes = Figure().subplots()
    rows = [[size, noise, 0.5, 0.4, 3, 3] for size in range(40) for noise in range(2)]
    map_plots.heat_map(cells(rows), axes, "share_z_pixel")
    assert not axes.texts and len(axes.get_yticks()) == 20


def test_share_bars_stack_to_the_sum_of_the_shares():
    rows = [["a", f"share_{part}_pixel", value, 2, 10, "g"] for part, value in (("z", 0.5), ("n", 0.3), ("zn", 0.2))]
    table = pd.DataFrame(rows, columns=["config_key", "name", "mean", "code_size", "noise_dim", "group"])
    axes = Figure().subplots()
    plots.share_bars(table, axes, "pixel")
    bars = axes.patches
    assert [bar.get_height() for bar in bars] == pytest.approx([0.5, 0.3, 0.2])
    assert [bar.get_y() for bar in bars] == pytest.approx([0, 0.5, 0.8])


def test_paired_differences_draws_every_pair(analysis):
    pairs = analysis.pairs[analysis.pairs["name"] == "share_z_pixel"]
    axes = Figure().subplots()
    labels = dict(zip(pairs["config_key"], pairs["label"], strict=True)) | {"none": "no pair"}
    plots.paired_differences(pairs, labels, {"mean": 0.12, "low": 0.1, "high": 0.14}, axes, "share_z_pixel")
    drawn = [line for line in axes.lines if line.get_marker() == "o"]
    assert sorted(drawn[0].get_xdata()) == sorted(pairs["difference"])
    rows = [list(labels).index(key) for key in pairs["config_key"]]
    assert drawn[0].get_ydata().tolist() == rows and len(axes.get_yticks()) == 7


def test_clustering_draws_every_seed(analysis):
    values = analysis.values
    dots = values[(values["name"] == "clustering_error") & (values["split"] == "test") & values["value"].notna()]
    axes = Figure().subplots()
    plots.clustering(analysis.cells[analysis.cells["name"] == "clustering_error"], dots, axes)
    single = [line for line in axes.lines if line.get_label() == "trained, one seed"]
    model = dots.loc[dots["subject"] == "model", "value"]
    assert sorted(single[0].get_ydata()) == sorted(model) and len(model) == 6
    assert {"k-means, same K", "chance"} <= {line.get_label() for line in axes.lines}


def test_clustering_draws_every_control_that_is_there_and_no_other(analysis):
    values = analysis.values
    dots = values[(values["name"] == "clustering_error") & (values["split"] == "test") & values["value"].notna()]
    cells = analysis.cells[analysis.cells["name"] == "clustering_error"]
    kmeans = dots[dots["subject"] == "kmeans"]
    floor = kmeans.assign(subject="floor", value=0.05)
    for shown, names in (
        (pd.concat([dots, floor]), {"chance", "k-means, same K", "floor: best equal-mass partition"}),
        (dots[dots["subject"] == "model"], set()),
    ):
        axes = Figure().subplots()
        plots.clustering(cells, shown, axes)
        labels = {str(line.get_label()) for line in axes.lines}
        assert {label for label in labels if not label.startswith("trained")} == names


def test_share_bars_mark_where_the_parts_end_with_codes_from_the_prior():
    parts = (("z", 0.5), ("n", 0.3), ("zn", 0.2))
    rows = [["a", f"share_{part}_pixel", value, 2, 10, "g"] for part, value in parts]
    rows += [
        ["a", f"share_{part}_pixel_prior", value, 2, 10, "g"] for part, value in (("z", 0.4), ("n", 0.25), ("zn", 0.35))
    ]
    table = pd.DataFrame(rows, columns=["config_key", "name", "mean", "code_size", "noise_dim", "group"])
    axes = Figure().subplots()
    plots.share_bars(table, axes, "pixel")
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.5, 0.3, 0.2])
    heights = [line.get_segments()[0][0][1] for line in axes.collections]
    assert heights == pytest.approx([0.4, 0.65])


@pytest.mark.parametrize("channels", [1, 3])
def test_image_grid_keeps_every_pixel(channels):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, channels, 4, 5), dtype=np.uint8)
    axes = Figure().subplots()
    plots.image_grid(images, axes, gap=1)
    sheet = np.asarray(axes.images[0].get_array()).reshape(2 * 4 + 1, 3 * 5 + 2, channels)
    assert (sheet[:4, :5] == images[0, 0].transpose(1, 2, 0)).all()
    assert (sheet[5:, 12:] == images[1, 2].transpose(1, 2, 0)).all()
    assert (sheet[4] == 255).all()


def test_subscripts_are_set():
    assert style.math_label("share_z_pixel") == "$\\mathregular{S_{z}}$, pixels"
    assert style.math_label("rate") == "rate (nat)"


def test_panels_of_the_controls_share_one_scale(analysis):
    figure = FIGURES["controls"](analysis).figure
    limits = [axes.get_ylim() for axes in figure.axes]
    assert limits == [(-0.03, 1.03), (-0.03, 1.03), (plots.FLOOR, 1.03), (-0.03, 1.03)] * 2


def point_study(synthetic, folder):
    """A study of points: a model of categories and one of codes in the plane, two seeds each."""
    planted = synthetic.Planted(
        gaussian=((2, 10),), categorical=((7, 10),), frozen=False, replicates=2, searched=0, samples=False
    )
    root = synthetic.write_study(folder, planted)
    random = np.random.default_rng(0)
    for run in StudyFolder(root).run_folders():
        arrays = {}
        for points, labels in (
            ("points", "points_label"),
            ("generated_points", "generated_code"),
            ("prior_codes", "generated_label"),
            ("inferred_codes", "points_label"),
        ):
            arrays[points] = random.normal(size=(50, 2)).astype(np.float32)
            arrays[labels] = random.integers(0, 7, 50).astype(np.uint8)
        np.savez(run.samples, **arrays)
    return analyse(load_results(root))


@pytest.mark.parametrize(("name", "num_panels"), [("mixture", 2), ("posteriors", 2)])
def test_figures_of_points(name, num_panels, synthetic, tmp_path):
    with mpl.rc_context(style.STYLE):
        drawing = FIGURES[name](point_study(synthetic, tmp_path / "points"))
        drawing.figure.draw_without_rendering()
    drawn = [axes for axes in drawing.figure.axes if axes.collections]
    assert len(drawn) == num_panels
    assert all(axes.get_title(loc="left") for axes in drawn)
    assert min(text.get_fontsize() for text in drawing.figure.findobj(Text) if text.get_text()) >= 8


@pytest.mark.parametrize("name", OTHER_FIGURES)
def test_other_figures_are_silent_about_images_with_vector_codes(name, analysis):
    assert FIGURES[name](analysis) == ""


def test_points_have_the_colour_of_their_label():
    axes = Figure().subplots()
    plots.coloured_points(np.zeros((3, 2)), np.array([0, 1, 0]), axes)
    first, second, third = axes.collections[0].get_facecolors()
    assert (first == third).all()
    assert (first != second).any()


def test_a_block_that_varies_one_field_is_drawn_along_it(analysis):
    """Two more cells differ from a planted one in their steps alone; the block of that one varies other fields."""
    one = analysis.runs[(analysis.runs["origin"] == "grid") & (analysis.runs["model.latent_dim"] == 5)]
    one = one[(one["model.noise_dim"] == 10) & (one["block"] == "gaussian")]
    parts = [one.assign(block="steps", config_key=f"steps{steps}", **{"train.steps": steps}) for steps in (20000, 500)]
    cells = analysis.cells[analysis.cells["config_key"] == one["config_key"].iloc[0]]
    grid = analysis.grid[analysis.grid["config_key"] == one["config_key"].iloc[0]]
    changed = replace(
        analysis,
        runs=pd.concat([analysis.runs, *parts]).reset_index(drop=True),
        cells=pd.concat([analysis.cells, *(cells.assign(config_key=f"steps{steps}") for steps in (20000, 500))]),
        grid=pd.concat([analysis.grid, *(grid.assign(config_key=f"steps{steps}") for steps in (20000, 500))]),
    )
    with mpl.rc_context(style.STYLE):
        drawing = FIGURES["along_axes"](changed)
        drawing.figure.draw_without_rendering()
    row = drawing.figure.axes
    assert [axes.get_xlabel() for axes in row] == ["steps"] * len(row)
    # the planted cell, at its own steps, is the third point
    assert [text.get_text() for text in row[0].get_xticklabels()] == ["500", "2000", "20000"]
    assert row[0].lines[0].get_xdata().tolist() == [0, 1, 2]
    assert row[0].get_ylabel() == "steps"


def test_a_block_of_several_fields_has_a_line_for_each_setting_of_the_others(analysis):
    """Two priors × two noises × two sizes: an axis for each distribution with four lines, and none for the size."""
    one = analysis.runs[(analysis.runs["origin"] == "grid") & (analysis.runs["block"] == "gaussian")].iloc[[0]]
    cells = analysis.cells[analysis.cells["config_key"] == one["config_key"].iloc[0]]
    grid = analysis.grid[analysis.grid["config_key"] == one["config_key"].iloc[0]]
    runs, names = [], []
    for prior, noise, size in itertools.product(("gaussian", "uniform"), ("gaussian", "uniform"), (5, 10)):
        names.append(f"{prior}{noise}{size}")
        fields = {"model.prior_distribution": prior, "model.noise_distribution": noise, "model.latent_dim": size}
        runs.append(one.assign(block="distributions", config_key=names[-1], **fields))
    changed = replace(
        analysis,
        runs=pd.concat(runs).reset_index(drop=True),
        cells=pd.concat([cells.assign(config_key=name) for name in names]),
        grid=pd.concat([grid.assign(config_key=name) for name in names]),
    )
    with mpl.rc_context(style.STYLE):
        drawing = FIGURES["along_axes"](changed)
        drawing.figure.draw_without_rendering()
    rows = [axes for axes in drawing.figure.axes if axes.get_ylabel()]
    assert {axes.get_xlabel() for axes in rows} == {"prior_distribution", "noise_distribution"}
    for axes in rows:
        assert [text.get_text() for text in axes.get_xticklabels()] == ["gaussian", "uniform"]
        lines = [line for line in axes.lines if not line.get_label().startswith("_")]
        assert len(lines) == 4 and all(len(line.get_xdata()) == 2 for line in lines)
    (legend,) = drawing.figure.legends
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= drawing.figure.bbox.width
    legend = {text.get_text() for text in legend.get_texts()}
    assert "latent_dim=5, noise_distribution=uniform" in legend and len(legend) == 8


@pytest.mark.parametrize("name", FULL_FIGURES)
def test_figures_of_the_full_suite_say_that_it_was_not_run(name, analysis):
    assert "measured with the full suite" in FIGURES[name](analysis)


@pytest.mark.parametrize("name", FULL_FIGURES)
def test_cells_of_one_label_are_told_apart_in_figures_of_the_full_suite(name, full_analysis):
    both = {key: ("a", "b")[place] for place, key in enumerate(full_analysis.runs["config_key"].unique()[:2])}

    def renamed(table):
        table = table[table["config_key"].isin(both)]
        return table.assign(label="z=5", block=table["config_key"].map(both), trained_encoder=True)

    changed = replace(full_analysis, runs=renamed(full_analysis.runs), cells=renamed(full_analysis.cells))
    with mpl.rc_context(style.STYLE):
        drawing = FIGURES[name](changed)
        drawing.figure.draw_without_rendering()
    assert {"a, z=5", "b, z=5"} <= set(texts(drawing.figure))


def test_the_joint_test_decides_which_cells_are_calibrated(full_analysis, analysis):
    assert not full_analysis.cells["uncalibrated"].any()
    assert analysis.cells["uncalibrated"].all()


def test_the_full_suite_is_a_caveat_where_it_was_run(full_analysis, analysis):
    assert "The full suite has measured all of them" in " ".join(caveats(full_analysis))
    assert "full suite" not in " ".join(caveats(analysis))
