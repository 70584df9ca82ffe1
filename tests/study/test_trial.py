import sys
import types
from dataclasses import dataclass

import pytest

from study.records import read_json, run_status
from study.trial import WorkerSettings, perform


@dataclass
class Progress:
    step: int
    values: dict
    time_s: float = 0.0


class Diverged(ArithmeticError):
    pass


class OutOfMemoryError(RuntimeError):
    """As torch's."""


@pytest.fixture
def train(monkeypatch):
    """Return a function that puts a generator in the place of training."""

    def put(generator):
        module = types.ModuleType("study.run")
        module.train_and_measure = generator
        monkeypatch.setitem(sys.modules, "study.run", module)

    return put


def reports_of(folder):
    return list(perform("a-0", WorkerSettings(str(folder.root))))


def test_reports_come_as_training_goes_on_and_end_with_the_outcome(folder, train):
    def generator(run, place):
        assert (run.root, place.study) == (folder.run("a-0").root, str(folder.root))
        yield Progress(10, {"loss/x": 1.0})
        yield Progress(20, {"loss/x": 0.5})

    train(generator)
    reports = reports_of(folder)
    assert [(report.status, report.step, report.values) for report in reports] == [
        ("running", 10, {"loss/x": 1.0}),
        ("running", 20, {"loss/x": 0.5}),
        ("finished", 20, {}),
    ]
    assert 0 <= reports[0].time_s <= reports[2].time_s


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (
            Diverged("loss/a/b became nan between steps 11 and 20"),
            "diverged",
            "loss/a/b became nan between steps 11 and 20",
        ),
        (ZeroDivisionError("division by zero"), "error", "ZeroDivisionError: division by zero"),
        (MemoryError(), "memory", "MemoryError"),
        (RuntimeError("CUDA out of memory.\nTried to allocate …"), "memory", "RuntimeError: CUDA out of memory."),
        (OutOfMemoryError("no more"), "memory", "OutOfMemoryError: no more"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "memory",
            "RuntimeError: DefaultCPUAllocator: can't allocate memory",
        ),
        (RuntimeError("shapes do not fit"), "error", "RuntimeError: shapes do not fit"),
    ],
)
def test_whatever_happens_becomes_a_failure_of_this_run(folder, train, error, kind, reason):
    def generator(*_):
        yield Progress(10, {})
        raise error

    train(generator)
    assert [(report.status, report.reason) for report in reports_of(folder)] == [("running", ""), ("failed", reason)]
    failure = read_json(folder.run("a-0").failure)
    assert (failure["kind"], failure["reason"], failure["step"]) == (kind, reason, 10)
    assert type(error).__name__ in failure["traceback"]


def test_a_worker_that_is_told_to_stop_records_nothing(folder, train):
    def generator(*_):
        yield Progress(10, {})

    train(generator)
    reports = perform("a-0", WorkerSettings(str(folder.root)))
    next(reports)
    reports.close()
    assert run_status(folder.run("a-0")) == "planned"


def test_a_finished_run_is_never_run_again(folder, finish, train):
    train(None)
    finish("a-0")
    before = folder.run("a-0").result.read_bytes()
    (report,) = reports_of(folder)
    assert (report.key, report.status, report.reason) == ("a-0", "finished", "")
    assert folder.run("a-0").result.read_bytes() == before
    assert not folder.run("a-0").failure.exists()
