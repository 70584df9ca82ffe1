import json
import math
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.results import load_results, load_samples
from study.records import StudyFolder, read_json


@pytest.fixture
def copy(small_study, tmp_path):
    return shutil.copytree(small_study, tmp_path / "decomposition")


def keys(folder):
    return sorted(path.name for path in (folder / "runs").iterdir())


def measures_of(folder, key):
    return read_json(StudyFolder(folder).run(key).measures)["measures"]


def edit(path, change):
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def edit_measures(folder, key, change):
    edit(folder / "runs" / key / "measures.json", lambda record: change(record["measures"]))


def test_a_complete_study_has_no_problems(small_study):
    results = load_results(small_study)
    assert results.problems == ()
    assert len(results.runs) == 10 and set(results.runs["status"]) == {"finished"}
    assert set(results.runs["origin"]) == {"grid", "search"}
    recorded = {key: measures_of(small_study, key) for key in results.runs["key"]}
    assert len(results.measures) == sum(map(len, recorded.values()))
    for key, rows in results.measures.groupby("run"):
        assert [value if value == value else None for value in rows["value"]] == [
            item["value"] for item in recorded[key]
        ]
    assert len(results.history.read()) == 10 * 2 * 20
    assert results.study["objectives"][0]["measure"] == "critic_accuracy"


def test_configuration_fields_are_columns(small_study):
    runs = load_results(small_study).runs
    assert len(set(runs["model.latent_dim"])) > 2 and 2.0 in set(runs["model.latent_dim"])
    assert set(runs["model.train_encoder"]) == {True, False}


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        load_results(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="it is a file"):
        load_results(tmp_path / "file")


def test_a_folder_of_something_else_is_no_study(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"must hold study\.json or runs/, but .* holds neither"):
        load_results(tmp_path)


def test_a_folder_with_nothing_but_runs_is_a_study_without_runs(tmp_path):
    (tmp_path / "runs").mkdir()
    results = load_results(tmp_path)
    assert results.runs.empty and results.measures.empty and results.history.read().empty
    assert results.problems == (f"{tmp_path.name}/study.json: there is no such file.",)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", '{"all": 3}', "nonsense"])
def test_a_broken_run_file_is_a_row_with_a_status(copy, text):
    key = keys(copy)[0]
    (copy / "runs" / key / "run.json").write_text(text)
    runs = load_results(copy).runs.set_index("key")
    assert runs.loc[key, "status"] == "unreadable" and runs.loc[key, "reason"] == "run.json cannot be read"
    assert (runs["status"] == "finished").sum() == 9


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("result.json", text) for text in ("", '{"key": [', "[]")),
        *(("measures.json", text) for text in ("", '{"measures": [', "[]", '{"measures": 3}', '{"measures": []}')),
        ("measures.json", None),
    ],
)
def test_a_broken_result_is_a_row_with_a_status_and_a_problem(copy, name, text):
    key = keys(copy)[0]
    path = copy / "runs" / key / name
    path.unlink() if text is None else path.write_text(text)
    results = load_results(copy)
    row = results.runs.set_index("key").loc[key]
    assert (row["status"], row["reason"]) == ("unreadable", f"{name} cannot be read")
    assert not (results.measures["run"] == key).any()
    assert len(results.problems) == 1 and results.problems[0].startswith(f"runs/{key}/{name}: ")


def test_measures_of_another_run_are_refused(copy):
    first, second, *_ = keys(copy)
    shutil.copy(copy / "runs" / first / "measures.json", copy / "runs" / second / "measures.json")
    results = load_results(copy)
    assert results.runs.set_index("key").loc[second, "status"] == "unreadable"
    assert results.problems == (f"runs/{second}/measures.json: key must be {second}, but got {first}.",)


def test_the_study_says_what_a_run_is_today(copy):
    """A searched run that the grid has come to want is the grid's, and a run of the grid may have been given up."""
    runs = load_results(copy).runs.set_index("key")
    searched = runs.index[runs["origin"] == "search"]
    given_up = runs.index[runs["block"] == "frozen"][0]
    new = "0123456789-0"

    def change(study):
        study["runs"] = [item for item in study["runs"] if item["key"] != given_up]
        study["runs"] += [{"key": searched[0], "block": "wide", "label": "z=7 n=7"}]
        study["runs"] += [{"key": new, "block": "wide", "label": "z=8 n=8"}]
        study["extra"] = [given_up, searched[1], searched[0], "abcdefabcd-0"]

    edit(copy / "study.json", change)
    results = load_results(copy)
    assert results.problems == ()
    runs = results.runs.set_index("key")
    columns = ["origin", "block", "label", "status"]
    assert runs.loc[searched[0], columns].tolist() == ["grid", "wide", "z=7 n=7", "finished"]
    assert runs.loc[new, columns].tolist() == ["grid", "wide", "z=8 n=8", "planned"]
    assert runs.loc[given_up, columns].tolist() == ["extra", "frozen", "z=2 n=10 frozen", "finished"]
    assert runs["origin"].value_counts().to_dict() == {"grid": 7, "search": 2, "extra": 2}


