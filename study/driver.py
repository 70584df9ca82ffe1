"""Ray: start it, run the lanes of a study on it, and stop it. The only module that does.

Ray's own folders lie in a temporary place and are thrown away; see `study.plan` for how a study goes on without them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune

from study.dispatch import Dispatcher
from study.failures import BadInput
from study.lane import LaneTrainable
from study.progress import DriverCallback
from study.search import LaneSearcher, RungScheduler
from study.spec import Resources
from study.stop_switch import StopSwitch, signals_to
from study.trial import WorkerSettings

SWITCHES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
}
"""Environment variables for Ray: it reports nothing home, writes no logs of its own, and leaves signals to us."""

REPOSITORY = Path(__file__).resolve().parents[1]
"""The folder that holds the packages, which workers import as well."""


@dataclass(frozen=True)
class Lanes:
    """How many lanes run side by side, and what each takes.

    Attributes:
        number: Lanes at a time.
        cpus: CPU cores of each.
        gpus: GPUs of each; 0 where none is visible.
    """

    number: int
    cpus: float
    gpus: float

    @property
    def device(self) -> str:
        """The torch device that a lane trains on."""
        return "cuda" if self.gpus else "cpu"

    @property
    def threads(self) -> int:
        """Threads of one lane's process."""
        return max(1, int(self.cpus))


@contextlib.contextmanager
def cluster(address: str | None, threads: int, paths: Sequence[str] = ()) -> Iterator[None]:
    """Start Ray on this machine, or connect to a running cluster, and leave it in the end.

    Args:
        address: Address of a cluster; None starts one of this machine's own.
        threads: Threads of one worker process.
        paths: Folders that workers import from besides this repository.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came while Ray started.
    """
    os.environ.update(SWITCHES)
    runtime_env = {"env_vars": worker_variables(threads, paths)}
    options: dict[str, Any] = {"runtime_env": runtime_env, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # A token would be written under HOME, and nobody but this process talks to this Ray.
        os.environ["RAY_AUTH_MODE"] = "disabled"
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": 100 * 2**20}
    else:
        options["address"] = address
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
        signal.signal(signal.SIGTERM, terminate)  # Ray puts its own there
        # Tune says at this level what the driver says itself: which trials did not complete, and how to resume them.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        yield
    except SystemExit as exit_:  # what Ray's own handler raises while Ray starts
        raise KeyboardInterrupt from exit_
    finally:
        ray.shutdown()


def worker_variables(threads: int, paths: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment variables that workers need from their first moment, before torch is imported."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # glibc would give a step's memory back to the kernel and ask for it again, a twentieth of a wide network's step
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**30),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS has no deterministic matrix product
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), *paths, os.environ.get("PYTHONPATH")))),
    }


def lanes_of(resources: Resources) -> Lanes:
    """Fit a study's lanes into the nodes of the connected Ray: a lane lies on one node, and a share on one GPU.

    Raises:
        BadInput: Not even one lane fits.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    sizes = [(float(node.get("CPU", 0)), float(node.get("GPU", 0))) for node in nodes]
    share = resources.gpus_per_lane if any(gpus for _, gpus in sizes) else 0.0
    number = sum(lanes_on(cpus, gpus, resources.cpus_per_lane, share) for cpus, gpus in sizes)
    if number < 1:
        found = " or ".join(f"{cpus:g} CPU and {gpus:g} GPU" for cpus, gpus in dict.fromkeys(sizes))
        raise BadInput(
            f"resources must fit at least one lane on a node, but a lane asks for {resources.cpus_per_lane:g} CPU and "
            f"{share:g} GPU, and a node of Ray's has {found or 'nothing'}."
        )
    return Lanes(min(number, resources.max_concurrent or number), resources.cpus_per_lane, share)


def lanes_on(cpus: float, gpus: float, cpus_per_lane: float, gpus_per_lane: float) -> int:
    """Return how many lanes fit on one node side by side."""
    number = _times(cpus, cpus_per_lane)
    if gpus_per_lane > 1:
        return min(number, _times(gpus, gpus_per_lane))
    return min(number, int(gpus) * _times(1, gpus_per_lane)) if gpus_per_lane else number


def _times(whole: float, part: float) -> int:
    """Return how often a part fits into a whole; ten tenths do, whatever floating point says."""
    return int(whole / part + 1e-9)


def run_lanes(
    dispatcher: Dispatcher, lanes: Lanes, place: WorkerSettings, callback: DriverCallback, say: Callable[[str], None]
) -> None:
    """Run lanes on the connected Ray until the dispatcher has none left, or until the study is asked to stop.

    Args:
        dispatcher: Who hands out the runs.
        lanes: How many lanes, and what each takes.
        place: Where the workers find their runs.
        callback: Who takes their reports.
        say: Shows a sentence to the person at the terminal.

    Raises:
        KeyboardInterrupt: The study was asked to stop, and its lanes have ended or are not waited for.
    """
    switch = StopSwitch(dispatcher, say)
    with tempfile.TemporaryDirectory(prefix="study-") as storage, signals_to(switch):
        bundle = {"CPU": lanes.cpus} | ({"GPU": lanes.gpus} if lanes.gpus else {})
        tuner = tune.Tuner(
            tune.with_resources(LaneTrainable, tune.PlacementGroupFactory([bundle])),
            tune_config=tune.TuneConfig(
                search_alg=LaneSearcher(dispatcher, place),
                scheduler=RungScheduler(dispatcher),
                num_samples=-1,
                max_concurrent_trials=lanes.number,
                reuse_actors=True,
                trial_name_creator=lambda trial: f"lane_{trial.trial_id}",
                trial_dirname_creator=lambda trial: f"lane_{trial.trial_id}",
            ),
            run_config=tune.RunConfig(
                name="lanes",
                storage_path=storage,
                callbacks=[callback],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                stop=switch,
                verbose=0,
            ),
        )
        tuner.fit()
    if switch.is_stopping:
        raise KeyboardInterrupt
