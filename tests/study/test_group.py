"""Runs that one worker trains side by side: each of them is as it would be without the others."""

import shutil

import pytest
import torch

from iae_models.state import save_weights
from iae_models.training import evaluation_model
from study import run as worker
from study.group import Group
from study.lane import LaneTrainable
from study.plan import grid_runs
from study.planned import record_run
from study.records import StudyFolder, read_json, run_status, write_json
from study.spec import load_study
from study.stop_request import request_stop, withdraw_stop
from study.trial import WorkerSettings, perform, perform_all

pytestmark = pytest.mark.usefixtures("torch_settings")

STUDY = """
parameters:
  model.width: 0.03
  model.latent_dim: 2
  model.noise_dim: 4
  train.steps: 12
  train.report_every: 5
  train.batch_size: 16
replicates: 3
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(STUDY)
    return grid_runs(load_study(path))


@pytest.fixture(scope="module", autouse=True)
def unmeasured():
    """Let no run be measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "_measure", weigh)
        yield


def weigh(run, state, data, *_):
    """Write the weights that would be measured; measuring itself is the same for every run, and takes its time."""
    save_weights(evaluation_model(state, data), run.weights)
    return [], None


@pytest.fixture(scope="module")
def whole(tmp_path_factory, runs):
    """A folder in which three replicates were trained one after the other, undisturbed."""
    folder = StudyFolder(tmp_path_factory.mktemp("whole"))
    for key in keys_of(folder, runs):
        list(perform(key, WorkerSettings(str(folder.root))))
    return folder


@pytest.fixture
def part(tmp_path, runs):
    """A folder with the same runs, none of which has begun."""
    folder = StudyFolder(tmp_path)
    keys_of(folder, runs)
    return folder


def keys_of(folder, runs):
    for run in runs:
        record_run(folder, run)
    return [run.key for run in runs]


def place_of(folder, **changes):
    return WorkerSettings(str(folder.root), together=3, **changes)


def same(key, *folders):
    one, other = (folder.run(key).weights.read_bytes() for folder in folders)
    return one == other


def test_runs_report_in_turn_and_are_those_alone(part, whole, runs):
    keys = [run.key for run in runs]
    reports = list(perform_all(keys, place_of(part)))
    assert [report.key for report in reports[:6]] == [*keys, *keys]
    for key in keys:
        own = [(report.status, report.step) for report in reports if report.key == key]
        assert own == [("running", 5), ("running", 10), ("running", 12), ("finished", 12)]
        assert same(key, part, whole)
    assert len({part.run(key).weights.read_bytes() for key in keys}) == 3


def test_where_one_ends_the_next_takes_its_place(part, whole, runs):
    keys = [run.key for run in runs]
    reports = list(perform_all(keys, WorkerSettings(str(part.root), together=2)))
    turns = [report.key for report in reports if report.status == "running"]
    assert {*turns[:6]} == {*keys[:2]} and turns[6:] == [keys[2]] * 3
    assert all(same(key, part, whole) for key in keys)


def test_the_time_of_all_is_shared_among_those_that_have_not_ended(monkeypatch):
    clock = iter([100.0, 100.0, 100.0, 106.0, 110.0, 114.0])
    monkeypatch.setattr("study.group.time.perf_counter", lambda: next(clock))
    group = Group("cpu")
    group.add("a")
    group.add("b")
    assert group.clock("a") == 3.0
    group.leave("a")
    assert (group.clock("b"), group.next) == (5.0 + 4.0, "b")


def test_interrupted_runs_go_on_and_end_bitwise_as_undisturbed_ones(part, whole, runs):
    keys, place = [run.key for run in runs], place_of(part, checkpoint_s=0.0)
    going = perform_all(keys, place)
    for _ in range(5):  # the last run was not asked for its second report, and has no checkpoint of that step
        next(going)
    going.close()
    assert [part.run(key).newest_step() for key in keys] == [10, 10, 5]
    reports = list(perform_all(keys, place))
    assert [report.status for report in reports].count("finished") == 3
    assert all(same(key, part, whole) for key in keys)
    assert read_json(part.run(keys[0]).result)["resumed_from"] == [10]


def test_an_interrupted_run_goes_on_alone(part, whole, runs):
    keys, place = [run.key for run in runs], place_of(part, checkpoint_s=0.0)
    going = perform_all(keys, place)
    for _ in range(4):
        next(going)
    going.close()
    list(perform(keys[2], place))
    assert same(keys[2], part, whole)
    assert read_json(part.run(keys[2]).result)["resumed_from"] == [5]


def test_a_run_that_fails_leaves_the_others_as_they_are(part, whole, runs):
    keys = [run.key for run in runs]
    record = read_json(part.run(keys[1]).run)
    write_json(part.run(keys[1]).run, record | {"replicate": 7})
    reports = list(perform_all(keys, place_of(part)))
    assert {report.key: report.status for report in reports} == dict(
        zip(keys, ("finished", "failed", "finished"), strict=True)
    )
    for key in (keys[0], keys[2]):
        assert same(key, part, whole)


