"""A sample of cut-off files through the whole command, with Ray where there is something to train."""

import pytest
from harness.studies import Ledger, check_complete, copy_study

from study.planned import record_run
from study.records import read_json

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.fixture
def finished(reference, tmp_path):
    """A copy of the undisturbed study."""
    return copy_study(reference, tmp_path / "copy")


def test_a_result_that_is_cut_off(finished, launch, note):
    path = finished.folder.run(min(finished.finished())).result
    cut(path)
    last = launch(finished)
    assert last.end() == 2
    assert last.text.startswith(f"{path} must be a JSON file")
    assert "Traceback" not in last.text
    note("result.json cut off, whole command", 1, "exit code 2, the file is named")


def test_derived_files_and_measures_that_are_cut_off(finished, reference, launch, note):
    run = finished.folder.run(min(finished.finished()))
    history = min(finished.folder.history.iterdir())
    for path in (run.measures, history, finished.folder.optuna, finished.folder.report / "index.html"):
        cut(path)
    last = launch(finished)
    assert last.end() == 0, last.text
    assert f"Problem: runs/{run.key}/measures.json" in last.text
    assert f"Problem: history/{history.name}" in last.text
    assert (finished.folder.report / "index.html").read_text().rstrip().endswith("</html>")
    run.measures.write_bytes(reference.folder.run(run.key).measures.read_bytes())
    check_complete(finished, reference)
    note(
        "measures.json, history, optuna.db and report cut off, whole command",
        4,
        "named; what is derived is written anew",
    )


def test_a_run_that_lost_its_result_and_half_of_its_record(finished, reference, launch, note):
    wanted = next(run for run in finished.plan().wanted if run.origin == "grid")
    run = finished.folder.run(wanted.key)
    for path in run.root.iterdir():
        path.unlink()
    record_run(finished.folder, wanted)
    cut(run.run)
    ledger = Ledger(finished.folder)
    others = finished.finished()
    last = launch(finished)
    assert last.end() == 0, last.text
    assert f"Mended: {run.run}" in last.text
    assert finished.finished() == others | {run.key}
    assert read_json(run.run)["key"] == run.key
    ledger.check()
    check_complete(finished, reference)
    note("run.json cut off before its run, whole command", 1, "mended; the run is trained")
