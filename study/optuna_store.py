"""`optuna.db`: the searches of a study folder, for `optuna-dashboard` and other readers. It is derived, never a source.

At each launch it is written anew from the run folders and takes the former file's place, which is kept as
`optuna.previous.db`. While the study runs, changes are copied in batches. The file holds no path, so a study folder can
be moved. A study may ask for a journal file or a database instead: see `study.optuna_places`.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Sequence

import optuna
import sqlalchemy
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from study.optuna_places import place_of
from study.records import StudyFolder

SLICE_S = 0.2
"""Longest time that a copy keeps the driver from its lanes; a trial takes about a hundredth of a second."""


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
        self._storage: BaseStorage | None = None
        self._ids: dict[str, int] = {}
        self._copied: dict[tuple[str, int], tuple[int, FrozenTrial]] = {}
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
            storage = self._storage or self._begin()
            if self._copy_all(storage, time.monotonic() + limit_s) and not self._is_whole:
                self._storage = self._place.take()
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
            self._storage = None
            self.copy(end - time.monotonic())
        self._attempt(lambda: self._place.end(self._is_whole))

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step unless an earlier one failed, and note it where this one does."""
        if self.problem:
            return
        try:
            step()
        except (
            OSError,
            ImportError,  # no driver for this kind of database
            sqlite3.Error,
            sqlalchemy.exc.SQLAlchemyError,
            optuna.exceptions.StorageInternalError,
        ) as error:
            self.problem = f"{type(error).__name__}: {error}".splitlines()[0]

    def _begin(self) -> BaseStorage:
        studies = self._studies()
        self._storage = storage = self._place.begin([study.study_name for study in studies])
        self._ids = {study.study_name: _create(storage, study) for study in studies}
        self._copied.clear()
        self._is_whole = self._is_stale = False
        return storage

    def _copy_all(self, storage: BaseStorage, end: float) -> bool:
        """Return whether everything was copied before the time was over."""
        for study in self._studies():
            for trial in study.get_trials(deepcopy=False):
                if time.monotonic() > end:
                    return False
                self._copy(storage, study.study_name, trial)
        return True

    def _copy(self, storage: BaseStorage, study: str, trial: FrozenTrial) -> None:
        place = (study, trial.number)
        if place not in self._copied:
            trial_id = storage.create_new_trial(self._ids[study], trial)
        else:
            trial_id, former = self._copied[place]
            if former is trial or _says_the_same(former, trial):
                return
            if former.state.is_finished() and not self._place.reopen(trial_id):
                self._is_stale = True  # the whole is written anew in the end
                return
            for name, value in trial.user_attrs.items():
                storage.set_trial_user_attr(trial_id, name, value)
            for step, value in trial.intermediate_values.items():
                storage.set_trial_intermediate_value(trial_id, step, value)
            storage.set_trial_state_values(trial_id, trial.state, trial.values)
        self._copied[place] = (trial_id, trial)


def _create(storage: BaseStorage, study: optuna.Study) -> int:
    study_id = storage.create_new_study(study.directions, study.study_name)
    for name, value in study._storage.get_study_system_attrs(study._study_id).items():
        storage.set_study_system_attr(study_id, name, value)
    return study_id


def _says_the_same(former: FrozenTrial, trial: FrozenTrial) -> bool:
    if former.state == trial.state == TrialState.RUNNING:
        return True
    return (former.state, former.values, former.user_attrs) == (trial.state, trial.values, trial.user_attrs)
