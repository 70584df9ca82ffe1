"""Ray: start it, run the lanes of a study on it, and stop it. The only module that does.

Ray's own folders lie in a temporary place and are thrown away; see `study.plan` for how a study goes on without them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from study.spec import Resources

# Read by Ray when it is imported, or by its processes when they start.
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
}

import ray
from ray import tune
from ray.tune.stopper import Stopper

from study.dispatch import Dispatcher
from study.lane import LaneTrainable
from study.progress import DriverCallback
from study.search import LaneSearcher
from study.trial import Workplace

REPOSITORY = Path(__file__).resolve().parents[1]
"""The folder that holds the packages, which workers import as well."""


class Infeasible(ValueError):
    """The machine, or the cluster, can never give a lane what it asks for."""


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


class _StopSwitch(Stopper):
    """Ends a Tune experiment within a tenth of a second after `pressed` is set."""

    def __init__(self) -> None:
        self.pressed = False

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.pressed


@contextlib.contextmanager
def cluster(address: str | None, threads: int) -> Iterator[None]:
    """Start Ray on this machine, or connect to a running cluster, and leave it in the end.

    Args:
        address: Address of a cluster; None starts one of this machine's own.
        threads: Threads of one worker process.
    """
    # Threads are counted when torch is imported, so the workers need these from their first moment.
    variables = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    runtime_env = {"env_vars": variables | {"PYTHONPATH": path}}
    options = {"runtime_env": runtime_env, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # A token would be written under HOME, and nobody but this process talks to this Ray.
        os.environ["RAY_AUTH_MODE"] = "disabled"
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": 100 * 2**20}
    else:
        options["address"] = address
    try:
        ray.init(**options)
        # Tune says at this level what the driver says itself: which trials did not complete, and how to resume them.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        yield
    finally:
        ray.shutdown()


def lanes_of(resources: Resources) -> Lanes:
    """Fit a study's lanes into what the connected Ray has.

    Raises:
        Infeasible: Not even one lane fits.
    """
    available = ray.cluster_resources()
    cpus, gpus = available.get("CPU", 0.0), available.get("GPU", 0.0)
    share = resources.gpus_per_lane if gpus else 0.0
    number = int(cpus / resources.cpus_per_lane)
    if share:
        number = min(number, int(gpus / share + 1e-9))
    if number < 1:
        raise Infeasible(
            f"resources must fit at least one lane, but a lane asks for {resources.cpus_per_lane:g} CPU and {share:g} GPU, "
            f"and Ray has {cpus:g} CPU and {gpus:g} GPU."
        )
    return Lanes(min(number, resources.max_concurrent or number), resources.cpus_per_lane, share)


def run_lanes(dispatcher: Dispatcher, lanes: Lanes, place: Workplace, callback: DriverCallback) -> bool:
    """Run lanes on the connected Ray until the dispatcher has none left.

    Returns:
        Whether it was interrupted by SIGINT or SIGTERM.

    Raises:
        KeyboardInterrupt: It was interrupted twice.
    """
    switch = _StopSwitch()
    with tempfile.TemporaryDirectory(prefix="study-") as storage, _interrupts(dispatcher, switch):
        bundle = {"CPU": lanes.cpus} | ({"GPU": lanes.gpus} if lanes.gpus else {})
        tuner = tune.Tuner(
            tune.with_resources(LaneTrainable, tune.PlacementGroupFactory([bundle])),
            tune_config=tune.TuneConfig(
                search_alg=LaneSearcher(dispatcher, place),
                num_samples=-1,
                max_concurrent_trials=lanes.number,
                reuse_actors=True,
                trial_name_creator=lambda trial: f"lane_{trial.trial_id}",
                trial_dirname_creator=lambda trial: f"lane_{trial.trial_id}",
            ),
            run_config=tune.RunConfig(
                name="lanes", storage_path=storage, callbacks=[callback], stop=switch, verbose=0
            ),
        )
        tuner.fit()
    return switch.pressed


@contextlib.contextmanager
def _interrupts(dispatcher: Dispatcher, switch: _StopSwitch) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM stop the lanes in order, and a second one at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if switch.pressed:
            raise KeyboardInterrupt
        switch.pressed = True
        dispatcher.stop()

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
