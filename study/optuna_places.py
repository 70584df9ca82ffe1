"""Where Optuna's copy of the searches lies: an SQLite or journal file in the study folder, or a database by its URL.

A file is written beside its place and takes it once it is whole; the former one is kept as `…previous…`. SQLite takes
it in one transaction in the file that is there, so a dashboard that has it open goes on with the new content; a crash
leaves all of the old one or all of the new one. In a database, which others may use as well, studies are marked with
an id that the study folder keeps, and only those with its mark are replaced. Tables are written in batches, a batch in
one transaction.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Protocol

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from analysis.whole_files import atomic_path
from study.optuna_rows import STUDIES, TRIALS, write_trials
from study.records import StudyFolder

MARK = "study_folder"
"""Attribute of a study in a database: the id of the folder whose copy it is."""

PATIENCE_S = 10.0
"""Seconds for which a lock of SQLite is waited for."""


class ForeignStudy(RuntimeError):
    """A database has a study of the same name that is no copy of this folder's."""


class Place(Protocol):
    """Where studies are copied to. Its methods are called in their order, by one writer."""

    def begin(self, studies: Sequence[optuna.Study]) -> None:
        """Make room for studies, none of whose trials are there."""

    def write(self, study: str, trials: Sequence[FrozenTrial]) -> bool:
        """Write trials of a study, new ones in the order of their numbers, and others in place of what they were.

        Returns whether that is done; False where the study must be written anew to change a trial.
        """

    def take(self) -> None:
        """Let readers see what was written since `begin`, now that it is whole."""

    def end(self, is_whole: bool) -> None:
        """Let what runs wait for the next launch, and close; what is not whole is given up."""


def place_of(folder: StudyFolder, storage: str | None) -> Place:
    """Return the place that a study asks for: None for SQLite, "journal", or a URL."""
    if storage is None:
        return SqliteFile(folder.optuna)
    return JournalFile(folder.journal) if storage == "journal" else Database(storage, folder.optuna_id)


class SqliteFile:
    """One SQLite file, self-contained once it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = _beside(path, "new")
        self._tables: Tables | None = None

    def begin(self, studies: Sequence[optuna.Study]) -> None:
        """Begin a new file."""
        self._fresh.parent.mkdir(parents=True, exist_ok=True)
        _remove(self._fresh)
        self._tables = Tables(_open_sqlite(self._fresh), studies)

    def write(self, study: str, trials: Sequence[FrozenTrial]) -> bool:
        """Write trials."""
        assert self._tables is not None
        return self._tables.write(study, trials)

    def take(self) -> None:
        """Give the file the new content, or the new file its name where there is none that could take it."""
        assert self._tables is not None
        self._tables.close()
        _fold_in_log(self._fresh)
        if _is_whole(self._path) and _is_content_replaced(self._path, self._fresh):
            _remove(self._fresh)
        else:
            _move_to_previous(self._path)
            self._fresh.rename(self._path)
        self._tables.storage = _open_sqlite(self._path)

    def end(self, is_whole: bool) -> None:
        """Leave one file, without a log beside it."""
        if self._tables is None:
            return
        if is_whole:
            self._tables.end_running()
        self._tables.close()
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
        self._ids: dict[str, int] = {}
        self._trials: dict[tuple[str, int], int] = {}

    def begin(self, studies: Sequence[optuna.Study]) -> None:
        """Begin a new journal; nothing is ever appended to one that a crash may have torn."""
        self._fresh.parent.mkdir(parents=True, exist_ok=True)
        self._fresh.unlink(missing_ok=True)
        self._storage = JournalStorage(JournalFileBackend(str(self._fresh)))
        self._ids = _create(self._storage, studies)
        self._trials.clear()

    def write(self, study: str, trials: Sequence[FrozenTrial]) -> bool:
        """Append trials, and how those that ran have ended."""
        assert self._storage is not None
        is_written = True
        for trial in trials:
            place = (study, trial.number)
            if place not in self._trials:
                self._trials[place] = self._storage.create_new_trial(self._ids[study], trial)
                continue
            trial_id = self._trials[place]
            if self._storage.get_trial(trial_id).state.is_finished():
                is_written = False
                continue
            for name, value in trial.user_attrs.items():
                self._storage.set_trial_user_attr(trial_id, name, value)
            for step, value in trial.intermediate_values.items():
                self._storage.set_trial_intermediate_value(trial_id, step, value)
            self._storage.set_trial_state_values(trial_id, trial.state, trial.values)
        return is_written

    def take(self) -> None:
        """Give the new journal its name."""
        if self._path.exists():
            self._path.replace(_beside(self._path, "previous"))
        self._fresh.rename(self._path)
        self._storage = JournalStorage(JournalFileBackend(str(self._path)))

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
    """A database that others may use as well: only studies with the mark of this folder are touched.

    Args:
        url: Where it is.
        identity: A file for the id of the folder; it is made where it is missing, and a copied folder has the same.
    """

    def __init__(self, url: str, identity: Path) -> None:
        self._url = url
        self._identity = identity
        self._tables: Tables | None = None

    def begin(self, studies: Sequence[optuna.Study]) -> None:
        """Replace the studies of these names by empty ones.

        Raises:
            ForeignStudy: One of them is somebody else's.
        """
        mark = _identity_in(self._identity)
        storage = RDBStorage(self._url)
        if storage.engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(storage.engine, "connect", _do_not_sync)
            storage.engine.dispose()  # the connections that were made before
        try:
            self._make_room(storage, {study.study_name for study in studies}, mark)
            self._tables = Tables(storage, studies, mark)
        except BaseException:
            storage.remove_session()
            storage.engine.dispose()
            raise

    def write(self, study: str, trials: Sequence[FrozenTrial]) -> bool:
        """Write trials."""
        assert self._tables is not None
        return self._tables.write(study, trials)

    def _make_room(self, storage: RDBStorage, names: Set[str], mark: str) -> None:
        """Delete studies of these names, and what a killed launch left of them, or none where one is not our own."""
        own = []
        for study in storage.get_all_studies():
            if study.study_name in {_unmarked(name, mark) for name in names}:
                own.append(study._study_id)
            elif study.study_name in names:
                if study.user_attrs.get(MARK) != mark:
                    raise ForeignStudy(
                        f"the database has a study {study.study_name!r} that is no copy of this folder's; delete it "
                        "there, give this study another name or search.storage another database"
                    )
                own.append(study._study_id)
        for study_id in own:
            storage.delete_study(study_id)

    def take(self) -> None:
        """Do nothing: readers have seen the studies grow."""

    def end(self, is_whole: bool) -> None:  # noqa: ARG002 - a part is better than nothing here
        """Leave no trial of these studies that runs."""
        if self._tables is not None:
            self._tables.end_running()
            self._tables.close()


class Tables:
    """Studies in one of Optuna's relational databases.

    Args:
        storage: The database, without these studies.
        studies: The studies, which are created empty.
        mark: The id of the folder whose studies they are; "" in a database that nobody else uses.

    Attributes:
        storage: The database; another one with the same rows may take its place.
    """

    def __init__(self, storage: RDBStorage, studies: Sequence[optuna.Study], mark: str = "") -> None:
        self.storage = storage
        self._ids = _create_marked(storage, studies, mark) if mark else _create(storage, studies)
        self._trials: dict[str, dict[int, int]] = {name: {} for name in self._ids}

    def write(self, study: str, trials: Sequence[FrozenTrial]) -> bool:
        """Write trials in one transaction."""
        ids = dict(self._trials[study])
        with self.storage.engine.begin() as connection:
            write_trials(connection, self._ids[study], trials, ids)
        self._trials[study] = ids
        return True

    def end_running(self) -> None:
        """Let all running trials wait, in one statement for a study."""
        trials = TRIALS.update().where(TRIALS.c.state == TrialState.RUNNING)
        with self.storage.engine.begin() as connection:
            for study_id in self._ids.values():
                connection.execute(trials.where(TRIALS.c.study_id == study_id).values(state=TrialState.WAITING))

    def close(self) -> None:
        """Close all connections."""
        self.storage.remove_session()
        self.storage.engine.dispose()


def _create_marked(storage: RDBStorage, studies: Sequence[optuna.Study], mark: str) -> dict[str, int]:
    """Create studies that bear a mark as soon as they bear their names, so that a kill leaves none without it."""
    ids = _create(storage, studies, lambda name: _unmarked(name, mark))
    for name, study_id in ids.items():
        storage.set_study_user_attr(study_id, MARK, mark)
        with storage.engine.begin() as connection:
            connection.execute(STUDIES.update().where(STUDIES.c.study_id == study_id).values(study_name=name))
    storage.remove_session()  # which has the names of before
    return ids


def _unmarked(name: str, mark: str) -> str:
    """Return what a study is called until it has its mark; nobody else's has this name."""
    return f"{name} ({mark})"


