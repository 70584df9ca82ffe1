"""Train and measure one run, and write its folder: the part of a worker that needs torch."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.tensorboard import SummaryWriter

from analysis.measures.classifier import Classifier, classifier_for
from analysis.measures.identity import Readers, domain_readers
from analysis.measures.point_samples import point_panels
from analysis.measures.samples import sample_panels
from analysis.measures.source import measures_hash
from analysis.measures.suite import quick_suite
from analysis.measures.translation import translation_panels
from analysis.whole_files import atomic_path
from iae_models.config import DATASETS, RunConfig, code_hash_of, run_config, run_key
from iae_models.data import ImageData, load
from iae_models.products import product_of
from iae_models.state import save_weights
from iae_models.training import Progress, TrainState, evaluation_model, initial_state, train
from iae_models.variant import Variant
from study.agreed import agreed_product
from study.checkpoint_notes import made_by
from study.checkpoints import Checkpoints
from study.pictures import Pixels, contact_sheet, write_png
from study.provenance import device_name, versions
from study.records import RunFolder, StudyFolder, read_json, run_status, write_json
from study.run_log import Line, RunLog
from study.rungs import measure_objectives, with_rungs
from study.scatter import scatter_sheet
from study.stop_request import StopRequested, is_stop_requested
from study.trial import EndedEarly, WorkerSettings

if TYPE_CHECKING:
    from study.group import Group


def train_and_measure(run: RunFolder, place: WorkerSettings, group: Group | None = None) -> Iterator[Line]:
    """Train one run to its end, report by report, then measure it and write its results.

    It goes on from the run's last checkpoint; what was reported there comes again first, since whoever listened may not
    have heard it. `result.json` is written last, so that its presence means that all else is there.

    Args:
        run: The run's folder.
        place: Where it finds what it needs.
        group: The runs that it trains beside. A line without values says that it has joined them.

    Raises:
        EndedEarly: The driver has ended the run.
        StopRequested: The study is asked to stop, and the run is at a checkpoint.
        Diverged: A loss or parameter left the finite numbers.
        ValueError: The run's record does not fit its name, or its data set is not the published one.
        DataMissing: Its data set is not there.
    """
    clock = time.perf_counter if group is None else partial(group.clock, run.key)
    started_at, begin = _now(), clock()
    config, replicate = configuration_of(run)
    prepare_torch(place)
    data = data_of(config.data.name, place.data_root, place.device)
    product = product_for(place)
    code = code_hash_of(config.model.variant)
    notes = {"key": run.key, **made_by(code, place.device, place.threads)}
    checkpoints = Checkpoints(run, notes, place.checkpoint_s)
    state = checkpoints.resume(partial(initial_state, config, replicate, torch.device(place.device), product))
    with RunLog(run, state.step) as log, _events(run, log.past) as events:
        yield from log.past[-1:]
        objectives = partial(_objectives, state, data, config, replicate, place)
        if group is None:
            steps: Iterator[Progress] = train(state, data, config)
        else:
            steps = group.join(run.key, state, data, config)
        for progress in with_rungs(steps, run, state, config.train.steps, place.judge_every, objectives):
            line = Line(progress.step, log.time_s + clock() - begin, progress.values)
            if not progress.values:
                yield line
                continue
            if log.add(line):
                _draw(events, line)
            is_stopped = is_stop_requested(StudyFolder(Path(place.study)))
            if is_stopped or checkpoints.is_due:
                log.sync()
                checkpoints.save(state)
            yield line
            _end_if(run, place, is_stopped=is_stopped)
        trained = clock()
        measures, accuracy = _measure(run, state, data, config, replicate, place)
        for measure in measures:
            if measure["subject"] == "model" and measure["value"] is not None:
                events.add_scalar(f"measure/{measure['split']}/{measure['name']}", measure["value"], config.train.steps)
    end = clock()
    train_time_s = log.attempts.lost_s + log.time_s + trained - begin
    write_json(run.measures, {"key": run.key, "measures": measures})
    result = {
        "key": run.key,
        "status": "finished",
        "steps": config.train.steps,
        "train_time_s": train_time_s,
        "measure_time_s": end - trained,
        "wall_time_s": train_time_s + end - trained,
        "attempts": log.attempts.number,
        "resumed_from": list(log.attempts.resumed_from),
        "steps_repeated": log.attempts.steps_repeated,
        "started_at": started_at,
        "finished_at": _now(),
        "code_hash": code,
        "measures_hash": measures_hash(),
        "device": device_name(place.device),
        "threads": torch.get_num_threads(),
        "worker": f"{socket.gethostname()}:{os.getpid()}",
        "product": product_of(state.variant),
        "cuda_graph": state.is_recorded,
        "versions": versions(),
        "data_fingerprint": data.fingerprint,
        "classifier": accuracy,
        "values": model_values(measures),
    }
    if checkpoints.problem:
        result["checkpoint_problem"] = checkpoints.problem
    write_json(run.result, result)
    run.remove_checkpoints()


def _end_if(run: RunFolder, place: WorkerSettings, *, is_stopped: bool) -> None:
    """Raise what ends a run whose report has been heard, if something does."""
    if place.judge_every and run_status(run) == "pruned":
        raise EndedEarly
    if is_stopped:
        raise StopRequested


def model_values(measures: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return the trained model's value of each measure, by split and name; None where it is undefined or refused."""
    values: dict[str, dict[str, float | None]] = {"validation": {}, "test": {}}
    for measure in measures:
        if measure["subject"] == "model":
            values[measure["split"]][measure["name"]] = measure["value"]
    return values


