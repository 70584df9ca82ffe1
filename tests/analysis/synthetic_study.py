"""Write study folders with planted effects, in the format of `study.records` and without training anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iae_models.config import changed_values, config_key, flatten, run_config, run_key
from study.records import RunFolder, StudyFolder, read_json, write_json

PLANTED = {"share_z_pixel": 0.12, "share_z_feature": 0.20, "label_preservation": 0.25, "r2_mean": -0.05}
"""Trained minus frozen, the same in every cell."""


@dataclass(frozen=True)
class Planted:
    """What a synthetic study holds.

    Attributes:
        gaussian: (latent dimension, noise dimension) of the Gaussian cells.
        categorical: (K, noise dimension) of the categorical cells.
        frozen: Whether every Gaussian cell has its frozen twin.
        replicates: Seeds a cell.
        searched: Number of searched Gaussian configurations, of one replicate each.
        seed_sd: Standard deviation of what a seed does to all cells, trained and frozen alike.
        noise_sd: Standard deviation of what is left between runs.
        history: Whether losses are logged.
        samples: Whether sample images are written.
        full: Whether the full suite has measured every run.
    """

    gaussian: Sequence[tuple[int, int]] = tuple((z, n) for z in (2, 5, 20) for n in (10, 100))
    categorical: Sequence[tuple[int, int]] = ((10, 10), (30, 10))
    frozen: bool = True
    replicates: int = 3
    searched: int = 4
    seed_sd: float = 0.02
    noise_sd: float = 0.01
    history: bool = True
    samples: bool = True
    full: bool = False


def write_study(root: Path, planted: Planted | None = None) -> Path:
    """Write a study folder of finished runs and return it."""
    planted = planted or Planted()
    folder = StudyFolder(root)
    random = np.random.default_rng(0)
    seeds = {name: random.normal(0, planted.seed_sd, 10) for name in PLANTED}
    wanted, losses = [], []
    for replicate in range(planted.replicates):
        for block, fields in _cells(planted):
            record = _write_run(folder, block, fields, replicate, seeds, random, planted)
            wanted.append({name: record[name] for name in ("key", "block", "label")})
            losses.append(_losses(record["key"], random))
    for trial in range(planted.searched):
        fields = {"model.latent_dim": int(random.integers(3, 40)), "model.noise_dim": int(random.integers(1, 200))}
        record = _write_run(folder, "gaussian", fields, 0, seeds, random, planted, trial=trial)
        losses.append(_losses(record["key"], random))
    write_json(folder.resolved, _study(planted, wanted))
    write_json(folder.classifiers / "embedded_digits.json", {**_CLASSIFIER, "test_accuracy": 0.958})
    if planted.history and losses:
        folder.history.mkdir(parents=True, exist_ok=True)
        for part, chunk in enumerate((losses[: len(losses) // 2], losses[len(losses) // 2 :])):
            columns = {name: [value for table in chunk for value in table[name]] for name in losses[0]}
            pq.write_table(pa.table(columns), folder.history / f"part-{part:06d}.parquet")
    return root


def fail_run(root: Path, key: str, reason: str = "reconstruction_discriminator became nan at step 1200") -> None:
    """Turn a finished run into a failed one."""
    run = StudyFolder(root).run(key)
    run.result.unlink()
    run.measures.unlink()
    run.samples.unlink(missing_ok=True)
    failure = {"key": key, "status": "failed", "reason": reason, "kind": "diverged", "traceback": "", "step": 1200}
    write_json(run.failure, {**failure, "failed_at": "2026-01-01T00:00:00+00:00"})


def share_of_code(latent_dim: float, noise_dim: float) -> float:
    """Return the planted S_z of a frozen encoder: it rises with the code and falls with the noise."""
    return float(0.7 * latent_dim / (latent_dim + 4) * 50 / (50 + noise_dim) ** 1.0 + 0.1)


def _cells(planted: Planted) -> list[tuple[str, dict[str, Any]]]:
    gaussian = [{"model.latent_dim": z, "model.noise_dim": n} for z, n in planted.gaussian]
    cells = [("gaussian", fields) for fields in gaussian]
    if planted.frozen:
        cells += [("frozen", {**fields, "model.train_encoder": False}) for fields in gaussian]
    return cells + [
        ("categorical", {"model.code": "categorical", "model.num_categories": k, "model.noise_dim": n})
        for k, n in planted.categorical
    ]


def _write_run(
    folder: StudyFolder,
    block: str,
    fields: dict[str, Any],
    replicate: int,
    seeds: dict[str, np.ndarray],
    random: np.random.Generator,
    planted: Planted,
    trial: int | None = None,
) -> dict[str, Any]:
    config = run_config({"model.width": 0.125, **fields})
    key = run_key(config, replicate)
    run = folder.run(key)
    symbol, size = (
        ("z", config.model.latent_dim) if config.model.code == "gaussian" else ("K", config.model.num_categories)
    )
    record = {
        "key": key,
        "config_key": config_key(config),
        "replicate": replicate,
        "block": block,
        "origin": "grid" if trial is None else "search",
        "label": f"{symbol}={size} n={config.model.noise_dim}" + ("" if config.model.train_encoder else " frozen"),
        "config": changed_values(config),
        "all": flatten(config),
        "data_fingerprint": "0" * 64,
        "recipe": 1,
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    write_json(run.run, record if trial is None else {**record, "trial": trial, "parameters": fields})
    if planted.samples:
        _write_samples(run.samples, config.model.code, config.model.num_categories, random)
    write_measures(run, _measures(config.model, replicate, seeds, random, planted.noise_sd))
    if planted.full:
        _write_full(run, random)
    return record


def _write_full(run: RunFolder, random: np.random.Generator) -> None:
    """Write what the full suite leaves: a calibrated model whose code decides the ink and not the background."""
    values = {"joint_accuracy": 0.53, "joint_power": 0.9, "factor_split/ink": 0.9, "factor_split/background": 0.05}
    measures = [_measure(name, "test", "model", value + random.normal(0, 0.005)) for name, value in values.items()]
    curve = [
        {"sigma": sigma, "rate_low": 2 / sigma, "rate_high": 2.1 / sigma, "distortion": 5 + sigma}
        | {"distortion_low_end": 4.9 + sigma, "distortion_high_end": 5.1 + sigma}
        for sigma in (0.5, 1.0, 2.0)
    ]
    groups = {"calibration": {"measures": measures}, "rate_distortion": {"curve": curve}}
    write_json(run.full_measures, {"key": run.key, "measures_hash": "123456abcdef", "groups": groups})
    shares = random.dirichlet((2, 1, 1), (1, 28, 28)).astype(np.float32)
    maps = {name: shares[..., index] for index, name in enumerate(("share_z", "share_n", "share_zn"))}
    confusion = np.eye(10, dtype=np.int64) * 50 + random.integers(0, 5, (10, 10))
    np.savez(run.maps, variance=shares[..., 0] / 10, confusion=confusion, **maps)


def write_measures(run: RunFolder, measures: list[dict[str, Any]]) -> None:
    """Write the two files that a finished run has: all its measures, and then the small record with their values."""
    write_json(run.measures, {"key": run.key, "measures": measures})
    write_json(run.result, _result(run.key, measures))


def edit_measures(root: Path, key: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Apply a function to each measure of a finished run."""
    path = StudyFolder(root).run(key).measures
    record = read_json(path)
    for measure in record["measures"]:
        change(measure)
    path.write_text(json.dumps(record), encoding="utf-8")


