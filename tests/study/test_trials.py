import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.records import StudyFolder, write_json
from study.trials import as_csv, as_json, as_table, main, trial_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    folder = StudyFolder(tmp_path)
    base = {"block": "gaussian", "origin": "grid", "replicate": 0}
    config = {"model.latent_dim": 5, "model.train_encoder": False, "model.category_probabilities": [0.5, 0.5]}
    write_json(folder.run("a-0").run, base | {"label": "z=5 n=1", "config": config})
    write_json(
        folder.run("a-0").result,
        {
            "values": {
                "validation": {"rate": 9.0},
                "test": {"rate": 1.25, "dispersion_ratio": None, "used_clusters": 3},
            }
        },
    )
    write_json(
        folder.run("b-1").run, base | {"label": "ü, n", "replicate": 1, "config": {}, "origin": "search", "trial": 4}
    )
    write_json(folder.run("b-1").failure, {"reason": "encoder became nan at step 3"})
    write_json(folder.run("c-0").run, base | {"label": "x", "config": {}})
    return folder


def test_rows_hold_the_trained_model_on_test_images(folder):
    first, failed, planned = trial_rows(folder)
    assert (first["key"], first["status"], first["rate"]) == ("a-0", "finished", 1.25)
    assert first["dispersion_ratio"] is None
    assert first["model.latent_dim"] == 5
    assert (failed["status"], failed["reason"], failed["trial"]) == ("failed", "encoder became nan at step 3", 4)
    assert planned["status"] == "planned"


def test_json_and_csv_have_the_same_cells(folder):
    rows = trial_rows(folder)
    records = json.loads(as_json(rows))
    table = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [list(row) for row in table] == [list(row) for row in records]
    assert len(table) == len(records) == 3
    assert table[0]["rate"] == "1.25"
    assert table[0]["model.train_encoder"] == "false"
    assert table[0]["model.category_probabilities"] == "[0.5, 0.5]"
    assert table[0]["dispersion_ratio"] == table[1]["rate"] == ""
    assert table[1]["label"] == records[1]["label"] == "ü, n"


def test_the_table_shows_what_was_measured_and_what_failed(folder):
    head, first, failed, planned = as_table(trial_rows(folder)).splitlines()
    assert head.split() == ["key", "block", "label", "replicate", "status", "rate", "reason"]
    assert first.split() == ["a-0", "gaussian", "z=5", "n=1", "0", "finished", "1.250", "-"]
    assert failed.endswith("encoder became nan at step 3")
    assert planned.split()[-3:] == ["planned", "-", "-"]
    assert as_table([]) == "no runs"


def test_the_table_adapts_to_the_terminal(folder):
    rows = trial_rows(folder)
    head, first, failed, _, note = as_table(rows, 48).splitlines()
    assert max(map(len, as_table(rows, 48).splitlines())) <= 48
    assert head.split()[:5] == ["key", "block", "label", "replicate", "status"]
    assert "rate " not in head.replace("replicate ", "")
    assert first.split()[:6] == ["a-0", "gaussian", "z=5", "n=1", "0", "finished"]
    assert failed.endswith("…")
    assert note == "-f csv has more, such as rate"
    assert as_table(rows, 200) == as_table(rows)


def test_damaged_records_are_rows_too(folder):
    folder.run("a-0").result.write_text("{")
    folder.run("b-1").run.write_bytes(b"\xff")
    write_json(folder.run("c-0").run, {"config": 3})
    write_json(folder.run("c-0").result, {"values": [3, {"name": "rate"}]})
    first, second, third = trial_rows(folder)
    assert (first["status"], second["status"], third["status"]) == ("unreadable", "unreadable", "finished")
    assert "result.json must be a JSON file" in first["reason"]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_the_command_prints_every_form(folder, capsys, form):
    assert main([str(folder.root), "-f", form]) == 0
    assert "a-0" in capsys.readouterr().out


def test_a_study_without_runs_is_empty(tmp_path, capsys):
    write_json(StudyFolder(tmp_path).resolved, {})
    assert main([str(tmp_path), "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_folder_that_is_no_study_is_refused(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 2
    assert "must be a study folder" in capsys.readouterr().err


def test_the_command_needs_no_heavy_library_and_survives_a_closed_pipe(folder):
    code = f"""
import sys
for name in ("torch", "ray", "optuna", "pandas", "numpy", "yaml"):
    sys.modules[name] = None
from study.trials import main
sys.exit(main([{str(folder.root)!r}]))
"""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_fields_at_their_defaults_have_their_values(folder):
    record = {
        "block": "x",
        "config": {},
        "all": {"model.latent_dim": 10, "model.train_encoder": True, "data.name": "d"},
    }
    write_json(folder.run("c-0").run, record)
    planned = json.loads(as_json(trial_rows(folder)))[-1]
    assert (planned["model.latent_dim"], planned["model.train_encoder"]) == (10, True)
    assert "data.name" not in planned
