"""A report that is up to date is known, and one that is not."""

import os
import shutil

import pytest

from analysis.current import is_current
from analysis.report import PAGE, write_report
from study.records import StudyFolder, read_json, write_json


@pytest.fixture(scope="module")
def written(small_study, tmp_path_factory):
    root = shutil.copytree(small_study, tmp_path_factory.mktemp("current") / "small")
    write_report(root)
    return StudyFolder(root)


@pytest.fixture
def folder(written):
    """The folder with a report that is up to date."""
    if not current(written):
        write_report(written.root)
    assert current(written)
    return written


def current(folder):
    return is_current(folder)


def test_what_no_report_reads_leaves_it_current(folder):
    run = folder.run_folders()[0]
    for path in (run.log, run.root / "events.out.tfevents.1", run.root / ".result.0123456789ab.json", folder.optuna):
        path.touch()
    folder.lock.write_text("held")
    assert current(folder)
    run.log.unlink()


@pytest.mark.parametrize("name", ["run.json", "result.json", "measures.json", "full_measures.json"])
def test_a_record_that_changes_or_is_new_puts_it_out_of_date(folder, name):
    path = folder.run_folders()[0].root / name
    status = path.stat() if path.exists() else None
    path.touch()
    assert not current(folder)
    if status is None:
        path.unlink()
    else:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert current(folder)


@pytest.mark.parametrize("name", [PAGE, "tables/cells.csv"])
def test_a_report_that_is_damaged_or_gone_is_not_current(folder, name):
    path = folder.report / name
    text, status = path.read_bytes(), path.stat()
    path.write_bytes(text[:100])
    assert not current(folder)
    path.unlink()
    assert not current(folder)
    path.write_bytes(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_study_itself_counts_by_what_it_says(folder):
    study = read_json(folder.resolved)
    write_json(folder.resolved, study | {"question": "another?"})
    assert not current(folder)
    write_json(folder.resolved, study)
    text = folder.resolved.read_bytes()
    write_report(folder.root)
    folder.resolved.write_bytes(text)
    assert current(folder)


def test_other_code_puts_it_out_of_date(folder, monkeypatch):
    monkeypatch.setattr("analysis.current._code", lambda: "of another day")
    assert not current(folder)


def test_a_report_that_was_cut_off_is_not_current(folder, monkeypatch):
    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("analysis.report.write_tables", fail)
    with pytest.raises(OSError, match="no space"):
        write_report(folder.root)
    assert (folder.report / PAGE).is_file()
    assert not current(folder)
