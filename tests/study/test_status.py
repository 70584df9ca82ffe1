import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from study import status
from study.failures import record_failure
from study.lock import hold
from study.observed import observe
from study.pace import time_left_s
from study.plan import make_plan
from study.planned import record_run
from study.records import read_json
from study.resolved import write_study
from study.run_log import Line, RunLog
from study.stop_request import request_stop

ROOT = Path(__file__).parents[2]


@pytest.fixture
def launched(spec_of, folder):
    """Return the runs of a study that a launch has just planned."""
    spec = spec_of()
    plan = make_plan(spec, folder)
    write_study(spec, folder, plan, datetime.now(UTC))
    for run in plan.todo:
        record_run(folder, run)
    return plan.todo


@pytest.fixture
def busy(launched, folder, finish):
    """Two runs finished, one failed, two out, one left with a checkpoint; in use by this process."""
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    with hold(folder.lock):
        finish(launched[0].key, critic=0.6, seconds=8.0, started=now, ended=now)
        finish(launched[1].key, critic=0.7, seconds=12.0, started=now, ended=now)
        record_failure(folder.run(launched[2].key), "diverged", "loss became nan", 7)
        for run, step in ((launched[3], 10), (launched[4], 40)):
            with RunLog(folder.run(run.key), 0) as log:
                log.add(Line(step, 3.0, {"loss/a/b": 1.0}))
        folder.run(launched[5].key).checkpoint(20, "0123456789abcdef").touch()
        yield launched


