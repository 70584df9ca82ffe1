from study.failures import failure_reason, record_failure, set_aside
from study.records import read_json, run_status


def test_failure_says_why_in_one_line(folder):
    run = folder.run("a-0")
    record_failure(run, "error", "first line\nsecond line", step=7, traceback="Traceback …")
    failure = read_json(run.failure)
    assert (failure["key"], failure["status"], failure["kind"]) == ("a-0", "failed", "error")
    assert (failure["reason"], failure["step"], failure["traceback"]) == ("first line", 7, "Traceback …")
    assert failure_reason(run) == "first line"
    record_failure(run, "lost", "  ")
    assert failure_reason(run) == "unknown"


def test_former_failures_are_kept_in_order(folder):
    run = folder.run("a-0")
    for number in range(3):
        set_aside(run)
        record_failure(run, "error", f"attempt {number}")
    assert [read_json(run.root / f"failure.{number}.json")["reason"] for number in (1, 2)] == ["attempt 0", "attempt 1"]
    assert failure_reason(run) == "attempt 2"
    set_aside(run)
    assert run_status(run) == "planned"
    assert failure_reason(run) == "unknown"