def invalidate(root: Path, key: str, name: str, reason: str = "the value is not finite") -> None:
    """Turn one measure of a run's trained model, on both splits, into what a broken model gives."""

    def change(measure: dict[str, Any]) -> None:
        if (measure["name"], measure["subject"]) == (name, "model"):
            measure.update(value=None, low=None, high=None, status="invalid", reason=reason)

    edit_measures(root, key, change)


def _result(key: str, measures: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "key": key,
        "status": "finished",
        "steps": 2000,
        "train_time_s": 30.0,
        "measure_time_s": 3.0,
        "wall_time_s": 34.0,
        "started_at": "2026-01-01T00:00:00+00:00",
        "finished_at": "2026-01-01T00:00:34+00:00",
        "code_hash": "abcdef123456",
        "measures_hash": "123456abcdef",
        "device": "cpu",
        "threads": 1,
        "versions": {"python": "3.11.2", "torch": "2.15.0"},
        "classifier": {"hash": _CLASSIFIER["hash"], "accuracy": _CLASSIFIER["validation_accuracy"]},
        "values": {
            split: {
                item["name"]: item["value"] for item in measures if (item["split"], item["subject"]) == (split, "model")
            }
            for split in _SPLITS
        },
    }


def _measures(
    model: Any, replicate: int, seeds: dict[str, np.ndarray], random: np.random.Generator, noise_sd: float
) -> list[dict[str, Any]]:
    base = share_of_code(model.code_dim, model.noise_dim)
    frozen = {"share_z_pixel": base, "share_z_feature": base, "label_preservation": base, "r2_mean": base - 0.1}
    values: dict[tuple[str, str], float | None] = {}
    for name, value in frozen.items():
        gain = PLANTED[name] if model.train_encoder else 0.0
        values[name, "model"] = value + gain + (1 + gain) * seeds[name][replicate] + random.normal(0, noise_sd)
        values[name, "untrained"] = value - 0.05 + random.normal(0, noise_sd)
        if model.code == "gaussian":
            values[name, "pca"] = value + 0.05
    for subject in ("model", "untrained"):
        for space in ("pixel", "feature"):
            rest = 1 - float(values[f"share_z_{space}", subject] or 0)
            values[f"share_n_{space}", subject] = 0.8 * rest
            values[f"share_zn_{space}", subject] = 0.2 * rest
    noisy = model.noise_dim > 0
    values["dispersion_ratio", "model"] = 0.8 + random.normal(0, noise_sd) if noisy else None
    values["critic_accuracy", "model"] = 0.7 - 0.05 * np.log10(model.noise_dim + 1) + random.normal(0, noise_sd)
    values["mse_mean", "model"] = 0.04 + random.normal(0, 0.001)
    values["mse_mean", "mean_image"] = 0.067
    values["rate", "model"] = float(np.log(1 + model.code_dim)) + random.normal(0, noise_sd)
    if model.code == "categorical":
        values["clustering_error", "model"] = 1.2 / np.sqrt(model.num_categories) + random.normal(0, 2 * noise_sd)
        values["clustering_error", "kmeans"] = 1.4 / np.sqrt(model.num_categories)
        values["used_clusters", "model"] = float(model.num_categories - replicate)
    else:
        values["clustering_error", "model"] = None
    values["clustering_error", "chance"] = 0.88
    return [_measure(name, split, subject, value) for (name, subject), value in values.items() for split in _SPLITS]


