"""The full suite of measures, from the saved weights of a study's finished runs. Needs torch, and no Ray.

    python -m analysis.measure STUDY_DIR [--only WHAT …] [--data-root DIR] [--device DEVICE] [--threads N]

Writes `full_measures.json` and `maps.npz` into each run's folder; a report uses them where they are. What is there
already, measured by the same source, stays as it is; values of another source are measured again, all groups of them.
`--only` names groups of the suite, or runs by key, label or label:replicate; several may be given.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.full_measure_names import GROUPS
from analysis.whole_files import atomic_path
from analysis.wording import counted, first_of
from iae_models.config import RunConfig, run_config, run_key
from iae_models.datasets import DATASETS
from study.records import RunFolder, StudyFolder, read_json, run_status, write_json

if TYPE_CHECKING:
    from analysis.measures.classifier import Classifier
    from analysis.measures.full import FullBench
    from iae_models.data import ImageData

Arrays = dict[str, Any]


def measure_study(
    study: StudyFolder, only: Sequence[str] = (), data_root: Path | None = None, device: str = "cpu"
) -> Iterator[tuple[str, str]]:
    """Measure the finished runs of a study, one after another.

    Args:
        study: The study's folder.
        only: Groups of the suite, and runs by key, label or label:replicate; all of them where none is named.
        data_root: Folder of the data sets; None stands for the loader's default.
        device: A torch device, "cpu" or "cuda".

    Yields:
        The key of each wanted run, and what became of it in one line.

    Raises:
        ValueError: Something in `only` is neither a group nor a finished run, or no run has finished.
    """
    finished = [run for run in study.run_folders() if run_status(run) == "finished"]
    if not finished:
        raise ValueError(f"{study.root} must hold finished runs, but holds none.")
    groups, runs = choose(finished, only)
    for run in runs:
        begin = time.perf_counter()
        try:
            measured = measure_run(run, study, groups, data_root, device)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a run's files must cost no other run
            yield run.key, f"could not be measured: {type(error).__name__}: {' '.join(str(error).split())}"
            continue
        words = f"{', '.join(measured)} in {time.perf_counter() - begin:.0f} s" if measured else "there already"
        yield run.key, words


def choose(finished: Sequence[RunFolder], only: Sequence[str]) -> tuple[tuple[str, ...], list[RunFolder]]:
    """Return the groups and the runs that are asked for."""
    groups = tuple(name for name in GROUPS if name in only) or tuple(GROUPS)
    wanted = [item for item in only if item not in GROUPS]
    if not wanted:
        return groups, list(finished)
    names = {run.key: _names(run) for run in finished}
    unknown = [item for item in wanted if not any(item in known for known in names.values())]
    if unknown:
        labels = sorted({known[-1] for known in names.values()})
        raise ValueError(
            f"--only must name groups ({', '.join(GROUPS)}) or finished runs ({first_of(labels)}), "
            f"but got {', '.join(unknown)}."
        )
    return groups, [run for run in finished if any(item in names[run.key] for item in wanted)]


def measure_run(
    run: RunFolder, study: StudyFolder, groups: Sequence[str], data_root: Path | None, device: str
) -> list[str]:
    """Measure those groups of one run that are not there yet, write its files, and return their names.

    Raises:
        ValueError: The run's record does not fit its name.
        OSError: Its weights or its data are not there.
        RuntimeError: Its weights do not fit its configuration.
    """
    from analysis.measures.source import measures_hash

    there, stale = _present(run, measures_hash())
    missing = [name for name in GROUPS if name in {*groups, *stale} - set(there)]
    if not missing:
        return []
    bench = _bench(run, study, data_root, device)
    arrays = _stored_arrays(run) if there else {}
    for name in missing:
        there[name], found = _measure_group(bench, name)
        arrays |= found
    if arrays:
        _write_arrays(run, arrays)
    write_json(
        run.full_measures,
        {
            "key": run.key,
            "measures_hash": measures_hash(),
            "device": device,
            "groups": {name: there[name] for name in GROUPS if name in there},
        },
    )
    return missing


def _names(run: RunFolder) -> tuple[str, ...]:
    """Return what a run can be asked for by; its label comes last."""
    try:
        record = read_json(run.run)
    except (OSError, ValueError):
        return (run.key,)
    label, replicate = record.get("label", run.key), record.get("replicate")
    return run.key, str(record.get("config_key")), f"{label}:{replicate}", str(label)


def _present(run: RunFolder, source: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the groups that are there by this source, and the names of those that another one measured."""
    try:
        record = read_json(run.full_measures)
    except (OSError, ValueError):
        return {}, ()
    groups = record.get("groups")
    if record.get("key") != run.key or not isinstance(groups, dict):
        return {}, ()
    return (groups, ()) if record.get("measures_hash") == source else ({}, tuple(groups))


