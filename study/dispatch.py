"""Which runs go out next, and what is known of those that came back. Imports no ray, no torch.

A dispatcher hands out lanes: the grids' runs first, then what the searches propose, with the replicates that results
ask for in between, and the runs that confirm the winners last. How a run ended is read from its folder, never from a
message, so it makes no difference whether a worker could still report.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import optuna

from iae_models.config import config_key
from study.block_search import BlockSearch, Proposal, repetitions_of
from study.configurations import Configurations
from study.failures import amend_failure, failure_reason, record_failure, set_aside
from study.hours import hours_left
from study.judge import Judge
from study.known import known_configurations
from study.plan import Plan, shares
from study.planned import PlannedRun, cell_name, record_run, takes_from_search
from study.records import StudyFolder, run_status
from study.resolved import readmit
from study.results import read_result
from study.retries import MOST_LOSSES, Retries
from study.rungs import JUDGED, Rung, pruned_reason, read_rungs, record_pruned, rung_in
from study.scores import Score
from study.spec import StudySpec
from study.standing import Standing
from study.trial import Report


class Dispatcher:
    """Hands out the runs of a plan and of its searches, and keeps the books.

    Args:
        spec: The study.
        folder: Its folder, under the driver's lock.
        plan: What is to do.
        num_larger: How often the share of a machine that a lane takes can grow.
        num_devices: How many GPUs there are, among which runs that could train side by side are shared.
        together: How many runs a lane trains side by side.
        clock: Seconds of a clock that only moves forward.

    Attributes:
        runs: Every run that is wanted so far, by key.
        standing: The books, for a display.
        searches: The Optuna study of each block, by the block's name.
        problem: Traceback of the first unexpected error in the driver; empty while all is well.
        is_stopped: Whether nothing is handed out any more.
        out_of_time: Whether the budget's hours ended the handing out.
        saw_stop: Whether a worker has ended a run because the study is asked to stop; it may hear of that first.
    """

    def __init__(
        self,
        spec: StudySpec,
        folder: StudyFolder,
        plan: Plan,
        *,
        num_larger: int = 0,
        num_devices: int = 1,
        together: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec = spec
        self.folder = folder
        self.runs = {run.key: run for run in plan.wanted}
        self.problem = ""
        self.out_of_time = False
        self.saw_stop = False
        self._results = dict(plan.results)
        self._later = {run.key for run in plan.later}
        self._is_confined = plan.chosen is not None
        is_open = self._later | {run.key for run in plan.todo}
        self._configurations = Configurations(spec, folder, self._results)
        for run in plan.wanted:
            self._configurations.add(run, is_open=run.key in is_open)
        self._judge = None if spec.scheduler is None else Judge(spec)
        self._room = plan.room
        self._allowance = dict(plan.search_runs)
        self._used = dict(plan.used)
        self._num_to_confirm = plan.confirm_runs
        self.standing = Standing(0, len(plan.finished))
        self._live: dict[str, PlannedRun] = {}
        self._queue = deque(plan.todo)
        for run in plan.wanted:
            if run.key in plan.pruned:
                self._take_pruned(run)
            if self._judge is not None and run.origin in JUDGED:
                self._replay(run)
        known = known_configurations(spec, folder, plan, self._configurations)
        repetitions = [run for run in plan.wanted if run.origin == "duplicate"]
        self.searches = {
            block.name: BlockSearch(spec, block, known, repetitions_of(repetitions, block.name))
            for block in spec.blocks
        }
        self.is_stopped = False
        self._retries = Retries(num_larger)
        self._num_devices = num_devices
        self._together = together
        self._apart: set[str] = set()
        self._clock = clock
        hours = hours_left(spec, plan)
        self._deadline = None if hours is None else clock() + 3600 * hours
        self._extra = set(plan.extra)
        for item in known:
            if item.score is not None:
                self._remember(config_key(item.config), item.score)
        for run in plan.renamed:
            record_run(folder, run, anew=True)
        self._unrecorded = deque(plan.todo)
        self._count()

    @property
    def studies(self) -> list[optuna.Study]:
        """The Optuna studies of all blocks, as they are now."""
        return [search.study for search in self.searches.values()]

    def stop(self, problem: str = "") -> None:
        """Hand out nothing any more; a problem is kept if it is the first."""
        self.is_stopped = True
        self.problem = self.problem or problem

    def unfinished(self) -> list[PlannedRun]:
        """Return the runs that are out or were never handed out."""
        return [*self._live.values(), *self._queue]

    def next_lane(self) -> list[PlannedRun] | None:
        """Return the runs of the next lane; none at all when everything is done, None to ask again later."""
        if not self.is_stopped and self._deadline is not None and self._clock() > self._deadline:
            self.out_of_time = True
            self.is_stopped = True
        if self.is_stopped:
            return []
        if any(self.growths(key) and not self.standing.reports[key].step for key in self._live):
            return None  # it waits for a larger share of a machine, which others would go on taking away
        if not self._queue:
            self._propose()
        if not self._queue and not self._live and not self._is_confined:
            self._confirm()
        if not self._queue:
            # A lane that is still out may lose its worker, and its runs then come back.
            return None if self._live else []
        lane = self._take_from_queue()
        for run in lane:
            record_run(self.folder, run)
            set_aside(self.folder.run(run.key))
            self._live[run.key] = run
            self.standing.reports[run.key] = Report(run.key, "running", 0, 0.0)
        return lane

    def is_out(self, key: str) -> bool:
        """Return whether a run was handed out and has not ended."""
        return key in self._live

    def growths(self, key: str) -> int:
        """Return how often the share of a run has grown, because it ran out of memory."""
        return self._retries.growths(key)

    def most_growths(self) -> int:
        """Return how often the share of those runs has grown that are out, the largest number."""
        return max(map(self.growths, self._live), default=0)

    def record_some(self, num: int = 5) -> None:
        """Write the `run.json` of some runs that wait; a thousand at once would keep the first lane waiting."""
        for _ in range(min(num, len(self._unrecorded))):
            record_run(self.folder, self._unrecorded.popleft())

    def note(self, report: Report) -> None:
        """Take a sign of life."""
        if report.status == "stopped":
            self.saw_stop = True
            self.stop()
        if report.status == "running":
            if report.key in self._live:
                self.standing.reports[report.key] = report
        else:
            self._settle(report.key)

    def stops(self, report: Report) -> bool:
        """Judge the rung that a report may hold, and return whether its run has been ended early.

        A run whose configuration was ended while it was out ends at its next report.
        """
        if report.key in self.standing.pruned:
            return True
        run = self._live.get(report.key)
        if self._judge is None or run is None or run.origin not in JUDGED or report.status != "running":
            return False
        rung = rung_in(report.step, report.values)
        if rung is None or not self._judge.stops(run, rung):
            return False
        self._end_early(run, self._judge.reason(rung), rung)
        return True

    def lane_ended(self, keys: Sequence[str], *, stopped: bool = False, starved: str = "") -> None:
        """Take a lane back, however it ended.

        The run that it was at when its worker died goes on from its last checkpoint; those behind it were not even
        begun, and simply queue up again. See `study.retries` for how often. Of runs side by side nobody knows whose
        fault it was, so from then on each of them goes out alone.

        Args:
            keys: Its runs.
            stopped: Whether we ended it ourselves, so that no worker died.
            starved: Why its worker was killed for want of memory, if it was.
        """
        open_runs = [self._live[key] for key in keys if key in self._live and not self._settle(key)]
        begun = [run for run in open_runs if not self._retries.can_grow(self.folder.run(run.key))]
        side_by_side = begun[: self._together]
        if len(side_by_side) > 1 and not stopped:
            self._apart |= {run.key for run in side_by_side}
        elif begun and not stopped:
            self._worker_died(begun[0], starved)
        for run in reversed(open_runs):
            if self._settle(run.key):
                continue
            self.standing.reports.pop(run.key, None)
            del self._live[run.key]
            if self._retries.can_grow(self.folder.run(run.key)):
                self._retries.grow(self.folder.run(run.key))
            self._queue.appendleft(run)
        for key in self.standing.pruned.keys() & set(keys):
            self.folder.run(key).remove_checkpoints()

    def _worker_died(self, run: PlannedRun, starved: str) -> None:
        """Write why a run failed whose worker died, if that was one time too many, or if memory was not enough."""
        folder = self.folder.run(run.key)
        step = self.standing.reports[run.key].step
        if starved:
            record_failure(folder, "memory", starved, step)
        elif self._retries.is_given_up(folder):
            reason = f"the worker process died {MOST_LOSSES} times with it at the same place (killed, or out of memory)"
            record_failure(folder, "lost", reason, step)

    def _take_from_queue(self) -> list[PlannedRun]:
        """Return the next runs in the queue that go out together."""
        most = min(self._together, math.ceil(len(self._queue) / self._num_devices))
        lane: list[PlannedRun] = []
        while self._queue and len(lane) < max(self.spec.resources.lane_size, most):
            if lane and not self._go_together(lane[0], self._queue[0]):
                break
            lane.append(self._queue.popleft())
        return lane

    def _go_together(self, run: PlannedRun, other: PlannedRun) -> bool:
        """Return whether two runs may go out together: on the same data, and neither is to go alone."""
        is_alone = any(item.key in self._apart or self.growths(item.key) for item in (run, other))
        return run.config.data.name == other.config.data.name and not is_alone

    def _propose(self) -> None:
        """Queue what the search of the block proposes that has the most runs left: a configuration or a replicate."""
        for name in sorted(self._allowance, key=lambda name: -self._allowance[name]):
            search = self.searches[name]
            while self._allowance[name] >= search.block.replicates and (proposal := search.propose()) is not None:
                if runs := self._runs_of(proposal):
                    self._record(runs)
                    self._spend(runs)
                    self._queue.extend(run for run in runs if run.key not in self._results)
                    if not self._queue:  # all of them ran for another study
                        self._ended(runs[0].config_key)
                        continue
                    return
            if search.exhausted:
                self._share()

    def _runs_of(self, proposal: Proposal) -> list[PlannedRun]:
        """Return the runs that a proposal asks for; none where its configuration was pruned."""
        key = proposal.runs[0].config_key
        if proposal.duplicate_of is None:
            return list(proposal.runs)
        if key in self._configurations:
            is_pruned = self._configurations.is_pruned(key)
            return [] if is_pruned else [self._configurations.repeat(proposal.runs[0])]
        # it ran under an earlier specification, and from now on belongs to this search, under the number it has there
        number = proposal.duplicate_of
        return [replace(run, trial=number, sampler={}) for run in proposal.runs]

    def _confirm(self) -> None:
        """Queue the runs that confirm the winners, now that nothing else is left that could change them."""
        runs = self._configurations.confirming_runs()
        self._num_to_confirm = 0
        self._record(runs)
        self._queue.extend(run for run in runs if run.key not in self._results)
        self._count()

    def _record(self, runs: Sequence[PlannedRun]) -> None:
        """Take in new runs and write them before they are run, so that none is ever lost."""
        returning = self._extra & {run.key for run in runs}
        if returning:
            readmit(self.folder, returning)
            self._extra -= returning
        for run in runs:
            # what an earlier specification left of a run that never ran may name another block, label or trial
            record_run(self.folder, run, anew=True)
            self.runs[run.key] = run
            is_over = run.key in self._results
            self.standing.finished += is_over
            self._configurations.add(run, is_open=not is_over)

    def _spend(self, runs: Sequence[PlannedRun], sign: int = 1) -> None:
        """Take runs out of the budget, or give them back."""
        for run in runs:
            if self._room is not None:
                self._room = max(0, self._room - sign)
            if takes_from_search(run) and run.proposed_by in self._used:
                self._used[run.proposed_by] += sign
        self._share()

    def _share(self) -> None:
        """Divide what the budget leaves among the blocks that can still propose."""
        if self._is_confined:
            self._count()
            return
        open_blocks = {name: num for name, num in self._used.items() if not self.searches[name].exhausted}
        self._allowance = dict.fromkeys(self._used, 0) | shares(self.spec, self._room or 0, open_blocks)
        self._count()

    def _count(self) -> None:
        total = len(self.runs) + sum(self._allowance.values()) + self._num_to_confirm
        self.standing.total = total - len(self._later)

    def _settle(self, key: str) -> bool:
        """Close the books of a run if its folder says that it ended, and not for want of memory that there is yet."""
        if key not in self._live:
            return True
        folder = self.folder.run(key)
        status = run_status(folder)
        if status not in ("finished", "failed") or (status == "failed" and self._retries.can_grow(folder)):
            return False
        if status == "failed" and self.growths(key):
            amend_failure(folder, "alone, with the largest share of a machine")
        run = self._live.pop(key)
        self.standing.reports.pop(key, None)
        if status == "finished":
            self.standing.finished += 1
            self._results[key] = read_result(folder, self.spec.objectives)
            self.standing.wall_times_s.append(self._results[key].wall_time_s)
        else:
            self.standing.failed[key] = failure_reason(folder)
        if self._judge is not None:
            self._judge.end(run, status, self._value_of(key))
        self._configurations.close(run)
        if run.origin != "confirm":
            self._ended(run.config_key)
        return True

    def _end_early(self, run: PlannedRun, reason: str, rung: Rung) -> None:
        """End a run that fell behind, and with it the open replicates of its configuration."""
        self._close_early(run, reason, rung.step, rung.values)
        for other in self._configurations.prune(run):
            self._close_early(other, f"replicate {run.replicate} was ended early: {reason}")
        self._queue = deque(item for item in self._queue if item.key not in self.standing.pruned)
        self._ended(run.config_key)

    def _close_early(
        self, run: PlannedRun, reason: str, step: int = 0, values: Mapping[str, float | None] | None = None
    ) -> None:
        """Write why a run ends early, and close its books; where it is out, its lane hears of it at the next report."""
        last = self.standing.reports.pop(run.key, None)
        is_out = self._live.pop(run.key, None) is not None
        step = max(step, 0 if last is None else last.step)
        if is_out and (step or self.folder.run(run.key).log.is_file()):
            step = max(1, step)
        else:  # it was not begun, or waits behind others in its lane
            self._spend([run], sign=-1)
        self._later.discard(run.key)
        record_run(self.folder, run)
        record_pruned(self.folder.run(run.key), reason, step, values or {})
        self.standing.pruned[run.key] = reason
        self._configurations.close(run)
        if self._judge is not None:
            self._judge.end(run, "pruned")

    def _take_pruned(self, run: PlannedRun) -> None:
        """Take in a run that an earlier launch ended early; a kill may have come before that was written."""
        folder = self.folder.run(run.key)
        if run_status(folder) != "pruned":
            record_run(self.folder, run)
            record_pruned(folder, "another replicate was ended early", 0, {})
        self._configurations.prune(run)
        self.standing.pruned[run.key] = pruned_reason(folder)

    def _replay(self, run: PlannedRun) -> None:
        """Put what the judge knew of a run back."""
        folder = self.folder.run(run.key)
        status = "pruned" if run.key in self.standing.pruned else run_status(folder)
        if self._judge is not None:
            rungs = read_rungs(folder)
            if status == "failed":  # it is run again, from its last checkpoint
                status, step = "planned", folder.newest_step()
                rungs = [rung for rung in rungs if rung.step <= step]
            self._judge.replay(run, rungs, status, self._value_of(run.key))

    def _value_of(self, key: str) -> float | None:
        return self._results[key].objectives[0] if key in self._results else None

    def _ended(self, key: str) -> None:
        """Tell the searches a configuration of which a run has ended, and add a replicate if its interval is wide."""
        while self._may_add() and (seed := self._configurations.next_seed(key)) is not None:
            self._record([seed])
            self._spend([seed])
            if seed.key not in self._results:
                self._queue.append(seed)
        score = self._configurations.score(key)
        if score is None:
            return
        self._remember(key, score)
        for search in self.searches.values():
            if key in search:
                search.tell(key, score)

    def _may_add(self) -> bool:
        return self._room != 0 and not self._is_confined

    def _remember(self, key: str, score: Score) -> None:
        """Let the standing name the best configuration that is no control."""
        if key in self._configurations and not self._configurations.is_control(key):
            name = cell_name(self._configurations.first_run(key))
            is_better_high = self.spec.objectives[0].direction == "maximize"
            self.standing.remember(key, name, None if score.values is None else score.values[0], is_better_high)
