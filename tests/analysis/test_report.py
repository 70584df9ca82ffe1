import csv
import html
import json
import math
import re
import shutil
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from analysis.caveats import caveats
from analysis.findings import answers, headline
from analysis.report import PAGE, main, write_report
from analysis.results import load_results
from analysis.tables import HEADLINE, analyse, csv_tables, html_table, number, run_table, signed


class Page(HTMLParser):
    """What a test needs of a page: its text, its addresses, its images, and that its tags are closed."""

    VOID = frozenset({"meta", "img", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.text, self.links, self.sources, self.ids, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.links += [values["href"]] if "href" in values else []
        self.sources += [values["src"]] if "src" in values else []
        self.ids += [values["id"]] if "id" in values else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def reported(study_dir, tmp_path_factory, run_blocked):
    """Where the command wrote a report in an interpreter without torch and Ray, and what it printed."""
    folder = shutil.copytree(study_dir, tmp_path_factory.mktemp("reported") / "decomposition")
    code = """
import matplotlib as mpl, matplotlib.pyplot as plt, runpy
try:
    runpy.run_module("analysis.report", run_name="__main__")
except SystemExit as error:
    assert error.code == 0
assert not plt.get_fignums() and mpl.rcParams["font.size"] == mpl.rcParamsDefault["font.size"]
"""
    return folder, run_blocked(code, str(folder)).split()


def read(folder):
    return (folder / "report" / PAGE).read_text(encoding="utf-8")


def findings_of(folder):
    return answers(analyse(load_results(folder)))


def test_the_page_is_whole_and_works_offline(reported):
    folder, _ = reported
    page = Page(read(folder))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources) and len(page.sources) == 16
    for link in page.links:
        assert (link[1:] in page.ids) if link.startswith("#") else (folder / "report" / link).is_file(), link
    assert "could not be drawn" not in read(folder)
    assert not re.search(r"(?:src|href)=\"?(?:https?:)?//|@import|url\(", read(folder))


def test_figures_and_tables_lie_beside_the_page(reported):
    folder, _ = reported
    figures = {path.name for path in (folder / "report" / "figures").iterdir()}
    assert {name.removesuffix(".svg") for name in figures if name.endswith(".svg")} == {
        name.removesuffix(".png") for name in figures if name.endswith(".png")
    }
    cells = pd.read_csv(folder / "report" / "tables" / "cells.csv")
    assert {"low", "high", "image_half_width", "num_seeds", "num_wanted", "unit"} <= set(cells.columns)
    importance = pd.read_csv(folder / "report" / "tables" / "importance.csv")
    assert set(importance["evaluator"]) == {"PED-ANOVA", "forest"} and set(importance["objective"]) == {
        "critic_accuracy",
        "rate",
    }


def test_the_first_sentence_states_trained_minus_frozen(reported, analysis, synthetic):
    folder, _ = reported
    first = answers(analysis)[0]
    assert first.startswith("Training the encoder changes S_z in features by +0.20 (95 % interval +0.1")
    stated = re.findall(r"by ([+−]\d\.\d\d) \(95 % interval ([+−]\d\.\d\d) to ([+−]\d\.\d\d)\)", first)
    assert len(stated) == 4
    planted = [synthetic.PLANTED[name] for name in HEADLINE]
    for (_, low, high), effect in zip(stated, planted, strict=True):
        assert float(low.replace("−", "-")) <= effect <= float(high.replace("−", "-"))
    assert "means over 6 Gaussian cells and 3 paired seeds, 18 pairs" in first
    text = " ".join("".join(Page(read(folder)).text).split())
    assert "Training the encoder changes Sz in features by +0.20" in text


def test_the_sentences_answer_noise_calibration_and_clustering(analysis):
    text = " ".join(answers(analysis))
    assert "lies above 0 for S_z in features, label preservation and S_z in pixels; lies below 0 for R²" in text
    assert re.search(r"dispersion ratio ρ is 0\.80 \[0\.\d\d, 0\.\d\d\] over 8 cells with noise", text)
    assert re.search(r"accuracy 0\.62 \[.*At 0\.50 it finds no difference; 0 of 8 cells have at most 0\.55", text)
    assert re.search(r"2\d % with K = 30 \(95 % interval \d\d % to \d\d %, 3 runs, k-means 26 %, chance 88 %\)", text)


def test_a_negative_effect_is_said_alike(tmp_path, synthetic, monkeypatch):
    monkeypatch.setitem(synthetic.PLANTED, "share_z_pixel", -0.1)
    sentences = findings_of(synthetic.write_study(tmp_path / "s", synthetic.Planted(categorical=(), samples=False)))
    assert "S_z in pixels by −0.10 (95 % interval −0.1" in sentences[0]
    assert any("lies below 0 for" in item and "S_z in pixels" in item.partition("below")[2] for item in sentences)


def test_unused_noise_and_calibration_are_named(tmp_path, synthetic):
    planted = synthetic.Planted(gaussian=((2, 10), (5, 10)), categorical=(), frozen=False, searched=0, samples=False)
    folder = synthetic.write_study(tmp_path / "s", planted)
    planted_values = {"dispersion_ratio": 0.1, "critic_accuracy": 0.51}
    for run in (folder / "runs").iterdir():
        synthetic.edit_measures(
            folder, run.name, lambda item: item.update(value=planted_values.get(item["name"], item["value"]))
        )
    text = " ".join(findings_of(folder))
    assert "it makes little use of it (ρ < 0.3) in z=2 n=10 and z=5 n=10" in text
    assert "2 of 2 cells have at most 0.55" in text


def test_caveats_name_what_is_missing(study_dir, synthetic, tmp_path):
    folder = shutil.copytree(study_dir, tmp_path / "s")
    runs = load_results(folder).runs
    grid = runs[(runs["block"] == "gaussian") & (runs["origin"] == "grid")].drop_duplicates("config_key")
    first, second, third = grid["key"][:3]
    synthetic.fail_run(folder, first)
    (folder / "runs" / second / "result.json").unlink()
    result = json.loads((folder / "runs" / third / "result.json").read_text())
    changed = {**result, "code_hash": "000000000000", "measures_hash": "111111111111"}
    (folder / "runs" / third / "result.json").write_text(json.dumps(changed))
    study = json.loads((folder / "study.json").read_text())
    study["objectives"][0]["measure"] = "clustering_error"
    (folder / "study.json").write_text(json.dumps({**study, "smoke": True}))
    analysis = analyse(load_results(folder))
    text = " ".join(caveats(analysis))
    assert "1 run failed and enters no mean: reconstruction_discriminator became nan at step 1200." in text
    assert "1 run is not finished" in text
    assert re.search(
        r"made by 2 versions of the code \((abcdef123456 and 000000000000|000000000000 and abc\w+)\)", text
    )
    assert re.search(r"by 2 versions of the measures \((123456abcdef and 111111111111|111111111111 and 123\w+)\)", text)
    assert "The measuring classifier is right on 96.9 % of validation images and 95.8 % of test images" in text
    assert "Label-selected" in text and "smoke run" in text
    assert headline(analysis)[0].value == "44 / 46"
    cells = analysis.cells[analysis.cells["mean"].notna()]
    assert set(cells.loc[cells["config_key"] == grid["config_key"].iloc[0], "num_seeds"]) == {2}


def test_one_version_of_code_and_measures_is_no_caveat(analysis):
    assert "versions" not in " ".join(caveats(analysis))


def test_extra_runs_are_listed_and_enter_nothing(small_study, synthetic, tmp_path):
    """A folder that still holds what the study no longer wants gives the numbers of one that never held it."""
    folders = [shutil.copytree(small_study, tmp_path / name) for name in ("with", "without")]
    runs = load_results(small_study).runs
    given_up = [
        *runs.loc[runs["origin"] == "search", "key"][:2],
        runs.loc[runs["block"] == "categorical", "key"].iloc[0],
    ]
    given_up.append(runs.loc[runs["block"] == "frozen", "key"].iloc[0])
    study = json.loads((small_study / "study.json").read_text())
    study["runs"] = [item for item in study["runs"] if item["key"] not in given_up]
    for folder in folders:
        (folder / "study.json").write_text(json.dumps({**study, "extra": given_up}))
    for key in given_up:
        shutil.rmtree(folders[1] / "runs" / key)
    # a broken value or another version among them is no news of the study
    synthetic.invalidate(folders[0], given_up[0], "critic_accuracy")
    record = folders[0] / "runs" / given_up[1] / "result.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "code_hash": "000000000000"}))
    found, clean = (analyse(load_results(folder)) for folder in folders)
    assert set(found.extra["key"]) == set(given_up) and clean.extra.empty
    for name in ("grid", "searched", "values", "cells", "pairs", "controls", "configurations"):
        first, second = (
            getattr(item, name).astype(object).where(lambda table: table.notna(), None).to_dict("list")
            for item in (found, clean)
        )
        assert first == second, name
    assert answers(found) == answers(clean) and headline(found) == headline(clean)
    assert headline(found)[0].value == "6 / 6"
    (more,) = set(caveats(found)) - set(caveats(clean))
    assert more.startswith("4 runs in the folder are not part of the study as it is today (")
    table = run_table(found).set_index("key")
    assert set(table.loc[given_up, "origin"]) == {"extra"} and len(table) == 10
    assert table.loc[given_up[1:], "critic_accuracy"].notna().all()
    assert set(csv_tables(found)["runs"]["key"]) == set(table.index)


def test_the_run_table_has_what_the_full_suite_measured(synthetic, tmp_path):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), replicates=1, searched=0, full=True)
    folder = synthetic.write_study(tmp_path / "s", planted)
    (run, *_) = sorted((folder / "runs").iterdir())
    record = json.loads((run / "full_measures.json").read_text())
    (one, *_) = record["groups"]["calibration"]["measures"]
    sharpness = {**one, "name": "sharpness_samples", "value": 0.75}
    record["groups"]["fidelity"] = {"measures": [sharpness]}
    (run / "full_measures.json").write_text(json.dumps(record))
    table = run_table(analyse(load_results(folder))).set_index("key")
    assert table.loc[run.name, "sharpness_samples"] == 0.75 and table["sharpness_samples"].count() == 1


