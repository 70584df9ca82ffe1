"""Which runs are stopped early: Optuna's pruners over the rungs that runs report. Imports no ray, no torch.

A run is a trial of an in-memory study and its rungs are the trial's intermediate values. Runs are compared within their
block and data set, since a control is worse by intent. What a pruner knows is what lies in the run folders: the rungs,
and how each run ended. So `replay` puts a new judge where the former one stood, and its decisions are the same.

Hyperband is a set of brackets, each a successive halving that begins to stop later than the one before. A configuration
falls into a bracket by its name, and not by the number of its trial as Optuna has it, so that it stays there.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

from study.objectives import Objective
from study.planned import PlannedRun
from study.rungs import Rung
from study.spec import Scheduler, StudySpec

HYPERBAND_FACTOR = 3
"""The reduction factor of Optuna's Hyperband where none is stated; successive halving alone has 4."""


class Judge:
    """Decides at each rung whether a run goes on.

    Args:
        spec: A study with a scheduler, and so with one objective.
    """

    def __init__(self, spec: StudySpec) -> None:
        assert spec.scheduler is not None
        self._scheduler: Scheduler = spec.scheduler
        self.objective: Objective = spec.objectives[0]
        self._pools: dict[tuple[Any, ...], optuna.Study] = {}
        self._trials: dict[str, optuna.Trial] = {}
        self._judged: set[tuple[str, int]] = set()

    def stops(self, run: PlannedRun, rung: Rung) -> bool:
        """Return whether a run ends at a rung that it has just reached.

        A rung without a value, and one that was judged before, let it go on.
        """
        value = rung.values.get(self.objective.measure)
        if value is None or (run.key, rung.step) in self._judged:
            return False
        self._judged.add((run.key, rung.step))
        trial = self._trial_of(run)
        trial.report(value, rung.step)
        return trial.should_prune()

    def reason(self, rung: Rung) -> str:
        """Return why a run ended at a rung, for a person."""
        value = rung.values[self.objective.measure]
        return f"{self._scheduler.name} at step {rung.step}, where {self.objective.measure} was {value:.4g}"

    def replay(self, run: PlannedRun, rungs: Sequence[Rung], status: str, value: float | None = None) -> None:
        """Take in what a run's folder says of it.

        Args:
            run: The run.
            rungs: Its rungs. The last one of a run that goes on counts once it is judged.
            status: How it stands, as of `study.records.run_status`.
            value: Its objective, if it finished.
        """
        is_over = status in ("finished", "pruned", "failed")
        for rung in rungs:
            if rung.judged or is_over:
                self.stops(run, rung)
        if is_over:
            self.end(run, status, value)

    def end(self, run: PlannedRun, status: str, value: float | None = None) -> None:
        """Close the trial of a run that has ended; one that never reached a rung has none.

        Args:
            run: The run.
            status: "finished", "pruned" or "failed".
            value: Its objective, if it finished.
        """
        trial = self._trials.get(run.key)
        if trial is None:
            return
        study = self._pools[self._pool_of(run)]
        if status == "finished" and value is not None:
            study.tell(trial, value)
        else:
            study.tell(trial, state=TrialState.PRUNED if status == "pruned" else TrialState.FAIL)

    def _trial_of(self, run: PlannedRun) -> optuna.Trial:
        if run.key not in self._trials:
            pool = self._pool_of(run)
            if pool not in self._pools:
                self._pools[pool] = optuna.create_study(
                    direction=self.objective.direction,
                    sampler=optuna.samplers.RandomSampler(),
                    pruner=pruner_of(self._scheduler, bracket=pool[-1]),
                )
            self._trials[run.key] = self._pools[pool].ask()
        return self._trials[run.key]

    def _pool_of(self, run: PlannedRun) -> tuple[Any, ...]:
        return (run.block, run.config.data.name, bracket_of(self._scheduler, run))


def pruner_of(scheduler: Scheduler, bracket: int = 0) -> BasePruner:
    """Return Optuna's pruner for one bracket of a scheduler, with steps of training as its resource."""
    options = dict(scheduler.options)
    if scheduler.name == "median":
        return MedianPruner(**options)
    options.setdefault("min_resource", scheduler.every)
    if scheduler.name == "hyperband":
        options.pop("max_resource", None)
        options |= {"min_early_stopping_rate": bracket}
        options.setdefault("reduction_factor", HYPERBAND_FACTOR)
    return SuccessiveHalvingPruner(**options)


def bracket_of(scheduler: Scheduler, run: PlannedRun) -> int:
    """Return the bracket of a run's configuration; brackets get shares as Optuna's Hyperband gives them."""
    if scheduler.name != "hyperband":
        return 0
    factor = int(scheduler.options.get("reduction_factor", HYPERBAND_FACTOR))
    least = int(scheduler.options.get("min_resource", scheduler.every))
    most = int(scheduler.options.get("max_resource", run.config.train.steps))
    number = int(math.log(max(1.0, most / least), factor)) + 1
    shares = [math.ceil(number * factor**left / (left + 1)) for left in range(number - 1, -1, -1)]
    place = zlib.crc32(run.config_key.encode()) % sum(shares)
    bracket = 0
    while place >= shares[bracket]:
        place -= shares[bracket]
        bracket += 1
    return bracket
