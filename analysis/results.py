"""From the files of a study folder to tidy tables. Imports no torch, no ray, no optuna.

Nothing in a study folder may stop a report: a file that is missing, cut short or edited by hand becomes a status of its
row or an entry of `StudyResults.problems`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.history import History
from analysis.measure_table import MeasureColumns, floats
from study.records import RunFolder, StudyFolder, names_in, read_json, run_status

RUN_COLUMNS = ("key", "config_key", "replicate", "block", "origin", "label", "trial", "status", "reason")
RESULT_COLUMNS = (
    *("steps", "train_time_s", "measure_time_s", "wall_time_s"),
    *("code_hash", "measures_hash", "device", "threads", "worker", "started_at", "finished_at"),
)
CLASSIFIER_COLUMNS = ("classifier_hash", "classifier_accuracy", "classifier_test_accuracy")
CONFIG_COLUMNS = (
    "model.code",
    "model.variant",
    "model.latent_dim",
    "model.num_categories",
    "model.noise_dim",
    "model.train_encoder",
    "data.name",
)
SCALAR = (str, int, float, bool)
ANY = (*SCALAR, list)
"""Types of values that rows can be grouped by, and that a configuration's other fields may have."""

TEXTS = ("config_key", "block", "origin", "label")


@dataclass(frozen=True)
class StudyResults:
    """Everything a study folder says, as tables.

    Attributes:
        folder: Where it was read.
        runs: One row a run: the columns above, what the result says of itself, and every configuration field under its
            dotted name. `status` is "finished", "failed", "planned" or "unreadable". `origin` is "grid" for what the
            study's grid wants today, whatever the run was made for, "extra" for what the folder holds and the study no
            longer wants, and else what `run.json` says.
        measures: One row a measured value, see `measure_table`. Where the full suite has measured what the run itself
            has, too, the row is the full suite's; `suite` says which.
        history: The logged losses, which are read when they are asked for.
        study: The resolved study as `study.json` has it, with `name`, `question`, `blocks`, `objectives`, `runs` and
            `extra` always there and of the right type.
        problems: One line for each file or value that could not be used, naming it.
    """

    folder: StudyFolder
    runs: pd.DataFrame
    measures: pd.DataFrame
    history: History
    study: dict[str, Any]
    problems: tuple[str, ...]


def load_results(study_dir: Path | str) -> StudyResults:
    """Read a study folder, whatever state it is in.

    Raises:
        FileNotFoundError: There is no such folder, or it holds no study.
        NotADirectoryError: The path is a file.
    """
    folder = StudyFolder(study_dir)
    if not folder.root.exists():
        raise FileNotFoundError(f"study folder must exist, but got {folder.root}: there is no such folder.")
    if not folder.root.is_dir():
        raise NotADirectoryError(f"study folder must be a folder, but got {folder.root}: it is a file.")
    if not folder.resolved.is_file() and not folder.runs.is_dir():
        raise FileNotFoundError(f"study folder must hold study.json or runs/, but {folder.root} holds neither.")
    problems: list[str] = []
    study = _load_study(folder, problems)
    runs, measures = _load_runs(folder, study, problems)
    history = History(folder.history)
    problems += history.problems
    return StudyResults(folder, runs, measures, history, study, tuple(problems))


def load_samples(folder: RunFolder) -> tuple[dict[str, np.ndarray], str]:
    """Read a run's sample images.

    Returns:
        The arrays by name, uint8 with shape (rows, columns, C, H, W) or (N, C, H, W), and "" or the reason why some are
        not there.
    """
    return _load_arrays(folder.samples)


def load_maps(folder: RunFolder) -> dict[str, np.ndarray]:
    """Return the full suite's maps of a run by name, such as "share_z" with shape (C, H, W); none without the file."""
    arrays, _ = _load_arrays(folder.maps)
    return {name: values for name, values in arrays.items() if values.dtype.kind in "fiu" and values.ndim in (2, 3)}


