"""One driver per study folder, also after a crash.

The lock is the kernel's (`flock`), so it is free the moment its holder dies, however it dies. What is written into the
file only tells others who the holder is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

GLANCE_S = 0.5
"""How long a driver tries for a lock: whoever only looks whether it is free holds it for a moment."""


class FolderInUse(RuntimeError):
    """Another driver holds the folder; the message says which."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, or held it last.

    Attributes:
        pid: Number of the process.
        host: Name of its machine.
        since: When it took the lock, in ISO 8601.
        command: The command that goes on with what it does.
        folder: Absolute path of the folder that paths in the command are relative to.
        is_alive: Whether the lock is held now.
    """

    pid: int
    host: str
    since: str
    command: str
    folder: str
    is_alive: bool = True

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since} ({self.command})"

    @property
    def command_from_here(self) -> str:
        """The command that goes on, with the change of folder that it needs before."""
        is_here = (self.folder, self.host) == (str(Path.cwd()), platform.node())
        return self.command if is_here else f"cd {shlex.quote(self.folder)} && {self.command}"


@contextlib.contextmanager
def hold(path: Path, command: str = "") -> Iterator[None]:
    """Hold the lock file at `path` for as long as the context lasts; the file itself stays.

    Args:
        path: The file.
        command: The command that goes on with what this process does, for others to read; "" stands for its own.

    Raises:
        FolderInUse: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _locked(file, path):
            holder = _read(file, is_alive=True) or "a process that has not written its name yet"
            raise FolderInUse(f"{path.parent} is in use by {holder}.")
        _write(file, json.dumps(_this_process(command)))
        try:
            yield
        finally:
            _write(file, "")


def holder_of(path: Path) -> Holder | None:
    """Return who holds the lock file at `path`, or held it and died; None where the last one let it go.

    A holder that has not written its name yet is nobody for now.
    """
    try:
        file = path.open(encoding="utf-8")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file, is_alive=True)
        return _read(file, is_alive=False)


def _locked(file: IO[str], path: Path) -> bool:
    """Lock a file and return whether that worked; it fails where the folder was moved aside in the meantime."""
    end = time.monotonic() + GLANCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(GLANCE_S / 20)
        else:
            return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _this_process(command: str) -> dict[str, object]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    command = command or shlex.join([Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]])
    holder = asdict(Holder(os.getpid(), platform.node(), now, command, str(Path.cwd())))
    return {name: value for name, value in holder.items() if name != "is_alive"}


def _read(file: IO[str], *, is_alive: bool) -> Holder | None:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        texts = {name: str(holder[name]) for name in ("host", "since", "command", "folder")}
        return Holder(pid=int(holder["pid"]), is_alive=is_alive, **texts)
    except (ValueError, KeyError, TypeError):
        return None
