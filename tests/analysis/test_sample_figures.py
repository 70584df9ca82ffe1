"""Figures made of images and of points: which cells they show, what they call them, and what stands where."""

import itertools
import json
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text

from analysis import cell_samples, style
from analysis.figures import FIGURES
from analysis.results import load_results
from analysis.tables import analyse
from study.records import StudyFolder, read_json, write_json

PIXELS = 28


def study_of_images(synthetic, root, gaussian=((0, 100), (5, 100), (20, 0)), channels=1, side=PIXELS):
    """Write a study whose cells share their originals; each cell's images have a grey level of their own."""
    planted = synthetic.Planted(gaussian=gaussian, categorical=(), frozen=False, replicates=1, searched=0)
    folder = StudyFolder(synthetic.write_study(root, planted))
    for level, run in enumerate(folder.run_folders()):
        config = read_json(run.run)["all"]
        shape = (channels, side, side)
        originals = np.arange(8, dtype=np.uint8)[:, None, None, None] + np.zeros(shape, np.uint8)
        draws = np.full((8, 5, *shape), 20 * (level + 1), np.uint8)
        if config["model.noise_dim"]:
            draws += np.arange(5, dtype=np.uint8)[:, None, None, None]
        arrays = {"originals": originals, "generated": draws}
        if config["model.latent_dim"]:
            arrays["reconstructions"] = draws
        np.savez(run.samples, **arrays)
    return folder


def drawn(name, folder):
    with mpl.rc_context(style.STYLE):
        drawing = FIGURES[name](analyse(load_results(folder.root)))
        drawing.figure.draw_without_rendering()
    return drawing


def titles(figure):
    panels = [axes for axes in figure.axes if axes.images]
    return [axes.get_title(loc="left").replace("\n", " ") for axes in panels]


def columns(axes, side=PIXELS):
    """Return the images of a panel's first row."""
    sheet = np.asarray(axes.images[0].get_array())
    return [int(sheet[0, start].max()) for start in range(0, sheet.shape[1], side + 2)]


def test_originals_and_cells_stand_side_by_side(synthetic, tmp_path):
    drawing = drawn("reconstructions", study_of_images(synthetic, tmp_path / "s"))
    panels = [axes for axes in drawing.figure.axes if axes.images]
    names = titles(drawing.figure)
    assert names[0] == "originals" and sorted(names[1:]) == [
        "gaussian, z=0 n=100",
        "gaussian, z=20 n=0",
        "gaussian, z=5 n=100",
    ]
    shown = {name: columns(axes) for name, axes in zip(names, panels, strict=True)}
    assert shown["originals"] == [0]
    # without noise all draws are one; without a code there are samples, and no reconstructions
    assert len(shown["gaussian, z=20 n=0"]) == 1
    assert len(set(shown["gaussian, z=5 n=100"])) == len(set(shown["gaussian, z=0 n=100"])) == 3
    heights = {axes.get_position().height for axes in panels}
    assert max(heights) - min(heights) < 0.02
    assert min(text.get_fontsize() for text in drawing.figure.findobj(Text) if text.get_text()) >= 8


def test_what_a_page_has_no_room_for_stands_below_with_its_originals(synthetic, tmp_path):
    cells = tuple((size, 10) for size in range(2, 12))
    drawing = drawn("reconstructions", study_of_images(synthetic, tmp_path / "s", cells))
    names = titles(drawing.figure)
    assert names.count("originals") == 2 and len(names) == 12
    places = [axes.get_position() for axes in drawing.figure.axes if axes.images]
    assert all(0 <= place.x0 < place.x1 <= 1 for place in places)


def test_cells_of_other_images_have_their_own_originals(synthetic, tmp_path):
    folder = study_of_images(synthetic, tmp_path / "s", ((5, 10), (6, 10)))
    run = sorted(folder.run_folders(), key=lambda run: read_json(run.run)["all"]["model.latent_dim"])[1]
    arrays = dict(np.load(run.samples))
    np.savez(run.samples, **{**arrays, "originals": arrays["originals"] + 100})
    panels = [axes for axes in drawn("reconstructions", folder).figure.axes if axes.images]
    assert [columns(axes)[0] for axes in panels if axes.get_title(loc="left") == "originals"] == [0, 100]


@pytest.mark.parametrize("name", ["reconstructions", "generated"])
def test_cells_of_one_label_are_told_apart_by_their_block(name, synthetic, tmp_path):
    folder = study_of_images(synthetic, tmp_path / "s", ((5, 10), (6, 10)))
    study = json.loads(folder.resolved.read_text())
    for run, block in zip(study["runs"], ("adversarial", "euclidean"), strict=True):
        run.update(block=block, label="z=5 n=10")
    folder.resolved.write_text(json.dumps(study))
    found = [item for item in titles(drawn(name, folder).figure) if item != "originals"]
    assert found == ["adversarial, z=5 n=10", "euclidean, z=5 n=10"]