def _identity_in(path: Path) -> str:
    """Return the id in a file, after making one where there is none."""
    if not path.is_file():
        with atomic_path(path) as temporary:
            temporary.write_text(f"{secrets.token_hex(8)}\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def _create(
    storage: BaseStorage, studies: Sequence[optuna.Study], called: Callable[[str], str] = lambda name: name
) -> dict[str, int]:
    """Create studies without their trials, called something else for now, and return their ids by their names."""
    ids = {}
    for study in studies:
        ids[study.study_name] = study_id = storage.create_new_study(study.directions, called(study.study_name))
        for name, value in study._storage.get_study_system_attrs(study._study_id).items():
            storage.set_study_system_attr(study_id, name, value)
    return ids


def _open_sqlite(path: Path) -> RDBStorage:
    storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": PATIENCE_S}})
    sqlalchemy.event.listen(storage.engine, "connect", _set_pragmas)
    storage.engine.dispose()  # the connections that were made before the pragmas
    return storage


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    # A reader is never in the way, and a lost last second does not matter: the file is derived.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")


def _do_not_sync(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _is_whole(path: Path) -> bool:
    """Return whether a file is there and a database without damage; a log that a crash left beside it is taken in."""
    if not path.is_file():
        return False
    with contextlib.closing(sqlite3.connect(path)) as connection, contextlib.suppress(sqlite3.DatabaseError):
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    return False


def _is_content_replaced(path: Path, fresh: Path) -> bool:
    """Give one database the content of another in one transaction, after a copy of the former is kept.

    Returns whether that is done: a reader that does not let go of the file keeps it as it is.
    """
    kept, previous = _beside(path, "kept"), _beside(path, "previous")
    _remove(kept)
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as former:
        with contextlib.closing(sqlite3.connect(kept)) as copy:
            former.backup(copy)
        _remove(previous)
        kept.rename(previous)
        try:
            former.execute("PRAGMA journal_mode=WAL")  # in which no reader is in the way of a writer
            with contextlib.closing(sqlite3.connect(fresh)) as new:
                new.backup(former)
        except sqlite3.OperationalError:
            return False
    return True


def _move_to_previous(path: Path) -> None:
    """Rename the former file, with its write-ahead log if a crash left one, so that the log meets no other file."""
    if not path.exists():
        return
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
