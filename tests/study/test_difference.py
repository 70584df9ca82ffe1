import importlib.metadata
import json

import pytest

from iae_models.config import code_hash
from study.checkpoint_notes import made_by
from study.difference import as_lines, difference, other_checkpoints
from study.failures import record_failure
from study.plan import make_plan
from study.records import read_json, write_json
from study.selection import confined
from study.spec import Resources

CPU = Resources(device="cpu")


def checkpoint_of(folder, run, step, **notes):
    """Write a checkpoint that holds notes alone, of what would go on today but for those that are given."""
    header = json.dumps({"__metadata__": made_by(code_hash(), "cpu", 1) | notes}).encode()
    path = folder.run(run.key).checkpoint(step, "0123456789abcdef")
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def test_every_state_is_counted_and_told(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    runs = [dispatcher.next_lane()[0] for _ in range(6)]
    finish(runs[0].key)
    finish(runs[1].key)
    write_json(folder.run(runs[1].key).result, read_json(folder.run(runs[1].key).result) | {"code_hash": "0ld"})
    for run in runs[2:4]:
        record_failure(folder.run(run.key), "diverged", f"loss of {run.replicate} became nan", 7)
    checkpoint_of(folder, runs[4], 30)
    extra = folder.run("0123456789-0")
    write_json(extra.run, {"key": extra.key, "config": {}})
    rows = difference(make_plan(spec_of(), folder), folder, Resources(device="cpu"))
    assert rows == [
        ("done", "2", ""),
        ("", "", f"1 of them by other model code (0ld, now {code_hash()}): used, and marked in the report"),
        ("to go on with", "1", "from a checkpoint: frozen:z=2:0 at step 30 of 40"),
        ("to run again", "2", "failed: gaussian:z=5 n=0:0, loss of 0 became nan and 1 more"),
        ("new", "5", ""),
        ("to search", "+6", ""),
        ("not wanted", "1", "(1 planned) kept in the folder, no part of the study any more"),
    ]
    confined_plan = confined(make_plan(spec_of(), folder), [runs[2].key])
    part = dict(row[:2] for row in difference(confined_plan, folder, Resources()))
    assert (part["to run again"], part["new"], part["for later"]) == ("1", "0", "7")
    assert "to search" not in part


CODE = "0123456789ab"
GPU_AT_HOME = Resources(device="cuda")


@pytest.mark.parametrize(
    ("then", "resources", "is_local", "reason"),
    [
        ({}, CPU, True, ""),
        ({"code_hash": CODE}, CPU, True, f"other model code ({CODE}, now {code_hash()})"),
        ({"code_hash": CODE, "threads": "7"}, CPU, True, f"other model code ({CODE}, now {code_hash()})"),
        ({"torch": "1.0"}, CPU, True, f"another PyTorch (1.0, now {importlib.metadata.version('torch')})"),
        ({"threads": "7"}, CPU, True, "another number of threads (7, now 1)"),
        ({}, Resources(device="cpu", cpus_per_lane=2.5), True, "another number of threads (1, now 2)"),
        ({"device": "cuda"}, CPU, True, "another kind of device (cuda, now cpu)"),
        ({"device": "cuda"}, Resources(), True, "another kind of device (cuda, now cpu)"),
        ({"device": "cuda"}, Resources(), False, ""),  # a cluster may have GPUs
        ({}, GPU_AT_HOME, True, "another kind of device (cpu, now cuda)"),
    ],
)
def test_a_checkpoint_of_another_maker_is_told_before_it_is_passed_over(
    spec_of, folder, dispatch, monkeypatch, then, resources, is_local, reason
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    dispatcher = dispatch(spec_of())
    runs = [dispatcher.next_lane()[0] for _ in range(2)]
    for run in runs:
        checkpoint_of(folder, run, 30, **then)
    plan = make_plan(spec_of(), folder)
    rows = {row[0]: row[1:] for row in difference(plan, folder, resources, is_local=is_local)}
    assert rows.get("to begin anew") == (("2", f"checkpoints by {reason}") if reason else None)
    assert ("to go on with" in rows) == (not reason)
    assert rows["new"] == ("8", "")
    others = {(CODE, code_hash()): 2} if "code_hash" in then else {}
    assert other_checkpoints(plan, folder) == others


def test_a_checkpoint_without_a_header_is_damaged(spec_of, folder, dispatch):
    (run,) = dispatch(spec_of()).next_lane()
    for content in (b"", b"\xff" * 8, (2).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"null"):
        folder.run(run.key).checkpoint(30, CODE * 2).write_bytes(content)
        rows = difference(make_plan(spec_of(), folder), folder, CPU)
        assert ("to begin anew", "1", "checkpoints that are damaged") in rows


def test_lines_are_aligned_and_fit():
    text = as_lines([("done", "12", ""), ("to go on with", "1", "x" * 100)], 40)
    assert text.splitlines() == ["  done           12", "  to go on with   1  " + "x" * 18 + "…"]
