"""How a study stands while it runs: counts and names for a display. Imports no ray, torch or optuna."""

from __future__ import annotations

from dataclasses import dataclass, field

from study.trial import Report


@dataclass
class Standing:
    """Counts and names for a display.

    Attributes:
        total: Runs that the study will have had.
        finished: Runs with a result.
        pruned: Runs that a scheduler ended early, by key, with the reason.
        failed: Runs of this launch without one, by key, with the reason.
        reports: The last sign of life of each run that is out.
        wall_times_s: How long the runs took that finished in this launch.
        best: Name of the best configuration so far, controls left out, with its value, by the first objective; None
            before the first.
    """

    total: int
    finished: int
    pruned: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    wall_times_s: list[float] = field(default_factory=list)
    best: tuple[str, float] | None = None
    _scores: dict[str, tuple[float, str]] = field(default_factory=dict)
    _best_key: str = ""

    @property
    def left(self) -> int:
        """Runs that are out or still to go out."""
        return max(0, self.total - self.ended)

    @property
    def ended(self) -> int:
        """Runs that have come to an end of any kind."""
        return self.finished + len(self.pruned) + len(self.failed)

    def remember(self, key: str, name: str, value: float | None, maximize: bool) -> None:
        """Keep the best configuration up to date; a further replicate may make it worse than another one.

        Args:
            key: The configuration.
            name: What it is called: see `cell_name`.
            value: Its first objective; None where it has none any more.
            maximize: Whether larger is better.
        """
        sign = -1 if maximize else 1
        if value is None:
            self._scores.pop(key, None)
        else:
            self._scores[key] = (sign * value, name)
        if key == self._best_key or self._best_key not in self._scores:
            self._best_key = min(self._scores, key=lambda name: self._scores[name][0], default="")
        elif key in self._scores and self._scores[key][0] < self._scores[self._best_key][0]:
            self._best_key = key
        cost, best = self._scores.get(self._best_key, (0.0, ""))
        self.best = (best, sign * cost) if best else None
