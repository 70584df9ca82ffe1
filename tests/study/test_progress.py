import io
import pickle
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from study import progress
from study.failures import record_failure
from study.history import HistoryWriter
from study.launches import LaunchClock
from study.optuna_store import OptunaStore
from study.planned import name_of
from study.progress import DriverCallback, LiveTable, PlainLines, display_for, time_left
from study.run_log import Line, RunLog
from study.trial import Report

LAUNCHED_AT = datetime.now(UTC) - timedelta(hours=5)

GRID = "parameters: {train.steps: 100, model.latent_dim: {grid: [2, 3, 4, 5]}}\n"


@pytest.fixture
def dispatcher(dispatch, spec_of):
    return dispatch(spec_of(GRID))


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100)


def running(run, step, time_s=1.0):
    values = {
        "loss/discriminator/real": 0.5,
        "loss/discriminator/fake": 0.25,
        "loss/autoencoder/x": 2.0,
        "metric/y": 9.0,
    }
    return Report(run.key, "running", step, time_s, values)


def test_time_left_counts_what_is_done_of_the_runs_that_are_out(dispatcher, finish):
    assert time_left(dispatcher, 2) == "time left unknown"
    (first,), (second,) = dispatcher.next_lane(), dispatcher.next_lane()
    dispatcher.note(running(first, 50, time_s=10.0))
    # 10 s for half a run, and 3.5 of 4 runs left on two lanes
    assert time_left(dispatcher, 2) == "about 35 s left"
    finish(first.key, seconds=30.0)
    dispatcher.note(Report(first.key, "finished", 100, 30.0))
    dispatcher.note(running(second, 50, time_s=12.0))
    assert time_left(dispatcher, 2) == "about 38 s left"  # 2.5 runs of 30 s on two lanes


def test_lines_tell_the_first_report_and_every_end(dispatcher, console, finish, folder):
    display = display_for(console, dispatcher, 1, LAUNCHED_AT)
    assert isinstance(display, PlainLines)
    (first,), (second,) = dispatcher.next_lane(), dispatcher.next_lane()
    for report in (running(first, 10), running(first, 20)):
        dispatcher.note(report)
        display.report(report)
    finish(first.key, critic=0.75)
    record_failure(folder.run(second.key), "diverged", "loss became nan")
    for report in (
        Report(first.key, "finished", 100, 41.0),
        Report(second.key, "failed", 30, 5.0, reason="loss became nan"),
    ):
        dispatcher.note(report)
        display.report(report)
    display.refresh()
    display.close()
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("first report after 5 h ")
    assert lines[0].endswith(f"{name_of(first)}: step 10/100  autoencoder 2  discriminator 0.75")
    assert lines[1].startswith(f"[1/4] {name_of(first)} finished in 41 s; 1 finished, 1 running, 0 failed; about ")
    assert lines[2].startswith(f"[2/4] {name_of(second)} failed: loss became nan; 1 finished, 0 running, 1 failed")
    assert lines[3] == "best critic_accuracy so far: 0.750 at spec:z=2"


def test_a_long_silence_is_broken(dispatcher, console, monkeypatch):
    display = PlainLines(console, dispatcher, 1, LAUNCHED_AT)
    (run,) = dispatcher.next_lane()
    dispatcher.note(running(run, 70))
    display.refresh()
    assert console.file.getvalue() == ""
    monkeypatch.setattr(progress, "HEARTBEAT_S", 0.0)
    display.refresh()
    assert console.file.getvalue().startswith(f"{name_of(run)}: step 70/100")


def test_table_shows_counts_best_and_what_runs(dispatcher, finish, monkeypatch):
    monkeypatch.setattr(progress, "FRAME_S", 0.0)
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    display = display_for(console, dispatcher, 1, LAUNCHED_AT)
    assert isinstance(display, LiveTable)
    (first,), (second,) = dispatcher.next_lane(), dispatcher.next_lane()
    finish(first.key, critic=0.75)
    dispatcher.note(Report(first.key, "finished", 100, 41.0))
    dispatcher.note(running(second, 40))
    console.file.seek(0)
    console.file.truncate()
    display.refresh()
    frame = console.file.getvalue()
    display.close()
    for text in (
        "1/4 runs",
        "1 finished, 1 running, 0 failed",
        "best critic_accuracy so far: 0.750 at spec:z=2",
        "step 40/100",
    ):
        assert text in frame
    assert all(len(line) < 97 for line in frame.splitlines() if "\x1b" not in line)


def test_stages_have_names(dispatcher):
    (run,) = dispatcher.next_lane()
    stages = [progress._stage(run, Report(run.key, "running", step, 0.0)) for step in (0, 10, 100)]
    assert stages == ["starting", "step 10/100", "measuring"]


