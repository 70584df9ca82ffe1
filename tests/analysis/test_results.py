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
def copy(study_dir, tmp_path):
    return shutil.copytree(study_dir, tmp_path / "decomposition")


def keys(folder):
    return sorted(path.name for path in (folder / "runs").iterdir())


def edit_result(folder, key, change):
    path = folder / "runs" / key / "result.json"
    result = json.loads(path.read_text())
    change(result)
    path.write_text(json.dumps(result))


def test_a_complete_study_has_no_problems(study_dir):
    results = load_results(study_dir)
    assert results.problems == ()
    assert len(results.runs) == 46 and set(results.runs["status"]) == {"finished"}
    assert set(results.runs["origin"]) == {"grid", "search"}
    first = read_json(StudyFolder(study_dir).run(results.runs["key"][0]).result)["measures"]
    assert len(results.measures) == sum(
        len(read_json(StudyFolder(study_dir).run(key).result)["measures"]) for key in results.runs["key"]
    )
    kept = results.measures[results.measures["run"] == results.runs["key"][0]]
    assert kept["value"].tolist() == [measure["value"] for measure in first]
    assert len(results.history) == 46 * 2 * 20
    assert results.study["objectives"][0]["measure"] == "critic_accuracy"


def test_configuration_fields_are_columns(study_dir):
    runs = load_results(study_dir).runs
    assert set(runs["model.latent_dim"]) >= {2.0, 5.0, 20.0}
    assert set(runs["model.train_encoder"]) == {True, False}


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        load_results(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="it is a file"):
        load_results(tmp_path / "file")


def test_an_empty_folder_is_a_study_without_runs(tmp_path):
    results = load_results(tmp_path)
    assert results.runs.empty and results.measures.empty and results.history.empty
    assert results.problems == (f"{tmp_path.name}/study.json: there is no such file.",)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", '{"all": 3}', "nonsense"])
def test_a_broken_run_file_is_a_row_with_a_status(copy, text):
    key = keys(copy)[0]
    (copy / "runs" / key / "run.json").write_text(text)
    runs = load_results(copy).runs.set_index("key")
    assert runs.loc[key, "status"] == "unreadable" and runs.loc[key, "reason"] == "run.json cannot be read"
    assert (runs["status"] == "finished").sum() == 45


@pytest.mark.parametrize("text", ["", '{"measures": [', "[]", '{"measures": 3}'])
def test_a_broken_result_is_a_row_with_a_status_and_a_problem(copy, text):
    key = keys(copy)[0]
    (copy / "runs" / key / "result.json").write_text(text)
    results = load_results(copy)
    assert results.runs.set_index("key").loc[key, "status"] == "unreadable"
    assert any(f"runs/{key}/result.json" in problem or f"{key}/result.json" in problem for problem in results.problems)


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", True, [1], 10**400])
def test_a_value_that_is_no_number_is_invalid_and_reported(copy, value):
    key = keys(copy)[0]

    def change(result):
        result["measures"][0]["value"] = value

    edit_result(copy, key, change)
    results = load_results(copy)
    row = results.measures[results.measures["run"] == key].iloc[0]
    assert row["status"] == "invalid" and math.isnan(row["value"])
    assert any("must be a finite number" in problem for problem in results.problems)


def test_undefined_values_are_no_problem(tmp_path, synthetic):
    folder = synthetic.write_study(tmp_path / "s", synthetic.Planted(gaussian=((2, 0),), categorical=(), searched=0))
    results = load_results(folder)
    rho = results.measures[results.measures["name"] == "dispersion_ratio"]
    assert results.problems == () and set(rho["status"]) == {"undefined"} and rho["value"].isna().all()


def test_a_measure_that_is_there_twice_counts_once(copy):
    key = keys(copy)[0]
    edit_result(copy, key, lambda result: result["measures"].append({**result["measures"][0], "value": 0.25}))
    results = load_results(copy)
    rows = results.measures[results.measures["run"] == key]
    assert rows["value"].eq(0.25).sum() == 1 and not rows.duplicated(["name", "split", "subject"]).any()
    assert any("is there twice" in problem for problem in results.problems)


def test_unknown_measures_are_kept(copy):
    edit_result(copy, keys(copy)[0], lambda result: result["measures"].append({"name": "new_measure", "value": 1}))
    measures = load_results(copy).measures
    assert measures.loc[measures["name"] == "new_measure", "value"].tolist() == [1.0]


def test_failed_and_planned_runs_are_rows(copy, synthetic):
    first, second, *_ = keys(copy)
    synthetic.fail_run(copy, first)
    (copy / "runs" / second / "result.json").unlink()
    shutil.rmtree(copy / "runs" / keys(copy)[2])
    runs = load_results(copy).runs.set_index("key")
    assert runs.loc[first, "reason"] == "reconstruction_discriminator became nan at step 1200"
    assert runs.loc[first, "kind"] == "diverged"
    assert runs.loc[second, "status"] == "planned"
    assert (runs["status"] == "planned").sum() == 2 and len(runs) == 46


def test_broken_history_parts_are_left_out(copy):
    parts = sorted((copy / "history").iterdir())
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    pq.write_table(pa.table({"run": ["a"]}), copy / "history" / "part-000009.parquet")
    results = load_results(copy)
    assert len(results.history) == 23 * 2 * 20
    assert len(results.problems) == 2 and all("part-" in problem for problem in results.problems)


def test_a_step_that_was_logged_twice_has_its_later_value(copy):
    history = load_results(copy).history
    again = {name: [history[name][0]] for name in history.columns} | {"value": [99.0]}
    pq.write_table(pa.table(again), copy / "history" / "part-000009.parquet")
    loaded = load_results(copy).history
    assert len(loaded) == len(history) and loaded["value"][0] == 99.0


@pytest.mark.parametrize("text", ["", "[]", '{"objectives": 3, "runs": {}, "blocks": [1], "name": 7}'])
def test_a_broken_study_file_keeps_the_runs(copy, text):
    (copy / "study.json").write_text(text)
    results = load_results(copy)
    assert results.study["name"] == "decomposition" and results.study["objectives"] == []
    assert len(results.runs) == 46


def test_samples_are_read_or_the_reason_is_given(copy):
    folder = StudyFolder(copy)
    first, second = (folder.run(key) for key in keys(copy)[:2])
    arrays, reason = load_samples(first)
    assert reason == "" and arrays["originals"].shape == (8, 1, 28, 28) and arrays["originals"].dtype == np.uint8
    first.samples.write_bytes(first.samples.read_bytes()[:200])
    assert load_samples(first)[0] == {} and "must be readable" in load_samples(first)[1]
    second.samples.unlink()
    assert "no such file" in load_samples(second)[1]
