"""What the replicates of a configuration say together, and whether they say enough. Imports no torch, ray or optuna.

A configuration's objectives are one aggregate each over its replicates that have all of them. Replicates that confirm
it later are never among these.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from study.failures import failure_kind, failure_reason
from study.objectives import Objective
from study.records import RunFolder
from study.replicates import Aggregate, Until
from study.results import Result


@dataclass(frozen=True)
class Score:
    """The objectives of one configuration.

    Attributes:
        values: Aggregates over the replicates that have all objectives; None where there are none.
        num_seeds: Replicates that have all objectives.
        num_failed: Replicates that failed or lack an objective.
        reason: Why there are no values; empty where there are.
        kind: What sort of failure that was: a kind of `study.failures`, or "missing" where an objective has no value,
            or "too_few" where the aggregate needs more replicates.
        rungs: Step and value of the first objective at each judged step, where the configuration was pruned.
        rows: What the values are aggregates of: all objectives of each of the `num_seeds` replicates.
    """

    values: tuple[float, ...] | None
    num_seeds: int
    num_failed: int = 0
    reason: str = ""
    kind: str = ""
    rungs: tuple[tuple[int, float], ...] = ()
    rows: tuple[tuple[float, ...], ...] = field(default=(), repr=False, compare=False)


def score_over_replicates(
    runs: Iterable[RunFolder],
    results: Mapping[str, Result],
    objectives: Sequence[Objective],
    how: Aggregate = "mean",
) -> Score:
    """Aggregate the objectives over the replicates of a configuration that have all of them.

    This is over the survivors: where failing goes with bad values it looks better than the configuration is, so the
    number of failures stays beside it. The worst replicate, and a bound, are on the bad side: where one diverged there
    is none.

    Args:
        runs: The replicates that have ended, in their order.
        results: What is known of finished runs, by key.
        objectives: The study's objectives.
        how: How values become one.
    """
    rows: list[tuple[float, ...]] = []
    failures: list[tuple[str, str]] = []
    for run in runs:
        if run.key not in results:
            failures.append((failure_kind(run), failure_reason(run)))
            continue
        values = results[run.key].objectives
        missing = [objective.measure for objective, value in zip(objectives, values, strict=True) if value is None]
        if missing:
            failures.append(("missing", f"{', '.join(missing)} was not measured"))
        else:
            rows.append(tuple(value for value in values if value is not None))
    if rows and how in ("worst", "lower_bound") and any(kind == "diverged" for kind, _ in failures):
        # what ended in NaN is on the bad side, and worse than any value
        return Score(None, len(rows), len(failures), *_joined(failures))
    if rows and how == "lower_bound" and len(rows) < 2:
        failures.append(("too_few", "a lower bound needs two replicates with values, but one has"))
        return Score(None, 1, len(failures) - 1, *_joined(failures))
    if not rows:
        return Score(None, 0, len(failures), *_joined(failures))
    columns = zip(*rows, strict=True)
    scores = tuple(
        aggregate(column, objective.direction == "maximize", how)
        for column, objective in zip(columns, objectives, strict=True)
    )
    return Score(scores, len(rows), len(failures), rows=tuple(rows))


def aggregate(values: Sequence[float], maximize: bool, how: Aggregate) -> float:
    """Turn the values of one objective into one; the worst and the bound are on the side that is bad here.

    Args:
        values: One value for each replicate; a bound needs two.
        maximize: Whether larger is better.
        how: How. "lower_bound" is the one-sided 95 % bound of the mean by Student's t.
    """
    match how:
        case "mean":
            return sum(values) / len(values)
        case "median":
            return float(statistics.median(values))
        case "worst":
            return min(values) if maximize else max(values)
        case "lower_bound":
            margin = _quantile(len(values) - 1, 0.95) * statistics.stdev(values) / math.sqrt(len(values))
            return sum(values) / len(values) + (-margin if maximize else margin)


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of a mean by Student's t; infinite for fewer than two values."""
    if len(values) < 2:
        return math.inf
    return _quantile(len(values) - 1, 0.975) * statistics.stdev(values) / math.sqrt(len(values))


def wants_seed(values: Sequence[float], num_replicates: int, until: Until) -> bool:
    """Return whether a configuration whose replicates have all ended needs another one.

    Args:
        values: The first objective of the replicates that have it; where none has, another one is no use.
        num_replicates: Replicates that it has, failed ones included.
        until: The rule.
    """
    return bool(values) and num_replicates < until.max and half_width(values) > until.half_width


def _quantile(degrees_of_freedom: int, probability: float) -> float:
    from scipy.special import stdtrit  # half a second, which plans without such a rule should not pay

    return float(stdtrit(degrees_of_freedom, probability))


def _joined(failures: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return all reasons and all kinds, each once."""
    reasons = "; ".join(dict.fromkeys(reason for _, reason in failures)) or "no run"
    return reasons, "; ".join(dict.fromkeys(kind for kind, _ in failures)) or "missing"
