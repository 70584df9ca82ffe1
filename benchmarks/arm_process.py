"""A process that does one arm's work when it is told to: arms that share a process would share its settings."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


class ArmProcess:
    """A process of an arm; it takes orders until it is told to end.

    Args:
        work: Its main function, called with its end of the connection and the arguments. It receives an order at a
            time, answers each, and returns when it receives None.
        arguments: Further arguments of `work`.
        environment: Environment variables that it has from its first moment, beside those of this process.
    """

    def __init__(
        self, work: Callable[..., None], *arguments: object, environment: Mapping[str, str] | None = None
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
        with _environment(environment or {}):
            self._process.start()
        # so that its death is the end of the connection
        theirs.close()

    def tell(self, order: object) -> None:
        """Send an order."""
        self._ours.send(order)

    def answer(self) -> Any:
        """Wait for what it answers.

        Raises:
            EOFError: It has died.
        """
        return self._ours.recv()

    def end(self) -> None:
        """Let it end."""
        self.tell(None)
        self._process.join()


def orders_of(connection: Connection) -> Iterator[Any]:
    """Return the orders that come, to the last one."""
    while (order := connection.recv()) is not None:
        yield order


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
