"""Crashes and a full disk at every point of every write of a small study."""

import itertools

import pytest
from harness.crash_points import KILLED, Forks
from harness.in_process import launched, replayed, without_ray
from harness.studies import SMALL, Ledger, write_study

from study.records import names_in, read_json

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def forks(template):
    forks = Forks(template)
    yield forks
    forks.close()


@pytest.mark.parametrize(("name", "act"), [("a crash", "crash_at"), ("a disk that is full from then on", "full_from")])
def test_every_point_of_every_write(name, act, template, forks, tmp_path, note):
    undisturbed = write_study(tmp_path / "undisturbed", SMALL)
    with without_ray(replayed(template)):
        assert launched(undisturbed)[0] == 0
    for point in itertools.count(1):
        study = write_study(tmp_path / str(point), SMALL)
        log = tmp_path / f"{point}.log"
        code = forks.launch(act, point, study, log)
        if code == 0:
            break
        check_end(code, act, log)
        goes_on(study, undisturbed, template)
    assert point > 50
    note(
        f"{name} before each flush and rename", point - 1, "the next launch completes the study; none lost or run twice"
    )


def check_end(code, act, log):
    """Check that the faulty launch ended as its fault would have it."""
    if act == "crash_at":
        assert code == KILLED
        return
    text = log.read_text()
    assert code in (1, 2)
    assert "No space left on device" in text
    assert "Traceback" not in text


def goes_on(study, undisturbed, template):
    """Check that the next launch completes a study."""
    ledger = Ledger(study.folder)
    ledger.check()
    with without_ray(replayed(template)):
        code, text = launched(study)
    assert code == 0, text
    ledger.check()
    assert study.plan().is_done
    assert study.origins() == undisturbed.origins()
    for run in undisturbed.folder.run_folders():
        ours = study.folder.run(run.key)
        assert read_json(ours.result)["values"] == read_json(run.result)["values"]
        assert not [name for name in names_in(ours.root) if name.startswith(".")]
