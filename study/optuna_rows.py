"""Optuna's trials as rows of its tables, many in one transaction. Imports no ray, no torch.

Optuna's own methods commit at every call, an ask and a tell are a dozen of them, and a finished trial cannot be written
again. The rows are those that its `RDBStorage` writes and reads, in any database that it can use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Table, bindparam

Row = dict[str, Any]

STUDIES: Table = models.StudyModel.__table__
TRIALS: Table = models.TrialModel.__table__
VALUES: Table = models.TrialValueModel.__table__
PARAMS: Table = models.TrialParamModel.__table__
USER_ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__
SYSTEM_ATTRIBUTES: Table = models.TrialSystemAttributeModel.__table__
RUNGS: Table = models.TrialIntermediateValueModel.__table__
PARTS = (VALUES, PARAMS, USER_ATTRIBUTES, SYSTEM_ATTRIBUTES, RUNGS)
"""The tables that say what belongs to a trial, by its `trial_id`."""


def write_trials(
    connection: sqlalchemy.Connection, study_id: int, trials: Sequence[FrozenTrial], ids: MutableMapping[int, int]
) -> None:
    """Write trials of one study as they are now, in place of what was written of them before.

    Args:
        connection: A connection to Optuna's database, in a transaction.
        study_id: The study's id there.
        trials: The trials. No other process may write any of this study.
        ids: The id of each trial that was written before, by its number; new ones are added.
    """
    former = [trial for trial in trials if trial.number in ids]
    new = [trial for trial in trials if trial.number not in ids]
    if former:
        there = [{"id": ids[trial.number]} for trial in former]
        for table in PARTS:
            connection.execute(table.delete().where(table.c.trial_id == bindparam("id")), there)
        changes = [_trial_row(trial) | {"id": ids[trial.number]} for trial in former]
        connection.execute(TRIALS.update().where(TRIALS.c.trial_id == bindparam("id")), changes)
    if new:
        rows = [_trial_row(trial) | {"number": trial.number, "study_id": study_id} for trial in new]
        connection.execute(TRIALS.insert(), rows)
        first = min(trial.number for trial in new)
        query = sqlalchemy.select(TRIALS.c.number, TRIALS.c.trial_id)
        query = query.where(TRIALS.c.study_id == study_id, TRIALS.c.number >= first)
        ids.update((number, trial_id) for number, trial_id in connection.execute(query))
    for table, rows_of in zip(PARTS, (_values, _params, _user_attributes, _system_attributes, _rungs), strict=True):
        rows = [row | {"trial_id": ids[trial.number]} for trial in trials for row in rows_of(trial)]
        if rows:
            connection.execute(table.insert(), rows)


def _trial_row(trial: FrozenTrial) -> Row:
    return {
        "state": trial.state,
        "datetime_start": _utc(trial.datetime_start),
        "datetime_complete": _utc(trial.datetime_complete),
    }


def _values(trial: FrozenTrial) -> Iterator[Row]:
    for objective, value in enumerate(trial.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(value)
        yield {"objective": objective, "value": stored, "value_type": kind}


def _params(trial: FrozenTrial) -> Iterator[Row]:
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }


def _user_attributes(trial: FrozenTrial) -> Iterator[Row]:
    return _attributes(trial.user_attrs)


def _system_attributes(trial: FrozenTrial) -> Iterator[Row]:
    return _attributes(trial.system_attrs)


def _attributes(attributes: dict[str, Any]) -> Iterator[Row]:
    for name, value in attributes.items():
        yield {"key": name, "value_json": json.dumps(value)}


def _rungs(trial: FrozenTrial) -> Iterator[Row]:
    for step, value in trial.intermediate_values.items():
        stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
        yield {"step": step, "intermediate_value": stored, "intermediate_value_type": kind}


def _utc(time: datetime | None) -> datetime | None:
    """Return a local time, which is what a trial has, as the database has it."""
    return None if time is None else time.astimezone(UTC).replace(tzinfo=None)
