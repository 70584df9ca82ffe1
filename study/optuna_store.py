"""`optuna.db`: the searches of a study folder, for `optuna-dashboard` and other readers. It is derived, never a source.

At each launch it is written anew from the run folders and takes the former file's place, which is kept as
`optuna.previous.db`: a finished Optuna trial cannot be changed, but the mean over replicates that it stands for can.
While the study runs, changes are copied in batches. The file holds no path, so a study folder can be moved.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from study.records import StudyFolder

SLICE_S = 0.2
"""Longest time that a copy keeps the driver from its lanes; a trial takes about a hundredth of a second."""


class OptunaStore:
    """A copy of Optuna studies in one SQLite file.

    The file being derived, a disk that refuses it costs the file and not the study: see `problem`.

    Args:
        folder: The study folder, under the driver's lock.
        studies: The studies in memory that are copied, each under its name.
        interval_s: Seconds between two copies of what changed.

    Attributes:
        problem: Why the copying was given up; empty while it goes on.
    """

    def __init__(self, folder: StudyFolder, studies: Sequence[optuna.Study], interval_s: float = 1.0) -> None:
        self.problem = ""
        self._path = folder.optuna
        self._fresh = folder.optuna.with_name("optuna.new.db")
        self._interval_s = interval_s
        self._last_copy = -math.inf
        self._studies = list(studies)
        self._storage: RDBStorage | None = None
        self._ids: dict[str, int] = {}
        self._copied: dict[tuple[str, int], tuple[int, TrialState]] = {}
        self._is_whole = False

    def copy_if_due(self) -> None:
        """Copy what changed, or a part of it, if the last copy is long enough ago."""
        if time.monotonic() - self._last_copy >= self._interval_s:
            self.copy(SLICE_S)

    def copy(self, limit_s: float = math.inf) -> None:
        """Copy the trials that are new or in another state than when they were last copied.

        The file takes its place once it has everything for the first time.

        Args:
            limit_s: Seconds after which the rest is left to the next copy.
        """
        with self._excuse():
            storage = self._storage or self._begin()
            if self._copy_all(storage, time.monotonic() + limit_s) and not self._is_whole:
                self._take_place(storage)
        self._last_copy = time.monotonic()

    def close(self, limit_s: float = math.inf) -> None:
        """Copy the rest, let what did not end wait for the next launch, and leave one self-contained file.

        Args:
            limit_s: Seconds for it; a file that is not complete by then is given up, and the former one stays.
        """
        self.copy(limit_s)
        with self._excuse():
            if self._storage is None:
                return
            _disconnect(self._storage)
            if self._is_whole:
                _end_running(self._path)
                _fold_in_log(self._path)
            else:
                _remove(self._fresh)

    @contextlib.contextmanager
    def _excuse(self) -> Iterator[None]:
        """Run a step unless an earlier one failed, and note it where this one does."""
        try:
            yield
        except (
            OSError,
            sqlite3.Error,
            sqlalchemy.exc.SQLAlchemyError,
            optuna.exceptions.StorageInternalError,
        ) as error:
            self.problem = self.problem or f"{type(error).__name__}: {error}".splitlines()[0]
            self._studies.clear()

    def _begin(self) -> RDBStorage:
        self._fresh.parent.mkdir(parents=True, exist_ok=True)
        _remove(self._fresh)
        self._storage = _open(self._fresh)
        self._ids = {study.study_name: self._create(self._storage, study) for study in self._studies}
        return self._storage

    def _copy_all(self, storage: RDBStorage, end: float) -> bool:
        """Return whether everything was copied before the time was over."""
        for study in self._studies:
            for trial in study.get_trials(deepcopy=False):
                if time.monotonic() > end:
                    return False
                self._copy(storage, study.study_name, trial)
        return True

    def _take_place(self, storage: RDBStorage) -> None:
        _disconnect(storage)
        _fold_in_log(self._fresh)
        _keep_previous(self._path)
        self._fresh.rename(self._path)
        self._is_whole = True
        self._storage = _open(self._path)

    @staticmethod
    def _create(storage: RDBStorage, study: optuna.Study) -> int:
        study_id = storage.create_new_study(study.directions, study.study_name)
        for name, value in study._storage.get_study_system_attrs(study._study_id).items():
            storage.set_study_system_attr(study_id, name, value)
        return study_id

    def _copy(self, storage: RDBStorage, study: str, trial: FrozenTrial) -> None:
        place = (study, trial.number)
        if place not in self._copied:
            trial_id = storage.create_new_trial(self._ids[study], trial)
        else:
            trial_id, state = self._copied[place]
            if state == trial.state:
                return
            for name, value in trial.user_attrs.items():
                storage.set_trial_user_attr(trial_id, name, value)
            storage.set_trial_state_values(trial_id, trial.state, trial.values)
        self._copied[place] = (trial_id, trial.state)


def _open(path: Path) -> RDBStorage:
    storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 10}})
    sqlalchemy.event.listen(storage.engine, "connect", _set_pragmas)
    storage.engine.dispose()  # the connections that were made before the pragmas
    return storage


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    # A reader is never in the way, and a lost last second does not matter: the file is derived.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")


def _disconnect(storage: RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()


def _end_running(path: Path) -> None:
    """Let all running trials wait, in one statement; Optuna would take a hundredth of a second for each."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE trials SET state = 'WAITING' WHERE state = 'RUNNING'")


def _keep_previous(path: Path) -> None:
    """Rename the former file, with its write-ahead log if a crash left one, so that the log meets no other file."""
    if not path.exists():
        return
    with contextlib.suppress(sqlite3.DatabaseError):
        _fold_in_log(path)
    previous = path.with_name("optuna.previous.db")
    _remove(previous)
    for suffix in ("", "-wal"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(previous.with_name(previous.name + suffix))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)


def _fold_in_log(path: Path) -> None:
    """Leave all of a database in its one file."""
    # A reader may have it open; then the log stays beside it, which is as good.
    with contextlib.closing(sqlite3.connect(path)) as connection, contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
