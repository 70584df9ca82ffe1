import pytest

from study import aside
from study.aside import moved_aside
from study.failures import BadInput
from study.lock import FolderInUse, hold


@pytest.fixture
def full(folder):
    folder.root.mkdir()
    (folder.root / "study.yaml").write_text("former")
    return folder


def test_a_folder_that_is_not_there_needs_no_move(folder):
    with moved_aside(folder) as path:
        assert path is None
    assert not folder.root.exists()


def test_two_moves_in_a_second_overwrite_nothing(full, monkeypatch):
    class Clock(aside.datetime):
        @classmethod
        def now(cls):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(aside, "datetime", Clock)
    names = []
    for text in ("first", "second"):
        full.root.mkdir(exist_ok=True)
        full.specification.write_text(text)
        with moved_aside(full) as path:
            names.append(path)
        assert not full.root.exists()
    assert [path.name for path in names] == ["study.2026-01-02-030405", "study.2026-01-02-030405-2"]
    assert [(path / "study.yaml").read_text() for path in names] == ["first", "second"]


def test_bad_input_brings_it_back(full):
    with pytest.raises(BadInput, match="no data"), moved_aside(full) as path:
        raise BadInput("no data")
    assert full.specification.read_text() == "former"
    assert not path.exists()


def test_a_folder_in_use_stays(full):
    with hold(full.lock), pytest.raises(FolderInUse), moved_aside(full):
        pass
    assert full.specification.is_file()


def test_the_folder_that_it_runs_in_stays(full, monkeypatch):
    monkeypatch.chdir(full.root)
    with pytest.raises(BadInput, match="outside the study folder"), moved_aside(full):
        pass
    assert full.specification.is_file()
