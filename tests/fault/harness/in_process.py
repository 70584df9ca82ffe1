"""A launch without processes: the command and all that is around Ray are real, Ray and the training are not.

It takes a fraction of a second, so that faults can be tried by the hundred. Runs come to the numbers of a real run,
with objectives that depend on the run alone.
"""

import contextlib
import io
import sys
import types
import zlib
from unittest import mock

import pandas as pd
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

import study.session
from analysis.results import load_results
from analysis.whole_files import atomic_path
from study import launch
from study.lane import LaneTrainable
from study.records import RunFolder, StudyFolder, read_json, write_json
from study.run_log import Line, RunLog
from study.rungs import with_rungs
from study.search import LaneSearcher, RungScheduler
from study.trial import WorkerSettings

NODE = {"Alive": True, "Resources": {"CPU": 2.0}}


def run_lanes(dispatcher, lanes, place, callback, _say):
    """Do what Ray Tune does with a searcher, a scheduler and a callback, one step of a lane after the other."""
    searcher = LaneSearcher(dispatcher, place, lanes.bundles)
    scheduler = RungScheduler(searcher)
    trials, number, is_over = {}, 0, False
    while trials or not is_over:
        while len(trials) < lanes.number and not is_over:
            number += 1
            suggestion = searcher.suggest(str(number))
            is_over = suggestion == Searcher.FINISHED
            if suggestion is None or is_over:
                break
            trials[str(number)] = LaneTrainable(suggestion)
        assert trials or is_over, "nothing is out and nothing comes"
        for trial_id, trainable in list(trials.items()):
            try:
                result = trainable.step()
            except Exception:  # noqa: BLE001 - Ray loses the worker
                del trials[trial_id]
                searcher.on_trial_complete(trial_id, error=True)
                continue
            trial = types.SimpleNamespace(trial_id=trial_id)
            stops = scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP
            callback.on_trial_result(0, [], None, result)
            if stops or result["done"]:
                del trials[trial_id]
                searcher.on_trial_complete(trial_id, result)
        callback.on_step_end(0, [])


def replayed(template: RunFolder, before=lambda _run, _step: None):
    """Return a stand-in for the training of a run, which writes what the template has.

    Args:
        template: The folder of a run that finished.
        before: Called with the run and the step that it is at, before each report; what it raises happens to the run.
    """
    result, measures = read_json(template.result), read_json(template.measures)

    def training(run, steps, every):
        for step in range(every, steps + 1, every):
            before(run, step)
            yield types.SimpleNamespace(step=step, values={"loss/autoencoder/reconstruction": number_of(run)})

    def train_and_measure(run, place: WorkerSettings):
        run.remove_temporaries()  # as what a run goes on from is looked for
        steps, number = result["steps"], number_of(run)
        progress = training(run, steps, place.judge_every or steps // 2)
        state = types.SimpleNamespace(step=0)
        rungs = dict.fromkeys(place.judge_by, number)
        with RunLog(run, 0) as log:
            for item in with_rungs(progress, run, state, steps, place.judge_every, lambda: rungs):
                line = Line(item.step, item.step / 1000, item.values)
                log.add(line)
                log.sync()
                yield line
        for path in (run.samples, run.picture, run.weights):
            with atomic_path(path) as temporary:
                temporary.write_bytes(run.key.encode())
        write_json(run.measures, measures | {"key": run.key})
        values = {"critic_accuracy": number, "rate": 3 * number}
        validation = result["values"]["validation"] | values
        write_json(run.result, result | {"key": run.key, "values": result["values"] | {"validation": validation}})

    return train_and_measure


def number_of(run):
    """Return a number from 0.5 to 1 that depends on the run alone."""
    return 0.5 + zlib.crc32(run.key.encode()) / 2**33


def write_problems(root):
    """Write of the report only which files could not be read."""
    folder = StudyFolder(root)
    path = folder.report / "tables" / "problems.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"problem": load_results(root).problems}).to_csv(path, index=False)
    return folder.report / "index.html"


@contextlib.contextmanager
def module_replaced(name, module):
    """Let imports find another module; what else is imported meanwhile stays, unlike with `mock.patch.dict`."""
    former = sys.modules.get(name)
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
        if former is not None:
            sys.modules[name] = former


@contextlib.contextmanager
def without_ray(train_and_measure):
    """Let launches of this process use neither Ray nor torch, and draw no report."""
    report = types.ModuleType("analysis.report")
    report.write_report = write_problems
    runs = types.SimpleNamespace(train_and_measure=train_and_measure)
    with (
        module_replaced("analysis.report", report),
        module_replaced("study.run", runs),
        mock.patch.object(launch, "LOAD_DATA", ""),
        mock.patch.object(study.session, "cluster", lambda *_, **__: contextlib.nullcontext()),
        mock.patch.object(study.session, "run_lanes", run_lanes),
        mock.patch("ray.nodes", lambda: [NODE]),
    ):
        yield


def launched(study, *flags):
    """Launch a study in this process; return the exit code and what was printed."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = launch.main([str(study.path), "--out", str(study.folder.root), *flags])
    return code, output.getvalue()
