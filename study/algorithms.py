"""How configurations are proposed, and when a run is given up early. Imports no torch, ray or optuna."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.fields import Fields
from study.problems import shown

SamplerName = Literal["tpe", "gp", "nsga2", "cmaes", "qmc", "random"]
SchedulerName = Literal["asha", "hyperband", "median"]

SEARCH_KEYS = ("sampler", "seed", "options", "storage")
SCHEDULER_KEYS = ("name", "every", "options")

_STORAGE = re.compile(r"(?:sqlite|(?:postgresql|mysql)(?:\+\w+)?)://\S+")


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
    own = Fields(fields.mapping("search"), "search", SEARCH_KEYS, fields.problems)
    samplers: dict[str, SamplerName] = {name: name for name in typing.get_args(SamplerName)}
    return SearchOptions(
        sampler=samplers[own.text("sampler", "tpe", options=tuple(samplers))],
        seed=own.integer("seed", 0, 0),
        options=dict(own.mapping("options").plain),
        storage=_read_storage(own),
    )


def read_scheduler(fields: Fields) -> Scheduler | None:
    """Read the `scheduler` of a study; none where it is left out or null."""
    if not fields.stated("scheduler"):
        return None
    own = Fields(fields.mapping("scheduler"), "scheduler", SCHEDULER_KEYS, fields.problems)
    own.require("name", "every")
    names: dict[str, SchedulerName] = {name: name for name in typing.get_args(SchedulerName)}
    return Scheduler(
        name=names[own.text("name", "asha", options=tuple(names))],
        every=own.integer("every", 1, 1),
        options=dict(own.mapping("options").plain),
    )


def _read_storage(fields: Fields) -> str | None:
    if not fields.stated("storage"):
        return None
    storage = fields.text("storage")
    if storage != "journal" and not _STORAGE.fullmatch(storage):
        fields.report(
            "must be null, journal, or the URL of a database such as postgresql://user@host/optuna, "
            f"but got {shown(storage)}",
            "storage",
        )
    return storage