def printed(folder, capsys, *flags):
    assert status.main([str(folder.root), *flags]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("busy")
def test_everything_is_counted_from_files_and_lock(folder):
    found = observe(folder)
    assert (found.is_running, found.holder.pid) == (True, os.getpid())
    assert found.totals == {"done": 2, "ended early": 0, "failed": 1, "running": 2, "waiting": 5}
    assert found.counts["frozen"] == {"done": 0, "ended early": 0, "failed": 0, "running": 1, "waiting": 1}
    assert (found.ended, found.total, found.resumable, found.finished_here) == (3, 16, 1, 2)
    assert [(run.name, run.step, run.steps) for run in found.live] == [
        ("gaussian:z=5 n=10:0", 10, 40),
        ("frozen:z=2:0", 40, 40),
    ]
    assert all(0 <= run.silent_s < 60 for run in found.live)
    # 13 runs without an end, of which 1.25 are done, 10 s each, two at a time
    assert found.left_s == pytest.approx((13 - 1.25) * 10 / 2)
    assert [failure.reason for failure in found.failures] == ["loss became nan"]


@pytest.mark.usefixtures("busy")
def test_the_text_says_it_in_80_columns(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    request_stop(folder, "study.stop")
    text = printed(folder, capsys)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in text
    rows = [line.split() for line in lines]
    assert ["block", "done", "failed", "running", "waiting", "to", "search"] in rows
    assert ["total", "2", "1", "2", "5", "+6"] in rows
    assert ["gaussian:z=5", "n=10:0", "10/40"] in [row[:3] for row in rows]
    assert ["frozen:z=2:0", "measuring"] in [row[:2] for row in rows]
    for part in ("3 of 16 runs", "asked to stop by study.stop", f"process {os.getpid()} on", "1 × loss became nan"):
        assert part in text
    (pace,) = (line for line in lines if line.startswith("pace "))
    assert "since the launch; about 59 s left, until " in pace


def test_best_stands_with_its_interval(launched, folder, finish, capsys):
    for run in launched:
        finish(run.key, critic=run.config.model.latent_dim / 10 + 0.01 * run.replicate)
    text = printed(folder, capsys)
    assert "critic_accuracy 0.205 ± 0.064, r2_mean 2.000 ± 0.000 over 2 seeds" in text
    assert "at gaussian:z=2 n=0 (on the Pareto front)" in text
    assert "not running" in text
    assert "left    6 runs; the same launch goes on with them" in text


@pytest.mark.usefixtures("busy")
def test_json_is_whole(folder, capsys):
    found = json.loads(printed(folder, capsys, "--json"))
    assert (found["study"], found["running"], found["total"], found["ended"]) == ("small", True, 16, 3)
    assert found["states"] == {"done": 2, "ended early": 0, "failed": 1, "running": 2, "waiting": 5}
    assert {run["step"] for run in found["runs"]} == {10, 40}
    assert found["failures"][0]["reason"] == "loss became nan"
    assert found["holder"]["pid"] == os.getpid()


def test_a_run_that_was_left_is_not_out(launched, folder):
    with RunLog(folder.run(launched[0].key), 0) as log:
        log.add(Line(10, 3.0, {}))
    assert observe(folder).live == ()
    with hold(folder.lock):
        os.utime(folder.run(launched[0].key).log, (1e9, 1e9))
        assert observe(folder).live == ()
        os.utime(folder.run(launched[0].key).log)
        assert [run.key for run in observe(folder).live] == [launched[0].key]


@pytest.mark.usefixtures("launched")
def test_a_driver_that_was_killed_is_told_from_one_that_ended(folder, capsys):
    code = "import sys, time; from pathlib import Path; from study.lock import hold\n"
    code += "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(folder.lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout.readline() == "held\n"
        assert "running for" in printed(folder, capsys)
        holder.send_signal(signal.SIGKILL)
    text = printed(folder, capsys)
    assert f"not running: process {holder.pid} on " in text
    assert "ended without a word" in text


def test_a_folder_that_is_about_to_begin_says_who_begins(folder, capsys):
    assert status.main([str(folder.root)]) == 2
    with hold(folder.lock):
        text = printed(folder, capsys)
    assert "no study yet" in text
    assert f"running, process {os.getpid()}" in text
    capsys.readouterr()
    assert status.main([str(folder.root)]) == 2
    assert "holds no study yet" in capsys.readouterr().err


@pytest.mark.parametrize(("hours", "left"), [(1, "no launch begins it"), (2.5, "for the 30 min that budget.hours")])
def test_hours_that_are_used_up_are_not_gone_on_with(spec_of, folder, finish, capsys, monkeypatch, hours, left):
    monkeypatch.setenv("COLUMNS", "80")
    spec = spec_of("name: s\nparameters: {model.latent_dim: {grid: [2, 3]}}\n", f"budget.hours={hours}")
    plan = make_plan(spec, folder)
    write_study(spec, folder, plan, datetime.now(UTC))
    record_run(folder, plan.todo[0])
    finish(plan.todo[0].key, seconds=7200.0, ended="2026-01-01T02:00:00")
    text = " ".join(printed(folder, capsys).split())
    assert f"left 1 run; {left if hours == 1 else 'the same launch goes on with it, ' + left}" in text
    assert ("raise budget.hours in the study file" in text) == (hours == 1)
    assert json.loads(printed(folder, capsys, "--json"))["hours_left"] == hours - min(2, hours)


@pytest.mark.parametrize(("terminal", "is_finished"), [(False, False), (True, True)])
def test_watching_ends_when_nobody_runs_it(launched, folder, finish, capsys, monkeypatch, terminal, is_finished):
    lock, waits = hold(folder.lock), []

    def end(_):
        waits.append(len(waits))
        if len(waits) == 2:
            for run in launched if is_finished else ():
                finish(run.key)
            lock.__exit__(None, None, None)

    if is_finished:
        folder.specification.write_text(folder.specification.read_text().replace("runs: 16", "runs: 10"))
    console = status.Console(file=io.StringIO(), width=80, force_terminal=terminal)
    monkeypatch.setattr(status, "Console", lambda: console)
    monkeypatch.setattr(status.time, "sleep", end)
    lock.__enter__()
    assert status.main([str(folder.root), "--watch"]) == 0
    text = console.file.getvalue() if terminal else capsys.readouterr().out
    assert waits == [0, 1]
    assert text.count("runs") > 2
    end = "Nobody runs it, and it is finished: the watch ends." if is_finished else "Nobody runs it: the watch ends."
    assert capsys.readouterr().out.rstrip().endswith(end) if terminal else text.rstrip().endswith(end)


@pytest.mark.usefixtures("busy")
def test_watching_ends_with_ctrl_c(folder, capsys, monkeypatch):
    waits = []

    def interrupt(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", interrupt)
    text = printed(folder, capsys, "--watch")
    assert text.count("3 of 16 runs") == 2
    assert min(waits) >= status.INTERVAL_S


@pytest.mark.usefixtures("busy")
def test_colours_add_nothing(folder):
    plain = status.as_text(observe(folder), folder, 80).plain
    console = status.Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(status.as_text(observe(folder), folder, 80))
    coloured = console.file.getvalue()
    assert "\x1b[" in coloured
    bare = io.StringIO()
    status.Console(file=bare, width=80, force_terminal=False).print(status.as_text(observe(folder), folder, 80))
    assert [line.split()[:3] for line in bare.getvalue().splitlines()[3:9]] == [
        line.split()[:3] for line in plain.splitlines()[3:9]
    ]


@pytest.mark.usefixtures("launched")
def test_a_damaged_record_is_named(folder, finish, launched, capsys):
    finish(launched[0].key)
    folder.run(launched[0].key).result.write_text("{")
    assert status.main([str(folder.root)]) == 2
    assert "result.json must be a JSON file" in capsys.readouterr().err


def test_the_time_left_comes_from_finished_runs_or_else_from_those_that_are_out():
    assert time_left_s(4, [], [], 2) is None
    assert time_left_s(4, [(0.0, 1.0)], [], 2) is None
    assert time_left_s(4, [(0.5, 10.0)], [], 2) == pytest.approx(3.5 * 20 / 2)
    assert time_left_s(4, [(0.5, 10.0)], [30.0], 1) == pytest.approx(3.5 * 30)
    assert time_left_s(0, [(0.5, 10.0)], [30.0], 1) == 0


@pytest.mark.usefixtures("launched")
def test_a_lock_with_a_strange_time_is_named(folder, capsys):
    with hold(folder.lock):
        folder.lock.write_text(json.dumps(read_json(folder.lock) | {"since": "yesterday"}))
        assert status.main([str(folder.root)]) == 2
    assert "since when it is held, but says 'yesterday'" in capsys.readouterr().err
