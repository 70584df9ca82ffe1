"""Rungs: the objectives of a run that is still training, so that a scheduler can stop what falls behind.

The worker measures the objectives on validation images at multiples of `scheduler.every` steps and writes them into
`rungs.json`. The driver judges each rung; a run that it stops gets `pruned.json`. From these two files alone the driver
knows, at its next launch, all that it knew: see `study.judge`. Measuring draws from random streams of its own, so a run
trains bitwise alike with and without rungs.

Imports torch where a rung is measured, and else neither torch nor ray nor optuna.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from study.records import RunFolder, read_json, write_json

if TYPE_CHECKING:
    from analysis.measures.classifier import Classifier
    from analysis.measures.identity import Readers
    from iae_models.data import ImageData
    from iae_models.training import Progress, TrainState

JUDGED = ("grid", "search")
"""Origins of the runs that a scheduler judges."""

PREFIX = "rung/"
"""What the names of a rung's values begin with, beside the losses of the same step."""


@dataclass(frozen=True)
class Rung:
    """The objectives of a run at one step of its training.

    Attributes:
        step: Training steps done.
        values: Each objective's measure on validation images; None where it has no finite value.
        judged: Whether the run went on from here. The last rung of a run that was interrupted may not be judged yet,
            and the last one of a run that was stopped never is.
    """

    step: int
    values: Mapping[str, float | None]
    judged: bool = False


def read_rungs(run: RunFolder) -> list[Rung]:
    """Return the rungs of a run in the order of their steps; none where there is no file, or none that can be read.

    A launch mends such a file first: see `study.mending`.
    """
    try:
        return parse_rungs(run)
    except (FileNotFoundError, ValueError):
        return []


def parse_rungs(run: RunFolder) -> list[Rung]:
    """Return the rungs of a run in the order of their steps.

    Raises:
        FileNotFoundError: It has none.
        ValueError: They cannot be read.
    """
    try:
        rungs = [
            Rung(int(item["step"]), {**item["values"]}, bool(item["judged"])) for item in read_json(run.rungs)["rungs"]
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{run.rungs} must hold rungs, but does not: {error}.") from error
    return sorted(rungs, key=lambda rung: rung.step)


def write_rungs(run: RunFolder, rungs: Sequence[Rung]) -> None:
    """Write the rungs of a run."""
    write_json(run.rungs, {"key": run.key, "rungs": [asdict(rung) for rung in rungs]})


def with_rungs(
    progress: Iterable[Progress],
    run: RunFolder,
    state: TrainState,
    steps: int,
    every: int | None,
    measure: Callable[[], Mapping[str, float | None]],
) -> Iterator[Progress]:
    """Add the values of a rung to a run's progress wherever it reaches or passes a multiple of `every` steps.

    A rung that was measured before the run was interrupted, but not judged, is shown again. The last step is no rung:
    the run is at its end. Runs that a study adds to a configuration that came through are not judged.

    Args:
        progress: The progress of the run from the state on.
        run: Its folder.
        state: Its state, from which only the steps done are read.
        steps: Steps of the whole training.
        every: Steps between two rungs; None where nothing is judged.
        measure: Returns the objectives at this moment.
    """
    if every is None or read_json(run.run).get("origin") not in JUDGED:
        yield from progress
        return
    from iae_models.training import Progress

    done = state.step
    # what lies beyond comes again
    rungs = [rung for rung in read_rungs(run) if rung.step <= done]
    if rungs and not rungs[-1].judged:
        yield Progress(rungs[-1].step, _shown(rungs[-1]))
        _write(run, rungs, judged=True)
    for item in progress:
        if item.step < steps and item.step // every > done // every:
            rungs = [*(replace(rung, judged=True) for rung in rungs), Rung(item.step, measure())]
            _write(run, rungs)
            yield Progress(item.step, {**item.values, **_shown(rungs[-1])})
            _write(run, rungs, judged=True)
        else:
            yield item
        done = item.step


def measure_objectives(
    names: Sequence[str],
    state: TrainState,
    data: ImageData,
    classifier: Classifier | None,
    replicate: int,
    num_labels: int,
    readers: Readers | None = None,
) -> dict[str, float | None]:
    """Measure a model in the middle of its training, on validation images, and leave it as it is.

    Raises:
        Diverged: A weight or statistic is not a finite number.
    """
    from analysis.measures.suite import quick_suite
    from iae_models.training import evaluation_model

    model = evaluation_model(state, data)
    found = quick_suite(model, model, data, classifier, replicate, num_labels, only=names, readers=readers)
    values = {item.name: item.value for item in found if item.split == "validation" and item.subject == "model"}
    return {name: values.get(name) for name in names}


def rung_in(step: int, values: Mapping[str, float]) -> Rung | None:
    """Return the rung that the values of a report hold, or None."""
    found = {name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)}
    return Rung(step, {**found}) if found else None


def pruned_reason(run: RunFolder) -> str:
    """Return the reason in a run's `pruned.json`, or a word for its absence."""
    try:
        return str(read_json(run.pruned).get("reason", "unknown"))
    except (FileNotFoundError, ValueError):
        return "unknown"


def record_pruned(run: RunFolder, reason: str, step: int, values: Mapping[str, float | None]) -> None:
    """Write `pruned.json`, which ends a run.

    Args:
        run: The run.
        reason: Why, for a person.
        step: Steps that it had done; 0 if it never began.
        values: The objectives then.
    """
    record = {"key": run.key, "status": "pruned", "step": step, "reason": reason, "values": dict(values)}
    write_json(run.pruned, record | {"pruned_at": datetime.now(UTC).isoformat(timespec="seconds")})


def _shown(rung: Rung) -> dict[str, float]:
    return {f"{PREFIX}{name}": value for name, value in rung.values.items() if value is not None}


def _write(run: RunFolder, rungs: Sequence[Rung], *, judged: bool = False) -> None:
    """Write the rungs; `judged` says it of the last one."""
    write_rungs(run, [*rungs[:-1], replace(rungs[-1], judged=judged)])