def test_a_list_of_runs_that_is_none_is_reported(copy):
    edit(copy / "study.json", lambda study: study["runs"].extend(["0123456789-0", {"key": 3}]))
    assert load_results(copy).problems == ("decomposition/study.json: runs must be objects with a key, but 2 are not.",)


def test_both_accuracies_of_the_classifier_are_there(copy):
    runs = load_results(copy).runs
    assert set(runs["classifier_accuracy"]) == {0.969} and set(runs["classifier_test_accuracy"]) == {0.958}


def test_a_recorded_invalid_value_is_no_problem_and_no_number(copy, synthetic):
    key = keys(copy)[0]
    synthetic.invalidate(copy, key, "critic_accuracy")
    results = load_results(copy)
    rows = results.measures[(results.measures["run"] == key) & (results.measures["name"] == "critic_accuracy")]
    assert results.problems == () and set(rows["status"]) == {"invalid"} and rows["value"].isna().all()


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", True, [1], 10**400])
def test_a_value_that_is_no_number_is_invalid_and_reported(copy, value):
    key = keys(copy)[0]

    edit_measures(copy, key, lambda measures: measures[0].update(value=value))
    results = load_results(copy)
    row = results.measures[results.measures["run"] == key].iloc[0]
    assert row["status"] == "invalid" and math.isnan(row["value"])
    assert any("must be a finite number" in problem for problem in results.problems)


def test_undefined_values_are_no_problem(tmp_path, synthetic):
    folder = synthetic.write_study(
        tmp_path / "s", synthetic.Planted(gaussian=((2, 0),), categorical=(), searched=0, samples=False)
    )
    results = load_results(folder)
    rho = results.measures[results.measures["name"] == "dispersion_ratio"]
    assert results.problems == () and set(rho["status"]) == {"undefined"} and rho["value"].isna().all()


def test_a_measure_that_is_there_twice_counts_once(copy):
    key = keys(copy)[0]
    edit_measures(copy, key, lambda measures: measures.append({**measures[0], "value": 0.25}))
    results = load_results(copy)
    rows = results.measures[results.measures["run"] == key]
    assert rows["value"].eq(0.25).sum() == 1 and not rows.duplicated(["name", "split", "subject"]).any()
    assert any("is there twice" in problem for problem in results.problems)


def test_unknown_measures_are_kept(copy):
    edit_measures(copy, keys(copy)[0], lambda measures: measures.append({"name": "new_measure", "value": 1}))
    measures = load_results(copy).measures
    assert measures.loc[measures["name"] == "new_measure", "value"].tolist() == [1.0]


def test_failed_and_planned_runs_are_rows(copy, synthetic):
    first, second, *_ = keys(copy)
    synthetic.fail_run(copy, first)
    (copy / "runs" / second / "result.json").unlink()
    wanted = [item["key"] for item in read_json(copy / "study.json")["runs"]]
    shutil.rmtree(copy / "runs" / next(key for key in wanted if key not in (first, second)))
    runs = load_results(copy).runs.set_index("key")
    assert runs.loc[first, "reason"] == "reconstruction_discriminator became nan at step 1200"
    assert runs.loc[first, "kind"] == "diverged"
    assert runs.loc[second, "status"] == "planned"
    assert (runs["status"] == "planned").sum() == 2 and len(runs) == 10


def test_broken_history_parts_are_left_out(copy):
    parts = sorted((copy / "history").iterdir())
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    pq.write_table(pa.table({"run": ["a"]}), copy / "history" / "part-000009.parquet")
    results = load_results(copy)
    assert len(results.history.read()) == 5 * 2 * 20
    assert len(results.problems) == 2 and all("part-" in problem for problem in results.problems)


def test_a_step_that_was_logged_twice_has_its_later_value(copy):
    history = load_results(copy).history.read()
    again = {name: [history[name][0]] for name in history.columns} | {"value": [99.0]}
    pq.write_table(pa.table(again), copy / "history" / "part-000009.parquet")
    loaded = load_results(copy).history.read()
    assert len(loaded) == len(history) and loaded["value"][0] == 99.0


@pytest.mark.parametrize("text", ["", "[]", '{"objectives": 3, "runs": {}, "blocks": [1], "name": 7}'])
def test_a_broken_study_file_keeps_the_runs(copy, text):
    (copy / "study.json").write_text(text)
    results = load_results(copy)
    assert results.study["name"] == "decomposition" and results.study["objectives"] == []
    assert len(results.runs) == 10


def test_samples_are_read_or_the_reason_is_given(copy):
    folder = StudyFolder(copy)
    first, second = (folder.run(key) for key in keys(copy)[:2])
    arrays, reason = load_samples(first)
    assert reason == "" and arrays["originals"].shape == (8, 1, 28, 28) and arrays["originals"].dtype == np.uint8
    first.samples.write_bytes(first.samples.read_bytes()[:200])
    assert load_samples(first)[0] == {} and "must be readable" in load_samples(first)[1]
    second.samples.unlink()
    assert "no such file" in load_samples(second)[1]
