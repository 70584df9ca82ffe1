import csv
import json
import math
import random
import re
import shutil
import time
from html.parser import HTMLParser

import pandas as pd
import pytest

from analysis.findings import answers, caveats, headline
from analysis.report import PAGE, main, write_report
from analysis.results import load_results
from analysis.tables import analyse, html_table, number, signed


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
def reported(study_dir, tmp_path_factory):
    folder = shutil.copytree(study_dir, tmp_path_factory.mktemp("reported") / "decomposition")
    started = time.process_time()
    write_report(folder)
    return folder, time.process_time() - started


@pytest.fixture(scope="module")
def small(synthetic, tmp_path_factory):
    """A study with something in every figure and few cells. Do not change it: copy it first."""
    planted = synthetic.Planted(gaussian=((2, 10), (5, 10)), categorical=((10, 10),), replicates=2, searched=8)
    return synthetic.write_study(tmp_path_factory.mktemp("small") / "small", planted)


@pytest.fixture
def coarse(monkeypatch):
    """Write coarse PNG files, which takes a third off the time of a report."""
    monkeypatch.setattr("analysis.report.PNG_DPI", 20)


def read(folder):
    return (folder / "report" / PAGE).read_text(encoding="utf-8")


def findings_of(folder):
    return answers(analyse(load_results(folder)))


def test_the_page_is_whole_and_works_offline(reported):
    folder, _ = reported
    page = Page(read(folder))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources) and len(page.sources) == 13
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
    assert set(importance["evaluator"]) == {"PED-ANOVA"} and set(importance["objective"]) == {"critic_accuracy", "rate"}


def test_it_is_fast(reported):
    assert reported[1] < 20, "a report of 46 runs takes about five seconds of one idle core"


def test_the_first_sentence_states_trained_minus_frozen(reported, synthetic):
    folder, _ = reported
    first = answers(analyse(load_results(folder)))[0]
    assert first.startswith("Training the encoder changes S_z in pixels by +0.12 (95 % interval +0.11 to +0.13)")
    stated = re.findall(r"by ([+−]\d\.\d\d) \(95 % interval ([+−]\d\.\d\d) to ([+−]\d\.\d\d)\)", first)
    assert len(stated) == 4
    for (_, low, high), effect in zip(stated, synthetic.PLANTED.values(), strict=True):
        assert float(low.replace("−", "-")) <= effect <= float(high.replace("−", "-"))
    assert "means over 6 Gaussian cells and 3 paired seeds, 18 pairs" in first
    text = " ".join("".join(Page(read(folder)).text).split())
    assert "Training the encoder changes Sz in pixels by +0.12" in text


def test_the_sentences_answer_noise_calibration_and_clustering(reported):
    text = " ".join(findings_of(reported[0]))
    assert "lies above 0 for S_z in pixels, S_z in features and label preservation; lies below 0 for R²" in text
    assert re.search(r"dispersion ratio ρ is 0\.80 \(95 % interval 0\.\d\d to 0\.\d\d\) over 8 cells with noise", text)
    assert re.search(r"accuracy 0\.62 \(.*where 0\.50 is calibrated; 0 of 8 cells stay", text)
    assert re.search(
        r"With K = 30 categories the test clustering error is 2\d %.*k-means with the same K has 26 %", text
    )


def test_a_negative_effect_is_said_alike(tmp_path, synthetic, monkeypatch):
    monkeypatch.setitem(synthetic.PLANTED, "share_z_pixel", -0.1)
    sentences = findings_of(synthetic.write_study(tmp_path / "s", synthetic.Planted(categorical=(), samples=False)))
    assert "changes S_z in pixels by −0.10 (95 % interval −0.1" in sentences[0]
    assert "lies below 0 for S_z in pixels" in sentences[1]


def test_unused_noise_and_calibration_are_named(tmp_path, synthetic):
    planted = synthetic.Planted(gaussian=((2, 10), (5, 10)), categorical=(), frozen=False, searched=0, samples=False)
    folder = synthetic.write_study(tmp_path / "s", planted)
    for path in (folder / "runs").glob("*/result.json"):
        result = json.loads(path.read_text())
        for measure in result["measures"]:
            if measure["name"] in ("dispersion_ratio", "critic_accuracy"):
                measure["value"] = 0.1 if measure["name"] == "dispersion_ratio" else 0.51
        path.write_text(json.dumps(result))
    text = " ".join(findings_of(folder))
    assert "it makes little use of it (ρ < 0.3) in z=2 n=10 and z=5 n=10" in text
    assert "2 of 2 cells stay at or below 0.55, so the split may be read as one of the data" in text


