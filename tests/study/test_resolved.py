from datetime import UTC, datetime

import pytest

from analysis.whole_files import write_whole
from study.plan import grid_runs, make_plan
from study.recorded import recorded_study
from study.records import read_json
from study.resolved import readmit, write_study


def finish_grid(dispatcher, finish):
    while (lane := dispatcher.next_lane()) and lane[0].origin == "grid":
        finish(lane[0].key)
        dispatcher.lane_ended([lane[0].key])


def test_the_study_lists_its_grid_runs_with_the_block_and_label_of_today(spec_of, folder, dispatch, finish):
    finish_grid(dispatch(spec_of()), finish)
    changed = spec_of("""
name: small
parameters: {model.width: 0.03, train.steps: 40, train.report_every: 10, train.batch_size: 16}
blocks:
  - name: renamed
    parameters: {model.noise_dim: 10, model.latent_dim: {grid: [2, 7]}}
""")
    plan = make_plan(changed, folder)
    write_study(changed, folder, plan, datetime.now(UTC))
    study = read_json(folder.resolved)
    runs = grid_runs(changed)
    assert study["runs"] == [{"key": run.key, "block": "renamed", "label": run.label} for run in runs]
    assert [run["label"] for run in study["runs"]] == ["z=2", "z=7"]
    # that run is kept as it was: finished long ago, under another block and label
    assert read_json(folder.run(runs[0].key).run)["label"] == "z=2 n=10"
    others = {run.key for run in folder.run_folders()} - {runs[0].key}
    assert set(study["extra"]) == others
    assert len(others) == 11


def test_searched_runs_are_in_neither_list(spec_of, folder, dispatch, finish):
    spec = spec_of()
    finish_grid(dispatch(spec), finish)
    plan = make_plan(spec, folder)
    write_study(spec, folder, plan, datetime.now(UTC))
    study = read_json(folder.resolved)
    searched = {run.key for run in plan.wanted if run.origin == "search"}
    assert len(searched) == 2
    assert not searched & {run["key"] for run in study["runs"]}
    assert study["extra"] == []


def test_extra_runs_are_readmitted(spec_of, folder):
    readmit(folder, ["a-0"])  # before the study was ever written
    spec = spec_of()
    plan = make_plan(spec, folder)
    write_study(spec, folder, plan, datetime.now(UTC))
    study = read_json(folder.resolved)
    folder.resolved.write_text(folder.resolved.read_text().replace('"extra": []', '"extra": ["a-0", "b-0"]'))
    readmit(folder, ["a-0"])
    assert read_json(folder.resolved) == study | {"extra": ["b-0"]}


CHANGED = "name: small\nparameters: {model.latent_dim: {grid: [3]}}\n"


def test_a_kill_before_the_new_text_leaves_a_study_and_keeps_the_former_once(spec_of, folder, monkeypatch):
    def write(spec):
        write_study(spec, folder, make_plan(spec, folder), datetime.now(UTC))

    def killed(path, content):
        if path == folder.specification:
            raise KeyboardInterrupt
        write_whole(path, content)

    first = spec_of()
    write(first)
    second = spec_of(CHANGED)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("study.resolved.write_whole", killed)
        write(second)
    assert recorded_study(folder).text == first.text
    write(second)
    assert recorded_study(folder).text == second.text
    assert [path.name for path in folder.root.glob("study.*.yaml")] == ["study.1.yaml"]
    assert (folder.root / "study.1.yaml").read_text() == first.text
    write(first)
    write(second)
    kept = {path.name: path.read_text() for path in folder.root.glob("study.*.yaml")}
    assert kept == {"study.1.yaml": first.text, "study.2.yaml": second.text, "study.3.yaml": first.text}
