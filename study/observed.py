"""How a study stands, seen from outside: from its files and its lock alone. Imports no torch, ray or optuna.

Which runs are out, no file says. They are those that have not ended and whose log has been written since the driver
took the lock.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from study.access import reading
from study.failures import BadInput, failure_reason
from study.hours import hours_left
from study.lock import Holder, holder_of
from study.pace import time_left_s
from study.plan import Plan
from study.planned import PlannedRun, name_of
from study.ranking import Ranked, ranking
from study.recorded import recorded_plan, recorded_study
from study.records import StudyFolder
from study.run_log import read_log
from study.spec import StudySpec
from study.stop_request import requested_stop

STATES = ("done", "ended early", "failed", "running", "waiting")

CLOCKS_S = 2.0
"""How far the clocks of two machines may be apart."""


@dataclass(frozen=True)
class Live:
    """A run that is out.

    Attributes:
        key: The run.
        name: Block, label and replicate.
        step: Training steps done.
        steps: Steps of the whole training; where all are done, the run is being measured.
        time_s: Seconds that it took so far.
        silent_s: Seconds since its last report.
    """

    key: str
    name: str
    step: int
    steps: int
    time_s: float
    silent_s: float


@dataclass(frozen=True)
class Failure:
    """A run that failed, and why."""

    key: str
    name: str
    reason: str


@dataclass(frozen=True)
class Observation:
    """What the files say.

    Attributes:
        holder: Who holds the lock, or held it and died; None where the last launch let it go.
        stop: Who asks the study to stop, or "".
        spec: The study; None before its first launch has written it.
        counts: Of each block, the runs in each of `STATES`.
        to_search: Runs that each searching block may still propose.
        to_confirm: Runs that may still be added to confirm winners.
        live: The runs that are out.
        resumable: Runs that are not out and have a checkpoint to go on from.
        failures: The runs that failed.
        best: The best configuration so far, or None.
        finished_here: Runs that have finished since the lock was taken.
        running_s: Seconds since then; None where nobody runs the study.
        left_s: Seconds that the rest will take, as far as it is known.
        hours_left: What the hours of the budget leave, 0 where they are used up; None where there is no limit.
        extra: Runs in the folder that are no part of the study any more.
    """

    holder: Holder | None
    stop: str = ""
    spec: StudySpec | None = None
    counts: Mapping[str, Mapping[str, int]] | None = None
    to_search: Mapping[str, int] | None = None
    to_confirm: int = 0
    live: tuple[Live, ...] = ()
    resumable: int = 0
    failures: tuple[Failure, ...] = ()
    best: Ranked | None = None
    finished_here: int = 0
    running_s: float | None = None
    left_s: float | None = None
    hours_left: float | None = None
    extra: int = 0

    @property
    def is_running(self) -> bool:
        """Whether a driver holds the folder."""
        return self.holder is not None and self.holder.is_alive

    @property
    def totals(self) -> Counter[str]:
        """The runs of all blocks in each of `STATES`."""
        total: Counter[str] = Counter()
        for counts in (self.counts or {}).values():
            total.update(counts)
        return total

    @property
    def ended(self) -> int:
        """Runs that have come to an end of any kind."""
        return sum(self.totals[state] for state in STATES[:3])

    @property
    def total(self) -> int:
        """Runs that the study will have had."""
        return self.totals.total() + sum((self.to_search or {}).values()) + self.to_confirm

    @property
    def left(self) -> int:
        """Runs that a launch would begin or repeat, the failed ones among them."""
        return self.total - self.ended + self.totals["failed"]


def observe(folder: StudyFolder) -> Observation:
    """Look at a study folder. Nothing is written, and the lock is not taken.

    Raises:
        BadInput: A record is damaged or cannot be read; or the folder holds no study, and nobody is about to begin one.
    """
    with reading(folder):
        return _observed(folder)


def _observed(folder: StudyFolder) -> Observation:
    holder = holder_of(folder.lock)
    if holder is not None and holder.is_alive and not folder.resolved.is_file():
        return Observation(holder)
    spec = recorded_study(folder)
    plan = recorded_plan(spec, folder)
    since = _time(holder.since) if holder is not None and holder.is_alive else None
    live = () if since is None else tuple(_live(plan, folder, since.timestamp()))
    out = {run.key for run in live}
    finished = [plan.results[key] for key in plan.finished]
    here = [result for result in finished if since is not None and result.finished_at >= since]
    ranked = ranking(spec, folder, plan).ranked
    request = requested_stop(folder)
    observation = Observation(
        holder=holder,
        stop="" if request is None else request[1],
        spec=spec,
        counts=_counts(spec, plan, out),
        to_search=plan.search_runs,
        to_confirm=plan.confirm_runs,
        live=live,
        resumable=len(plan.unfinished - out),
        failures=tuple(
            Failure(run.key, name_of(run), failure_reason(folder.run(run.key)))
            for run in plan.todo
            if run.key in plan.failed and run.key not in out
        ),
        best=ranked[0] if ranked else None,
        finished_here=len(here),
        running_s=None if since is None else (datetime.now(UTC) - since).total_seconds(),
        hours_left=hours_left(spec, plan),
        extra=len(plan.extra),
    )
    if since is None:
        return observation
    times = [result.wall_time_s for result in (here or finished)]
    progress = [(run.step / run.steps, run.time_s) for run in live]
    left = observation.total - observation.ended
    return replace(observation, left_s=time_left_s(left, progress, times, len(live)) if live else None)


def _live(plan: Plan, folder: StudyFolder, since: float) -> Iterator[Live]:
    """Yield the runs whose log was written since a time, in seconds of the Unix epoch."""
    now = time.time()
    for run in plan.todo:
        own = folder.run(run.key)
        written = _modified(own.log)
        if run.key in plan.failed or written is None or written < since - CLOCKS_S:
            continue
        lines = read_log(own)[1]
        step, time_s = (lines[-1].step, lines[-1].time_s) if lines else (0, 0.0)
        yield Live(run.key, name_of(run), step, run.config.train.steps, time_s, max(0.0, now - written))


def _counts(spec: StudySpec, plan: Plan, out: Set[str]) -> dict[str, dict[str, int]]:
    counts = {block.name: dict.fromkeys(STATES, 0) for block in spec.blocks}
    for run in plan.wanted:
        counts[run.block][_state(run, plan, out)] += 1
    return counts


def _state(run: PlannedRun, plan: Plan, out: Set[str]) -> str:
    if run.key in plan.finished:
        return "done"
    if run.key in plan.pruned:
        return "ended early"
    if run.key in out:
        return "running"
    return "failed" if run.key in plan.failed else "waiting"


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _time(text: str) -> datetime:
    """Read a time of the lock.

    Raises:
        BadInput: It is none.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"the lock must say since when it is held, but says {text!r}.") from error
