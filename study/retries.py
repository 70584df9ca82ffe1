"""Which runs get another attempt in the same launch, and with how much of a machine. Imports no torch, ray or optuna.

A run whose worker died goes on from its last checkpoint, until workers have died a few times in a row without bringing
it to a further one. A run that ran out of memory goes out again alone, with the next larger share of a machine, until
there is none. What is retried here counts as one run, under one key.
"""

from __future__ import annotations

from study.failures import failure_kind, set_aside
from study.records import RunFolder

MOST_LOSSES = 3
"""Workers that may die in a row with a run at the same checkpoint."""


class Retries:
    """Keeps the books of second attempts.

    Args:
        num_larger: How often the share of a machine that a lane takes can grow.
    """

    def __init__(self, num_larger: int) -> None:
        self._num_larger = num_larger
        self._growths: dict[str, int] = {}
        self._losses: dict[str, tuple[int, int]] = {}

    def growths(self, key: str) -> int:
        """Return how often the share of a run has grown."""
        return self._growths.get(key, 0)

    def can_grow(self, run: RunFolder) -> bool:
        """Return whether a run failed for want of memory, and a larger share is left to try."""
        return self.growths(run.key) < self._num_larger and run.failure.is_file() and failure_kind(run) == "memory"

    def grow(self, run: RunFolder) -> None:
        """Give a run the next larger share, and set its failure aside."""
        self._growths[run.key] = self.growths(run.key) + 1
        set_aside(run)

    def is_given_up(self, run: RunFolder) -> bool:
        """Take in that a worker died with a run, and return whether it was one time too many."""
        step = run.newest_step()
        former_step, number = self._losses.get(run.key, (step, 0))
        number = number + 1 if step == former_step else 1
        self._losses[run.key] = (step, number)
        return number >= MOST_LOSSES
