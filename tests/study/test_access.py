"""Folders that cannot be read or written, and signals that come once more: words and an exit code, no traceback."""

import signal
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from study import best, launch, session, status
from study.access import reading, writing
from study.failures import BadInput
from study.lanes import Lanes
from study.plan import make_plan
from study.planned import record_run
from study.resolved import write_study

GRID = "name: small\nparameters: {model.latent_dim: {grid: [2, 3]}}\n"


@pytest.fixture
def unreadable(spec_of, folder):
    """Return the path of a result that is there and cannot be read, whoever reads it: it is a folder."""
    spec = spec_of(GRID)
    plan = make_plan(spec, folder)
    write_study(spec, folder, plan, datetime(2026, 1, 1, tzinfo=UTC))
    record_run(folder, plan.wanted[0])
    path = folder.run(plan.wanted[0].key).result
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize(("context", "word"), [(reading, "readable"), (writing, "writable")])
def test_an_error_of_the_file_system_names_the_path(folder, context, word):
    with pytest.raises(BadInput) as error, context(folder):
        (folder.root / "nothing").read_text()
    place = folder.root / "nothing"
    assert str(error.value) == f"the study folder must be {word}, but {place} is not: No such file or directory."
    with pytest.raises(BadInput, match=f"but {folder.root} is not: nodes are gone"), context(folder):
        raise OSError("nodes are gone")


@pytest.mark.parametrize(
    "command",
    [
        lambda spec, root: launch.main([spec, "--out", root, "--dry-run"]),
        lambda spec, root: launch.main([spec, "--out", root, "--list"]),
        lambda spec, root: launch.main([spec, "--out", root]),
        lambda _, root: best.main([root]),
        lambda _, root: status.main([root]),
        lambda _, root: status.main([root, "--watch"]),
    ],
)
def test_a_file_that_cannot_be_read_is_bad_input(unreadable, folder, tmp_path, capsys, command):
    assert command(str(tmp_path / "spec.yaml"), str(folder.root)) == 2
    assert f"the study folder must be readable, but {unreadable} is not: Is a directory." in capsys.readouterr().err


def test_a_folder_that_is_full_before_the_first_lane_is_bad_input(spec_of, folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "pruned.json")

    monkeypatch.setattr(session, "cluster", lambda *_: nullcontext())
    monkeypatch.setattr(session, "lanes_of", lambda _: Lanes(1, 1.0, 0.0, ((1.0, 0.0),)))
    monkeypatch.setattr(session, "Dispatcher", full)
    spec = spec_of(GRID)
    options = {"address": None, "data_root": None, "launched_at": datetime.now(UTC), "command": ""}
    with pytest.raises(BadInput, match=r"must be writable, but pruned.json is not: No space left on device"):
        session.run_plan(spec, folder, make_plan(spec, folder), ready=lambda: None, **options)


def test_one_more_ctrl_c_while_the_end_is_told_changes_nothing(spec_of, folder, tmp_path, monkeypatch, capsys):
    def pressed(*_):
        raise KeyboardInterrupt

    def plan(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        return make_plan(*arguments)

    spec_of(GRID)
    former = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(launch, "_launch", pressed)
    monkeypatch.setattr(launch, "make_plan", plan)
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 130
    assert "Interrupted: 0 runs finished and 2 left." in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is former


def test_ctrl_c_before_anything_is_held_is_no_traceback(spec_of, tmp_path, monkeypatch):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    spec_of(GRID)
    monkeypatch.setattr(launch, "load_study", pressed)
    assert launch.main([str(tmp_path / "spec.yaml"), "--dry-run"]) == 130
