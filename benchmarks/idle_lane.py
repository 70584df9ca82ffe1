"""Lanes whose runs train nothing: what a worker of the benchmark of overhead does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import study.trial
from benchmarks.made_up_runs import finish
from study.lane import LaneTrainable
from study.records import StudyFolder
from study.trial import Report, WorkerSettings

SECONDS = "BENCHMARK_RUN_SECONDS"
"""The environment variable that says how long a run sleeps."""


class IdleLane(LaneTrainable):
    """A lane whose runs sleep, write their result and end."""

    def setup(self, config: dict[str, Any]) -> None:
        """Put idling in the place of training, in this worker's process."""
        study.trial.perform = idle  # type: ignore[assignment]
        super().setup(config)


def idle(key: str, place: WorkerSettings) -> Iterator[Report]:
    """Report as a run does that has one entry in its history, and leave the folder of a finished one."""
    seconds = float(os.environ.get(SECONDS, "0"))
    time.sleep(seconds)
    yield Report(key, "running", 1, seconds, {"loss/autoencoder/reconstruction": 0.5})
    finish(StudyFolder(Path(place.study)), key, 0.5)
    yield Report(key, "finished", 1, seconds)
