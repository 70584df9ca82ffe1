import itertools
import subprocess
import sys

import pytest
from harness.launches import ROOT, Launch, undisturbed
from harness.studies import STUDY, write_study

from study.planned import record_run

PERFORM = "import sys; from study.trial import *; list(perform(sys.argv[1], WorkerSettings(sys.argv[2])))"
"""Trains one run of a study folder."""


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """The study as it is when nothing disturbs it; only to be read."""
    return undisturbed(tmp_path_factory.mktemp("reference"), STUDY)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The folder of one run that was trained and measured, in a process of its own and without Ray."""
    study = write_study(tmp_path_factory.mktemp("template"))
    run = study.plan().wanted[0]
    record_run(study.folder, run)
    command = [sys.executable, "-c", PERFORM, run.key, str(study.folder.root)]
    subprocess.run(command, check=True, cwd=ROOT)
    assert study.finished() == {run.key}
    return study.folder.run(run.key)


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)


@pytest.fixture
def launch(tmp_path):
    """Return a function that launches a study; whatever it starts is gone at the end of the test."""
    launches, numbers = [], itertools.count(1)

    def start(study, *flags, **options):
        launches.append(Launch(study.path, study.folder, tmp_path / f"log{next(numbers)}", flags, **options))
        return launches[-1]

    yield start
    for item in launches:
        item.close()


@pytest.fixture
def note(record_property):
    """Return a function that records for the table of faults what happened, how often, and what held."""

    def record(fault, count, outcome):
        record_property("fault", {"fault": fault, "count": count, "outcome": outcome})

    return record
