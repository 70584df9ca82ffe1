"""`optuna.db`: the searches of a study folder, for `optuna-dashboard` and other readers. It is derived, never a source.

At each launch it is written anew from the run folders and takes the place of the former content, which is kept as
`optuna.previous.db`; a dashboard that is open stays with it. While the study runs, changes are copied in batches. The
file holds no path, so a study folder can be moved. A study may ask for a journal file or a database instead: see
`study.optuna_places`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from study.optuna_places import place_of
from study.records import StudyFolder

SLICE_S = 0.2
"""Longest time that a copy keeps the driver from its lanes."""

BATCH = 200
"""Trials in one transaction, a tenth of a second or less."""


class OptunaStore:
    """A copy of Optuna studies for readers.

    Being derived, it costs the copy and not the study where a disk or a database refuses it: see `problem`.

    Args:
        folder: The study folder, under the driver's lock.
        studies: Returns the studies in memory that are copied, each under its name, as they are now.
        interval_s: Seconds between two copies of what changed.
        storage: Where to: None for the folder's SQLite file, "journal", or the URL of a database.

    Attributes:
        problem: Why the copying was given up; empty while it goes on.
    """

    def __init__(
        self,
        folder: StudyFolder,
        studies: Callable[[], Sequence[optuna.Study]],
        interval_s: float = 1.0,
        storage: str | None = None,
    ) -> None:
        self.problem = ""
        self._place = place_of(folder, storage)
        self._interval_s = interval_s
        self._last_copy = -math.inf
        self._studies = studies
        self._copied: dict[str, dict[int, FrozenTrial]] = {}
        self._has_begun = False
        self._is_whole = False
        self._is_stale = False

    def copy_if_due(self) -> None:
        """Copy what changed, or a part of it, if the last copy is long enough ago."""
        if time.monotonic() - self._last_copy >= self._interval_s:
            self.copy(SLICE_S)

    def copy(self, limit_s: float = math.inf) -> None:
        """Copy the trials that are new or say something else than when they were last copied.

        The copy takes its place once it has everything for the first time.

        Args:
            limit_s: Seconds after which the rest is left to the next copy.
        """

        def step() -> None:
            if not self._has_begun:
                self._begin()
            if self._copy_all(time.monotonic() + limit_s) and not self._is_whole:
                self._place.take()
                self._is_whole = True

        self._attempt(step)
        self._last_copy = time.monotonic()

    def close(self, limit_s: float = math.inf) -> None:
        """Copy the rest, let what did not end wait for the next launch, and leave one self-contained file.

        Args:
            limit_s: Seconds for it; a file that is not complete by then is given up, and the former one stays.
        """
        end = time.monotonic() + limit_s
        self.copy(limit_s)
        if self._is_stale and time.monotonic() < end:
            self._has_begun = False
            self.copy(end - time.monotonic())
        self._attempt(lambda: self._place.end(self._is_whole))

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step unless an earlier one failed, and note it where this one does."""
        if self.problem:
            return
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a full disk, an old schema, another writer: it is only a copy
            self.problem = f"{type(error).__name__}: {error}".splitlines()[0]

    def _begin(self) -> None:
        studies = self._studies()
        self._place.begin(studies)
        self._copied = {study.study_name: {} for study in studies}
        self._has_begun = True
        self._is_whole = self._is_stale = False

    def _copy_all(self, end: float) -> bool:
        """Return whether everything was copied before the time was over."""
        for study in self._studies():
            copied = self._copied[study.study_name]
            trials = [trial for trial in study.get_trials(deepcopy=False) if not _is_in(copied, trial)]
            for start in range(0, len(trials), BATCH):
                if time.monotonic() > end:
                    return False
                batch = trials[start : start + BATCH]
                if not self._place.write(study.study_name, batch):
                    self._is_stale = True  # the whole is written anew in the end
                copied.update((trial.number, trial) for trial in batch)
        return True


def _is_in(copied: Mapping[int, FrozenTrial], trial: FrozenTrial) -> bool:
    """Return whether a trial was copied as it is; one that runs says nothing new."""
    former = copied.get(trial.number)
    return former is trial or (former is not None and former.state == trial.state == TrialState.RUNNING)
