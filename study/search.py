"""The Ray Tune searcher and scheduler: thin shells around the dispatcher, which Ray asks for lanes and tells reports.

Ray ends the whole experiment when a searcher or a callback raises, so nothing here does: see `guarded`.
"""
# ruff: noqa: ARG002 - the signatures are Ray's

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from study.dispatch import Dispatcher
from study.node_watch import NoNodeLeft
from study.trial import Report, WorkerSettings

MEMORY_MONITOR = "killed due to the node running low on memory"
"""What Ray says of workers that its memory monitor killed."""

Method = TypeVar("Method", bound=Callable[..., Any])


def guarded(otherwise: Any = None) -> Callable[[Method], Method]:
    """Make a method of an object with a `dispatcher` record what it would raise, stop the handing out, and go on.

    Args:
        otherwise: What the method then returns.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - Ray would end the experiment, running lanes and all
                self.dispatcher.stop(problem_of(error))
                return otherwise

        return wrapper  # type: ignore[return-value]

    return decorate


def problem_of(error: Exception) -> str:
    """Return what to say of an unexpected error: its traceback, but one line where its place is not in our code.

    So it is with a full disk, and with nodes that are gone.
    """
    if isinstance(error, NoNodeLeft):
        return str(error)
    if isinstance(error, OSError):
        return f"The study was stopped: {type(error).__name__}: {error}".splitlines()[0]
    return "".join(traceback.format_exception(error))


class LaneSearcher(Searcher):
    """Suggests lanes to Ray Tune until the dispatcher has none left.

    Args:
        dispatcher: Who decides.
        place: Where the workers find their runs.
        bundles: What a lane takes of a machine, by resource, and then what it takes after each time that it was not
            enough.
    """

    def __init__(self, dispatcher: Dispatcher, place: WorkerSettings, bundles: Sequence[Mapping[str, float]]) -> None:
        super().__init__()
        self.dispatcher = dispatcher
        self._place = asdict(place)
        self._bundles = bundles
        self._lanes: dict[str, list[str]] = {}
        self._starved: dict[str, str] = {}

    @guarded(otherwise=Searcher.FINISHED)
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """Return the configuration of a `LaneTrainable`, None to be asked again later, or FINISHED."""
        lane = self.dispatcher.next_lane()
        if lane is None:
            return None
        if not lane:
            return Searcher.FINISHED
        self._lanes[trial_id] = [run.key for run in lane]
        growths = self.dispatcher.growths(lane[0].key)
        # one that had too little memory beside others goes on without them
        place = self._place | {"together": 1} if growths else self._place
        return {"lane": self._lanes[trial_id], "place": place, "bundle": dict(self._bundles[growths])}

    @guarded()
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Take a lane back, whether it came to its end, was stopped by us or lost its worker."""
        keys = self._lanes.pop(trial_id, [])
        is_ours = self.dispatcher.is_stopped or any(key in self.dispatcher.standing.pruned for key in keys)
        starved = self._starved.pop(trial_id, "")
        self.dispatcher.lane_ended(keys, stopped=not error and is_ours, starved=starved)

    def has_runs(self, trial_id: str) -> bool:
        """Return whether a lane has runs that have not ended."""
        return any(map(self.dispatcher.is_out, self._lanes.get(trial_id, ())))

    def note_error(self, trial_id: str, text: str) -> None:
        """Take in, before the trial is completed, what Ray says of the end of a lane's worker."""
        line = next((line for line in text.splitlines() if MEMORY_MONITOR in line), "")
        if line:
            self._starved[trial_id] = line

    @guarded(otherwise=())
    def take_back(self, reason: str, was_killed: Callable[[str], bool]) -> Sequence[list[str]]:
        """Take back all lanes, since Ray has killed workers for want of memory and Tune did not survive it.

        Args:
            reason: What Ray said.
            was_killed: Returns whether it was the worker of a trial that is named.

        Returns:
            The runs of each lane whose worker was killed.
        """
        lost = []
        for trial_id, keys in [*self._lanes.items()]:
            del self._lanes[trial_id]
            is_culprit = was_killed(trial_id)
            self.dispatcher.lane_ended(keys, stopped=not is_culprit, starved=reason if is_culprit else "")
            lost += [keys] if is_culprit else []
        return lost

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: a study goes on from its run folders, not from Ray's."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray nothing to pickle: it stores its tuner beside the experiment."""
        return {}


class RungScheduler(FIFOScheduler):
    """Stops a lane in Ray Tune when the dispatcher ends the run that it is at, and hears first how workers died.

    Args:
        searcher: Who handed the lanes out.
    """

    def __init__(self, searcher: LaneSearcher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dispatcher = searcher.dispatcher
        self._searcher = searcher

    @guarded()
    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Pass on what Ray says, which the searcher is not told."""
        self._searcher.note_error(trial.trial_id, Path(trial.error_file).read_text(encoding="utf-8"))

    @guarded(otherwise=TrialScheduler.CONTINUE)
    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Return STOP for a lane whose last run fell behind, and CONTINUE for any other.

        Of several, the worker ends the run that fell behind, and goes on with the others.
        """
        is_over = [self.dispatcher.stops(Report(**fields)) for fields in result.get("reports", ())]
        if any(is_over) and not self._searcher.has_runs(trial.trial_id):
            return TrialScheduler.STOP
        return TrialScheduler.CONTINUE

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray nothing to pickle."""
        return {}