def _measure_group(bench: FullBench, name: str) -> tuple[dict[str, Any], Arrays]:
    from analysis.measures.full import full_suite

    begin = time.perf_counter()
    found = full_suite(bench, name)
    record = {
        "measures": [vars(item) for item in found.measurements()],
        "curve": found.curve,
        "wall_time_s": time.perf_counter() - begin,
    }
    return record, {key: values.numpy() for key, values in found.arrays.items()}


def _bench(run: RunFolder, study: StudyFolder, data_root: Path | None, device: str) -> FullBench:
    import torch

    from analysis.measures.full import FullBench
    from iae_models.state import load_weights
    from iae_models.training import evaluation_model, initial_state

    config, replicate = _configuration(run)
    data = _data(config.data.name, data_root, device)
    classifier = _classifier(config.data.name, data_root, device, study.classifiers)
    model = load_weights(config, run.weights).to(device)
    untrained = evaluation_model(initial_state(config, replicate, torch.device(device)), data)
    return FullBench(model, untrained, data, classifier, replicate, study.classifiers, config.data.num_labels)


def _configuration(run: RunFolder) -> tuple[RunConfig, int]:
    record = read_json(run.run)
    config, replicate = run_config(record["config"]), int(record["replicate"])
    if run_key(config, replicate) != run.key:
        raise ValueError(f"{run.run.name} must describe the run {run.key}, but describes {run_key(config, replicate)}.")
    return config, replicate


@lru_cache(maxsize=1)
def _data(name: str, root: Path | None, device: str) -> ImageData:
    from iae_models.data import load

    return load(name, root).to(device)


@lru_cache(maxsize=1)
def _classifier(name: str, root: Path | None, device: str, folder: Path) -> Classifier | None:
    from analysis.measures.classifier import classifier_for

    info = DATASETS[name]
    return classifier_for(_data(name, root, device), folder) if info.holds_images and info.num_classes else None


def _stored_arrays(run: RunFolder) -> Arrays:
    import numpy as np

    if not run.maps.is_file():
        return {}
    with np.load(run.maps, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _write_arrays(run: RunFolder, arrays: Mapping[str, Any]) -> None:
    import numpy as np

    with atomic_path(run.maps) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the study that the command line names; return 1 if a run could not be, 2 if the input is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.measure",
        description="Measure the finished runs of a study with the full suite.",
        epilog="Groups: " + "; ".join(f"{name}: {text}" for name, text in GROUPS.items()) + ".",
    )
    parser.add_argument("study_dir", type=Path, help="the study folder, for example runs/decomposition")
    words = "groups, or runs: key, label, label:seed; repeatable"
    parser.add_argument("--only", nargs="+", action="extend", default=[], metavar="WHAT", help=words)
    parser.add_argument("--data-root", type=Path, help="where data sets lie")
    parser.add_argument("--device", default="cpu", help="a torch device, for example cuda")
    parser.add_argument("--threads", type=int, help="threads that torch computes with; as many as it likes if left out")
    options = parser.parse_args(arguments)
    if not options.study_dir.is_dir():
        print(f"study folder must exist, but got {options.study_dir}: there is no such folder.", file=sys.stderr)
        return 2
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    failed = 0
    try:
        study = StudyFolder(options.study_dir)
        for key, words in measure_study(study, options.only, options.data_root, options.device):
            failed += words.startswith("could not")
            print(f"{key}: {words}", flush=True)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if failed:
        print(f"{counted(failed, 'run')} could not be measured.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
