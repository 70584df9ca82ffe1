"""A made-up study folder of any size, in the format that `study` writes: what the report is timed on.

    python -m benchmarks.large_study FOLDER [--runs N] [--reports N] [--metrics N]

A grid of latent dimensions, noise dimensions and learning rates with three replicates; values are drawn, nothing is
trained. Losses are written in parts, as the driver does, and small and similar, as real ones are.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iae_models.config import changed_values, config_key, flatten, run_config, run_key
from study.records import StudyFolder

REPLICATES = 3
RUNS_A_PART = 200
WORKERS = 8
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MEASURES = (
    *("mse_single", "mse_mean", "r2_mean", "share_z_pixel", "share_n_pixel", "share_zn_pixel", "share_z_feature"),
    *("share_n_feature", "share_zn_feature", "label_preservation", "label_agreement", "tau_z", "dispersion_ratio"),
    *("energy_score_pixel", "energy_score_feature", "critic_accuracy", "rate", "label_information"),
    *("prior_accuracy", "prior_moment_kl"),
)
"""The twenty measures of a made-up run."""


def write_large_study(root: Path, num_runs: int, num_reports: int, num_metrics: int) -> StudyFolder:
    """Write a study of `num_runs` finished runs, each with `num_reports` reports of `num_metrics` losses."""
    folder = StudyFolder(root)
    folder.runs.mkdir(parents=True)
    folder.history.mkdir()
    random = np.random.default_rng(0)
    configs = _configurations(-(-num_runs // REPLICATES))
    runs = [(fields, replicate) for fields in configs for replicate in range(REPLICATES)][:num_runs]
    written = [_write_run(folder, index, *run, random) for index, run in enumerate(runs)]
    for part, start in enumerate(range(0, num_runs, RUNS_A_PART)):
        keys = [item["key"] for item in written[start : start + RUNS_A_PART]]
        _write_part(folder.history / f"part-{part:06d}.parquet", keys, num_reports, num_metrics, random)
    objectives = [
        {"measure": "critic_accuracy", "direction": "minimize", "split": "validation"},
        {"measure": "rate", "direction": "maximize", "split": "validation"},
    ]
    wanted = [{name: item[name] for name in ("key", "block", "label")} for item in written if item["origin"] == "grid"]
    study = {"name": root.name, "question": "How long does its report take?", "runs": wanted, "objectives": objectives}
    folder.resolved.write_text(json.dumps(study), encoding="utf-8")
    return folder


def _configurations(num: int) -> list[dict[str, Any]]:
    """Return the fields of `num` different configurations."""
    sizes, noises = range(2, 42), (1, 2, 5, 10, 20, 50, 100, 200)
    rates = [round(1e-4 * 1.25**index, 8) for index in range(-(-num // (len(sizes) * len(noises))))]
    grid = product(rates, sizes, noises)
    names = ("train.generator_lr", "model.latent_dim", "model.noise_dim")
    return [dict(zip(names, values, strict=True)) for values, _ in zip(grid, range(num), strict=False)]


def _write_run(
    folder: StudyFolder, index: int, fields: dict[str, Any], replicate: int, random: np.random.Generator
) -> dict[str, Any]:
    config = run_config(fields)
    run = folder.run(run_key(config, replicate))
    label = " ".join(f"{name.rpartition('.')[2]}={value}" for name, value in fields.items())
    record = {
        "key": run.key,
        "config_key": config_key(config),
        "replicate": replicate,
        "block": "gaussian",
        # one in ten was searched, so that there is a search to report
        "origin": "search" if index // REPLICATES % 10 == 9 else "grid",
        "trial": index // REPLICATES,
        "label": label,
        "config": changed_values(config),
        "all": flatten(config),
    }
    values = random.random(len(MEASURES)) * config.model.latent_dim / 42
    measures = [
        {
            "name": name, "split": split, "subject": "model", "value": float(value), "low": float(value) - 0.01,
            "high": float(value) + 0.01, "n": 1000, "unit": "fraction", "status": "ok", "reason": "",
        }
        for name, value in zip(MEASURES, values, strict=True)
        for split in ("validation", "test")
    ]  # fmt: skip
    result = {
        "key": run.key,
        "status": "finished",
        "steps": 1000,
        "train_time_s": 30.0,
        "measure_time_s": 3.0,
        "wall_time_s": 34.0,
        "started_at": (began := BEGAN + timedelta(seconds=35 * (index // WORKERS))).isoformat(),
        "finished_at": (began + timedelta(seconds=34)).isoformat(),
        "worker": f"made-up:{index % WORKERS}",
        "code_hash": "abcdef123456",
        "measures_hash": "123456abcdef",
        "device": "cpu",
        "threads": 1,
        "versions": {"python": "3.11.2", "torch": "2.15.0"},
    }
    run.root.mkdir()
    contents = ((run.run, record), (run.measures, {"key": run.key, "measures": measures}), (run.result, result))
    for path, content in contents:
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return record


def _write_part(path: Path, keys: list[str], num_reports: int, num_metrics: int, random: np.random.Generator) -> None:
    rows = len(keys) * num_reports * num_metrics
    steps = np.tile(np.repeat(np.arange(1, num_reports + 1) * 10, num_metrics), len(keys))
    names = [f"loss/player_{index // 4}/term_{index % 4}" for index in range(num_metrics)]
    table = {
        "run": pa.array(np.repeat(keys, num_reports * num_metrics)),
        "step": pa.array(steps),
        "time_s": pa.array(steps / 60.0),
        "name": pa.array(np.tile(names, len(keys) * num_reports)),
        "value": pa.array(random.normal(1, 0.1, rows)),
    }
    pq.write_table(pa.table(table), path)


def main(arguments: list[str] | None = None) -> int:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_study", description="Write a made-up study.")
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    for name, default in (("runs", 10_000), ("reports", 100), ("metrics", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    write_large_study(options.folder, options.runs, options.reports, options.metrics)
    return 0


if __name__ == "__main__":
    sys.exit(main())
