import json

import pytest

from analysis.paper_table import paper_html, paper_table, scale_note, written_rows
from analysis.report import PAGE, write_report
from analysis.results import load_results
from analysis.tables import analyse, number


@pytest.fixture
def study_of(synthetic, tmp_path):
    """Make a study with the name of one of the paper's, its blocks called as there."""

    def make(name, blocks, full=False, **changes):
        planted = synthetic.Planted(gaussian=((2, 10),), categorical=((10, 10),), searched=0, samples=False, full=full)
        folder = synthetic.write_study(tmp_path / name, planted)
        study = json.loads((folder / "study.json").read_text())
        runs = [{**run, "block": blocks.get(run["block"], run["block"])} for run in study["runs"]]
        (folder / "study.json").write_text(json.dumps({**study, "name": name, "runs": runs, **changes}))
        return folder

    return make


def test_a_cell_of_the_paper_stands_beside_its_published_result(study_of):
    analysis = analyse(load_results(study_of("mnist_decomposition", {})))
    rows = written_rows(paper_table(analysis))
    assert [row[0] for row in rows] == ["Fig. 2", "Fig. 2, ours", "Fig. 6"]
    _, _, published, ours = rows[0]
    assert published.startswith("near-perfect reconstructions at 20")
    cells = analysis.cells[(analysis.cells["subject"] == "model") & (analysis.cells["block"] == "gaussian")]
    mean = cells.set_index("name").loc["share_z_feature"]
    text = f"S_z, features {number(mean['mean'])} ± {number(mean['mean'] - mean['low'], 3)}"
    assert text in ours and ours.startswith("gaussian, z=2 n=10: ") and ours.endswith("(3 seeds)")
    assert "frozen" not in ours


def test_the_full_suite_and_the_note_stand_in_the_table(study_of):
    table = paper_table(analyse(load_results(study_of("street_digits", {"gaussian": "stochastic"}, full=True))))
    ours = written_rows(table)[0][3]
    assert "τ_z, ink 0.90 ± 0.0" in ours and "joint test accuracy 0.53 ± 0.0" in ours
    table = paper_table(analyse(load_results(study_of("svhn_decomposition", {"gaussian": "stochastic"}))))
    assert written_rows(table)[0][3].splitlines()[-1].startswith("SVHN has no labels of the neighbours")
    assert all(not row[3].splitlines()[-1].startswith("SVHN has") for row in written_rows(table)[1:])


def test_failures_and_the_baseline_stand_beside_clusters(study_of, synthetic):
    folder = study_of("clustering", {"categorical": "iae"})
    key = next(run["key"] for run in load_results(folder).study["runs"] if run["block"] == "iae")
    synthetic.fail_run(folder, key)
    (place, _, published, ours), (_, system, _, _) = written_rows(paper_table(analyse(load_results(folder))))
    assert (place, published) == ("Fig. 6", "about 5 % error") and "frozen" in system
    assert "(k-means 0.44)" in ours and ours.endswith("(2 seeds, 1 failed)")


def test_the_scale_is_said(study_of):
    analysis = analyse(load_results(study_of("clustering", {}, spec={"overrides": ["train.steps=500"]})))
    assert "Changed from search_spaces/clustering.yaml: train.steps=500." in scale_note(analysis)
    analysis.results.study["smoke"] = True
    assert "nothing here compares with the paper" in scale_note(analysis)


def test_a_study_of_ones_own_has_no_such_table(analysis):
    assert paper_table(analysis).empty and paper_html(analysis) == ""


@pytest.mark.usefixtures("no_figures")
def test_page_and_markdown_have_the_table(study_of):
    folder = study_of("mnist_decomposition", {})
    write_report(folder)
    text = (folder / "report" / PAGE).read_text(encoding="utf-8")
    assert '<section id="paper">' in text and '<a href="#paper">' in text and "near-perfect reconstructions" in text
    markdown = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert "## Paper and ours" in markdown and "| Fig. 2 |" in markdown
