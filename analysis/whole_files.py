"""Files that are there whole or not at all, whatever ends the process or the machine. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: Path, name: Callable[[Path], Path] | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit flush it to disk and rename it to `path`.

    Args:
        path: What the file is to be called.
        name: From the temporary path to the final one, for a name that depends on what was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # the suffix stays, because some writers choose their format by it
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # what the umask asks for; some writers would leave a file of their own mode
        yield temporary
        temporary.chmod(stat.S_IMODE(mode))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path if name is None else name(temporary))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves either the old one or the new one."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def settle(path: Path, content: bytes) -> None:
    """Write a file unless it is there: of several processes at once, the first decides for all."""
    own = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
    write_whole(own, content)
    try:
        os.link(own, path)
    except OSError:  # it is there, or the file system has no links
        if not path.is_file():
            own.replace(path)
    finally:
        own.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
