"""The processes of one launch: which they are, and how to end them for good. Reads Linux's `/proc`."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process as `/proc` shows it; its start tells it from a later one of the same number."""

    pid: int
    parent: int
    start: int
    title: str

    @property
    def kind(self):
        for kind, sign in (("worker", "Trainable"), ("gcs", "gcs_server"), ("raylet", "raylet/raylet")):
            if sign in self.title:
                return kind
        return "other"


def read(pid):
    """Return a process, or None where there is none or it is dead and not yet collected."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        title = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else Process(pid, int(fields[1]), int(fields[19]), title)


class Family:
    """A process and all that descend from it, also those whose parent has died since they were seen."""

    def __init__(self, pid):
        self._root = pid
        root = read(pid)
        self._seen = {} if root is None else {pid: root}

    def living(self):
        """Return the members that live."""
        every = [process for path in Path("/proc").glob("[0-9]*") if (process := read(int(path.name)))]
        by_pid = {process.pid: process for process in every}
        self._seen = {pid: by_pid[pid] for pid, old in self._seen.items() if is_same(by_pid.get(pid), old)}
        grown = True
        while grown:
            new = {item.pid: item for item in every if item.parent in self._seen and item.pid not in self._seen}
            grown = bool(new)
            self._seen |= new
        return list(self._seen.values())

    def root(self):
        """Return the process that began it, or None where it has ended."""
        return next((process for process in self.living() if process.pid == self._root), None)

    def of_kind(self, kind):
        """Return the living members of a kind: "worker", "raylet" or "gcs"."""
        return [process for process in self.living() if process.kind == kind]

    def end(self):
        """Kill whatever is left of it."""
        while members := self.living():
            for process in members:
                kill(process)


def is_same(process, other):
    return process is not None and process.start == other.start


def kill(process):
    """Send SIGKILL; return whether the process was still there."""
    with contextlib.suppress(ProcessLookupError):
        if is_same(read(process.pid), process):
            os.kill(process.pid, signal.SIGKILL)
            return True
    return False