def test_invalid_values_are_named_and_enter_no_mean(small_study, synthetic, tmp_path):
    folder = shutil.copytree(small_study, tmp_path / "s")
    before = analyse(load_results(folder))
    cell = before.runs[(before.runs["block"] == "gaussian") & (before.runs["origin"] == "grid")]
    broken, kept = cell["key"]
    synthetic.invalidate(folder, broken, "critic_accuracy")
    synthetic.invalidate(folder, broken, "share_z_pixel", "some reconstructions are not finite")
    found = analyse(load_results(folder))
    text = [line for line in caveats(found) if line.startswith("Invalid")]
    assert text == [
        f"Invalid in 1 run ({broken}), and in no mean: S_z in pixels. Reason: some reconstructions are not finite.",
        f"Invalid in 1 run ({broken}), and in no mean: the small critic's accuracy. Reason: the value is not finite.",
    ]
    values = found.values.set_index(["run", "name", "split", "subject"])["value"]
    config = cell["config_key"].iloc[0]
    for name in ("critic_accuracy", "share_z_pixel"):
        rows = found.cells[(found.cells["config_key"] == config) & (found.cells["name"] == name)]
        mean = rows[rows["subject"] == "model"].iloc[0]
        assert mean["mean"] == values[kept, name, "test", "model"] and mean["num_seeds"] == 1
    objectives = found.configurations.set_index("config_key").loc[config]
    assert objectives["objective_0"] == values[kept, "critic_accuracy", "validation", "model"]
    # a replicate that lacks one objective speaks for none, as in the search
    assert objectives["objective_1"] == values[kept, "rate", "validation", "model"] and objectives["num_seeds"] == 1
    assert broken not in set(found.pairs.loc[found.pairs["name"] == "share_z_pixel", "run"])


