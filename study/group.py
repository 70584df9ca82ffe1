"""Runs of one configuration that a worker trains in one step. Imports torch.

Each run is performed as if it were alone (`study.trial.perform`), by a generator that goes on when it is asked. Only
the training loop below knows the others: where a run asks for a report that is not there yet, all of them train on. So
the run that has been given the fewest reports is always asked next, and each is at the step that it reports.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from iae_models.config import RunConfig
from iae_models.data import ImageData
from iae_models.slot_probe import num_together
from iae_models.slots import Slot
from iae_models.training import Progress, Together, TrainState
from study.checkpoints import slot_in
from study.records import RunFolder, StudyFolder, run_status
from study.run import configuration_of, data_of, prepare_torch, product_for
from study.trial import WorkerSettings


class Group:
    """The runs that train together, and what each has been given.

    Args:
        keys: The runs.
        num: Slots that they train in.
    """

    def __init__(self, keys: Sequence[str], num: int) -> None:
        self.slots = {key: Slot(index % num, num) for index, key in enumerate(keys)}
        self._given = dict.fromkeys(keys, -1)
        self._seconds = dict.fromkeys(keys, 0.0)
        self._last = time.perf_counter()
        self._together: list[Together] = []

    @property
    def next(self) -> str | None:
        """The run to ask next, or None where all have ended: first all join, then who has the fewest reports."""
        return min(self._given, key=lambda key: self._given[key], default=None)

    def join(self, key: str, state: TrainState, data: ImageData, config: RunConfig) -> Iterator[Progress]:
        """Take in a run and return its progress from its state on; nothing trains before it is asked for."""
        together = next((item for item in self._together if item.takes(state)), None)
        if together is None:
            together = Together(config, data, state.slot.of)
            self._together.append(together)
        progress = together.join(state)
        self._given[key] = 0
        return self._counted(key, progress)

    def leave(self, key: str) -> None:
        """Let a run go that has ended."""
        self.clock(key)
        del self._given[key]

    def clock(self, key: str) -> float:
        """Return the seconds that a run took so far: of all time, its equal share with the runs that had not ended."""
        now = time.perf_counter()
        for other in self._given:
            self._seconds[other] += (now - self._last) / len(self._given)
        self._last = now
        return self._seconds[key]

    def _counted(self, key: str, progress: Iterator[Progress]) -> Iterator[Progress]:
        for item in progress:
            self._given[key] += 1
            yield item


def group_of(keys: Sequence[str], place: WorkerSettings) -> Group | None:
    """Return a group for runs of one configuration; None where they are to train one after the other.

    Runs that began in slots go on in them; for others a probe decides. What is wrong with a run is left to be found
    when it is performed.
    """
    study = StudyFolder(Path(place.study))
    runs = [run for run in map(study.run, keys) if run_status(run) not in ("finished", "pruned")]
    if len(runs) < 2:
        return None
    try:
        num = _slots_begun(runs) or _slots_found(runs, place)
    except Exception:  # noqa: BLE001 - the same comes again, and is then recorded
        return None
    return Group([run.key for run in runs], num) if num > 1 else None


def _slots_begun(runs: Sequence[RunFolder]) -> int:
    """Return in how many slots one of the runs has begun, or 0 where none has."""
    newest = [checkpoints[0] for run in runs if (checkpoints := run.checkpoints())]
    return max((slot_in(path).of for path in newest), default=0)


def _slots_found(runs: Sequence[RunFolder], place: WorkerSettings) -> int:
    prepare_torch(place)
    config, _ = configuration_of(runs[0])
    data = data_of(config.data.name, place.data_root, place.device)
    return num_together(config, len(runs), data, product_for(place))