_SPLITS = ("validation", "test")
_CLASSIFIER = {"hash": "fedcba654321", "validation_accuracy": 0.969}


def _measure(name: str, split: str, subject: str, value: float | None) -> dict[str, Any]:
    number = None if value is None else float(value)
    undefined = "not for gaussian codes"
    if name == "dispersion_ratio":
        undefined = "without noise all reconstructions of one code are the same"
    return {
        "name": name,
        "split": split,
        "subject": subject,
        "value": number,
        "low": None if number is None else number - 0.015,
        "high": None if number is None else number + 0.015,
        "n": 1000 if split == "test" else 500,
        "unit": "fraction",
        "status": "ok" if number is not None else "undefined",
        "reason": "" if number is not None else undefined,
    }


def _losses(key: str, random: np.random.Generator) -> dict[str, list[Any]]:
    steps = np.arange(100, 2001, 100)
    table: dict[str, list[Any]] = {"run": [], "step": [], "time_s": [], "name": [], "value": []}
    for name, level in (("loss/autoencoder/reconstruction", 2.0), ("loss/reconstruction_discriminator/gan", 1.0)):
        curve = level * (0.5 + np.exp(-steps / 500)) + random.normal(0, 0.05, len(steps))
        for column, values in zip(table, ([key] * 20, steps, steps / 60, [name] * 20, curve), strict=True):
            table[column].extend(values.tolist() if isinstance(values, np.ndarray) else values)
    return table


def _write_samples(path: Path, code: str, categories: int, random: np.random.Generator) -> None:
    columns = min(categories, 20) if code == "categorical" else 8
    arrays = {
        "originals": _blobs((8,), random),
        "reconstructions": _blobs((8, 5), random),
        "generated": _blobs((8, columns), random),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _blobs(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Draw uint8 images with shape (*shape, 1, 28, 28) of one bright spot each."""
    grid = np.arange(28)
    x, y = random.uniform(8, 20, (2, *shape, 1, 1))
    distance = (grid[None, :] - x) ** 2 + (grid[:, None] - y) ** 2
    return (255 * np.exp(-distance / 40)).astype(np.uint8)[..., None, :, :]


def _study(planted: Planted, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    names = sorted({block for block, _ in _cells(planted)})
    return {
        "name": "decomposition",
        "question": "What does the code keep, and what does the noise invent?",
        "spec": {"name": "decomposition"},
        "blocks": [{"name": name, "family": "categorical" if name == "categorical" else "gaussian"} for name in names],
        "objectives": [
            {"measure": "critic_accuracy", "direction": "minimize", "split": "validation"},
            {"measure": "rate", "direction": "maximize", "split": "validation"},
        ],
        "runs": wanted,
        "extra": [],
        "versions": {"python": "3.11.2", "torch": "2.15.0", "ray": "2.60.0"},
        "machine": {"processor": "x86_64", "cpus": 2, "gpus": []},
        "launched_at": "2026-01-01T00:00:00+00:00",
        "smoke": False,
        "oracle": False,
    }
