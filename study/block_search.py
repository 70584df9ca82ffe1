"""Optuna over one block: what has been measured so far, and which configuration to try next. Imports no ray, no torch.

A trial is a configuration; its values are the means over its replicates. The study lives in memory and is made anew at
every launch from the run folders, so nothing stale is ever left in it: finished configurations enter as history, those
still to run as running trials that the sampler keeps away from.

A log range that also includes 0 is two parameters, since a logarithm has no place for it: `<name>=0`, true or false,
and `<name>` itself where that is false.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from iae_models.config import RunConfig, config_key, default_values, flatten
from study.blocks import Block
from study.plan import PlannedRun, searched_runs
from study.results import Mean
from study.search_space import Axis, Choices, FloatRange, IntegerRange, SearchSpace, ZeroOrRange
from study.spec import StudySpec

optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would print a line for every study and trial

MAX_ATTEMPTS = 20
"""Proposals in a row that are no new configuration, after which a block's search counts as exhausted."""

NUM_STARTUP_TRIALS = 5
"""Measured configurations, the grid's among them, before the estimator replaces random proposals. Optuna's default of
10 would leave a search of a few configurations random to its end, although the grid's cells already tell it much."""

Parameters = dict[str, tuple[Any, BaseDistribution]]
"""Optuna's parameters by name, each with the distribution that it comes from."""


@dataclass(frozen=True)
class Known:
    """A configuration that has a place in the study already.

    Attributes:
        config: The configuration.
        label: Its short name.
        number: The trial number that it was proposed under; None for a cell of the grid.
        mean: Its objectives, or None while its runs have not ended.
    """

    config: RunConfig
    label: str = ""
    number: int | None = None
    mean: Mean | None = None


class BlockSearch:
    """The Optuna study of one block.

    Args:
        spec: The study.
        block: The block.
        known: Configurations of the folder, the grid's first. Those that the block could not propose are left out.

    Attributes:
        name: Name of the Optuna study, `<study>.<block>`.
        study: The Optuna study, in memory.
        exhausted: Why no further configuration can be proposed; empty while one can.
    """

    def __init__(self, spec: StudySpec, block: Block, known: Sequence[Known]) -> None:
        self.block = block
        self.name = f"{spec.name}.{block.name}"
        self.exhausted = ""
        self._numbers: dict[str, int] = {}
        encoded = [(item, encode(block, flatten(item.config))) for item in known]
        members = [(item, parameters) for item, parameters in encoded if parameters is not None]
        # A new seed for every launch that knows more, or the first proposals would come again.
        seed = spec.search.seed + sum(item.number is not None for item, _ in members)
        self.study = optuna.create_study(
            study_name=self.name,
            directions=[objective.direction for objective in spec.objectives],
            sampler=_sampler(spec.search.sampler, seed),
        )
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            self.study.set_metric_names([objective.measure for objective in spec.objectives])
        for item, parameters in sorted(members, key=lambda pair: -1 if pair[0].number is None else pair[0].number):
            self._add(item, parameters)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def propose(self) -> list[PlannedRun]:
        """Ask the sampler for a configuration that the study does not have yet.

        Returns:
            The configuration's runs; none once the search is exhausted.
        """
        for _ in range(0 if self.exhausted else MAX_ATTEMPTS):
            trial = self.study.ask()
            try:
                runs = searched_runs(self.block, suggest(trial, self.block), trial.number)
            except ValueError as error:
                self._reject(trial, "invalid", str(error))
                continue
            key = runs[0].config_key
            if key in self._numbers:
                self._reject(trial, "duplicate_of", self._numbers[key])
                continue
            self._numbers[key] = trial.number
            for name, value in _attributes(key, "search", runs[0].label).items():
                trial.set_user_attr(name, value)
            return runs
        self.exhausted = f"{MAX_ATTEMPTS} proposals in a row were no new configurations"
        return []

    def tell(self, key: str, mean: Mean) -> None:
        """Tell the objectives of a configuration whose runs have ended; without values it has failed."""
        number = self._numbers[key]
        trial = self._trial(number)
        for name, value in _shortcomings(mean).items():
            trial.set_user_attr(name, value)
        if mean.values is None:
            self.study.tell(number, state=TrialState.FAIL)
        else:
            self.study.tell(number, list(mean.values))

    def _add(self, item: Known, parameters: Parameters) -> None:
        number = len(self.study.get_trials(deepcopy=False))
        # Proposals that were turned down left no run; empty trials stand in for them, so that numbers stay the same.
        for _ in range(number, item.number or 0):
            self.study.add_trial(optuna.create_trial(state=TrialState.FAIL, user_attrs={"reason": "proposal not run"}))
        key = config_key(item.config)
        attributes = _attributes(key, "grid" if item.number is None else "search", item.label)
        trial = optuna.create_trial(
            state=_state(item.mean),
            values=None if item.mean is None else item.mean.values,
            params={name: value for name, (value, _) in parameters.items()},
            distributions={name: distribution for name, (_, distribution) in parameters.items()},
            user_attrs=attributes | ({} if item.mean is None else _shortcomings(item.mean)),
        )
        self._numbers[key] = len(self.study.get_trials(deepcopy=False))
        self.study.add_trial(trial)

    def _reject(self, trial: optuna.Trial, attribute: str, value: Any) -> None:
        trial.set_user_attr(attribute, value)
        self.study.tell(trial, state=TrialState.FAIL)

    def _trial(self, number: int) -> optuna.Trial:
        return optuna.Trial(self.study, self.study.get_trials(deepcopy=False)[number]._trial_id)


