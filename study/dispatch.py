"""Which runs go out next, and what is known of those that came back. Imports no ray, no torch.

A dispatcher hands out lanes: the grids' runs first, then what the searches propose. How a run ended is read from its
folder, never from a message, so it makes no difference whether a worker could still report.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import optuna

from iae_models.config import RECIPE_VERSION, changed_values, config_key, data_identity, flatten, run_config
from study.block_search import BlockSearch, Known
from study.failures import failure_reason, record_failure, set_aside
from study.plan import Plan, PlannedRun
from study.records import RunFolder, StudyFolder, read_json, run_status, write_json
from study.resolved import readmit
from study.results import Result, hours_used, mean_over_replicates, read_result
from study.spec import StudySpec
from study.trial import Report


@dataclass
class Standing:
    """Counts and names for a display.

    Attributes:
        total: Runs that the study will have had.
        finished: Runs with a result.
        failed: Runs of this launch without one, by key, with the reason.
        reports: The last sign of life of each run that is out.
        wall_times_s: How long the runs took that finished in this launch.
        best: Block and label of the best configuration so far with its value, by the first objective; None before the
            first. Where a block searches, only what a search could have found counts, and not the controls.
    """

    total: int
    finished: int
    failed: dict[str, str] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    wall_times_s: list[float] = field(default_factory=list)
    best: tuple[str, float] | None = None

    @property
    def left(self) -> int:
        """Runs that are out or still to go out."""
        return max(0, self.total - self.finished - len(self.failed))


class Dispatcher:
    """Hands out the runs of a plan and of its searches, and keeps the books.

    Args:
        spec: The study.
        folder: Its folder, under the driver's lock.
        plan: What is to do.
        clock: Seconds of a clock that only moves forward.

    Attributes:
        standing: The books, for a display.
        searches: The Optuna study of each block, by the block's name.
        problem: Traceback of the first unexpected error in the driver; empty while all is well.
        out_of_time: Whether the budget's hours ended the handing out.
    """

    def __init__(
        self, spec: StudySpec, folder: StudyFolder, plan: Plan, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.spec = spec
        self.folder = folder
        self.runs = {run.key: run for run in plan.wanted}
        self._members: dict[str, list[str]] = {}
        for run in plan.wanted:
            self._members.setdefault(run.config_key, []).append(run.key)
        self._open = Counter(run.config_key for run in plan.todo)
        self._allowance = dict(plan.search_runs)
        self.standing = Standing(len(plan.wanted) + sum(self._allowance.values()), len(plan.finished))
        known = known_configurations(spec, folder, plan)
        self.searches = {block.name: BlockSearch(spec, block, known) for block in spec.blocks}
        self.problem = ""
        self.out_of_time = False
        self._stopped = False
        self._queue = deque(plan.todo)
        self._live: dict[str, PlannedRun] = {}
        self._lost_once: set[str] = set()
        self._clock = clock
        self._deadline = _deadline(spec, plan.results.values(), clock())
        self._results = dict(plan.results)
        self._extra = set(plan.extra)
        for config in known:
            if config.mean is not None and config.mean.values is not None:
                self._remember(config_key(config.config), config.label, config.mean.values)
        self._unrecorded = deque(plan.todo)

    @property
    def studies(self) -> list[optuna.Study]:
        """The Optuna studies of all blocks."""
        return [search.study for search in self.searches.values()]

    def stop(self, problem: str = "") -> None:
        """Hand out nothing any more; a problem is kept if it is the first."""
        self._stopped = True
        self.problem = self.problem or problem

    def unfinished(self) -> list[PlannedRun]:
        """Return the runs that are out or were never handed out."""
        return [*self._live.values(), *self._queue]

    def next_lane(self) -> list[PlannedRun] | None:
        """Return the runs of the next lane; none at all when everything is done, None to ask again later."""
        if not self._stopped and self._deadline is not None and self._clock() > self._deadline:
            self.out_of_time = True
            self._stopped = True
        if self._stopped:
            return []
        if not self._queue:
            self._propose()
        if not self._queue:
            # A lane that is still out may lose its worker, and its runs then come back.
            return None if self._live else []
        size = min(self.spec.resources.lane_size, len(self._queue))
        lane = [self._queue.popleft() for _ in range(size)]
        for run in lane:
            record_run(self.folder, run)
            set_aside(self.folder.run(run.key))
            self._live[run.key] = run
            self.standing.reports[run.key] = Report(run.key, "running", 0, 0.0)
        return lane

    def record_some(self, num: int = 5) -> None:
        """Write the `run.json` of some runs that wait; a thousand at once would keep the first lane waiting."""
        for _ in range(min(num, len(self._unrecorded))):
            record_run(self.folder, self._unrecorded.popleft())

    def note(self, report: Report) -> None:
        """Take a sign of life."""
        if report.status == "running":
            self.standing.reports[report.key] = report
        else:
            self._settle(report.key)

    def lane_ended(self, keys: Sequence[str]) -> None:
        """Take a lane back, however it ended.

        The run that it was at when its worker died is tried once more and then counts as lost; those behind it were not
        even begun, and simply queue up again.
        """
        open_runs = [self._live[key] for key in keys if key in self._live and not self._settle(key)]
        for position, run in enumerate(reversed(open_runs)):
            is_culprit = position == len(open_runs) - 1
            if is_culprit and run.key in self._lost_once:
                reason = "the worker process died twice while it had this run (killed, or out of memory)"
                step = self.standing.reports[run.key].step if run.key in self.standing.reports else 0
                record_failure(self.folder.run(run.key), "lost", reason, step)
                self._settle(run.key)
                continue
            if is_culprit:
                self._lost_once.add(run.key)
            self.standing.reports.pop(run.key, None)
            del self._live[run.key]
            self._queue.appendleft(run)

    def _propose(self) -> None:
        """Queue a new configuration of the searching block that has the most runs left."""
        for name in sorted(self._allowance, key=lambda name: -self._allowance[name]):
            replicates = self.searches[name].block.replicates
            if self._allowance[name] < replicates:
                continue
            runs = self.searches[name].propose()
            if not runs:
                self.standing.total -= self._allowance[name]
                self._allowance[name] = 0
                continue
            self._allowance[name] -= len(runs)
            self._record_proposal(runs)
            self._members[runs[0].config_key] = [run.key for run in runs]
            self._open[runs[0].config_key] = len(runs)
            self._queue.extend(runs)
            return

    def _record_proposal(self, runs: Sequence[PlannedRun]) -> None:
        """Write a proposal before it is run, so that none is ever lost."""
        returning = self._extra & {run.key for run in runs}
        if returning:
            readmit(self.folder, returning)
        for run in runs:
            # what an earlier specification left of a run that never ran may name another block, label or trial
            record_run(self.folder, run, anew=True)
            self.runs[run.key] = run

    def _settle(self, key: str) -> bool:
        """Close the books of a run if its folder says that it ended."""
        if key not in self._live:
            return True
        folder = self.folder.run(key)
        status = run_status(folder)
        if status == "planned":
            return False
        run = self._live.pop(key)
        self.standing.reports.pop(key, None)
        if status == "finished":
            self.standing.finished += 1
            self._results[key] = read_result(folder, self.spec.objectives)
            self.standing.wall_times_s.append(self._results[key].wall_time_s)
        else:
            self.standing.failed[key] = failure_reason(folder)
        self._tell(run)
        return True

    def _tell(self, run: PlannedRun) -> None:
        """Tell the searches a configuration whose last run just ended."""
        self._open[run.config_key] -= 1
        if self._open[run.config_key] > 0:
            return
        folders = [self.folder.run(key) for key in self._members[run.config_key]]
        mean = mean_over_replicates(folders, self._results, self.spec.objectives)
        if mean.values is not None:
            self._remember(run.config_key, run.label, mean.values)
        for search in self.searches.values():
            if run.config_key in search:
                search.tell(run.config_key, mean)

    def _remember(self, key: str, label: str, values: Sequence[float]) -> None:
        searching = [name for name, search in self.searches.items() if search.block.searched]
        block = next((name for name in searching or self.searches if key in self.searches[name]), None)
        if block is None:
            return
        sign = 1 if self.spec.objectives[0].direction == "minimize" else -1
        best = self.standing.best
        if best is None or sign * values[0] < sign * best[1]:
            self.standing.best = (label if label == block else f"{block} {label}", values[0])


def record_run(folder: StudyFolder, run: PlannedRun, *, anew: bool = False) -> None:
    """Write `run.json` unless it is there, since what a run is never changes; or write it anew."""
    path = folder.run(run.key).run
    if path.is_file() and not anew:
        return
    record = {
        "key": run.key,
        "config_key": run.config_key,
        "replicate": run.replicate,
        "block": run.block,
        "origin": run.origin,
        "label": run.label,
        "config": changed_values(run.config),
        "all": flatten(run.config),
        "data_fingerprint": data_identity(run.config.data.name),
        "recipe": RECIPE_VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if run.trial is not None:
        record |= {"trial": run.trial, "parameters": dict(run.parameters)}
    write_json(path, record)


def known_configurations(spec: StudySpec, folder: StudyFolder, plan: Plan) -> list[Known]:
    """Return every configuration that the plan wants, and every other one that ran in the folder."""
    members: dict[str, list[PlannedRun]] = {}
    for run in plan.wanted:
        members.setdefault(run.config_key, []).append(run)
    todo = {run.config_key for run in plan.todo}
    known = []
    for name, runs in members.items():
        folders = [folder.run(run.key) for run in runs]
        mean = None if name in todo else mean_over_replicates(folders, plan.results, spec.objectives)
        known.append(Known(runs[0].config, runs[0].label, runs[0].trial, mean))
    return [*known, *_known_extras(spec, folder, plan, members)]


def _known_extras(spec: StudySpec, folder: StudyFolder, plan: Plan, wanted: Container[str]) -> Iterator[Known]:
    """Yield what the folder knows of configurations that the plan does not want.

    What never ran is not known, so that a search may propose it again.
    """
    members: dict[str, list[RunFolder]] = {}
    for key in plan.extra:
        name = key.rpartition("-")[0]
        if name not in wanted and run_status(folder.run(key)) != "planned":
            members.setdefault(name, []).append(folder.run(key))
    for name, runs in members.items():
        record = read_json(runs[0].run)
        try:
            config = run_config(record["config"])
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        # A record holds changed fields alone: under another recipe, or on other data, they describe another run.
        if config_key(config) == name:
            mean = mean_over_replicates(runs, plan.results, spec.objectives)
            yield Known(config, str(record.get("label", "")), record.get("trial"), mean)


def _deadline(spec: StudySpec, results: Iterable[Result], now: float) -> float | None:
    if spec.budget.hours is None:
        return None
    return now + 3600 * (spec.budget.hours - hours_used(results))