def load_curve(folder: RunFolder) -> pd.DataFrame:
    """Return the rate-distortion curve of a run, one row for each σ; empty where it has not been measured."""
    record = _read(folder.full_measures, []).get("groups")
    group = record.get("rate_distortion") if isinstance(record, dict) else None
    rows = [row for row in _list(group.get("curve")) if isinstance(row, dict)] if isinstance(group, dict) else []
    table = pd.DataFrame.from_records(rows)
    return table.apply(_numbers) if {"rate_low", "rate_high"} <= set(table.columns) else pd.DataFrame()


def _load_arrays(path: Path) -> tuple[dict[str, np.ndarray], str]:
    place = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        return {}, f"{place}: there is no such file."
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}, ""
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile) as error:
        return {}, f"{place}: must be readable, but is not: {_one_line(error)}"


def _load_study(folder: StudyFolder, problems: list[str]) -> dict[str, Any]:
    study = _read(folder.resolved, problems)
    if not isinstance(study.get("name"), str):
        study["name"] = folder.root.resolve().name
    if not isinstance(study.get("question"), str):
        study["question"] = ""
    study["blocks"] = [block for block in _list(study.get("blocks")) if isinstance(block, dict)]
    objectives = [item for item in _list(study.get("objectives")) if isinstance(item, dict)]
    objectives = [{name: value for name, value in item.items() if isinstance(value, str)} for item in objectives]
    study["objectives"] = [item for item in objectives if "measure" in item]
    wanted = _list(study.get("runs"))
    study["runs"] = [item for item in wanted if isinstance(item, dict) and isinstance(item.get("key"), str)]
    if len(study["runs"]) < len(wanted):
        count = len(wanted) - len(study["runs"])
        problems.append(f"{_place(folder.resolved)}: runs must be objects with a key, but {count} are not.")
    study["extra"] = [key for key in _list(study.get("extra")) if isinstance(key, str)]
    return study


