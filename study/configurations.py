"""The configurations of a study: their runs, what these came to, and which further replicates they need.

A configuration is told to the search once its planned replicates have ended, and again whenever an adaptive one does:
a replicate that was added because of earlier results. Whatever is decided here depends on how the runs ended and not on
their order, so a launch that goes on from the folder decides alike. Imports no torch, ray or optuna.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from iae_models.config import flatten
from study.planned import CONFIRM_FIRST, PlannedRun
from study.records import StudyFolder, read_json
from study.results import Result
from study.rungs import JUDGED, pruned_reason, read_rungs
from study.scores import Score, score_over_replicates, wants_seed
from study.spec import Objective, StudySpec


class Configurations:
    """The runs of every configuration, those that confirm it apart.

    Args:
        spec: The study.
        folder: Its folder.
        results: What finished runs came to, by key; the owner adds to it.
    """

    def __init__(self, spec: StudySpec, folder: StudyFolder, results: Mapping[str, Result]) -> None:
        self._spec = spec
        self._folder = folder
        self._results = results
        self._members: dict[str, dict[int, PlannedRun]] = {}
        self._confirming: dict[str, dict[int, PlannedRun]] = {}
        self._open: dict[str, set[str]] = {}
        self._pruned: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def add(self, run: PlannedRun, *, is_open: bool) -> None:
        """Take in a run; an open one is still to end."""
        runs = self._confirming if run.origin == "confirm" else self._members
        runs.setdefault(run.config_key, {})[run.replicate] = run
        if is_open:
            self._open.setdefault(run.config_key, set()).add(run.key)

    def close(self, run: PlannedRun) -> None:
        """Note that a run has ended."""
        self._open[run.config_key].discard(run.key)

    def prune(self, run: PlannedRun) -> list[PlannedRun]:
        """Note that a run was stopped early; return the other open runs of its configuration, which end with it."""
        self._pruned.add(run.config_key)
        open_keys = self._open.get(run.config_key, set())
        return [other for other in self.runs_of(run.config_key) if other.key in open_keys and other.key != run.key]

    def is_pruned(self, key: str) -> bool:
        """Return whether a run of the configuration was stopped early."""
        return key in self._pruned

    def runs_of(self, key: str) -> list[PlannedRun]:
        """Return the runs of a configuration in the order of their numbers, without those that confirm it."""
        return [run for _, run in sorted(self._members[key].items())]

    def first_run(self, key: str) -> PlannedRun:
        """Return the first replicate of a configuration."""
        return self.runs_of(key)[0]

    def score(self, key: str) -> Score | None:
        """Return the objectives of a configuration over what has ended; None before its planned runs have."""
        open_keys = self._open.get(key, set())
        runs = self.runs_of(key)
        if any(run.key in open_keys and run.origin in JUDGED for run in runs):
            return None
        if key in self._pruned:
            return self._pruned_score(key)
        ended = [self._folder.run(run.key) for run in runs if run.key not in open_keys]
        return score_over_replicates(ended, self._results, self._spec.objectives, self._spec.aggregate)

    def confirmed(self, key: str) -> Score:
        """Return the objectives of a configuration over the finished runs that confirm it alone."""
        runs = [self._folder.run(run.key) for _, run in sorted(self._confirming.get(key, {}).items())]
        finished = [run for run in runs if run.key in self._results]
        return score_over_replicates(finished, self._results, self._spec.objectives, self._spec.aggregate)

    def next_seed(self, key: str) -> PlannedRun | None:
        """Return another replicate if the configuration's `until` asks for it; None while a run of it is open."""
        runs = self.runs_of(key)
        until = self._spec.block(runs[0].block).until
        if until is None or self._open.get(key) or key in self._pruned:
            return None
        results = [self._results[run.key] for run in runs if run.key in self._results]
        values = [result.objectives[0] for result in results if result.objectives[0] is not None]
        if not wants_seed(values, len(runs), until):
            return None
        return _replicate(runs[0], runs[-1].replicate + 1, "until")

    def repeat(self, proposal: PlannedRun) -> PlannedRun:
        """Return another replicate of a configuration that a search has proposed again.

        Args:
            proposal: Any run of the proposal.
        """
        runs = self.runs_of(proposal.config_key)
        number = runs[-1].replicate + 1
        while f"{proposal.config_key}-{number}" in self._results:  # it was run for another reason
            number += 1
        run = _replicate(runs[0], number, "duplicate")
        return replace(run, trial=proposal.trial, proposed_by=proposal.proposed_by, sampler=proposal.sampler)

    def confirming_runs(self) -> list[PlannedRun]:
        """Return the runs that confirm the winners and are not there yet, once nothing else is open."""
        confirm = self._spec.confirm
        if confirm is None:
            return []
        numbers = range(CONFIRM_FIRST, CONFIRM_FIRST + confirm.seeds)
        return [
            _replicate(self.first_run(key), number, "confirm")
            for key in self.winners()[: confirm.top]
            for number in numbers
            if number not in self._confirming.get(key, {})
        ]

    def winners(self) -> list[str]:
        """Return the configurations that have objectives and are no controls, best first: see `ranked`."""
        found = {key: self.score(key) for key in self if not self.is_control(key)}
        values = {key: score.values for key, score in found.items() if score is not None and score.values is not None}
        return ranked(values, self._spec.objectives)

    def is_control(self, key: str) -> bool:
        """Return whether a configuration is there to compare with: of a control block, and of no other one's search."""
        run = self.first_run(key)
        if not self._spec.block(run.block).control:
            return False
        config = flatten(run.config)
        return not any(block.holds(config) for block in self._spec.blocks)

    def _pruned_score(self, key: str) -> Score:
        runs = self.runs_of(key)
        folders = [self._folder.run(run.key) for run in runs]
        finished = sum(run.key in self._results for run in runs)
        judged = next((run for run in folders if run.pruned.is_file() and read_json(run.pruned).get("values")), None)
        if judged is None:
            return Score(None, finished, reason="a replicate was ended early", kind="pruned")
        measure = self._spec.objectives[0].measure
        values = [(rung.step, rung.values.get(measure)) for rung in read_rungs(judged)]
        rungs = tuple((step, value) for step, value in values if value is not None)
        return Score(None, finished, reason=pruned_reason(judged), kind="pruned", rungs=rungs)