def test_caveats_name_what_is_missing(reported, synthetic, tmp_path):
    folder = shutil.copytree(reported[0], tmp_path / "s")
    runs = load_results(folder).runs
    grid = runs[(runs["block"] == "gaussian") & (runs["origin"] == "grid")].drop_duplicates("config_key")
    first, second, third = grid["key"][:3]
    synthetic.fail_run(folder, first)
    (folder / "runs" / second / "result.json").unlink()
    result = json.loads((folder / "runs" / third / "result.json").read_text())
    (folder / "runs" / third / "result.json").write_text(json.dumps({**result, "code_hash": "000000000000"}))
    study = json.loads((folder / "study.json").read_text())
    study["objectives"][0]["measure"] = "clustering_error"
    (folder / "study.json").write_text(json.dumps({**study, "smoke": True}))
    text = " ".join(caveats(analyse(load_results(folder))))
    assert "1 run failed and enters no mean: reconstruction_discriminator became nan at step 1200." in text
    assert "1 run is not finished" in text
    assert (
        "2 versions of the code (abcdef123456, 000000000000)" in text or "2 versions of the code (000000000000" in text
    )
    assert "Label-selected" in text and "smoke run" in text
    assert headline(analyse(load_results(folder)))[0].value == "44 / 46"
    cells = analyse(load_results(folder)).cells
    assert set(cells.loc[cells["config_key"] == grid["config_key"].iloc[0], "num_seeds"]) == {2}


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
@pytest.mark.usefixtures("coarse")
def test_studies_of_every_shape_are_reported(fields, tmp_path, synthetic):
    folder = synthetic.write_study(tmp_path / "s", synthetic.Planted(**fields))
    text = write_report(folder).read_text(encoding="utf-8")
    assert Page(text).open == [] and "could not be drawn" not in text
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", text))


@pytest.mark.usefixtures("coarse")
def test_a_study_in_which_nothing_finished_is_reported(tmp_path, synthetic):
    folder = synthetic.write_study(tmp_path / "s", synthetic.Planted(searched=0, history=False))
    for path in (folder / "runs").glob("*/result.json"):
        path.unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert "No run has finished, so there is nothing to report yet." in text and "could not be drawn" not in text


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("coarse")
def test_corrupted_studies_are_reported(seed, small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "s")
    dice = random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in dice.sample(files, len(files) // 3):
        damage = dice.choice(["delete", "cut", "garble", "nan"])
        content = path.read_bytes()
        if damage == "delete":
            path.unlink()
        elif damage == "cut":
            path.write_bytes(content[: dice.randrange(len(content))])
        elif damage == "garble":
            path.write_bytes(dice.randbytes(200))
        else:
            path.write_bytes(
                re.sub(rb": 0\.\d+", lambda _: b": " + dice.choice([b"NaN", b"null", b'"x"', b"[]"]), content)
            )
    text = write_report(folder).read_text(encoding="utf-8")
    assert Page(text).open == [] and "could not be drawn" not in text


@pytest.mark.usefixtures("coarse")
def test_text_of_a_study_cannot_become_markup(tmp_path, synthetic):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), searched=0, samples=False)
    folder = synthetic.write_study(tmp_path / "s", planted)
    study = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**study, "question": "<script>$body</script>", "name": "<b>$title"}))
    synthetic.fail_run(folder, next((folder / "runs").iterdir()).name, reason="<img src=x>")
    text = write_report(folder).read_text(encoding="utf-8")
    assert "&lt;script&gt;$body" in text and "<script>$body" not in text and "<img src=x>" not in text


@pytest.mark.usefixtures("coarse")
def test_a_second_report_replaces_the_first_and_is_the_same(small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "s")
    write_report(folder)
    first = read(folder)
    (folder / "report" / "figures" / "clustering.svg").unlink()
    write_report(folder)
    assert read(folder) == first and (folder / "report" / "figures" / "clustering.svg").is_file()


def test_the_command_needs_neither_torch_nor_ray(small, tmp_path, run_blocked):
    folder = shutil.copytree(small, tmp_path / "s")
    printed = run_blocked("import runpy; runpy.run_module('analysis.report', run_name='__main__')", str(folder))
    assert printed.strip() == str(folder / "report" / PAGE)


def test_without_optuna_importance_is_one_line(tmp_path, synthetic, run_blocked):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), samples=False, history=False)
    folder = synthetic.write_study(tmp_path / "s", planted)
    code = "from analysis.report import write_report; write_report(sys.argv[1])"
    run_blocked(code, str(folder), blocked=("torch", "ray", "optuna"))
    assert read(folder).count("Optuna is not installed") == 1


def test_the_command_names_a_missing_folder(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_csv_keeps_full_precision(reported):
    folder, _ = reported
    with (folder / "report" / "tables" / "measures.csv").open() as file:
        row = next(csv.DictReader(file))
    key = row["run"]
    recorded = json.loads((folder / "runs" / key / "result.json").read_text())["measures"][0]["value"]
    assert float(row["value"]) == recorded


def test_numbers_are_written_as_people_read_them():
    assert [number(value) for value in (-0.123, 0.0, -0.001, math.nan, None)] == ["−0.12", "0.00", "0.00", "–", "–"]
    assert [signed(value) for value in (0.5, -0.5, 0.001)] == ["+0.50", "−0.50", "0.00"]


def test_html_tables_escape_and_set_numbers_flush_right():
    text = html_table(["<a>", "S_z"], [["x & y", "+0.12 [+0.10, +0.14]"], ["z", "–"]])
    assert "&lt;a&gt;" in text and "x &amp; y" in text and "S<sub>z</sub>" in text
    assert text.count("class=num") == 3
