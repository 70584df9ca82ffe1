"""What one worker does with one run. Imports no ray; torch only where a run begins.

Whatever happens to a run is written into its folder, so one bad configuration costs nobody else anything. `perform`
raises only what ends the process: an error of the GPU, after which nothing can be computed.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from study.failures import Kind, is_out_of_memory, record_failure
from study.records import StudyFolder, run_status
from study.stop_request import StopRequested, is_stop_requested

if TYPE_CHECKING:
    from study.group import Group


@dataclass(frozen=True)
class WorkerSettings:
    """Where a worker finds its runs, and what it trains them with.

    Attributes:
        study: Absolute path of the study folder, seen alike by the driver and by all workers.
        data_root: Folder of the data sets; None stands for the loader's default.
        device: A torch device, "cpu" or "cuda".
        threads: Threads of one training process.
        checkpoint_s: Seconds between two checkpoints of a run.
        judge_every: Training steps between two points at which runs are judged; None where none is.
        judge_by: Measures that they are judged by.
        product: Which library multiplies on a CPU (see `iae_models.products`); None stands for the study's
            own choice.
        together: How many runs train side by side (`study.group`).
    """

    study: str
    data_root: str | None = None
    device: str = "cpu"
    threads: int = 1
    checkpoint_s: float = 30.0
    judge_every: int | None = None
    judge_by: tuple[str, ...] = ()
    product: str | None = None
    together: int = 1


@dataclass(frozen=True)
class Report:
    """One sign of life of a run.

    Attributes:
        key: The run.
        status: "running", or how it ended.
        step: Training steps done.
        time_s: Seconds that the run took so far, without those of steps that were repeated.
        values: Losses by name at this step; empty at the end.
        reason: Why it failed or was ended early.
    """

    key: str
    status: Literal["running", "finished", "pruned", "failed", "stopped"]
    step: int
    time_s: float
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


class EndedEarly(Exception):
    """The driver has ended a run, because it fell behind."""


def perform_all(keys: Sequence[str], place: WorkerSettings) -> Iterator[Report]:
    """Perform runs one after the other, or as many side by side as the settings say.

    Each run ends once. Where the study is asked to stop, those that were not begun end as stopped.
    """
    if place.together > 1 and len(keys) > 1:
        yield from _perform_together(keys, place)
        return
    for key in keys:
        yield from perform(key, place)


def _perform_together(keys: Sequence[str], place: WorkerSettings) -> Iterator[Report]:
    """Perform runs side by side; where one ends, the next one takes its place."""
    from study.group import Group

    group, waiting, running = Group(place.device), deque(keys), dict[str, Iterator[Report]]()
    while waiting or running:
        while waiting and len(running) < place.together:
            key = waiting.popleft()
            group.add(key)
            running[key] = perform(key, place, group)
        turn = group.next
        report = next(running[turn])
        if report.status != "running":
            group.leave(turn)
            del running[turn]
        if report.values or report.status != "running":
            yield report


def perform(key: str, place: WorkerSettings, group: Group | None = None) -> Iterator[Report]:
    """Train, measure and record one run, one report at a time; the last one says how it ended.

    An error of the run itself becomes its `failure.json`. A run that has ended already stays as it is: a driver whose
    file system shows it an old state may ask twice, and one that waited in its lane may have been ended meanwhile.
    Where the study is asked to stop, a run ends at a checkpoint, or does not begin.

    Args:
        key: The run.
        place: Where it finds what it needs.
        group: The runs that it trains beside, if it does.

    Raises:
        torch.AcceleratorError: The GPU failed.
    """
    study = StudyFolder(Path(place.study))
    run = study.run(key)
    status = run_status(run)
    if status in ("finished", "pruned"):
        yield Report(key, status, 0, 0.0)
        return
    if is_stop_requested(study):
        yield Report(key, "stopped", 0, 0.0)
        return
    clock = time.perf_counter if group is None else partial(group.clock, key)
    begin = clock()
    step, time_s = 0, 0.0

    def end(status: Literal["finished", "pruned", "failed", "stopped"], reason: str = "") -> Report:
        return Report(key, status, step, time_s + clock() - begin, reason=reason)

    try:
        # Torch takes seconds to import and the driver, which imports this module, has no need of it.
        from study.run import train_and_measure

        others = () if group is None else (group,)
        for line in train_and_measure(run, place, *others):
            step, time_s, begin = line.step, line.time_s, clock()
            yield Report(key, "running", step, time_s, dict(line.values))
    except StopRequested:
        yield end("stopped")
    except EndedEarly:
        yield end("pruned")
    except Exception as error:
        reason = one_line(error)
        record_failure(run, kind_of(error), reason, step, traceback.format_exc())
        if is_device_error(error):
            raise  # nothing can be computed in this process any more, so it ends
        yield end("failed", reason)
    else:
        yield end("finished")


def kind_of(error: Exception) -> Kind:
    """Return what sort of failure an error of a run is."""
    if is_divergence(error):
        return "diverged"
    return "memory" if is_out_of_memory(error) else "error"


def is_device_error(error: Exception) -> bool:
    """Return whether a GPU failed, so that the process can no longer use it."""
    return any(kind.__name__ == "AcceleratorError" for kind in type(error).__mro__)


def is_divergence(error: Exception) -> bool:
    """Return whether the error says that training left the finite numbers."""
    return isinstance(error, ArithmeticError) and type(error).__name__ == "Diverged"


def one_line(error: BaseException) -> str:
    """Return an error as one line; a divergence speaks for itself, any other error is named."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    if isinstance(error, Exception) and is_divergence(error) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