@pytest.mark.parametrize(
    "fields",
    [
        {"gaussian": ((2, 10),), "categorical": (), "frozen": False, "replicates": 1, "searched": 0},
        {"gaussian": (), "categorical": ((10, 10), (30, 0)), "searched": 0},
        {"gaussian": ((2, 10), (5, 100)), "categorical": (), "searched": 2, "replicates": 1, "samples": False},
        {"gaussian": ((0, 10), (2, 0), (2, 10)), "categorical": (), "searched": 0, "history": False, "samples": False},
        {"gaussian": (), "categorical": (), "searched": 3},
        {"gaussian": (), "categorical": (), "searched": 0},
    ],
    ids=["one run", "categorical only", "gaussian only, one seed", "without noise or code", "searched only", "no run"],
)
@pytest.mark.usefixtures("vectors_only")
def test_studies_of_every_shape_are_reported(fields, tmp_path, synthetic):
    folder = synthetic.write_study(tmp_path / "s", synthetic.Planted(**fields))
    text = write_report(folder).read_text(encoding="utf-8")
    assert Page(text).open == [] and "could not be drawn" not in text
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", text))


@pytest.mark.usefixtures("vectors_only")
def test_a_study_in_which_nothing_finished_is_reported(tmp_path, synthetic):
    folder = synthetic.write_study(tmp_path / "s", synthetic.Planted(searched=0, history=False))
    for path in (folder / "runs").glob("*/result.json"):
        path.unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert "No run has finished, so there is nothing to report yet." in text and "could not be drawn" not in text


