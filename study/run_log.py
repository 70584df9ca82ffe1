"""What a run has reported so far, in its folder until it ends. Imports no ray, torch or optuna.

`progress.jsonl` has a head that counts the attempts, and a line for each report. It is flushed to disk before each
checkpoint, so an attempt that goes on from one finds all that lay before it: it draws the curves again without a step
twice, knows for how long the run has trained and what was lost, and the driver finds the rows of the history that a
killed one took along. Lines between two checkpoints survive a killed process, and may be lost with a machine.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Any, Self

from analysis.whole_files import atomic_path
from study.records import RunFolder


@dataclass(frozen=True)
class Line:
    """One report of a run.

    Attributes:
        step: Training steps done.
        time_s: Seconds of training that led here, without those of steps that were repeated.
        values: Losses, metrics and the values of a rung, by name.
    """

    step: int
    time_s: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class Attempts:
    """How often a run was begun, and what that cost.

    Attributes:
        number: Attempts, the one in progress included.
        resumed_from: Step that each attempt but the first went on from; 0 is the beginning.
        steps_repeated: Steps that were trained again, as far as they had been reported.
        lost_s: Seconds that these had taken.
    """

    number: int = 0
    resumed_from: tuple[int, ...] = ()
    steps_repeated: int = 0
    lost_s: float = 0.0


class RunLog:
    """The log of one attempt, open for writing; a context manager.

    Args:
        run: The run's folder.
        step: Step that the attempt begins at. What was reported beyond it is repeated, and is struck out.

    Attributes:
        attempts: The attempts up to this one.
        past: The reports that led to the step, in their order.
    """

    def __init__(self, run: RunFolder, step: int) -> None:
        former, lines = read_log(run)
        self.past = [line for line in lines if line.step <= step]
        self.attempts = _next_attempt(former, lines, step, self.time_s)
        with atomic_path(run.log) as temporary:
            temporary.write_text("".join(map(_dumped, (self.attempts, *self.past))), encoding="utf-8")
        self._file = run.log.open("a", encoding="utf-8")
        self._last_step = self.past[-1].step if self.past else -1

    @property
    def time_s(self) -> float:
        """Seconds of training that led to the step that the attempt began at."""
        return self.past[-1].time_s if self.past else 0.0

    def add(self, line: Line) -> bool:
        """Write a report and return whether it is news; one of a step that is there already is shown again."""
        if line.step <= self._last_step:
            return False
        self._last_step = line.step
        self._file.write(_dumped(line))
        with contextlib.suppress(OSError):  # of a full disk; what is left of the line follows with the next one
            self._file.flush()
        return True

    def sync(self) -> None:
        """Flush the log to disk, as far as that has room."""
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def read_log(run: RunFolder) -> tuple[Attempts, list[Line]]:
    """Return the attempts at a run, and its reports up to the first line that cannot be read; none without a log."""
    try:
        texts = run.log.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return Attempts(), []
    attempts, lines = Attempts(), []
    with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):
        head = json.loads(texts[0])
        attempts = Attempts(head["number"], tuple(head["resumed_from"]), head["steps_repeated"], head["lost_s"])
        for text in texts[1:]:
            item = json.loads(text)
            lines.append(Line(item["step"], item["time_s"], item["values"]))
    return attempts, lines


def _next_attempt(former: Attempts, lines: list[Line], step: int, time_s: float) -> Attempts:
    if not former.number:
        # without a log, a checkpoint alone tells of an attempt before
        return Attempts(1) if step == 0 else Attempts(2, (step,))
    last = lines[-1] if lines else Line(0, 0.0, {})
    return replace(
        former,
        number=former.number + 1,
        resumed_from=(*former.resumed_from, step),
        steps_repeated=former.steps_repeated + max(0, last.step - step),
        lost_s=former.lost_s + max(0.0, last.time_s - time_s),
    )


def _dumped(item: Any) -> str:
    return json.dumps(asdict(item)) + "\n"
