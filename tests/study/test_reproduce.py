import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from iae_models.config import code_hash, data_identity
from study import reproduce
from study.again import CHILD, Value, command_to_train, compare, maker_now, maker_of, outcome_of, recorded_run
from study.failures import BadInput, record_failure
from study.plan import make_plan
from study.planned import record_run
from study.provenance import versions
from study.records import read_json, write_json
from study.spec import load_study
from study.trial import WorkerSettings

ROOT = Path(__file__).parents[2]

TINY = """
name: tiny
parameters:
  model.width: 0.03
  train.steps: 4
  train.report_every: 2
  train.batch_size: 16
  model.latent_dim: {grid: [2]}
replicates: 2
"""


def measured(name="rate", value=2.0, low=1.9, high=2.1):
    return {"name": name, "split": "test", "subject": "model", "value": value, "low": low, "high": high}


@pytest.fixture
def run(spec_of, folder):
    """Return the folder of a run that is recorded and not begun."""
    item = make_plan(spec_of(TINY), folder).todo[1]
    record_run(folder, item)
    return folder.run(item.key)


@pytest.fixture
def finished(run):
    """Return the folder of a run with what a finished one leaves, made by what is here."""
    from analysis.measures.source import measures_hash

    result = {
        "code_hash": code_hash(),
        "measures_hash": measures_hash(),
        "versions": versions(),
        "device": f"cpu ({os.uname().machine})",
        "threads": 1,
        "data_fingerprint": data_identity("embedded_digits"),
        "wall_time_s": 7.0,
        "finished_at": "2026-01-01T00:00:00+00:00",
    }
    write_json(run.result, result)
    write_json(run.measures, {"measures": [measured(), measured("mse", 0.5, None, None)]})
    run.weights.write_bytes(b"weights")
    return run


@pytest.fixture
def trained(monkeypatch):
    """Put copies of the recorded run in the place of training; return a function that changes the next copy."""
    change = []

    def copy(run, _result, place, *_):
        again = type(run)(place / "runs" / run.key)
        shutil.copytree(run.root, again.root)
        for step in change:
            step(again)
        return again

    monkeypatch.setattr(reproduce, "train_again", copy)
    return change.append


def check(run, capsys):
    code = reproduce.main([str(run.root), "--check"])
    return code, capsys.readouterr().out


def with_value(value):
    return lambda run: write_json(run.measures, {"measures": [measured(value=value), measured("mse", 0.5, None, None)]})


def test_the_command_trains_the_same_run(run, tmp_path):
    result = {"threads": 2, "device": "cpu (x86_64)", "product": "onednn"}
    command = command_to_train(run.key, recorded_run(run), result, tmp_path / "my data")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", f"{command} --list"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    head, line = done.stdout.splitlines()
    assert head.split() == ["cell", "key", "seeds"]
    assert line.split()[1:] == [run.key.removesuffix("-1"), "1", "to", "do"]
    spec = (tmp_path / f"again-{run.key}.yaml").read_text()
    assert '"cpus_per_lane": 2, "device": "cpu", "product": "onednn"' in spec
    assert load_study(tmp_path / f"again-{run.key}.yaml").resources.product == "onednn"
    assert command.endswith(f"--data-root '{tmp_path}/my data'")