def test_a_long_name_is_broken_between_its_parts_and_fits(synthetic, tmp_path):
    folder = study_of_images(synthetic, tmp_path / "s")
    for run in folder.run_folders():
        record = read_json(run.run)
        write_json(run.run, record | {"block": "a_block_without_regularization", "label": "z=5 n=10"})
    study = read_json(folder.resolved)
    write_json(
        folder.resolved, study | {"runs": [run | {"block": "a_block_without_regularization"} for run in study["runs"]]}
    )
    figure = drawn("reconstructions", folder).figure
    panels = [axes for axes in figure.axes if axes.images]
    names = [axes.get_title(loc="left") for axes in panels[1:]]
    assert all(name.startswith("a_block_without_\nregularization, ") for name in names)
    boxes = sorted((axes._left_title.get_window_extent() for axes in panels), key=lambda box: box.x0)
    assert all(one.x1 <= other.x0 for one, other in itertools.pairwise(boxes))


def test_cells_stand_in_the_order_of_the_study(synthetic, tmp_path):
    folder = study_of_images(synthetic, tmp_path / "s", gaussian=((5, 100), (20, 100)))
    first, last = folder.run_folders()
    for run, block in ((first, "zebra"), (last, "ant")):
        write_json(run.run, read_json(run.run) | {"block": block})
    study = read_json(folder.resolved)
    runs = [run | {"block": "zebra" if run["key"] == first.key else "ant"} for run in study["runs"]]
    write_json(folder.resolved, study | {"runs": runs, "blocks": [{"name": "zebra"}, {"name": "ant"}]})
    names = titles(drawn("reconstructions", folder).figure)
    assert [name.partition(",")[0] for name in names] == ["originals", "zebra", "ant"]


def test_cells_that_are_not_shown_are_counted(synthetic, tmp_path, monkeypatch):
    monkeypatch.setattr(cell_samples, "MAX_CELLS", 2)
    drawing = drawn("generated", study_of_images(synthetic, tmp_path / "s"))
    assert drawing.caption.endswith("2 cells, the first seed of each. 1 further cells are not shown.")
    monkeypatch.undo()
    assert "further" not in drawn("generated", study_of_images(synthetic, tmp_path / "t")).caption


def test_translations_show_originals_codes_and_reconstructions(synthetic, tmp_path):
    """Images in colour with codes in grey, as shoes with their edge maps."""
    folder = study_of_images(synthetic, tmp_path / "s", ((5, 10),), channels=3, side=6)
    (run,) = folder.run_folders()
    codes = np.full((8, 1, 1, 6, 6), 7, np.uint8)
    arrays = dict(np.load(run.samples)) | {"codes": codes}
    del arrays["generated"]
    np.savez(run.samples, **arrays)
    analysis = analyse(load_results(folder.root))
    runs = analysis.runs.assign(code="image", code_size=np.nan)

    def shown():
        with mpl.rc_context(style.STYLE):
            drawing = FIGURES["translations"](replace(analysis, runs=runs))
            drawing.figure.draw_without_rendering()
        (axes,) = drawing.figure.axes
        assert axes.get_title(loc="left") == "gaussian, z=5 n=10" and "Figures 8 and 9" in drawing.caption
        return columns(axes, 6), "second domain" in drawing.caption

    assert shown() == ([0, 7, 20, 21, 22, 23, 24], False)
    made = np.full((8, 2, 3, 6, 6), 40, np.uint8)
    np.savez(run.samples, prior_codes=codes[:, 0] + 2, generated=made, **arrays)
    assert shown() == ([0, 7, 20, 21, 22, 23, 24, 255, 9, 40, 40], True)


def test_every_cell_of_points_is_drawn_and_what_is_off_the_modes_is_grey(synthetic, tmp_path):
    """The paper's study of four points has thirteen cells."""
    planted = synthetic.Planted(
        gaussian=tuple((2, noise) for noise in range(13)), categorical=(), frozen=False, replicates=1, searched=0
    )
    folder = StudyFolder(synthetic.write_study(tmp_path / "s", planted))
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    for run in folder.run_folders():
        true = np.repeat(np.array([-1, 2], np.int8), 25)
        arrays = {"prior_codes": points, "generated_label": true, "inferred_codes": points}
        np.savez(run.samples, points_label=np.full(50, 2, np.uint8), **arrays)
    figure = drawn("posteriors", folder).figure
    panels = [axes for axes in figure.axes if axes.collections]
    assert len(panels) == 26
    off, on = panels[0].collections[0].get_facecolors()[[0, -1]]
    assert off[0] == off[1] == off[2] and len(set(on[:3])) > 1
    assert (panels[1].collections[0].get_facecolors() == on).all()
