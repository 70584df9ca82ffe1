"""A launch that ends at a chosen point of what it writes: before or after a flush to the disk, or a rename.

Every record is written beside its place, flushed, renamed, and its folder flushed. So these calls, counted from the
beginning of a launch, are all points at which a crash can leave something different behind.
"""

import contextlib
import errno
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from harness.in_process import launched, replayed, without_ray
from harness.launches import HARNESS, ROOT
from harness.studies import Study
from study.records import RunFolder, StudyFolder

KILLED = 137
CALLS = ((os, "fsync"), (os, "rename"), (os, "replace"), (Path, "rename"), (Path, "replace"))


@contextlib.contextmanager
def points(act):
    """Call `act` with the number of each point, from 1, just before it is passed."""
    numbers = itertools.count(1)

    def counted(function):
        def call(*args, **kwargs):
            act(next(numbers))
            return function(*args, **kwargs)

        return call

    with contextlib.ExitStack() as stack:
        for place, name in CALLS:
            stack.enter_context(mock.patch.object(place, name, counted(getattr(place, name))))
        yield


def crash_at(point):
    """Return an act that ends the process at a point, as SIGKILL does: nothing is cleaned up."""

    def act(number):
        if number == point:
            os._exit(KILLED)

    return act


def full_from(point):
    """Return an act that lets the disk be full from a point on."""

    def act(number):
        if number >= point:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return act


class Forks:
    """Launches that end at a chosen point, each in a process that is forked from one which has imported everything."""

    def __init__(self, template):
        paths = os.pathsep.join((str(ROOT), str(HARNESS)))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "harness.crash_points", str(template.root)],
            env=os.environ | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def launch(self, act, point, study, log):
        """Launch with an act at a point, "crash_at" or "full_from"; return the exit code."""
        request = {
            "act": act,
            "point": point,
            "study": str(study.folder.root),
            "spec": str(study.path),
            "log": str(log),
        }
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def close(self):
        """End the process."""
        with self._server:
            self._server.stdin.close()


def serve(template):
    """Fork for each request on standard input, and print how its process ended."""
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            launch_with(template=template, **request)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def launch_with(act, point, study, spec, log, template):
    """Launch in this process, with a fault at a point; exit with the launch's code, or `KILLED`."""
    acts = {"crash_at": crash_at, "full_from": full_from}
    with without_ray(replayed(template)), points(acts[act](point)):
        code, text = launched(Study(Path(spec), StudyFolder(study)))
    Path(log).write_text(text)
    os._exit(code)


if __name__ == "__main__":
    serve(RunFolder(Path(sys.argv[1])))
