"""A second process that does parts of a large report while the first does others.

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
"""Takes a function and its arguments, and returns a function that waits for what it returns, to be called once."""


@contextlib.contextmanager
def second_process(*, wanted: bool) -> Iterator[Start]:
    """Start a process, and yield what gives it work, one piece after another.

    Work is pickled, so its function must be found by name in a module. A large result must be taken before more work is
    given. Without a second process, or where that one is killed, the work is done here when its result is asked for.

    Args:
        wanted: Whether to start one, which takes half a second of a core and some hundred MiB.
    """
    if not wanted or num_cores() < 2:
        yield partial
        return
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        process_group=0,  # Ctrl-C ends this process, which ends the child
    ) as child:
        try:
            yield _Child(child).start
        finally:
            child.kill()
            with contextlib.suppress(BrokenPipeError):
                _pipes(child)[0].close()


def import_modules(names: Sequence[str]) -> None:
    """Import modules that later work needs; one that is not installed is left out."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Be the second process: read work, do it, and write what it returns, until there is no more."""
    # whatever prints must not get among the answers
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        while True:
            try:
                work, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  its parent wrote it
            except EOFError:
                return
            pickle.dump(work(*arguments), answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()


class _Child:
    """The work that a process was given, and the answers that came back, in the order of the work."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._given = 0
        self._answers: list[Any] = []

    def start(self, work: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        number, self._given = self._given, self._given + 1
        to_child, _ = _pipes(self.process)
        with contextlib.suppress(BrokenPipeError):
            pickle.dump((work, arguments), to_child, protocol=pickle.HIGHEST_PROTOCOL)
            to_child.flush()
        return partial(self._result, number, work, arguments)

    def _result(self, number: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        _, from_child = _pipes(self.process)
        try:
            while len(self._answers) <= number:
                self._answers.append(pickle.load(from_child))  # noqa: S301  its child wrote it
        except (EOFError, pickle.UnpicklingError):
            code = self.process.wait()
            print(f"A report's second process ended with exit code {code}: the first does its part.", file=sys.stderr)
            return work(*arguments)
        answer, self._answers[number] = self._answers[number], None
        return answer


def _pipes(process: subprocess.Popen[bytes]) -> tuple[Any, Any]:
    return process.stdin, process.stdout
