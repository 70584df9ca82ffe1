"""Where Optuna's copy of the searches lies: an SQLite or journal file in the study folder, or a database by its URL.

A file is written beside its place and takes it once it is whole; the former file is kept as `…previous…`. In a database
the studies of the same names are replaced.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from study.records import StudyFolder


class Place(Protocol):
    """Where studies are copied to. Its methods are called in their order, by one writer."""

    def begin(self, names: Collection[str]) -> BaseStorage:
        """Return a storage without these studies, for all of them to be written into."""

    def reopen(self, trial_id: int) -> bool:
        """Make a finished trial one that can be written; return whether that is possible here."""

    def take(self) -> BaseStorage:
        """Let readers see what was written since `begin`, now that it is whole, and return where to go on."""

    def end(self, is_whole: bool) -> None:
        """Let what runs wait for the next launch, and close; what is not whole is given up."""


def place_of(folder: StudyFolder, storage: str | None) -> Place:
    """Return the place that a study asks for: None for SQLite, "journal", or a URL."""
    if storage is None:
        return SqliteFile(folder.optuna)
    return JournalFile(folder.journal) if storage == "journal" else Database(storage)


class SqliteFile:
    """One SQLite file, self-contained once it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = _beside(path, "new")
        self._storage: RDBStorage | None = None

    def begin(self, names: Collection[str]) -> BaseStorage:  # noqa: ARG002 - the file is new
        """Return a new file's storage."""
        self._fresh.parent.mkdir(parents=True, exist_ok=True)
        _remove(self._fresh)
        self._storage = _open_sqlite(self._fresh)
        return self._storage

    def reopen(self, trial_id: int) -> bool:
        """Make a finished trial one that can be written."""
        return _reopen(self._storage, trial_id)

    def take(self) -> BaseStorage:
        """Give the new file its name."""
        _disconnect(self._storage)
        _fold_in_log(self._fresh)
        _keep_previous(self._path)
        self._fresh.rename(self._path)
        self._storage = _open_sqlite(self._path)
        return self._storage

    def end(self, is_whole: bool) -> None:
        """Leave one file, without a log beside it."""
        if self._storage is None:
            return
        if is_whole:
            _end_running(self._storage)
        _disconnect(self._storage)
        if is_whole:
            _fold_in_log(self._path)
        else:
            _remove(self._fresh)


class JournalFile:
    """One journal, to which every change is appended. A finished trial cannot be written again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = _beside(path, "new")
        self._storage: JournalStorage | None = None

    def begin(self, names: Collection[str]) -> BaseStorage:  # noqa: ARG002 - the file is new
        """Return a new journal's storage; nothing is ever appended to one that a crash may have torn."""
        self._fresh.parent.mkdir(parents=True, exist_ok=True)
        self._fresh.unlink(missing_ok=True)
        self._storage = JournalStorage(JournalFileBackend(str(self._fresh)))
        return self._storage

    def reopen(self, trial_id: int) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def take(self) -> BaseStorage:
        """Give the new journal its name."""
        if self._path.exists():
            self._path.replace(_beside(self._path, "previous"))
        self._fresh.rename(self._path)
        self._storage = JournalStorage(JournalFileBackend(str(self._path)))
        return self._storage

    def end(self, is_whole: bool) -> None:
        """Leave the journal with no trial that runs."""
        if self._storage is None:
            return
        if not is_whole:
            self._fresh.unlink(missing_ok=True)
            return
        for study in self._storage.get_all_studies():
            for trial in self._storage.get_all_trials(study._study_id, deepcopy=False, states=(TrialState.RUNNING,)):
                self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


class Database:
    """A database that others may use as well: only the studies of this study's names are touched."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._storage: RDBStorage | None = None
        self._names: set[str] = set()

    def begin(self, names: Collection[str]) -> BaseStorage:
        """Return its storage, after the studies of these names were deleted."""
        self._storage = RDBStorage(self._url)
        if self._storage.engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(self._storage.engine, "connect", _do_not_sync)
            self._storage.engine.dispose()  # the connections that were made before
        self._names = set(names)
        for study in self._storage.get_all_studies():
            if study.study_name in self._names:
                self._storage.delete_study(study._study_id)
        return self._storage

    def reopen(self, trial_id: int) -> bool:
        """Make a finished trial one that can be written."""
        return _reopen(self._storage, trial_id)

    def take(self) -> BaseStorage:
        """Return the storage: readers have seen the studies grow."""
        assert self._storage is not None
        return self._storage

    def end(self, is_whole: bool) -> None:  # noqa: ARG002 - a part is better than nothing here
        """Leave no trial of these studies that runs."""
        if self._storage is not None:
            _end_running(self._storage, self._names)
            _disconnect(self._storage)


def _open_sqlite(path: Path) -> RDBStorage:
    storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 10}})
    sqlalchemy.event.listen(storage.engine, "connect", _set_pragmas)
    storage.engine.dispose()  # the connections that were made before the pragmas
    return storage


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    # A reader is never in the way, and a lost last second does not matter: the file is derived.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")


def _do_not_sync(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _disconnect(storage: RDBStorage | None) -> None:
    if storage is not None:
        storage.remove_session()
        storage.engine.dispose()


def _reopen(storage: RDBStorage | None, trial_id: int) -> bool:
    """Take a trial's end and what was said of it away; Optuna itself never changes a finished trial."""
    assert storage is not None
    with storage.engine.begin() as connection:
        for statement in (
            "UPDATE trials SET state = 'RUNNING' WHERE trial_id = :id",
            "DELETE FROM trial_values WHERE trial_id = :id",
            "DELETE FROM trial_user_attributes WHERE trial_id = :id",
        ):
            connection.execute(sqlalchemy.text(statement), {"id": trial_id})
    return True


def _end_running(storage: RDBStorage, names: Collection[str] | None = None) -> None:
    """Let all running trials wait, in one statement for a study; Optuna would take a hundredth of a second for each."""
    statement = sqlalchemy.text("UPDATE trials SET state = 'WAITING' WHERE state = 'RUNNING' AND study_id = :id")
    studies = [study for study in storage.get_all_studies() if names is None or study.study_name in names]
    with storage.engine.begin() as connection:
        for study in studies:
            connection.execute(statement, {"id": study._study_id})


def _keep_previous(path: Path) -> None:
    """Rename the former file, with its write-ahead log if a crash left one, so that the log meets no other file."""
    if not path.exists():
        return
    with contextlib.suppress(sqlite3.DatabaseError):
        _fold_in_log(path)
    previous = _beside(path, "previous")
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


def _beside(path: Path, word: str) -> Path:
    """Return `optuna.new.db` for `optuna.db`."""
    return path.with_name(f"{path.stem}.{word}{path.suffix}")
