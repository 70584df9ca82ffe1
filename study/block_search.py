"""Optuna over one block: what has been measured so far, and which configuration to try next. Imports no ray, no torch.

A trial is a configuration; its values are aggregates over its replicates. The study lives in memory and is made anew at
every launch from the run folders, so nothing stale is ever left in it: finished configurations enter as history, those
still to run as running trials that the sampler keeps away from. A trial keeps its number from launch to launch.

A proposal that the study has already is a repetition. Its trial fails with `duplicate_of`, the number of the first, and
the configuration gets another replicate instead; when that one ends, the score of the first is told again.

A configuration that failed is a failed trial to every reader. The sampler alone takes it for a running one, and keeps
away from it.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from iae_models.config import RunConfig, config_key, flatten
from study.blocks import Block
from study.encoding import Parameters, encode, suggest
from study.planned import PlannedRun, searched_runs
from study.samplers import make_sampler
from study.scores import Score
from study.space_size import num_configurations
from study.spec import StudySpec
from study.trial_memory import TrialMemory

optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would print a line for every study and trial

MAX_ATTEMPTS = 20
"""Proposals in a row that are no new configuration, after which a block's search has come to its end: more replicates
of what it has found are better asked for as replicates."""


@dataclass(frozen=True)
class Known:
    """A configuration that has a place in the study already.

    Attributes:
        config: The configuration.
        label: Its short name.
        block: The block whose search proposed it; empty for a cell of the grid.
        number: The trial number that it was proposed under.
        score: Its objectives, or None while its planned runs have not ended.
        sampler: What the sampler keeps of its trial and of the study: see `PlannedRun.sampler`.
    """

    config: RunConfig
    label: str = ""
    block: str = ""
    number: int | None = None
    score: Score | None = None
    sampler: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repetition:
    """A former proposal that the study had already.

    Attributes:
        number: Its trial number.
        config_key: The configuration.
        sampler: As in `Known`.
    """

    number: int
    config_key: str
    sampler: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """What the sampler proposes.

    Attributes:
        runs: The planned runs of the configuration, which say the trial's number.
        duplicate_of: The number of the trial that has this configuration already; None for a new one.
    """

    runs: tuple[PlannedRun, ...]
    duplicate_of: int | None = None


class BlockSearch:
    """The Optuna study of one block.

    Args:
        spec: The study.
        block: The block.
        known: Configurations of the folder, the grid's first. Those that the block could not propose are left out.
        repetitions: Former proposals of this block that were not new.

    Attributes:
        name: Name of the Optuna study, `<study>.<block>`, or `<study>-smoke.<block>`.
        exhausted: Why no further configuration can be proposed; empty while one can.
        study: The Optuna study, in memory.
    """

    def __init__(
        self, spec: StudySpec, block: Block, known: Sequence[Known], repetitions: Iterable[Repetition] = ()
    ) -> None:
        self.block = block
        self.name = f"{spec.folder_name}.{block.name}"
        self.exhausted = ""
        self._spec = spec
        self._numbers: dict[str, int] = {}
        self._failed: set[int] = set()
        self._size = num_configurations(block) if block.searched else None
        trials, attributes = self._history(known, sorted(repetitions, key=lambda item: item.number))
        self._memory = TrialMemory()
        self.study = self._make_study(trials, attributes)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def number_of(self, key: str) -> int:
        """Return the trial number of a configuration that the study has.

        Raises:
            KeyError: It does not have it.
        """
        return self._numbers[key]

    def propose(self) -> Proposal | None:
        """Ask the sampler for a configuration; None once the search is exhausted."""
        while not self._ends():
            self.study.sampler = make_sampler(self._spec.search, len(self.study.get_trials(deepcopy=False)))
            before = dict(self._system_attributes())
            with self._failures_kept_away_from():
                trial = self.study.ask()
                chosen = suggest(trial, self.block)
            try:
                runs = searched_runs(self.block, chosen, trial.number)
            except ValueError as error:
                self._reject(trial, {"reason": str(error), "kind": "invalid"})
                continue
            key = runs[0].config_key
            sampler = self._sampler_state(trial.number, before)
            proposed = tuple(replace(run, sampler=sampler) for run in runs)
            if key in self._numbers:
                first = self._numbers[key]
                self._reject(trial, {"duplicate_of": first, "config_key": key, "kind": "duplicate"})
                return Proposal(proposed, first)
            self._numbers[key] = trial.number
            self._num_rejected = 0
            for name, value in _attributes(key, "search", runs[0].label).items():
                trial.set_user_attr(name, value)
            return Proposal(proposed)
        return None

    def tell(self, key: str, score: Score) -> None:
        """Tell the objectives of a configuration whose planned runs have ended, or tell them anew.

        Without values it has failed, or was pruned.
        """
        number = self._numbers[key]
        trial = self.study.get_trials(deepcopy=False)[number]
        self._memory.replace(trial, self._remember(number, _told(trial, score)))

    def _remember(self, number: int, trial: FrozenTrial) -> FrozenTrial:
        """Note whether the trial of a configuration has failed, and return it."""
        (self._failed.add if trial.state == TrialState.FAIL else self._failed.discard)(number)
        return trial

    @contextlib.contextmanager
    def _failures_kept_away_from(self) -> Iterator[None]:
        """Let the sampler take configurations that failed for running ones.

        It would not look at failed trials, and so propose their neighbours again and again where a whole region fails.
        A made-up bad value would have it believe in a measurement; a running trial is only somewhere it has been.
        """
        trials = self.study.get_trials(deepcopy=False)
        failed = [trials[number] for number in self._failed]
        for trial in failed:
            trial.state = TrialState.RUNNING
        try:
            yield
        finally:
            for trial in failed:
                trial.state = TrialState.FAIL

    def _ends(self) -> bool:
        if not self.exhausted and self._size is not None and len(self._numbers) >= self._size:
            self.exhausted = f"all {self._size} configurations of its space have their runs"
        if not self.exhausted and self._num_rejected >= MAX_ATTEMPTS:
            self.exhausted = f"{MAX_ATTEMPTS} proposals in a row were no new configurations"
        return bool(self.exhausted)

    def _history(
        self, known: Sequence[Known], repetitions: Sequence[Repetition]
    ) -> tuple[list[FrozenTrial], dict[str, Any]]:
        """Return the trials of what is known, each at its number, and the study's system attributes.

        Cells of the grid have no number of their own and take the free ones from 0 on. Numbers that stay free were
        proposals that left no run.
        """
        encoded = [(item, encode(self.block, flatten(item.config))) for item in known]
        members = [(item, parameters) for item, parameters in encoded if parameters is not None]
        trials: dict[int, FrozenTrial] = {}
        waiting = []
        for item, parameters in members:
            if item.number is None or item.block != self.block.name or item.number in trials:
                waiting.append((item, parameters))
            else:
                self._place(trials, item.number, item, parameters)
        last_new = max(trials, default=-1)
        taken = trials.keys() | {item.number for item in repetitions}
        free = (number for number in range(len(taken) + len(waiting)) if number not in taken)
        for (item, parameters), number in zip(waiting, free, strict=False):
            self._place(trials, number, item, parameters)
        for repetition in repetitions:
            first = self._numbers.get(repetition.config_key)
            if first is not None and repetition.number not in trials:
                trials[repetition.number] = _repeated(trials[first], first, repetition)
        self._num_rejected = sum(item.number > last_new for item in repetitions)
        for number in range(max(trials, default=-1) + 1):
            if number not in trials:
                trials[number] = optuna.create_trial(state=TrialState.FAIL, user_attrs={"reason": "proposal not run"})
        noted = [(item.number, item.sampler) for item, _ in members if item.block == self.block.name]
        noted += [(item.number, item.sampler) for item in repetitions]
        attributes: dict[str, Any] = {}
        for _, sampler in sorted(noted, key=lambda pair: pair[0] or 0):
            attributes |= sampler.get("study", {})
        return [trials[number] for number in sorted(trials)], attributes

    def _place(self, trials: dict[int, FrozenTrial], number: int, item: Known, parameters: Parameters) -> None:
        key = config_key(item.config)
        trial = optuna.create_trial(
            state=TrialState.RUNNING,
            params={name: value for name, (value, _) in parameters.items()},
            distributions={name: distribution for name, (_, distribution) in parameters.items()},
            user_attrs=_attributes(key, "search" if item.block else "grid", item.label),
            system_attrs=dict(item.sampler.get("trial", {})),
        )
        trials[number] = trial if item.score is None else self._remember(number, _told(trial, item.score))
        self._numbers[key] = number

    def _make_study(self, trials: Sequence[FrozenTrial], attributes: Mapping[str, Any]) -> optuna.Study:
        study = optuna.create_study(
            storage=self._memory,
            study_name=self.name,
            directions=[objective.direction for objective in self._spec.objectives],
            sampler=make_sampler(self._spec.search, len(trials)),
        )
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            study.set_metric_names([objective.measure for objective in self._spec.objectives])
        for name, value in attributes.items():
            self._memory.set_study_system_attr(study._study_id, name, value)
        study.add_trials(trials)
        return study

    def _sampler_state(self, number: int, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the sampler has noted down with a trial: its attributes, and those of the study that changed."""
        noted = {name: value for name, value in self._system_attributes().items() if before.get(name) != value}
        parts = {"trial": dict(self.study.get_trials(deepcopy=False)[number].system_attrs), "study": noted}
        return {name: part for name, part in parts.items() if part}

    def _system_attributes(self) -> dict[str, Any]:
        return self._memory.get_study_system_attrs(self.study._study_id)

    def _reject(self, trial: optuna.Trial, attributes: Mapping[str, Any]) -> None:
        self._num_rejected += 1
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        self.study.tell(trial, state=TrialState.FAIL)