@pytest.mark.usefixtures("no_figures")
def test_text_of_a_study_cannot_become_markup(tmp_path, synthetic):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), searched=0, samples=False)
    folder = synthetic.write_study(tmp_path / "s", planted)
    study = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**study, "question": "<script>$body</script>", "name": "<b>$title"}))
    synthetic.fail_run(folder, next((folder / "runs").iterdir()).name, reason="<img src=x>")
    text = write_report(folder).read_text(encoding="utf-8")
    assert "&lt;script&gt;$body" in text and "<script>$body" not in text and "<img src=x>" not in text


@pytest.mark.usefixtures("vectors_only")
def test_the_command_of_each_figure_draws_it_alone(reported, tmp_path, capsys):
    folder = shutil.copytree(reported[0], tmp_path / "decomposition")
    text = html.unescape(read(folder))
    assert "python -m analysis.report decomposition --figures clustering" in text
    whole = (folder / "report" / "figures" / "clustering.svg").read_bytes()
    shutil.rmtree(folder / "report")
    assert main([str(folder), "--figures", "clustering", "posteriors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("clustering.svg") and lines[1].startswith("posteriors: ")
    assert [path.name for path in (folder / "report").rglob("*.*")] == ["clustering.svg"]
    assert (folder / "report" / "figures" / "clustering.svg").read_bytes() == whole


def test_the_markdown_says_what_the_page_says(reported, analysis):
    folder, _ = reported
    text = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert all(sentence in text for sentence in [*answers(analysis), *caveats(analysis)])
    pictures = re.findall(r"!\[\w+\]\((.*?)\)", text)
    assert len(pictures) == 16 and all((folder / "report" / path).is_file() for path in pictures)


@pytest.mark.usefixtures("vectors_only")
def test_figures_beyond_the_pages_room_are_linked(small_study, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.page.EMBEDDED_BYTES", 0)
    folder = shutil.copytree(small_study, tmp_path / "s")
    write_report(folder)
    sources = Page(read(folder)).sources
    assert sources and all((folder / "report" / source).is_file() for source in sources)


@pytest.mark.usefixtures("vectors_only")
def test_a_second_report_replaces_the_first_and_is_the_same_by_two_processes(reported, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.report.LARGE", 0)
    monkeypatch.setattr("analysis.second_process.num_cores", lambda: 2)
    folder = shutil.copytree(reported[0], tmp_path / "decomposition")
    (folder / "report" / "figures" / "clustering.svg").unlink()
    write_report(folder)
    again = without_pictures(read(folder)).replace(folder.as_posix(), reported[0].as_posix())
    assert again == without_pictures(read(reported[0]))
    assert (folder / "report" / "figures" / "clustering.svg").is_file()


def without_pictures(page):
    """Return a page without what is drawn: Matplotlib does not promise to repeat the ids within a figure."""
    return re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", "picture", page)


def test_the_command_needs_neither_torch_nor_ray_and_leaves_no_global_state(reported):
    folder, words = reported
    assert words[0] == str(folder / "report" / PAGE)


@pytest.mark.usefixtures("no_figures")
def test_without_optuna_importance_is_one_line(small_study, tmp_path, monkeypatch):
    folder = shutil.copytree(small_study, tmp_path / "s")
    monkeypatch.setitem(sys.modules, "optuna", None)
    write_report(folder)
    assert read(folder).count("Optuna is not installed") == 1


def test_the_command_names_a_missing_folder(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_csv_keeps_full_precision(reported):
    folder, _ = reported
    with (folder / "report" / "tables" / "measures.csv").open() as file:
        row = next(csv.DictReader(file))
    key = row["run"]
    recorded = json.loads((folder / "runs" / key / "measures.json").read_text())["measures"][0]["value"]
    assert float(row["value"]) == recorded


def test_numbers_are_written_as_people_read_them():
    assert [number(value) for value in (-0.123, 0.0, -0.001, math.nan, None)] == ["−0.12", "0.00", "0.00", "–", "–"]
    assert [signed(value) for value in (0.5, -0.5, 0.001)] == ["+0.50", "−0.50", "0.00"]


def test_html_tables_escape_and_set_numbers_flush_right():
    text = html_table(["<a>", "S_z"], [["x & y", "+0.12 [+0.10, +0.14]"], ["z", "–"]])
    assert "&lt;a&gt;" in text and "x &amp; y" in text and "S<sub>z</sub>" in text
    assert text.count("class=num") == 3