def test_what_is_not_as_it_was_is_listed_first(finished, capsys):
    assert reproduce.main([str(finished.root)]) == 0
    assert "Code, measures, versions, device, threads and data are those of then." in capsys.readouterr().out
    result = read_json(finished.result)
    write_json(finished.result, result | {"code_hash": "0ld", "versions": result["versions"] | {"torch": "1.0"}})
    assert reproduce.main([str(finished.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Not as it was:")
    rows = [line.split() for line in lines[start + 2 : start + 4]]
    assert rows == [["model", "code", "0ld", code_hash()], ["torch", "1.0", versions()["torch"]]]
    assert start < next(number for number, line in enumerate(lines) if line.startswith("To train it anew"))
    record = recorded_run(finished)
    assert maker_of(read_json(finished.result)).differences(maker_now(record, result)) == [
        ("model code", "0ld", code_hash()),
        ("torch", "1.0", versions()["torch"]),
    ]


@pytest.mark.usefixtures("trained")
def test_the_same_numbers_exit_with_0(finished, capsys):
    code, out = check(finished, capsys)
    assert code == 0
    assert "The same: all 2 numbers and the weights, bitwise." in out


@pytest.mark.parametrize(
    ("code_then", "value", "code", "text"),
    [
        ("same", 2.0000001, 1, "Not the same, though nothing that is recorded differs: 1 of 2"),
        ("other", 2.09, 0, "Alike: 1 of 2 numbers are bitwise the same"),
        ("other", 2.11, 1, "and 1 are further off than half their interval"),
        ("other", None, 1, "and 1 are further off"),
    ],
)
def test_other_numbers_are_judged_by_what_differs(finished, trained, capsys, code_then, value, code, text):
    if code_then == "other":
        write_json(finished.result, read_json(finished.result) | {"code_hash": "0ld"})
    trained(with_value(value))
    found, out = check(finished, capsys)
    assert (found, text in out) == (code, True)
    assert "rate (test, model)" in out


def test_weights_count(finished, trained, capsys):
    trained(lambda run: run.weights.write_bytes(b"others"))
    assert check(finished, capsys)[0] == 1
    finished.weights.unlink()
    trained(lambda run: run.weights.touch())
    code, out = check(finished, capsys)
    assert (code, "the weights of then are gone" in out) == (0, True)


def test_a_failure_is_reproduced_too(run, trained, capsys):
    record_failure(run, "diverged", "loss became nan", 3)
    code, out = check(run, capsys)
    assert (code, "It failed: loss became nan then, and failed: loss became nan now" in out) == (0, True)
    trained(lambda again: record_failure(again, "diverged", "another", 3))
    assert check(run, capsys)[0] == 1


def test_tolerance_is_half_the_interval_or_one_percent(finished):
    values = {value.name: value for value in compare(finished, finished).values}
    assert values["rate (test, model)"].tolerance == pytest.approx(0.1)
    assert values["mse (test, model)"].tolerance == pytest.approx(0.005)
    assert Value("x", 1.0, 1.01, 0.0100001).is_close
    assert not Value("x", 1.0, 1.02, 0.0100001).is_close


def test_bad_input_exits_with_2_and_names_what_is_near(run, finished, capsys):
    for path, message in [
        (run.root.with_name(run.key[:-1] + "7"), f"Did you mean {run.root}"),
        (run.root.parent, "holds no run.json"),
    ]:
        assert reproduce.main([str(path)]) == 2
        assert message in capsys.readouterr().err
    finished.result.unlink()
    assert reproduce.main([str(run.root), "--check"]) == 2
    assert "needs a run that finished or failed, but" in capsys.readouterr().err
    write_json(run.run, read_json(run.run) | {"config": {"model.latent_dim": 3}})
    with pytest.raises(BadInput, match="must describe the run"):
        recorded_run(run)


@pytest.mark.slow
def test_a_run_that_is_trained_again_gives_the_same_bits(run, folder):
    # what a new run would not take on some machines, so that a run is trained as it was
    place = json.dumps(asdict(WorkerSettings(str(folder.root), product="torch", together=2)))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", CHILD, run.key, place], cwd=ROOT, env=environment, check=True)
    assert outcome_of(run) == "finished"
    before = {path.name: path.stat().st_mtime_ns for path in run.root.iterdir()}
    command = [sys.executable, "-m", "study.reproduce", str(run.root), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers and the weights, bitwise." in done.stdout
    assert {path.name: path.stat().st_mtime_ns for path in run.root.iterdir()} == before
