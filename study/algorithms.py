"""How configurations are proposed, and when a run is given up early. Imports no torch, ray or optuna.

    search: {sampler: tpe, seed: 0, options: {multivariate: true}, storage: null}
    scheduler: {name: asha, every: 200, options: {reduction_factor: 3}}

Samplers and their options are Optuna's, and so are the rules of the schedulers, in training steps. The options that
Optuna means to drop, and those whose values are no plain data, are left out.
"""

from __future__ import annotations

import importlib.util
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.fields import Fields
from study.problems import did_you_mean, shown

SamplerName = Literal["tpe", "gp", "nsga2", "cmaes", "qmc", "random"]
SchedulerName = Literal["asha", "hyperband", "median"]

SEARCH_KEYS = ("sampler", "seed", "options", "storage")
SCHEDULER_KEYS = ("name", "every", "options")


@dataclass(frozen=True)
class Option:
    """One argument of a sampler or a scheduler.

    Attributes:
        kind: Its type.
        low: Smallest value of a number.
        high: Largest value of a number, or None.
        choices: Every value of a text.
    """

    kind: type[bool] | type[int] | type[float] | type[str]
    low: float = 0
    high: float | None = None
    choices: tuple[str, ...] = ()


_BOOL, _COUNT, _POSITIVE, _PROBABILITY = Option(bool), Option(int), Option(int, low=1), Option(float, high=1)

SAMPLER_OPTIONS: dict[SamplerName, dict[str, Option]] = {
    "tpe": {
        "n_startup_trials": _COUNT,
        "n_ei_candidates": _POSITIVE,
        "multivariate": _BOOL,
        "group": _BOOL,
        "constant_liar": _BOOL,
    },
    "gp": {"n_startup_trials": _COUNT, "deterministic_objective": _BOOL},
    "nsga2": {
        "population_size": Option(int, low=2),
        "mutation_prob": _PROBABILITY,
        "crossover_prob": _PROBABILITY,
        "swapping_prob": _PROBABILITY,
    },
    "cmaes": {
        "n_startup_trials": _COUNT,
        "consider_pruned_trials": _BOOL,
        "popsize": Option(int, low=2),
        "use_separable_cma": _BOOL,
        "with_margin": _BOOL,
        "lr_adapt": _BOOL,
    },
    "qmc": {"qmc_type": Option(str, choices=("sobol", "halton")), "scramble": _BOOL},
    "random": {},
}
"""The options of each sampler, as Optuna's constructors name them."""

SCHEDULER_OPTIONS: dict[SchedulerName, dict[str, Option]] = {
    "asha": {
        "min_resource": _POSITIVE,
        "reduction_factor": Option(int, low=2),
        "min_early_stopping_rate": _COUNT,
        "bootstrap_count": _COUNT,
    },
    "hyperband": {
        "min_resource": _POSITIVE,
        "max_resource": _POSITIVE,
        "reduction_factor": Option(int, low=2),
        "bootstrap_count": _COUNT,
    },
    "median": {"n_startup_trials": _COUNT, "n_warmup_steps": _COUNT, "n_min_trials": _POSITIVE},
}
"""The options of each scheduler; resources are training steps, `min_resource` at its start is `every`."""

EXCLUSIVE_OPTIONS = (
    ("group", "multivariate", False, "groups of parameters are sampled together, which multivariate: false forbids"),
    ("lr_adapt", "use_separable_cma", True, "Optuna's CMA-ES does not adapt its rate with a separable covariance"),
    ("lr_adapt", "with_margin", True, "Optuna's CMA-ES does not adapt its rate with a margin"),
    ("use_separable_cma", "with_margin", True, "Optuna's CMA-ES has no margin with a separable covariance"),
)
"""An option that must not be true where another has a value, and why."""

DRIVERS = {
    "postgresql": "psycopg2",
    "postgresql+psycopg2": "psycopg2",
    "postgresql+psycopg": "psycopg",
    "postgresql+pg8000": "pg8000",
    "mysql": "MySQLdb",
    "mysql+mysqldb": "MySQLdb",
    "mysql+pymysql": "pymysql",
    "sqlite": "sqlite3",
}
"""The Python package that reaches a database, by the beginning of its URL."""

_URL = re.compile(r"(?P<scheme>[a-z0-9+]+)://\S+")


