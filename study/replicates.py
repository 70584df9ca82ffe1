"""How often a configuration is run, and what its runs are taken together as. Imports no torch, ray or optuna.

    replicates: 3                          # three runs of each configuration, judged by their mean
    replicates:
      number: 3
      aggregate: lower_bound               # mean, median, worst or lower_bound
      until: {half_width: 0.02, max: 8}    # more seeds where three leave the objective uncertain
    confirm: {top: 3, seeds: 5}            # in the end the three best are run again on five fresh seeds

A block may state `replicates` too: a number, or a mapping with `number` and `until`; what it leaves out is the study's,
and `until: null` turns the study's off. The aggregate is one for the whole study, since it is what makes configurations
comparable.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, replace
from typing import Literal

from study.fields import Fields

Aggregate = Literal["mean", "median", "worst", "lower_bound"]

REPLICATE_KEYS = ("number", "aggregate", "until")
BLOCK_REPLICATE_KEYS = ("number", "until")
UNTIL_KEYS = ("half_width", "max")
CONFIRM_KEYS = ("top", "seeds")


@dataclass(frozen=True)
class Until:
    """When a configuration has seeds enough.

    Attributes:
        half_width: Seeds are added while the 95 % t-interval of the first objective over the replicates is wider than
            ± this, in the objective's unit.
        max: Largest number of replicates.
    """

    half_width: float
    max: int


@dataclass(frozen=True)
class Confirm:
    """The best configurations are run again in the end, since the best of many was also the luckiest.

    Attributes:
        top: Number of configurations.
        seeds: Number of fresh seeds of each; only these are reported of them.
    """

    top: int
    seeds: int


@dataclass(frozen=True)
class Replicates:
    """The runs of each configuration of a study or a block.

    Attributes:
        number: Planned runs.
        until: When to add more, or None for never.
        aggregate: What they are judged by, for every objective: their mean or median, the worst of them, or the 95 %
            one-sided t bound of their mean on the bad side. One for the whole study.
    """

    number: int = 1
    until: Until | None = None
    aggregate: Aggregate = "mean"


def read_replicates(fields: Fields, default: Replicates) -> Replicates:
    """Read the `replicates` of a study or a block: a number, or a mapping. What is left out is as in `default`."""
    if "replicates" not in fields or not isinstance(fields.values["replicates"].value, dict):
        read = replace(default, number=fields.integer("replicates", default.number, 1))
    else:
        known = BLOCK_REPLICATE_KEYS if fields.path else REPLICATE_KEYS
        own = Fields(fields.values["replicates"], fields.child("replicates"), known, fields.problems)
        names: dict[str, Aggregate] = {name: name for name in typing.get_args(Aggregate)}
        read = Replicates(
            number=own.integer("number", default.number, 1),
            until=_read_until(own) if "until" in own else default.until,
            aggregate=default.aggregate if fields.path else names[own.text("aggregate", "mean", options=tuple(names))],
        )
    if "replicates" in fields:
        _check(read, fields)
    return read


def read_confirm(fields: Fields, aggregate: Aggregate) -> Confirm | None:
    """Read how many of the best configurations are run again, on how many fresh seeds.

    Args:
        fields: The study's keys.
        aggregate: What the replicates are judged by.
    """
    if not fields.stated("confirm"):
        return None
    own = Fields(fields.values["confirm"], "confirm", CONFIRM_KEYS, fields.problems)
    own.require(*CONFIRM_KEYS)
    confirm = Confirm(own.integer("top", 1, 1), own.integer("seeds", 1, 1))
    if confirm.seeds < 2 and aggregate == "lower_bound":
        own.report("must be at least 2 where the aggregate is lower_bound, since one run has none, but got 1", "seeds")
    return confirm


def _read_until(fields: Fields) -> Until | None:
    if not fields.stated("until"):
        return None
    own = Fields(fields.values["until"], fields.child("until"), UNTIL_KEYS, fields.problems)
    own.require(*UNTIL_KEYS)
    if not all(key in own for key in UNTIL_KEYS):
        return None
    return Until(own.number("half_width", 1, 0, above=True), own.integer("max", 3, 2))


def _check(read: Replicates, fields: Fields) -> None:
    if read.number < 2 and (read.until is not None or read.aggregate == "lower_bound"):
        reason = "until is stated" if read.until is not None else "the aggregate is lower_bound"
        message = f"must be at least 2 runs where {reason}, since one run has no interval, but got {read.number}"
        fields.report(message, "replicates")
    elif read.until is not None and read.until.max <= read.number:
        message = f"must have an until.max above the {read.number} planned runs, or no seed is ever added"
        fields.report(f"{message}, but got {read.until.max}", "replicates")
