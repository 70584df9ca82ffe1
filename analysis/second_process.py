"""A second process that does a part of a large report while the first goes on.

It is a plain child that reads its work from a pipe, and not one of `multiprocessing`: that would run the caller's main
module again, be it a notebook's script or a launch.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Start = Callable[..., Callable[[], Any]]
"""Takes a function and its arguments, and returns a function that waits for what it returns."""


@contextlib.contextmanager
def second_process(modules: Sequence[str], *, wanted: bool) -> Iterator[Start]:
    """Start a process that imports some modules while this one goes on, and yield what gives it its work, once.

    The work is pickled, so its function must be found by name in a module. Without a second process, or where that one
    is killed, the work is done here when its result is asked for.

    Args:
        modules: What the work needs; a module that is not installed is left out.
        wanted: Whether to start one, which takes half a second of a core and some hundred MiB.
    """
    if not wanted or num_cores() < 2:
        yield partial
        return
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import main; main()", *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        process_group=0,  # Ctrl-C ends this process, which ends the child
    ) as child:
        try:
            yield partial(_start, child)
        finally:
            child.kill()


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Be the second process: import, read the work, do it, and write what it returns."""
    # whatever prints must not get into the answer
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        for name in sys.argv[1:]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        work, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  its parent wrote it
        pickle.dump(work(*arguments), answer, protocol=pickle.HIGHEST_PROTOCOL)


def _start(child: subprocess.Popen[bytes], work: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    answer = child.stdout
    assert child.stdin is not None and answer is not None
    with contextlib.suppress(BrokenPipeError), child.stdin:
        pickle.dump((work, arguments), child.stdin, protocol=pickle.HIGHEST_PROTOCOL)

    def result() -> Any:
        try:
            return pickle.load(answer)  # noqa: S301  its child wrote it
        except (EOFError, pickle.UnpicklingError):
            code = child.wait()
            print(f"The report's second process ended with exit code {code}: the first does its part.", file=sys.stderr)
            return work(*arguments)

    return result
