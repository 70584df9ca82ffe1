"""Runs that a worker trains side by side. Imports torch.

Each run is performed as if it were alone (`study.trial.perform`), by a generator that goes on when it is asked. Only
the training loop below knows the others: where no report waits, all of them train on.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import torch

from iae_models.config import RunConfig
from iae_models.data import ImageData
from iae_models.training import Progress, Together, TrainState


class Group:
    """The runs that train side by side, and how long each took.

    Args:
        device: Where they train.
    """

    def __init__(self, device: str) -> None:
        self._together = Together(torch.device(device))
        self._states: dict[str, TrainState | None] = {}
        self._seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    @property
    def next(self) -> str:
        """The run to ask next: first all join, then who has a report waiting; where none has, all train on."""
        joining = next((key for key, state in self._states.items() if state is None), None)
        if joining is not None:
            return joining
        if not self._together.due:
            self._together.advance()
        due = {id(state) for state in self._together.due}
        return next(key for key, state in self._states.items() if id(state) in due)

    def add(self, key: str) -> None:
        """Take in a run that begins."""
        self._share_time()
        self._states[key] = None
        self._seconds[key] = 0.0

    def join(self, key: str, state: TrainState, data: ImageData, config: RunConfig) -> Generator[Progress]:
        """Yield the progress of a run from its state on, and before it one without values, as which it has joined.

        Nothing trains before all runs of the group have joined and are asked again.
        """
        progress = self._together.join(state, data, config)
        self._states[key] = state
        try:
            yield Progress(state.step, {})
            yield from progress
        finally:
            self._together.leave(state)

    def leave(self, key: str) -> None:
        """Let a run go that has ended."""
        self._share_time()
        del self._states[key]

    def clock(self, key: str) -> float:
        """Return the seconds that a run took so far: of all time, its equal share with the runs that had not ended."""
        self._share_time()
        return self._seconds[key]

    def _share_time(self) -> None:
        now = time.perf_counter()
        for key in self._states:
            self._seconds[key] += (now - self._last) / len(self._states)
        self._last = now