def _load_runs(folder: StudyFolder, study: Mapping[str, Any], problems: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    measures = MeasureColumns()
    folders = [folder.run(name) for name in sorted(names_in(folder.runs))]
    rows = {run.key: _load_run(run, measures, problems) for run in folders if run.root.is_dir()}
    _place_in_study(rows, study)
    columns = (*RUN_COLUMNS, *RESULT_COLUMNS, "full_hash", *CLASSIFIER_COLUMNS, *CONFIG_COLUMNS)
    table = pd.DataFrame.from_records(list(rows.values()))
    extra = [name for name in table.columns if name not in columns]
    table = table.reindex(columns=[*columns, *extra])
    for name in ("replicate", "trial", "steps", "model.latent_dim", "model.num_categories", "model.noise_dim"):
        table[name] = _numbers(table[name])
    for name in ("train_time_s", "measure_time_s", "wall_time_s", *CLASSIFIER_COLUMNS[1:]):
        table[name] = _numbers(table[name])
    known = table["classifier_hash"].map(_test_accuracies(folder, problems))
    table["classifier_test_accuracy"] = table["classifier_test_accuracy"].fillna(_numbers(known))
    return table.astype({"key": str, "config_key": str}), measures.table(problems)


def _place_in_study(rows: dict[str, dict[str, Any]], study: Mapping[str, Any]) -> None:
    """Set origin, block and label to what the study says of a run today, and add the runs that have no folder yet."""
    for key in study["extra"]:
        if key in rows:
            rows[key]["origin"] = "extra"
    for item in study["runs"]:
        key = item["key"]
        row = rows.setdefault(key, {**_key_parts(key), "status": "planned", "reason": ""})
        row.update({name: item[name] for name in ("block", "label") if isinstance(item.get(name), str)})
        row["origin"] = "grid"


def _test_accuracies(folder: StudyFolder, problems: list[str]) -> dict[str, Any]:
    """Return the test accuracy of each stored classifier by its hash."""
    paths = sorted(folder.classifiers.glob("*.json")) if folder.classifiers.is_dir() else []
    records = [_read(path, problems) for path in paths]
    return {item["hash"]: item.get("test_accuracy") for item in records if isinstance(item.get("hash"), str)}


def _load_run(run: RunFolder, measures: MeasureColumns, problems: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {**_key_parts(run.key), "status": run_status(run), "reason": ""}
    record = _read(run.run, problems)
    if not isinstance(record.get("all"), dict):
        return row | {"status": "unreadable", "reason": "run.json cannot be read", "origin": "unknown"}
    kinds = dict.fromkeys(CONFIG_COLUMNS, SCALAR)
    row.update({name: value for name, value in record["all"].items() if isinstance(value, kinds.get(name, ANY))})
    wanted = {name: str if name in TEXTS else SCALAR for name in RUN_COLUMNS}
    row.update({name: record[name] for name, kind in wanted.items() if isinstance(record.get(name), kind)})
    row["key"] = run.key
    row["parameters"] = record.get("parameters") if isinstance(record.get("parameters"), dict) else {}
    if row["status"] == "finished":
        _add_result(row, run, measures, problems)
    if row["status"] == "failed":
        failure = _read(run.failure, problems)
        row["reason"] = _one_line(failure.get("reason") or "the reason cannot be read")
        row["kind"] = failure.get("kind") if isinstance(failure.get("kind"), str) else "error"
    return row


def _add_result(row: dict[str, Any], run: RunFolder, measures: MeasureColumns, problems: list[str]) -> None:
    result, found = _read(run.result, problems), _read_measures(run, problems)
    if not result or found is None:
        row.update(status="unreadable", reason=f"{'measures' if result else 'result'}.json cannot be read")
        return
    row.update({name: result[name] for name in RESULT_COLUMNS if isinstance(result.get(name), SCALAR)})
    classifier = result.get("classifier")
    if isinstance(classifier, dict):
        known = {name: classifier.get(name) for name in ("hash", "accuracy", "test_accuracy")}
        row.update({f"classifier_{name}": value for name, value in known.items() if isinstance(value, SCALAR)})
    if isinstance(result.get("versions"), dict):
        row["versions"] = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    full, row["full_hash"] = _read_full_measures(run, problems)
    measures.add(run.key, "quick", found)
    # the full suite's values come last: where both have one, the last one is kept
    measures.add(run.key, "full", full)


def _read_measures(run: RunFolder, problems: list[str]) -> list[dict[str, Any]] | None:
    """Return the entries of `measures.json` that have a name, or None where it cannot be used."""
    record = _read(run.measures, problems)
    measures = record.get("measures")
    if not isinstance(measures, list):
        if record:
            problems.append(f"{_place(run.measures)}: measures must be a list, but got {type(measures).__name__}.")
        return None
    if record.get("key") != run.key:
        problems.append(f"{_place(run.measures)}: key must be {run.key}, but got {record.get('key')}.")
        return None
    kept = [item for item in measures if isinstance(item, dict) and isinstance(item.get("name"), str)]
    if len(kept) < len(measures):
        problems.append(f"{_place(run.measures)}: {len(measures) - len(kept)} measures have no name and are left out.")
    return kept


def _read_full_measures(run: RunFolder, problems: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the entries of `full_measures.json`, all groups together, and the hash of the measures' source."""
    if not run.full_measures.is_file():
        return [], ""
    record = _read(run.full_measures, problems)
    groups = record.get("groups")
    if not isinstance(groups, dict) or record.get("key") != run.key:
        if record:
            problems.append(f"{_place(run.full_measures)}: must hold the groups of run {run.key}, but does not.")
        return [], ""
    entries = [item for group in groups.values() if isinstance(group, dict) for item in _list(group.get("measures"))]
    kept = [item for item in entries if isinstance(item, dict) and isinstance(item.get("name"), str)]
    return kept, str(record.get("measures_hash", ""))


def _read(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return read_json(path)
    except FileNotFoundError:
        problems.append(f"{_place(path)}: there is no such file.")
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{_place(path)}: {_one_line(error).removeprefix(f'{path} ')}")
    return {}


def _key_parts(key: str) -> dict[str, Any]:
    config_key, _, replicate = key.rpartition("-")
    number = int(replicate) if replicate.isdigit() else None
    return {"key": key, "config_key": config_key or key, "replicate": number, "label": key, "block": ""}


def _numbers(column: pd.Series[Any]) -> pd.Series[float]:
    return pd.Series(floats(column.tolist()), index=column.index)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _place(path: Path) -> str:
    """Name a file as a reader of the study folder would: by its last folders."""
    return "/".join(path.parts[-3:] if path.parent.parent.name == "runs" else path.parts[-2:])


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