def configuration_of(run: RunFolder) -> tuple[RunConfig, int]:
    """Return the configuration and the replicate of a run.

    Raises:
        ValueError: Its record does not fit its name.
    """
    record = read_json(run.run)
    config, replicate = run_config(record["config"]), int(record["replicate"])
    if run_key(config, replicate) != run.key:
        raise ValueError(
            f"{run.run.name} must describe the run {run.key}, but describes {run_key(config, replicate)}: it was "
            "written by another recipe or for other data."
        )
    return config, replicate


def prepare_torch(place: WorkerSettings) -> None:
    """Let this process compute as runs do: with so many threads, and the same again."""
    torch.set_num_threads(place.threads)
    # On a GPU a few kernels have no deterministic form; there it is asked for, not demanded.
    torch.use_deterministic_algorithms(True, warn_only=place.device != "cpu")
    torch.backends.cudnn.benchmark = False
    if place.device == "cuda":
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # for measures, as elsewhere
        gc.collect()
        torch.cuda.empty_cache()  # what a run before this one took, neighbours may need
    # No result reads memory that nothing was written to, and filling it all takes a twentieth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def product_for(place: WorkerSettings) -> str | None:
    """Return the library that a run multiplies with on a CPU; None where nothing says it."""
    return place.product or (agreed_product(StudyFolder(Path(place.study))) if place.device == "cpu" else None)


@lru_cache(maxsize=1)
def data_of(name: str, root: str | None, device: str) -> ImageData:
    """Return a data set on a device; it is kept until another one is asked for."""
    return load(name, None if root is None else Path(root)).to(torch.device(device))


@lru_cache(maxsize=1)
def _classifier(name: str, root: str | None, device: str, folder: Path) -> Classifier | None:
    """Return the measuring classifier of a data set; points, and images without labels, have none."""
    info = DATASETS[name]
    return classifier_for(data_of(name, root, device), folder) if info.holds_images and info.num_classes else None


def _readers(config: RunConfig, place: WorkerSettings) -> Readers | None:
    """Return what labels of both domains are read off with, where the code is an image of the second."""
    if config.model.code != "image":
        return None
    return _readers_of(config.data.name, place.data_root, place.device, StudyFolder(Path(place.study)).classifiers)


@lru_cache(maxsize=1)
def _readers_of(name: str, root: str | None, device: str, folder: Path) -> Readers | None:
    return domain_readers(data_of(name, root, device), folder)


def _measure(
    run: RunFolder, state: Any, data: ImageData, config: RunConfig, replicate: int, place: WorkerSettings
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    model = evaluation_model(state, data)
    # The network as it was before the first step: the same seed makes it again, so nothing of it was kept meanwhile.
    first = initial_state(config, replicate, torch.device(place.device), product_of(state.variant))
    untrained = evaluation_model(first, data)
    folder = StudyFolder(Path(place.study)).classifiers
    classifier = _classifier(config.data.name, place.data_root, place.device, folder)
    measures = [
        asdict(item)
        for item in quick_suite(
            model, untrained, data, classifier, replicate, config.data.num_labels, readers=_readers(config, place)
        )
    ]
    panels, sheet = _pictures(model, data, replicate)
    with atomic_path(run.samples) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **panels)  # type: ignore[arg-type]
    with atomic_path(run.picture) as temporary:
        write_png(sheet, temporary)
    with atomic_path(run.weights) as temporary:
        save_weights(model, temporary)
    return measures, None if classifier is None else {"hash": classifier.hash, "accuracy": classifier.accuracy}


def _pictures(model: Variant, data: ImageData, replicate: int) -> tuple[dict[str, npt.NDArray[Any]], Pixels]:
    """Return the sample arrays of a model, and the picture of them."""
    if model.code == "image":
        translated = translation_panels(model, data, replicate)
        return {**translated}, contact_sheet(translated)
    if DATASETS[data.name].holds_images:
        panels: dict[str, npt.NDArray[Any]] = {**sample_panels(model, data, replicate)}
        return panels, contact_sheet(panels)
    panels = point_panels(model, data, replicate)
    return panels, scatter_sheet(panels)


def _objectives(
    state: TrainState, data: ImageData, config: RunConfig, replicate: int, place: WorkerSettings
) -> dict[str, float | None]:
    folder = StudyFolder(Path(place.study)).classifiers
    classifier = _classifier(config.data.name, place.data_root, place.device, folder)
    return measure_objectives(
        place.judge_by, state, data, classifier, replicate, config.data.num_labels, _readers(config, place)
    )


@contextlib.contextmanager
def _events(run: RunFolder, past: Sequence[Line]) -> Iterator[SummaryWriter]:
    """Yield a writer for TensorBoard that has drawn the past, and remove what former attempts drew."""
    for path in run.root.glob("events.out.tfevents.*"):
        path.unlink()
    with SummaryWriter(run.root) as events:
        began = time.time() - (past[-1].time_s if past else 0.0)
        for line in past:
            _draw(events, line, began + line.time_s)
        yield events


def _draw(events: SummaryWriter, line: Line, at: float | None = None) -> None:
    for name, value in line.values.items():
        events.add_scalar(name, value, line.step, at)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
