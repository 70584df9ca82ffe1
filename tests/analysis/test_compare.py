import random
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from analysis.compare import common_split, compare, main, markdown
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


def test_studies_are_compared_on_the_images_that_all_were_measured_on(pair):
    """Values on test images are not subtracted from values on validation images."""
    first, other = (analyse(load_results(folder)) for folder in pair)
    values = other.values[other.values["split"] == "validation"]
    analyses = {"first": first, "other": replace(other, values=values, split="validation")}
    far = first.values["value"].mask(first.values["split"] == "test", 100.0)
    analyses["first"] = replace(first, values=first.values.assign(value=far))
    assert common_split(analyses) == "validation"
    summary, _ = compare(analyses, ["rate"])
    assert summary["difference_mean"].abs().max() == pytest.approx(0) and summary["mean"].max() < 50
    page = markdown(summary, analyses)
    assert "Means on validation images" in page and "Not on test images" in page
    assert common_split({"first": first, "other": other}) == "test"


def test_numbers_of_categories_are_compared_each_by_itself(study_dir):
    analyses = {name: analyse(load_results(study_dir)) for name in ("first", "other")}
    summary, _ = compare(analyses, ["clustering_error"])
    assert summary["num_categories"].tolist() == [10, 10, 30, 30]
    assert "| categorical, K = 30 | trained | clustering error |" in markdown(summary, analyses)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_folders_are_compared_or_refused_in_one_line(seed, pair, tmp_path, capsys):
    dice = random.Random(seed)
    folder = shutil.copytree(pair[1], tmp_path / "damaged")
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".parquet")]
    for path in dice.sample(paths, len(paths) // 3):
        content = path.read_bytes()
        path.write_bytes(dice.choice([b"", content[: len(content) // 2], dice.randbytes(50), b"[]", b"{}"]))
    status = main([str(pair[0]), str(folder), "--out", str(tmp_path / "page.md")])
    said = capsys.readouterr()
    assert status in (0, 2) and "Traceback" not in said.err and len(said.err.splitlines()) <= 1
    if status == 0:
        assert "nan" not in (tmp_path / "page.md").read_text(encoding="utf-8")
