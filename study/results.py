"""What finished runs came to, read from each `result.json` once. Imports no torch, ray or optuna."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from study.objectives import Objective
from study.records import RunFolder, read_json


@dataclass(frozen=True)
class Result:
    """What the orchestrator needs of one `result.json`.

    Attributes:
        code_hash: Hash of the model code that made it.
        run_time_s: Seconds of training and measuring.
        wall_time_s: Seconds that all its attempts took.
        started_at: When the last attempt began.
        finished_at: When it ended.
        objectives: The trained model's value of each objective, in the study's order; None where it has no
            finite one.
    """

    code_hash: str
    run_time_s: float
    wall_time_s: float
    started_at: datetime
    finished_at: datetime
    objectives: tuple[float | None, ...]


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


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time must have its zone, but got {text!r}")
    return time


def _value(values: Mapping[str, Mapping[str, Any]], objective: Objective) -> float | None:
    value = values[objective.split].get(objective.measure)
    return None if value is None or not math.isfinite(float(value)) else float(value)
