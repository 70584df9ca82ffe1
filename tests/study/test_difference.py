from iae_models.config import code_hash
from study.difference import as_lines, difference
from study.failures import record_failure
from study.plan import make_plan
from study.records import read_json, write_json
from study.selection import confined


def test_every_state_is_counted_and_told(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    runs = [dispatcher.next_lane()[0] for _ in range(6)]
    finish(runs[0].key)
    finish(runs[1].key)
    write_json(folder.run(runs[1].key).result, read_json(folder.run(runs[1].key).result) | {"code_hash": "0ld"})
    for run in runs[2:4]:
        record_failure(folder.run(run.key), "diverged", f"loss of {run.replicate} became nan", 7)
    folder.run(runs[4].key).checkpoint(30, "0123456789abcdef").touch()
    extra = folder.run("0123456789-0")
    write_json(extra.run, {"key": extra.key, "config": {}})
    rows = difference(make_plan(spec_of(), folder), folder)
    assert rows == [
        ("done", "2", ""),
        ("", "", f"1 of them by other model code (0ld, now {code_hash()}): used, and marked in the report"),
        ("to go on with", "1", "from a checkpoint: frozen:z=2:0 at step 30 of 40"),
        ("to run again", "2", "failed: gaussian:z=5 n=0:0, loss of 0 became nan and 1 more"),
        ("new", "5", ""),
        ("to search", "+6", ""),
        ("not wanted", "1", "(1 planned) kept in the folder, no part of the study any more"),
    ]
    part = dict(row[:2] for row in difference(confined(make_plan(spec_of(), folder), [runs[2].key]), folder))
    assert (part["to run again"], part["new"], part["for later"]) == ("1", "0", "7")
    assert "to search" not in part


def test_lines_are_aligned_and_fit():
    text = as_lines([("done", "12", ""), ("to go on with", "1", "x" * 100)], 40)
    assert text.splitlines() == ["  done           12", "  to go on with   1  " + "x" * 18 + "…"]
