"""Ray: start it, run the lanes of a study on it, and stop it. The only module that does.

Ray's own folders lie in a temporary place and are thrown away; see `study.plan` for how a study goes on without them.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import OutOfMemoryError
from ray.tune.stopper import CombinedStopper, Stopper

from study.dispatch import Dispatcher
from study.environment import worker_variables
from study.failures import BadInput
from study.lane import LaneTrainable
from study.lanes import Lanes, fit_lanes
from study.node_watch import NodeWatch
from study.progress import DriverCallback
from study.search import LaneSearcher, RungScheduler
from study.signals import ENDING, held_back
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

LOOPBACK, LOOPBACK_S = "127.0.0.1", 10
"""The address at which a machine reaches itself, and the seconds after which it does not."""

GONE_S = 15
"""Seconds after which a Ray of our own whose control process has died is given up; nobody would start it again."""


@contextlib.contextmanager
def cluster(address: str | None, threads: int, paths: Sequence[str] = ()) -> Iterator[None]:
    """Start Ray on this machine, or connect to a running cluster, and leave it in the end.

    Args:
        address: Address of a cluster; None starts one of this machine's own.
        threads: Threads of one worker process.
        paths: Folders that workers import from besides this repository.

    Raises:
        BadInput: There is no such cluster, or Ray cannot start here, as where its folder for temporary files is full.
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP came while Ray started.
    """
    os.environ.update(SWITCHES)
    runtime_env = {"env_vars": worker_variables(threads, paths)}
    options: dict[str, Any] = {"runtime_env": runtime_env, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # A token would be written under HOME, and nobody but this process talks to this Ray.
        os.environ["RAY_AUTH_MODE"] = "disabled"
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": 100 * 2**20}
        options["_system_config"] = {"gcs_rpc_server_reconnect_timeout_s": GONE_S}
    else:
        options["address"] = address
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        try:
            if address is None:
                _reach_oneself()
            with held_back(ENDING):
                ray.init(**options)
        except (OSError, ValueError) as error:
            if address is not None:
                raise BadInput(f"--address must be that of a running Ray cluster, but at {address}: {error}") from error
            if isinstance(error, ValueError):
                raise
            raise BadInput(f"Ray must be able to start on this machine, but cannot: {error}.") from error
        signal.signal(signal.SIGTERM, terminate)  # Ray puts its own there
        if address is None:
            _kill_without_asking()
        # Tune says at this level what the driver says itself: which trials did not complete, and how to resume them.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        yield
    except SystemExit as exit_:  # what Ray's own handler raises while Ray starts
        raise KeyboardInterrupt from exit_
    finally:
        ray.shutdown()


def _reach_oneself() -> None:
    """Raise an OSError where this machine's processes cannot reach one another: Ray would wait for them for long."""
    try:
        with (
            socket.create_server((LOOPBACK, 0)) as server,
            socket.create_connection(server.getsockname()[:2], timeout=LOOPBACK_S),
        ):
            pass
    except OSError as error:
        raise OSError(f"its processes do not reach one another at {LOOPBACK} ({error})") from error


def _kill_without_asking() -> None:
    """Let `ray.shutdown` kill the processes of our own Ray at once.

    They were started so as not to hear SIGTERM, and Ray would wait a second for each. It has no public switch for this;
    where the private one is gone, it waits.
    """
    node = getattr(ray._private.worker, "_global_node", None)
    kill = getattr(node, "kill_all_processes", None)
    if kill is not None:
        node.kill_all_processes = lambda **options: kill(**{**options, "allow_graceful": False})  # type: ignore[union-attr]


def lanes_of(resources: Resources) -> Lanes:
    """Fit a study's lanes into the nodes of the connected Ray.

    Raises:
        BadInput: Not even one lane fits.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return fit_lanes(resources, [(float(node.get("CPU", 0)), float(node.get("GPU", 0))) for node in nodes])


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
        NoNodeLeft: Ray has lost all nodes on which a lane fits.
    """
    switch = StopSwitch(dispatcher, say, lambda: callback.num_running)
    searcher = LaneSearcher(dispatcher, place, lanes.bundles)
    stopper = CombinedStopper(switch, NodeWatch(lambda: lanes.bundles[dispatcher.most_growths()]))
    with tempfile.TemporaryDirectory(prefix="study-") as storage, signals_to(switch):
        for attempt in itertools.count():
            tuner = _tuner(searcher, lanes.number, callback, stopper, Path(storage) / str(attempt))
            try:
                tuner.fit()
            except RuntimeError as error:
                reason = memory_monitor_in(error)
                if not reason:
                    raise
                for keys in searcher.take_back(reason, partial(callback.was_killed, reason)):
                    callback.tell_loss(keys)
            else:
                break
    if switch.is_stopping or dispatcher.saw_stop:
        raise KeyboardInterrupt


def memory_monitor_in(error: BaseException) -> str:
    """Return what Ray's memory monitor said when it killed workers, where that is why Ray Tune broke down, or "".

    Tune knows errors of actors and of their tasks, and this one is neither.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OutOfMemoryError):
        cause = cause.__cause__ or cause.__context__
    return str(cause or "")


def _tuner(
    searcher: LaneSearcher, number: int, callback: DriverCallback, stopper: Stopper, storage: Path
) -> tune.Tuner:
    return tune.Tuner(
        LaneTrainable,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=RungScheduler(searcher),
            num_samples=-1,
            max_concurrent_trials=number,
            reuse_actors=True,
            trial_name_creator=lambda trial: f"lane_{trial.trial_id}",
            trial_dirname_creator=lambda trial: f"lane_{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name="lanes",
            storage_path=str(storage),
            callbacks=[callback],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            stop=stopper,
            verbose=0,
        ),
    )
