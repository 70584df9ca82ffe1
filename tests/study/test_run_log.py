import json

import pytest

from study.run_log import Attempts, Line, RunLog, read_log


@pytest.fixture
def run(folder):
    return folder.run("a-0")


def line(step, time_s=None):
    return Line(step, step / 10 if time_s is None else time_s, {"loss/x": 1 / 3 + step})


def test_a_log_counts_attempts_and_what_was_repeated(run):
    assert read_log(run) == (Attempts(), [])
    with RunLog(run, 0) as log:
        assert (log.attempts, log.past, log.time_s) == (Attempts(1), [], 0.0)
        assert all(log.add(line(step)) for step in (10, 20, 30))
        assert not log.add(Line(30, 9.0, {"rung/x": 1.0}))
    with RunLog(run, 20) as log:
        assert (log.past, log.time_s) == ([line(10), line(20)], 2.0)
        log.sync()
        log.add(line(30, 3.5))
        log.add(line(40, 4.5))
    with RunLog(run, 20) as log:
        assert log.attempts == Attempts(3, (20, 20), 30, pytest.approx(1.0 + 2.5))
        log.add(line(30))
    assert read_log(run) == (log.attempts, [line(10), line(20), line(30)])


def test_lines_are_there_before_the_log_is_closed(run):
    with RunLog(run, 0) as log:
        log.add(line(10))
        assert read_log(run)[1] == [line(10)]


@pytest.mark.parametrize("length", range(0, 250, 7))
def test_a_log_cut_anywhere_is_read_as_far_as_it_goes(run, length):
    with RunLog(run, 0) as log:
        for step in (10, 20, 30):
            log.add(line(step))
    content = run.log.read_bytes()
    run.log.write_bytes(content[:length])
    attempts, lines = read_log(run)
    num_whole = content[: length + 1].count(b"\n")
    assert attempts == (Attempts(1) if num_whole else Attempts())
    assert lines == [line(step) for step in (10, 20, 30)][: max(0, num_whole - 1)]
    with RunLog(run, 20) as log:
        assert log.past == lines[:2]
        assert log.attempts.number == 2
        log.add(line(30))
    assert all(json.loads(text) for text in run.log.read_text().splitlines())