def ranked(values: Mapping[str, tuple[float, ...]], objectives: Iterable[Objective]) -> list[str]:
    """Return names from best to worst.

    By the objective where there is one. With several, those that no other one beats in all of them come first, then the
    others, each ordered by the first objective. Equal ones keep their order.
    """
    costs = _costs(values, objectives)
    beaten = _beaten(costs)
    return sorted(costs, key=lambda name: (name in beaten, costs[name][0]))


def front(values: Mapping[str, tuple[float, ...]], objectives: Iterable[Objective]) -> set[str]:
    """Return the names that no other one beats: is at least as good in all objectives, and better in one."""
    return set(values) - _beaten(_costs(values, objectives))


def _costs(values: Mapping[str, tuple[float, ...]], objectives: Iterable[Objective]) -> dict[str, tuple[float, ...]]:
    """Return the values with the signs with which smaller is better."""
    signs = [-1 if objective.direction == "maximize" else 1 for objective in objectives]
    return {name: tuple(sign * value for sign, value in zip(signs, row, strict=True)) for name, row in values.items()}


def _beaten(costs: Mapping[str, tuple[float, ...]]) -> set[str]:
    best: list[tuple[float, ...]] = []
    beaten = set()
    for name in sorted(costs, key=costs.__getitem__):  # in this order only an earlier one can be better in all
        cost = costs[name]
        if any(other != cost and all(a <= b for a, b in zip(other, cost, strict=True)) for other in best):
            beaten.add(name)
        else:
            best.append(cost)
    return beaten


def _replicate(run: PlannedRun, number: int, origin: str) -> PlannedRun:
    """Return another replicate of a run's configuration."""
    return replace(run, key=f"{run.config_key}-{number}", replicate=number, origin=origin, sampler={})  # type: ignore[arg-type]
