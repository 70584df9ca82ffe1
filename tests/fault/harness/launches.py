"""A launch of a study in a process of its own, with a Ray of its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.processes import Family
from harness.studies import write_study

ROOT = Path(__file__).parents[3]
HARNESS = Path(__file__).parents[1]
PATIENCE_S = 400
"""Longest time that anything may take; not a measurement, but an end for what hangs."""


class Launch:
    """`python -m study.launch SPEC --out DIR`, or another command with the same arguments, in its own session.

    Its Ray keeps its files in a folder of its own, whose path is short because sockets lie in it.
    """

    def __init__(self, spec, folder, log, flags=(), module="study.launch", variables=(), root=ROOT):
        self.log = log
        self._ray = tempfile.mkdtemp(prefix="r")
        paths = [str(root), str(HARNESS), str(HARNESS / "harness" / "steps")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths),
            "COLUMNS": "200",
            "RAY_TMPDIR": self._ray,
            **dict(variables),
        }
        command = [sys.executable, "-m", module, str(spec), "--out", str(folder.root), *flags]
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=log.parent, env=environment, stdout=file, stderr=file, start_new_session=True
            )
        self.family = Family(self.process.pid)

    @property
    def text(self):
        return self.log.read_text()

    @property
    def is_over(self):
        return self.process.poll() is not None

    def wait_for(self, condition):
        """Wait until a condition holds; return whether it does, False where the launch ended before."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if self.is_over:
                return condition()
            assert time.monotonic() < end, f"waited too long:\n{self.text}"
            time.sleep(0.05)
        return True

    def wait_for_training(self):
        return self.wait_for(lambda: "first report" in self.text)

    def interrupt(self, number=signal.SIGINT):
        """Send a signal to the whole session, as a terminal's Ctrl-C does."""
        self.family.living()
        os.killpg(self.process.pid, number)

    def end(self, number=None):
        """Send the driver a signal, if any, and return the exit code."""
        self.family.living()
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)

    def close(self):
        """Leave no process and no file of Ray's."""
        self.family.end()
        self.process.wait()
        shutil.rmtree(self._ray, ignore_errors=True)


def undisturbed(root, text):
    """Return a study that was launched once in a folder of its own, and came to its end."""
    study = write_study(root, text)
    launch = Launch(study.path, study.folder, root / "log")
    try:
        assert launch.end() == 0, launch.text
    finally:
        launch.close()
    return study
