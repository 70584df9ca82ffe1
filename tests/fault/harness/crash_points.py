"""A launch that ends at a chosen point of what it writes: before or after a flush to the disk, or a rename.

Every record is written beside its place, flushed, renamed, and its folder flushed. So these calls, counted from the
beginning of a launch, are all points at which a crash can leave something different behind.
"""

import contextlib
import errno
import itertools
import multiprocessing
import os
from pathlib import Path
from unittest import mock

from harness.in_process import launched, replayed, without_ray

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


def launch_with(make_act, point, study, template, log):
    """Launch in this process, with a fault at a point; exit with the launch's code, or `KILLED`."""
    with without_ray(replayed(template)), points(make_act(point)):
        code, text = launched(study)
    log.write_text(text)
    os._exit(code)


def in_child(*arguments):
    """Call `launch_with` in a process of its own and return its exit code.

    The processes are forked from one that has imported everything and runs no threads.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.crash_points"])
    process = context.Process(target=launch_with, args=arguments)
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    return code