def test_callback_takes_reports_to_books_history_and_display(dispatcher, console, folder, finish):
    history = HistoryWriter(folder.history, interval_s=0.0)
    store = OptunaStore(folder, lambda: dispatcher.studies, interval_s=0.0)
    callback = DriverCallback(
        dispatcher, history, store, PlainLines(console, dispatcher, 1, LAUNCHED_AT), LaunchClock(folder)
    )
    (run,) = dispatcher.next_lane()
    report = {"key": run.key, "status": "running", "step": 10, "time_s": 1.0, "values": {"loss/a/b": 0.5}, "reason": ""}
    callback.on_trial_result(iteration=1, trials=[], trial=None, result={"reports": [report], "done": False})
    finish(run.key)
    report |= {"status": "finished", "step": 100, "values": {}}
    callback.on_trial_result(iteration=2, trials=[], trial=None, result={"reports": [report], "done": True})
    callback.on_step_end(iteration=3, trials=[])
    store.close()
    assert dispatcher.standing.finished == 1
    assert pq.read_table(folder.history).to_pylist()[0]["value"] == 0.5
    assert folder.optuna.is_file()
    assert "finished in" in console.file.getvalue()
    assert len(folder.run_folders()) == 4
    assert dispatcher.problem == ""
    assert len(pickle.dumps(callback)) < 200


def test_lanes_with_a_worker_are_counted_once_nothing_is_handed_out(dispatcher, console, folder):
    store = OptunaStore(folder, lambda: dispatcher.studies)
    display = PlainLines(console, dispatcher, 1, LAUNCHED_AT)
    callback = DriverCallback(dispatcher, HistoryWriter(folder.history), store, display, LaunchClock(folder))
    trials = [SimpleNamespace(status=status) for status in ("PENDING", "RUNNING", "TERMINATED", "RUNNING", "ERROR")]
    callback.on_step_end(iteration=1, trials=trials)
    assert callback.num_running is None
    dispatcher.stop()
    callback.on_step_end(iteration=2, trials=trials)
    assert callback.num_running == 2
    callback.on_step_end(iteration=3, trials=trials[:1])
    assert callback.num_running == 0
    store.close()


def test_a_worker_that_died_is_told_with_its_run_and_what_becomes_of_it(dispatcher, console, folder, finish):
    display = PlainLines(console, dispatcher, 1, LAUNCHED_AT)
    callback = DriverCallback(dispatcher, HistoryWriter(folder.history), None, display, LaunchClock(folder))
    (run,) = dispatcher.next_lane()
    trial = SimpleNamespace(config={"lane": [run.key]})

    def die():
        number = console.file.tell()
        dispatcher.lane_ended([run.key])
        callback.on_trial_error(iteration=1, trials=[], trial=trial)
        return console.file.getvalue()[number:].replace("\n", " ").strip()

    name = f"{name_of(run)}: its worker died"
    assert die() == f"{name} (killed, or out of memory); it goes on from the beginning as attempt 2"
    assert dispatcher.next_lane() == [run]
    with RunLog(folder.run(run.key), 0) as log:
        log.add(Line(45, 3.0, {}))
    folder.run(run.key).checkpoint(40, "0123456789abcdef").touch()
    assert die() == f"{name} at step 45 (killed, or out of memory); it goes on from step 40 as attempt 2"
    for _ in range(2):
        assert dispatcher.next_lane() == [run]
        text = die()
    assert text.startswith(f"{name} at step 45 (killed, or out of memory); given up: the worker process died 3 times")
    (other,) = dispatcher.next_lane()
    trial.config["lane"] = [other.key]
    finish(other.key)
    dispatcher.lane_ended([other.key])
    callback.on_trial_error(iteration=1, trials=[], trial=trial)
    assert "its result was written, so it is finished" in console.file.getvalue().replace("\n", " ")
    assert dispatcher.problem == ""


@pytest.mark.parametrize("result", [{}, {"reports": [{"nonsense": 1}]}, {"reports": None}])
def test_callback_never_raises(dispatcher, console, folder, result):
    store = OptunaStore(folder, lambda: dispatcher.studies)
    callback = DriverCallback(
        dispatcher,
        HistoryWriter(folder.history),
        store,
        PlainLines(console, dispatcher, 1, LAUNCHED_AT),
        LaunchClock(folder),
    )
    callback.on_trial_result(iteration=1, trials=[], trial=None, result=result)
    assert ("TypeError" in dispatcher.problem) == bool(result)
    store.close()


@pytest.mark.parametrize(
    ("name", "short"),
    [("autoencoder", "autoenc"), ("reconstruction_discriminator", "rec D"), ("discriminator", "discrim"), ("a", "a")],
)
def test_players_have_short_names(name, short):
    assert progress.short_player(name) == short


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_losses_of_all_players_fit_into_a_row(dispatch, spec_of, width):
    dispatcher = dispatch(spec_of(GRID))
    (run,) = dispatcher.next_lane()
    values = {
        "loss/reconstruction_discriminator/real": 1.36,
        "loss/regularization_discriminator/real": 1.39,
        "loss/autoencoder/x": 1.42,
    }
    dispatcher.note(Report(run.key, "running", 40, 1.0, values))
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    display_for(console, dispatcher, 1, LAUNCHED_AT).close()
    assert "autoenc 1.42  reg D 1.39  rec D 1.36" in console.file.getvalue()
