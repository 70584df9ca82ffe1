"""One driver per study folder, also after a crash.

The lock is the kernel's (`flock`), so it is free the moment its holder dies, however it dies. What is written into the
file only tells a second driver who the first one is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class FolderInUse(RuntimeError):
    """Another driver holds the folder; the message says which."""


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` for as long as the context lasts; the file itself stays.

    Raises:
        FolderInUse: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise FolderInUse(f"{path.parent} is in use by {_holder(file.read())}.") from error
        _write(file, json.dumps(_this_process()))
        try:
            yield
        finally:
            _write(file, "")


def _write(file: Any, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _this_process() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
    }


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']} since {holder['since']} ({holder['command']})"
    except (json.JSONDecodeError, KeyError, TypeError):
        return "a process that has not written its name yet"
