import os

import pyarrow.parquet as pq
import pytest

from study.history import HistoryWriter
from study.records import write_json
from study.recovery import recover
from study.run_log import Line, RunLog


@pytest.fixture
def run(folder):
    run = folder.run("a-0")
    write_json(run.run, {"key": "a-0"})
    return run


def rows(folder):
    return [(row["step"], row["value"]) for row in pq.read_table(folder.history).to_pylist()]


def log_of(run, *steps, begin=0, factor=1.0):
    with RunLog(run, begin) as log:
        for step in steps:
            log.add(Line(step, 1.0, {"loss/x": factor * step}))


def test_rows_that_a_killed_driver_took_along_are_written_once(folder, run):
    log_of(run, 10, 20, 30)
    writer = HistoryWriter(folder.history)
    writer.add("a-0", 10, 1.0, {"loss/x": 10.0})
    writer.write()
    for _ in range(2):
        writer = HistoryWriter(folder.history)
        recover(folder, writer)
        assert rows(folder) == [(10, 10.0), (20, 20.0), (30, 30.0)]
    # the run goes on from step 20, and says again what it said before
    for step in (20, 30, 40):
        writer.add("a-0", step, 1.0, {"loss/x": float(step)})
    writer.write()
    assert rows(folder) == [(10, 10.0), (20, 20.0), (30, 30.0), (40, 40.0)]
    assert run.log.is_file()


def test_other_values_of_a_step_follow_those_that_were_written(folder, run):
    log_of(run, 10, 20)
    recover(folder, HistoryWriter(folder.history))
    log_of(run, 20, begin=10, factor=2.0)
    recover(folder, HistoryWriter(folder.history))
    assert rows(folder) == [(10, 10.0), (20, 20.0), (20, 40.0)]


def test_what_a_finished_run_leaves_is_removed_once_it_is_written(folder, run, finish):
    log_of(run, 10)
    run.checkpoint(10, "0" * 64).touch()
    (run.root / ".result.0123456789ab.json").touch()
    os.utime(run.root / ".result.0123456789ab.json", (1e9, 1e9))
    finish("a-0")
    (folder.root / "history").touch()  # a file where the folder should be
    writer = HistoryWriter(folder.history)
    recover(folder, writer)
    assert writer.problem
    assert {path.name for path in run.root.iterdir()} == {"run.json", "result.json", "progress.jsonl"}
    (folder.root / "history").unlink()
    recover(folder, HistoryWriter(folder.history))
    assert rows(folder) == [(10, 10.0)]
    assert {path.name for path in run.root.iterdir()} == {"run.json", "result.json"}


def test_what_is_being_written_of_a_finished_run_is_left_alone(folder, run, finish):
    finish("a-0")
    written = run.root / ".maps.0123456789ab.npz"  # by whoever measures it
    written.touch()
    recover(folder, HistoryWriter(folder.history))
    assert written.exists()
    run.remove_temporaries()
    assert not written.exists()


def test_a_damaged_part_is_no_obstacle(folder, run):
    log_of(run, 10)
    folder.history.mkdir()
    (folder.history / "part-000000.parquet").write_bytes(b"PAR1")
    writer = HistoryWriter(folder.history)
    recover(folder, writer)
    assert writer.problem == ""
    assert pq.read_table(folder.history / "part-000001.parquet").num_rows == 1
