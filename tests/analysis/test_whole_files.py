import os

import pytest

from analysis import whole_files
from analysis.whole_files import atomic_path, settle, write_whole


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_has_the_mode_of_the_umask_whatever_its_writer_does(tmp_path, mask):
    former = os.umask(mask)
    try:
        with atomic_path(tmp_path / "a.bin") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(former)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o666 & ~mask


def no_links(*_):
    raise PermissionError


@pytest.mark.parametrize("link", [os.link, no_links])
def test_the_first_decides_and_nothing_else_is_left(tmp_path, monkeypatch, link):
    monkeypatch.setattr(whole_files.os, "link", link)
    settle(tmp_path / "new" / "a.json", b"first")
    settle(tmp_path / "new" / "a.json", b"second")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [("a.json", b"first")]


def test_what_is_settled_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(whole_files.os, "fsync", lambda file: (done.append("flushed"), fsync(file)))
    monkeypatch.setattr(whole_files.os, "link", lambda *paths: (done.append("named"), link(*paths)))
    settle(tmp_path / "a.json", b"first")
    assert done.index("flushed") < done.index("named")
    assert done[-1] == "flushed"  # the folder


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "a", b"old")
    with pytest.raises(OSError, match="full"), atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(b"half")
        raise OSError("full")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]
