"""A lane: one Ray Tune trial, which trains a list of runs in one worker, one after the other or side by side.

A worker keeps its process for lane after lane (`reset_config`), so torch is imported and the data are loaded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ray import tune

from study.trial import Report, WorkerSettings, perform_all


class LaneTrainable(tune.Trainable):
    """Advances the runs of a lane by one report at a time.

    Its configuration is `{"lane": [run keys], "place": fields of a WorkerSettings, "bundle": {resource: amount}}`.
    Nothing of a run's own raises here: see `study.trial.perform`. A step returns `{"reports": [fields of a Report],
    "done": bool}`.
    """

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """Return what a lane takes of a machine."""
        return tune.PlacementGroupFactory([config["bundle"]])

    def setup(self, config: dict[str, Any]) -> None:
        """Begin a lane in a new worker."""
        self._reports = _lane(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another lane in the same worker."""
        self._reports = _lane(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Advance the current run until it has something to report."""
        report, done = next(self._reports)
        return {"reports": [asdict(report)], "done": done}


def _lane(config: dict[str, Any]) -> Iterator[tuple[Report, bool]]:
    """Yield the reports of all runs of a lane, each with whether it is the lane's last."""
    open_runs = set(config["lane"])
    for report in perform_all(config["lane"], WorkerSettings(**config["place"])):
        if report.status != "running":
            open_runs.discard(report.key)
        yield report, not open_runs
