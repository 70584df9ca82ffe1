import shutil

import pandas as pd
import pytest

from analysis.compare import compare, main, markdown
from analysis.results import load_results
from analysis.tables import analyse


@pytest.fixture
def pair(small_study, synthetic, tmp_path):
    """A study, and the same with label preservation higher by .1 in every run of the model."""

    def change(item):
        if (item["name"], item["subject"]) == ("label_preservation", "model"):
            item["value"] += 0.1

    other = shutil.copytree(small_study, tmp_path / "other")
    for run in (other / "runs").iterdir():
        synthetic.edit_measures(other, run.name, change)
    return small_study, other


def test_what_changed_between_two_studies_is_found(pair):
    analyses = {name: analyse(load_results(folder)) for name, folder in zip(("first", "other"), pair, strict=True)}
    summary, cells = compare(analyses)
    table = summary.set_index(["code", "trained_encoder", "name", "study"])
    row = table.loc[("gaussian", True, "label_preservation", "other")]
    assert row["difference_mean"] == pytest.approx(0.1) and row["difference_low"] == pytest.approx(0.1)
    assert table.loc[("gaussian", True, "rate", "other"), "difference_mean"] == pytest.approx(0)
    assert cells["other"].sub(cells["first"]).groupby(cells["name"]).mean()["label_preservation"] == pytest.approx(0.1)
    page = markdown(summary, analyses)
    assert "| other − first |" in page and "+0.10 [+0.10, +0.10]" in page


def test_the_command_writes_a_page_and_the_cells(pair, tmp_path, capsys):
    out = tmp_path / "comparison.md"
    assert main([str(folder) for folder in pair] + ["--measures", "rate", "--out", str(out)]) == 0
    assert "label preservation" not in out.read_text() and "| gaussian | trained | rate |" in out.read_text()
    assert set(pd.read_csv(out.with_suffix(".csv"))["name"]) == {"rate"}
    assert main([str(pair[0]), str(pair[1])]) == 0
    assert "small against other" in capsys.readouterr().out.replace("decomposition", "small")


def test_studies_without_a_common_cell(small_study, synthetic, tmp_path, capsys):
    planted = synthetic.Planted(gaussian=((7, 3),), categorical=(), frozen=False, searched=0, samples=False)
    other = synthetic.write_study(tmp_path / "other", planted)
    assert main([str(small_study), str(other)]) == 0
    assert "nothing to compare" in capsys.readouterr().out


def test_wrong_input_is_refused(small_study, tmp_path, capsys):
    assert main([str(small_study)]) == 2
    assert "needs two studies" in capsys.readouterr().err
    assert main([str(small_study), str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert main([str(small_study), str(small_study), "--measures", "beauty"]) == 2
    assert "unknown measures: beauty" in capsys.readouterr().err
