"""What finished runs came to, read from each `result.json` once. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from study.failures import failure_reason
from study.objectives import Objective
from study.records import RunFolder, read_json


@dataclass(frozen=True)
class Result:
    """What the orchestrator needs of one `result.json`.

    Attributes:
        code_hash: Hash of the model code that made it.
        run_time_s: Seconds of training and measuring.
        wall_time_s: Seconds from the beginning of the run to its end.
        started_at: When it began.
        finished_at: When it ended.
        objectives: The trained model's value of each objective, in the study's order; None where it has none.
    """

    code_hash: str
    run_time_s: float
    wall_time_s: float
    started_at: datetime
    finished_at: datetime
    objectives: tuple[float | None, ...]


@dataclass(frozen=True)
class Mean:
    """The objectives of one configuration.

    Attributes:
        values: Means over the replicates that have all objectives; None where no replicate has.
        num_seeds: Replicates that the means are over.
        num_failed: Replicates that failed or lack an objective.
        reason: Why there are no values; empty where there are.
    """

    values: tuple[float, ...] | None
    num_seeds: int
    num_failed: int = 0
    reason: str = ""


def read_result(run: RunFolder, objectives: Sequence[Objective]) -> Result:
    """Read the result of a finished run.

    Raises:
        ValueError: The file is damaged; the message names it.
    """
    record = read_json(run.result)
    try:
        return Result(
            code_hash=str(record["code_hash"]),
            run_time_s=float(record["train_time_s"]) + float(record["measure_time_s"]),
            wall_time_s=float(record["wall_time_s"]),
            started_at=_time(record["started_at"]),
            finished_at=_time(record["finished_at"]),
            objectives=tuple(_value(record["values"], objective) for objective in objectives),
        )
    except KeyError as error:
        raise ValueError(f"{run.result} must have the key {error}, but has not.") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{run.result} must be what a finished run writes, but is not: {error}.") from error


def mean_over_replicates(
    runs: Iterable[RunFolder], results: Mapping[str, Result], objectives: Sequence[Objective]
) -> Mean:
    """Average the objectives over the replicates of a configuration that have all of them.

    The mean is over the survivors: where failing goes with bad values it looks better than the configuration is, so
    the number of failures stays beside it.

    Args:
        runs: The replicates; each has ended.
        results: What is known of finished runs, by key.
        objectives: The study's objectives.
    """
    rows: list[tuple[float, ...]] = []
    reasons: list[str] = []
    for run in runs:
        if run.key not in results:
            reasons.append(failure_reason(run))
            continue
        values = results[run.key].objectives
        missing = [objective.measure for objective, value in zip(objectives, values, strict=True) if value is None]
        if missing:
            reasons.append(f"{', '.join(missing)} was not measured")
        else:
            rows.append(tuple(value for value in values if value is not None))
    if not rows:
        return Mean(None, 0, len(reasons), "; ".join(dict.fromkeys(reasons)) or "no run")
    return Mean(tuple(sum(column) / len(rows) for column in zip(*rows, strict=True)), len(rows), len(reasons))


def hours_used(results: Iterable[Result]) -> float:
    """Return for how many hours at least one run was running."""
    seconds, end = 0.0, datetime.min.replace(tzinfo=UTC)
    for start, stop in sorted((result.started_at, result.finished_at) for result in results):
        seconds += max(0.0, (stop - max(start, end)).total_seconds())
        end = max(end, stop)
    return seconds / 3600


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time must have its zone, but got {text!r}")
    return time


def _value(values: Mapping[str, Mapping[str, Any]], objective: Objective) -> float | None:
    value = values[objective.split].get(objective.measure)
    return None if value is None else float(value)
