"""When launches ran, in the study folder: the hours of a budget are theirs. Imports no torch, ray or optuna."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from study.records import StudyFolder, read_json, write_json
from study.results import Result

EVERY_S = 10.0
"""Seconds between two signs of life; a launch that is killed loses as many of its hours at most."""

Span = tuple[datetime, datetime]


class LaunchClock:
    """Writes down when a launch began and when it was last seen.

    Args:
        folder: The study's folder, under the driver's lock.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._former = launches_of(folder)
        self._began_at = datetime.now(UTC)
        self._last_s = time.monotonic()
        self.write()

    def write_if_due(self) -> None:
        """Write a sign of life if it is time."""
        if time.monotonic() - self._last_s >= EVERY_S:
            self.write()

    def write(self) -> None:
        """Write a sign of life; a disk that refuses it costs nothing but the count of these seconds."""
        self._last_s = time.monotonic()
        spans = [*self._former, (self._began_at, datetime.now(UTC))]
        launches = [{"began_at": began.isoformat(), "seen_at": seen.isoformat()} for began, seen in spans]
        with contextlib.suppress(OSError):
            write_json(self._folder.launches, {"launches": launches})


def launches_of(folder: StudyFolder) -> list[Span]:
    """Return when each launch began and was last seen; none where the file is damaged: results tell most of it."""
    try:
        return [_span(item) for item in read_json(folder.launches)["launches"]]
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        return []


def hours_used(launches: Iterable[Span], results: Iterable[Result]) -> float:
    """Return for how many hours a launch, or the last attempt of a run that finished, was running."""
    seconds, end = 0.0, datetime.min.replace(tzinfo=UTC)
    attempts = [(result.started_at, result.finished_at) for result in results]
    for start, stop in sorted([*launches, *attempts]):
        seconds += max(0.0, (stop - max(start, end)).total_seconds())
        end = max(end, stop)
    return seconds / 3600


def _span(item: Any) -> Span:
    began, seen = datetime.fromisoformat(item["began_at"]), datetime.fromisoformat(item["seen_at"])
    if began.tzinfo is None or seen.tzinfo is None:
        raise ValueError(f"a time must have its zone, but got {item!r}")
    return began, seen
