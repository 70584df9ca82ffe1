import fcntl
import signal
import subprocess
import sys

import pytest

from study.lock import FolderInUse, hold, holder_of

HOLDER = """
import sys, time
from pathlib import Path
from study.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study" / "lock"


def test_second_driver_learns_who_the_first_is(path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(FolderInUse, match=rf"study is in use by process {holder.pid} on .+ since 2\d{{3}}-"),
                hold(path),
            ):
                pass
            assert (holder_of(path).pid, holder_of(path).is_alive) == (holder.pid, True)
        finally:
            holder.send_signal(signal.SIGKILL)
    assert (holder_of(path).pid, holder_of(path).is_alive) == (holder.pid, False)
    with hold(path):  # the kernel freed it with its holder
        pass


def test_nobody_holds_what_is_not_there(path):
    assert holder_of(path) is None
    assert not path.parent.exists()


def test_a_folder_that_is_moved_away_while_it_is_locked_is_not_held(path, monkeypatch):
    lock = fcntl.flock

    def move_and_lock(file, flags):
        if path.parent.exists():
            path.parent.rename(path.parent.with_name("aside"))
        lock(file, flags)

    monkeypatch.setattr(fcntl, "flock", move_and_lock)
    with pytest.raises(FolderInUse), hold(path):
        pass


def test_lock_is_free_after_use_and_names_nobody(path):
    with hold(path):
        assert "pid" in path.read_text()
        with pytest.raises(FolderInUse), hold(path):
            pass
    assert path.read_text() == ""
    assert holder_of(path) is None
    with hold(path):
        pass


def test_holder_that_wrote_no_name_is_still_respected(path):
    with hold(path):
        path.write_text("{")
        with pytest.raises(FolderInUse, match="a process that has not written its name yet"), hold(path):
            pass