def test_a_run_that_diverges_leaves_the_others_as_they_are(part, whole, runs, monkeypatch):
    keys = [run.key for run in runs]
    begin = worker.initial_state

    def spoilt(config, replicate, *others):
        state = begin(config, replicate, *others)
        if replicate == 2:
            with torch.no_grad():
                dict(state.variant.named_parameters())["decoder.layers.0.weight"].fill_(float("nan"))
        return state

    monkeypatch.setattr(worker, "initial_state", spoilt)
    reports = list(perform_all(keys, place_of(part)))
    (failed,) = [report for report in reports if report.status == "failed"]
    assert (failed.key, failed.step) == (keys[2], 0)
    assert "became nan between steps 1 and 5" in failed.reason
    assert all(same(key, part, whole) for key in keys[:2])


def test_an_error_of_the_device_ends_the_process_and_no_other_run(part, whole, runs, monkeypatch):
    def broken(*_):
        raise torch.AcceleratorError("device-side assert")

    keys = [run.key for run in runs]
    with monkeypatch.context() as patch:
        patch.setattr("iae_models.step_graph.StepGraphs.perform", broken)
        with pytest.raises(torch.AcceleratorError):
            list(perform_all(keys, place_of(part)))
        assert [run_status(part.run(key)) for key in keys] == ["planned"] * 3
        with pytest.raises(torch.AcceleratorError):  # alone it is known whose error it is
            list(perform_all(keys[:1], place_of(part)))
    assert read_json(part.run(keys[0]).failure)["reason"] == "AcceleratorError: device-side assert"
    list(perform_all(keys[1:], place_of(part)))
    assert all(same(key, part, whole) for key in keys[1:])


def test_a_run_that_fell_behind_ends_and_the_others_go_on(part, whole, runs):
    keys, place = [run.key for run in runs], place_of(part, judge_every=5)
    going = perform_all(keys, place)
    assert [next(going).step for _ in keys] == [5, 5, 5]
    write_json(part.run(keys[1]).pruned, {"key": keys[1], "status": "pruned", "step": 5, "reason": "behind"})
    reports = list(going)
    assert [(report.status, report.step) for report in reports if report.key == keys[1]] == [("pruned", 5)]
    for key in (keys[0], keys[2]):
        assert same(key, part, whole)
    assert run_status(part.run(keys[1])) == "pruned"


def test_a_run_that_ends_before_it_trains_leaves_the_others_as_they_are(part, whole, runs, monkeypatch):
    shown = worker.with_rungs

    def ending(progress, run, *others):
        if run.key == keys[0]:
            next(progress)  # it has joined
            raise OSError("rungs.json cannot be read")
        yield from shown(progress, run, *others)

    keys = [run.key for run in runs]
    monkeypatch.setattr(worker, "with_rungs", ending)
    reports = list(perform_all(keys, place_of(part)))
    assert [report.key for report in reports if report.status == "failed"] == [keys[0]]
    assert all(same(key, part, whole) for key in keys[1:])


def test_runs_that_are_asked_to_stop_save_checkpoints_and_go_on_later(part, whole, runs):
    keys, place = [run.key for run in runs], place_of(part, checkpoint_s=1000.0)
    going = perform_all(keys, place)
    assert [next(going).step for _ in keys] == [5, 5, 5]
    request_stop(part, "test")
    rest = list(going)
    assert [(report.key, report.status) for report in rest if report.status != "running"] == [
        (key, "stopped") for key in keys
    ]
    assert [part.run(key).newest_step() for key in keys] == [10, 10, 10]
    withdraw_stop(part)
    list(perform_all(keys, place))
    assert all(same(key, part, whole) for key in keys)


def test_a_run_that_has_ended_is_told_and_the_others_train(part, whole, runs):
    keys = [run.key for run in runs]
    shutil.copytree(whole.run(keys[0]).root, part.run(keys[0]).root, dirs_exist_ok=True)
    reports = list(perform_all(keys, place_of(part)))
    assert (reports[0].key, reports[0].status) == (keys[0], "finished")
    assert all(same(key, part, whole) for key in keys)


def test_a_lane_is_done_when_the_last_of_them_is(part, runs):
    keys = [run.key for run in runs]
    trainable = LaneTrainable.__new__(LaneTrainable)  # without Ray, which only wraps `step`
    place = {"study": str(part.root), "together": 3}
    trainable.setup({"lane": keys, "place": place})
    results = [trainable.step()]
    while not results[-1]["done"]:
        results.append(trainable.step())
    ends = [result["reports"][0]["status"] for result in results]
    assert ends.count("finished") == 3
    assert [run_status(part.run(key)) for key in keys] == ["finished"] * 3