def _attributes(key: str, origin: str, label: str) -> dict[str, Any]:
    return {"config_key": key, "origin": origin, "label": label}


def _shortcomings(mean: Mean) -> dict[str, Any]:
    """Return what a reader of a trial must know where replicates failed: over how many seeds the means are."""
    counts = {"num_seeds": mean.num_seeds, "num_failed": mean.num_failed} if mean.num_failed else {}
    return counts | ({"reason": mean.reason} if mean.values is None else {})


def _state(mean: Mean | None) -> TrialState:
    if mean is None:
        return TrialState.RUNNING
    return TrialState.FAIL if mean.values is None else TrialState.COMPLETE


def suggest(trial: optuna.Trial, block: Block) -> dict[str, Any]:
    """Let a trial choose a value for every active axis of a block, conditions before what they govern."""
    chosen: dict[str, Any] = {}
    known = default_values() | dict(block.fixed)
    for axis in block.axes:
        if axis.is_active(known):
            chosen[axis.name] = known[axis.name] = _suggest(trial, axis.name, space_of(axis))
    return chosen


def encode(block: Block, values: Mapping[str, Any]) -> Parameters | None:
    """Return the Optuna parameters of a configuration, each with its distribution.

    Args:
        block: The block.
        values: All dotted values of the configuration.

    Returns:
        What `suggest` would have had to choose; None if it never could.
    """
    parameters: Parameters = {}
    expected = default_values() | dict(block.fixed)
    for axis in block.axes:
        if not axis.is_active(values):
            continue
        if values[axis.name] not in space_of(axis):
            return None
        expected[axis.name] = values[axis.name]
        parameters |= _encode(axis.name, space_of(axis), values[axis.name])
    return parameters if expected == dict(values) else None


def space_of(axis: Axis) -> SearchSpace:
    """Return where the values of an axis lie; an axis that is not searched has those of its grid."""
    return axis.search if axis.search is not None else Choices(axis.grid)


def _suggest(trial: optuna.Trial, name: str, space: SearchSpace) -> Any:
    match space:
        case Choices(values):
            texts = [_plain(value) for value in values]
            return values[texts.index(trial.suggest_categorical(name, texts))]
        case ZeroOrRange(span):
            is_zero = trial.suggest_categorical(_zero_name(name), [False, True])
            return type(span.low)(0) if is_zero else _suggest(trial, name, span)
        case IntegerRange(low, high, log, step):
            return trial.suggest_int(name, low, high, log=log, step=step)
        case FloatRange(low, high, log, width):
            return trial.suggest_float(name, low, high, log=log, step=width)


def _encode(name: str, space: SearchSpace, value: Any) -> Parameters:
    match space:
        case Choices(values):
            return {name: (_plain(value), CategoricalDistribution([_plain(item) for item in values]))}
        case ZeroOrRange(span):
            zero: Parameters = {_zero_name(name): (value == 0, CategoricalDistribution([False, True]))}
            return zero if value == 0 else zero | _encode(name, span, value)
        case IntegerRange(low, high, log, step):
            return {name: (value, IntDistribution(low, high, log=log, step=step))}
        case FloatRange(low, high, log, width):
            return {name: (value, FloatDistribution(low, high, log=log, step=width))}


def _zero_name(name: str) -> str:
    return f"{name}=0"


def _plain(value: Any) -> Any:
    """Return a value as Optuna can store it in a list of choices."""
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    match name:
        case "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=NUM_STARTUP_TRIALS)
        case "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed)
        case _:
            return optuna.samplers.RandomSampler(seed=seed)
