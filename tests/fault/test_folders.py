"""A study folder that is moved or copied, and a study or model code that changes, between two launches."""

import shutil
import signal

import pytest
from harness.launches import ROOT
from harness.studies import STUDY, Ledger, Study, check_complete, copy_study

from study.records import StudyFolder, run_status

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

PACKAGES = ("iae_models", "analysis", "study")


@pytest.fixture
def interrupted(study, launch):
    """A study whose driver was killed after its first run finished."""
    first = launch(study)
    assert first.wait_for(study.finished)
    first.end(signal.SIGKILL)
    first.close()
    assert not study.plan().is_done
    return study


def test_a_moved_folder(interrupted, reference, launch, tmp_path, note):
    ledger = Ledger(interrupted.folder)
    ledger.check()
    moved = Study(interrupted.path, StudyFolder(tmp_path / "elsewhere" / "moved"))
    moved.folder.root.parent.mkdir()
    shutil.move(interrupted.folder.root, moved.folder.root)
    last = launch(moved)
    assert last.end() == 0, last.text
    ledger.moved_to(moved.folder)
    ledger.check()
    check_complete(moved, reference)
    note("a half-done folder is moved", 1, "goes on where it stopped; none lost or run twice")


def test_a_copied_folder(interrupted, reference, launch, tmp_path, note):
    copy = copy_study(interrupted, tmp_path / "copy")
    before = contents(interrupted.folder.root)
    last = launch(copy)
    assert last.end() == 0, last.text
    check_complete(copy, reference)
    assert contents(interrupted.folder.root) == before
    note("a half-done folder is copied", 1, "the copy goes on, the original stays as it was")


def test_edited_model_code(interrupted, reference, launch, tmp_path, note):
    code = tmp_path / "code"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (code / "iae_models" / "losses.py").open("a") as file:
        file.write("\nEDITED = True\n")
    ledger = Ledger(interrupted.folder)
    num_before = ledger.check()
    last = launch(interrupted, root=code)
    assert last.end() == 0, last.text
    ledger.check()
    assert f"{num_before} of them by other model code" in last.text
    check_complete(interrupted, reference)
    note("model code is edited in between", 1, "finished runs are kept and named; the others are run by the new code")


def test_an_edited_specification(interrupted, launch, note):
    ledger = Ledger(interrupted.folder)
    ledger.check()
    dropped = {run.key for run in interrupted.folder.run_folders()}
    interrupted.path.write_text(STUDY.replace("[2, 4]", "[4, 6, 8]").replace("runs: 8", "runs: 12"))
    last = launch(interrupted)
    assert last.end() == 0, last.text
    ledger.check()
    plan = interrupted.plan()
    assert plan.is_done
    assert {run.config.model.noise_dim for run in plan.wanted if run.origin == "grid"} == {4, 6, 8}
    wanted = {run.key for run in plan.wanted}
    assert set(plan.extra) == dropped - wanted
    assert all(run_status(interrupted.folder.run(key)) in ("finished", "unfinished", "planned") for key in plan.extra)
    assert (interrupted.folder.root / "study.1.yaml").read_text() == STUDY
    note("the specification is edited in between", 1, "what is not wanted any more is kept, what is new is run")


def contents(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