@dataclass(frozen=True)
class SearchOptions:
    """How configurations are proposed, and where Optuna's view of the study is kept.

    Attributes:
        sampler: Tree-structured Parzen estimator, Gaussian process, the genetic algorithm NSGA-II, CMA-ES, quasi-Monte
            Carlo or random.
        seed: Seed of the sampler.
        options: Further arguments of the sampler.
        storage: None for an SQLite file in the study's folder, "journal" for a journal file there, or the URL of a
            database.
    """

    sampler: SamplerName = "tpe"
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    storage: str | None = None


@dataclass(frozen=True)
class Scheduler:
    """When a run is given up early.

    Attributes:
        name: Asynchronous successive halving, Hyperband, or the median rule.
        every: Training steps between two points at which runs are judged.
        options: Further arguments of the rule.
    """

    name: SchedulerName
    every: int
    options: Mapping[str, Any] = field(default_factory=dict)


def read_search(fields: Fields) -> SearchOptions:
    """Read the `search` of a study."""
    own = Fields(fields.mapping("search", "{sampler: …}"), "search", SEARCH_KEYS, fields.problems)
    samplers: dict[str, SamplerName] = {name: name for name in typing.get_args(SamplerName)}
    sampler = samplers[own.text("sampler", "tpe", options=tuple(samplers))]
    is_known = "sampler" not in own or own.values["sampler"].plain == sampler
    return SearchOptions(
        sampler=sampler,
        seed=own.integer("seed", 0, 0),
        options=_read_options(own, sampler, SAMPLER_OPTIONS[sampler]) if is_known else {},
        storage=_read_storage(own),
    )


def read_scheduler(fields: Fields) -> Scheduler | None:
    """Read the `scheduler` of a study; none where it is left out or null."""
    if not fields.stated("scheduler"):
        return None
    template = "{name: …, every: 100}, with the steps between two judgements"
    own = Fields(fields.values["scheduler"], "scheduler", SCHEDULER_KEYS, fields.problems, template)
    own.require("name", "every")
    names: dict[str, SchedulerName] = {name: name for name in typing.get_args(SchedulerName)}
    name = names[own.text("name", "asha", options=tuple(names))]
    every = own.integer("every", 1, 1)
    if "name" not in own or own.values["name"].plain != name:
        return None  # another scheduler's rules would not apply
    return Scheduler(name, every, _read_options(own, name, SCHEDULER_OPTIONS[name]))


def _read_options(fields: Fields, name: str, known: Mapping[str, Option]) -> dict[str, Any]:
    if not fields.stated("options"):
        return {}
    tables = (*SAMPLER_OPTIONS.items(), *SCHEDULER_OPTIONS.items())
    node, foreign = fields.mapping("options"), {}
    for key in node.value.keys() - known.keys():
        holder = next((other for other, options in tables if key in options), None)
        if holder is not None:
            foreign[key] = holder
    own = Fields(node, fields.child("options"), (*known, *foreign), fields.problems)
    for key, holder in foreign.items():
        own.report(f"{key} is an option of {holder}, and not of {name}", key)
    options = {key: _read_option(own, key, option) for key, option in known.items() if key in own}
    for key, other, value, reason in EXCLUSIVE_OPTIONS:
        if options.get(key) is True and options.get(other) is value:
            own.report(f"must not be true where {other} is {str(value).lower()}: {reason}", key)
    return options


def _read_option(fields: Fields, key: str, option: Option) -> Any:
    if option.kind is bool:
        return fields.boolean(key, False)
    if option.kind is str:
        return fields.text(key, option.choices[0], options=option.choices)
    if option.kind is int:
        return fields.integer(key, int(option.low), int(option.low))
    value = fields.number(key, option.low, option.low)
    if option.high is not None and value > option.high:
        fields.report(f"must be at most {option.high:g}, but got {value:g}", key)
    return value


def _read_storage(fields: Fields) -> str | None:
    if not fields.stated("storage"):
        return None
    storage = fields.text("storage")
    url = _URL.fullmatch(storage)
    if url is not None and url["scheme"] in DRIVERS:
        package = DRIVERS[url["scheme"]]
        if importlib.util.find_spec(package) is None:
            fields.report(f"{url['scheme']}:// needs the package {package}, which is not installed", "storage")
    elif storage != "journal":
        hint = did_you_mean(storage.partition(":")[0], ["journal", *DRIVERS])
        fields.report(
            "must be null (an SQLite file in the study's folder), journal, or the URL of a database such as "
            f"postgresql://user@host/optuna, but got {shown(storage)}{hint}",
            "storage",
        )
    return storage
