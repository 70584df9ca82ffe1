"""What is kept of a study in the repository: the measures of every run with where they come from, and no run folder.

A file of `docs/results/` is JSON: study, question, `launched_at`, machine, versions, code hashes, the `--set`
arguments, `common` (the configuration fields that all cells share and that differ from their defaults), `unrun` (block
and label of cells of the grid that were never begun), and `cells`, one for each configuration of the grid, with block,
label, `num_runs` (begun), `planned`, `failed`, `replicates`, and `values`: for each measure of the model on the test
images one number for each of `replicates`, null where it is undefined or the run failed; `images` says on how many
images or points each was measured. Of a measure that both suites have it is the full suite's. `kmeans` and `untrained`
are the clustering errors of k-means at the same K and of the network before training, `real` what the data's own points
or images come to, by measure. `defaults` holds those of `SAID` that no cell changes.

Of a study that searches, `confirmed` holds the winners on their fresh seeds, as `cells` does, best first by what chose
them, which `choice` counts, and `search` what `kept_search` keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.results import load_results
from analysis.statistics import describe_runs
from analysis.whole_files import atomic_path
from benchmarks.kept_search import SEARCHED, kept_search, rounded
from iae_models.config import changed_values, default_values, run_config
from study.records import StudyFolder, read_json

SAID = (
    *("model.discriminator_norm", "model.discriminator_batching", "model.conditioning", "model.r1_gamma"),
    *("model.positive_gradient", "model.code_gradient", "model.reconstruction_loss", "model.width"),
)
"""Fields that a reader must know of, also where they stand at their defaults."""

KEPT = ("grid", *SEARCHED, "confirm")
"""Origins of the runs that something is kept of."""


def keep(study_dir: Path, measures: Sequence[str], target: Path) -> None:
    """Write the named measures of a study's runs to a file.

    Raises:
        ValueError: It was a smoke run, or the full suite has measured some runs of a block and others not, so that
            their values do not compare.
    """
    results = load_results(study_dir)
    study, runs = results.study, describe_runs(results.runs)
    if study.get("smoke"):
        raise ValueError(f"{study_dir} must not be a smoke run, which is there to see whether a study works at all.")
    # of a study that was confined to some of its cells the others never began
    runs = runs[runs["origin"].isin(KEPT) & runs["status"].isin(("finished", "pruned", "failed"))]
    cells = {origin: runs[runs["origin"] == origin] for origin in ("grid", "confirm")}
    finished = runs[runs["status"] == "finished"]
    configs = {key: _changed(study_dir, key) for key in runs["key"]}
    common = _common(list(configs.values()))
    own = {key: _own(config, common) for key, config in configs.items()}
    values = results.measures[results.measures["split"] == "test"]
    for group in cells.values():
        _check_suites(
            values[(values["subject"] == "model") & values["name"].isin(measures)],
            group[group["status"] == "finished"],
        )
    values = values[values["value"].notna()]
    search = kept_search(study, runs, results.measures, measures, own)
    spec = study.get("spec") or {}
    record = {
        "study": study["name"],
        "question": study["question"],
        "launched_at": study["launched_at"],
        "machine": study["machine"],
        "versions": study["versions"],
        "devices": sorted(finished["device"].unique()),
        "code_hashes": {key: int(count) for key, count in finished["code_hash"].value_counts().sort_index().items()},
        "run_hours": round(float(finished["wall_time_s"].sum()) / 3600, 2),
        "overrides": [item for item in spec.get("overrides", []) if not item.startswith("resources.")],
        "common": common,
        "defaults": _defaults(list(configs.values())),
        "unrun": _unrun(study, cells["grid"]),
        "cells": [
            {**_cell(group, values, measures, own[group["key"].iloc[0]]), "planned": _planned(study, group)}
            for _, group in _cells(cells["grid"])
        ],
    }
    if search is not None:
        places = {(item["block"], item["label"]): place for place, item in enumerate(search["configurations"])}
        winners = [_cell(group, values, measures, own[group["key"].iloc[0]]) for _, group in _cells(cells["confirm"])]
        winners.sort(key=lambda cell: places.get((cell["block"], cell["label"]), len(places)))
        winners = [{"choice": number, **cell} for number, cell in enumerate(winners, 1)]
        record |= {"confirmed": winners, "search": search}
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cells(runs: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    return list(runs.sort_values("replicate").groupby(["block", "config_key"], sort=False))


def _cell(
    runs: pd.DataFrame, values: pd.DataFrame, measures: Sequence[str], config: Mapping[str, Any]
) -> dict[str, Any]:
    own = values[values["run"].isin(runs["key"])].merge(runs[["key", "replicate"]], left_on="run", right_on="key")
    own = own.sort_values("replicate")
    model = own[own["subject"] == "model"]
    replicates = [int(number) for number in runs["replicate"]]
    tables = {name: model[model["name"] == name] for name in measures}
    errors = own[own["name"] == "clustering_error"]
    controls = {name: _rounded(errors[errors["subject"] == name]["value"]) for name in ("kmeans", "untrained")}
    real = own[(own["subject"] == "real") & own["name"].isin(measures)]
    return {
        "block": str(runs["block"].iloc[0]),
        "label": str(runs["label"].iloc[0]),
        "config": dict(config),
        "num_runs": len(runs),
        "failed": int((runs["status"] == "failed").sum()),
        "replicates": replicates,
        "values": {name: _by_replicate(table, replicates) for name, table in tables.items() if len(table)},
        "images": {name: int(table["n"].max()) for name, table in tables.items() if len(table)},
        **{name: values for name, values in controls.items() if values},
        **(
            {"real": {str(name): _rounded(group["value"]) for name, group in real.groupby("name")}} if len(real) else {}
        ),
    }


def _by_replicate(table: pd.DataFrame, replicates: Sequence[int]) -> list[float | None]:
    found = dict(zip(table["replicate"], _rounded(table["value"]), strict=True))
    return [found.get(number) for number in replicates]


def _planned(study: Mapping[str, Any], runs: pd.DataFrame) -> int:
    """Return how many runs the study wants of a cell."""
    cell = (runs["block"].iloc[0], runs["label"].iloc[0])
    return sum((run.get("block"), run.get("label")) == cell for run in study["runs"])


def _unrun(study: Mapping[str, Any], begun: pd.DataFrame) -> list[dict[str, str]]:
    """Return block and label of the cells of the grid of which no run was begun."""
    there = set(zip(begun["block"], begun["label"], strict=True))
    wanted = dict.fromkeys((run.get("block"), run.get("label")) for run in study["runs"])
    return [{"block": block, "label": label} for block, label in wanted if (block, label) not in there]


def _check_suites(values: pd.DataFrame, finished: pd.DataFrame) -> None:
    """Refuse what the full suite has measured in part: the values of other runs are of fewer images.

    It has measured all runs of a block, or none; and of a cell each measure in all runs, or in none.
    """
    full = values[values["suite"] == "full"]
    full = full.merge(finished[["key", "block", "config_key"]], left_on="run", right_on="key")
    _refuse_part("the full suite's measures", finished, "block", full)
    for name, rows in full.groupby("name"):
        _refuse_part(str(name), finished, "config_key", rows)


def _refuse_part(what: str, finished: pd.DataFrame, column: str, full: pd.DataFrame) -> None:
    for part, runs in full.groupby(column)["key"]:
        if lacking := sorted(set(finished.loc[finished[column] == part, "key"]) - set(runs)):
            raise ValueError(
                f"all runs of a block must be measured with the full suite, or none, but {', '.join(lacking)} "
                f"lack {what}: python -m analysis.measure does it."
            )


def _defaults(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    defaults = default_values()
    return {name: defaults[name] for name in SAID if not any(name in config for config in configs)}


def _changed(study_dir: Path, key: str) -> dict[str, Any]:
    record = read_json(StudyFolder(study_dir).run(key).run)
    changed: dict[str, Any] = json.loads(json.dumps(changed_values(run_config(record["config"]))))
    return changed


def _common(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries that all configurations have."""
    first = configs[0] if configs else {}
    return {
        name: value for name, value in first.items() if all(name in other and other[name] == value for other in configs)
    }


def _own(config: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in common}


def _rounded(column: pd.Series[float]) -> list[float]:
    return [rounded(value) for value in column]