def _attributes(key: str, origin: str, label: str) -> dict[str, Any]:
    return {"config_key": key, "origin": origin, "label": label}


def _findings(score: Score) -> dict[str, Any]:
    """Return what a trial says beside its values: over how many seeds they are, or why there are none."""
    failed = {"num_failed": score.num_failed} if score.num_failed else {}
    why = {"reason": score.reason, "kind": score.kind} if score.values is None else {}
    return {"num_seeds": score.num_seeds} | failed | why


def _told(trial: FrozenTrial, score: Score) -> FrozenTrial:
    """Return a trial with these objectives in place of those that it has."""
    is_pruned = score.kind == "pruned"
    state = TrialState.PRUNED if is_pruned else TrialState.FAIL if score.values is None else TrialState.COMPLETE
    former = ("num_seeds", "num_failed", "reason", "kind")
    told = optuna.create_trial(
        state=state,
        values=score.values,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={name: value for name, value in trial.user_attrs.items() if name not in former} | _findings(score),
        system_attrs=trial.system_attrs,
        intermediate_values=dict(score.rungs),
    )
    told.datetime_start = trial.datetime_start
    return told


def _repeated(trial: FrozenTrial, first: int, repetition: Repetition) -> FrozenTrial:
    return optuna.create_trial(
        state=TrialState.FAIL,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={"duplicate_of": first, "config_key": repetition.config_key, "kind": "duplicate"},
        system_attrs=dict(repetition.sampler.get("trial", {})),
    )


def repetitions_of(runs: Iterable[PlannedRun], block: str) -> list[Repetition]:
    """Return the former proposals of a block's search that became replicates."""
    return [
        Repetition(run.trial, run.config_key, run.sampler)
        for run in runs
        if run.proposed_by == block and run.trial is not None
    ]
