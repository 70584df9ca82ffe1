import signal
import subprocess
import sys

import pytest

from study.lock import FolderInUse, hold

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
        finally:
            holder.send_signal(signal.SIGKILL)
    with hold(path):  # the kernel freed it with its holder
        pass


def test_lock_is_free_after_use_and_names_nobody(path):
    with hold(path):
        assert "pid" in path.read_text()
        with pytest.raises(FolderInUse), hold(path):
            pass
    assert path.read_text() == ""
    with hold(path):
        pass


def test_holder_that_wrote_no_name_is_still_respected(path):
    with hold(path):
        path.write_text("{")
        with pytest.raises(FolderInUse, match="a process that has not written its name yet"), hold(path):
            pass
