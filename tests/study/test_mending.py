"""Damaged records that something else in the folder can tell, and what is said of the others."""

import sys
from datetime import UTC, datetime

import pytest

from study import launch
from study.history import HistoryWriter
from study.mending import mend_rungs
from study.plan import make_plan
from study.planned import record_run
from study.records import read_json, write_json
from study.resolved import write_study
from study.run_log import Line, RunLog
from study.rungs import Rung, parse_rungs, write_rungs

SEARCHED = """
name: s
replicates: {number}
parameters: {{model.latent_dim: {{grid: [2], search: {{low: 2, high: 40}}}}}}
confirm: {{top: 1, seeds: 1}}
budget: {{runs: {runs}}}
"""


@pytest.fixture
def complete(spec_of, folder, dispatch, finish):
    """Return a function that completes a study of a grid, a search and seeds that confirm; it returns the runs."""

    def complete(number):
        spec = spec_of(SEARCHED.format(number=number, runs=3 * number))
        dispatcher = dispatch(spec)
        while lane := dispatcher.next_lane():
            finish(lane[0].key)
            dispatcher.lane_ended([lane[0].key])
        write_study(spec, folder, make_plan(spec, folder), datetime.now(UTC))
        return list(dispatcher.runs.values())

    return complete


@pytest.fixture
def arguments(tmp_path, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "study.session", None)  # nothing is run
    monkeypatch.setattr(launch, "end_launch", lambda _folder, _storage, _notes, code: code)
    return [str(tmp_path / "spec.yaml"), "--out", str(folder.root)]


@pytest.mark.parametrize("origin", ["search", "confirm"])
def test_a_proposal_is_written_anew_from_another_replicate(complete, folder, arguments, capsys, origin):
    runs = complete(2)
    run = next(run for run in runs if run.origin == origin)
    path = folder.run(run.key).run
    former = read_json(path)
    path.write_bytes(path.read_bytes()[:100])
    assert launch.main([*arguments, "--dry-run"]) == 2
    assert f"{path} must be a JSON file" in (text := capsys.readouterr().err)
    assert "The next launch writes it anew from another replicate." in text
    assert launch.main(arguments) == 0
    assert f"Mended: {path} could not be read, and is written anew from another replicate." in capsys.readouterr().out
    assert {**read_json(path), "created_at": ""} == {**former, "created_at": ""}


def test_a_proposal_that_nothing_else_tells_is_not_called_repeatable(complete, folder, arguments, capsys):
    run = next(run for run in complete(1) if run.origin == "search")
    texts = {item.run: item.run.read_text() for item in folder.run_folders() if item.key.startswith(run.config_key)}
    for path in texts:
        path.write_text("{")
    assert launch.main(arguments) == 2
    text = capsys.readouterr().err
    assert "It alone said what the run was" in text
    assert "to have its run repeated" not in text
    assert {path.read_text() for path in texts} == {"{"}
    for path, former in texts.items():
        path.write_text(former)
    folder.run(run.key).result.write_text("{")
    assert launch.main(arguments) == 2
    assert "result.json must be a JSON file" in (text := capsys.readouterr().err)
    assert "Remove it to have its run repeated" in text


def test_torn_rungs_are_told_by_what_the_run_reported(spec_of, folder):
    spec = spec_of(
        "parameters: {train.steps: 100, model.latent_dim: {grid: [2, 3, 4, 5]}}\n"
        "objectives: [{measure: rate, direction: maximize}]\nscheduler: {name: median, every: 10}\n"
    )
    runs = make_plan(spec, folder).wanted
    going, over, silent, whole = (folder.run(run.key) for run in runs)
    for run in runs:
        record_run(folder, run)
    with RunLog(going, 0) as log:
        for step in (10, 15, 20):
            log.add(Line(step, 1.0, {"loss/a": 1.0} | ({"rung/rate": step / 10} if step % 10 == 0 else {})))
    history = HistoryWriter(folder.history)
    for step in (10, 20):
        history.add(over.key, step, 1.0, {"rung/rate": step / 5, "loss/a": 1.0})
    history.write()
    write_json(over.result, {})
    write_rungs(whole, [Rung(10, {"rate": None}, judged=True)])
    former = whole.rungs.read_bytes()
    for run in (going, over, silent):
        run.rungs.write_text('{"key": "x", "rungs": [{"step"')
    texts = mend_rungs(folder, runs)
    assert [text.split(":")[0] for text in texts] == ["Mended", "Mended", "Removed"]
    assert parse_rungs(going) == [Rung(10, {"rate": 1.0}, judged=True), Rung(20, {"rate": 2.0}, judged=False)]
    assert parse_rungs(over) == [Rung(10, {"rate": 2.0}, judged=True), Rung(20, {"rate": 4.0}, judged=True)]
    assert not silent.rungs.exists()
    assert whole.rungs.read_bytes() == former
    assert mend_rungs(folder, runs) == []
