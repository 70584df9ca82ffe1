"""What a run costs that trains nothing, through the whole path, against plain Ray Tune.

    python -m benchmarks.overhead [--runs 1000] [--plain 40] [--busy 200] [--write docs/performance.md]

A run of ours is planned, recorded, handed to a worker by Ray Tune, reported, written to the history, finished in its
folder, told to the search and copied for `optuna-dashboard`; only training and measuring are left out. A trial of plain
Ray Tune is a class with one report, without and with `reuse_actors` (and `max_concurrent_trials`, or Ray starts an
actor for every trial that waits). Ray's own start is in no number. Then runs of one second, for the share of time that
workers work.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console

import study.driver
from benchmarks.idle_lane import SECONDS, IdleLane
from benchmarks.machine import conditions, show, table
from study.dispatch import Dispatcher
from study.driver import cluster, lanes_of, run_lanes
from study.history import HistoryWriter
from study.launches import LaunchClock
from study.optuna_store import OptunaStore
from study.plan import make_plan
from study.progress import DriverCallback, display_for
from study.records import StudyFolder, run_status
from study.spec import load_study
from study.trial import WorkerSettings

STUDY = """
name: overhead
parameters:
  model.latent_dim: {{grid: [2, 5, 10, 20], search: {{low: 1, high: 200, log: true}}}}
  train.generator_lr: {{grid: [0.001], search: {{low: 0.0001, high: 0.01, log: true}}}}
objectives: [{{measure: critic_accuracy, direction: minimize}}]
replicates: {replicates}
resources: {{lane_size: {lane_size}}}
budget: {{runs: {runs}}}
"""

CELLS = 4
"""Grid cells of that study."""

REUSED = 10
"""How many times as many trials of plain Ray Tune there are with reused actors, where the first start counts less."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=summary)
    parser.add_argument("--runs", type=int, default=1000, help="runs that do nothing")
    parser.add_argument("--plain", type=int, default=40, help="trials of plain Ray Tune")
    parser.add_argument("--busy", type=int, default=200, help="runs of one second")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    lines = conditions(torch.device("cpu"), ("ray", "optuna"))
    rows = []
    for reuse in (False, True):
        number = options.plain * (REUSED if reuse else 1)
        seconds = plain(number, reuse=reuse)
        name = "plain Ray Tune, reuse_actors and max_concurrent_trials" if reuse else "plain Ray Tune"
        rows.append((name, str(number), f"{seconds:.1f}", f"{1e3 * seconds / number:.0f}", "", "", ""))
    for lane_size, number, sleep in ((1, options.runs, 0.0), (8, options.runs, 0.0), (1, options.busy, 1.0)):
        seconds, driver, workers, grown = ours(number, lane_size, sleep)
        name = f"ours, {f'runs of {sleep:g} s, ' if sleep else ''}lane_size {lane_size}"
        used = f"{100 * number * sleep / (workers * seconds):.1f} %" if sleep else ""
        each = 1e3 * (seconds / number - sleep / workers)
        busy = f"{1e3 * driver / number:.1f}"
        rows.append((name, str(number), f"{seconds:.1f}", f"{each:.1f}", busy, used, f"{grown:.0f}"))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    header = (
        "what",
        "number",
        "seconds in all",
        "ms each",
        "driver's CPU, ms each",
        "workers at work",
        "driver's memory added, MB",
    )
    text = "\n".join([*lines, "", table(header, rows)])
    show(text, "Overhead", options.write)
    return 0


def plain(number: int, *, reuse: bool) -> float:
    """Return the seconds of so many trials of plain Ray Tune, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.plain_tune", str(number), *(["--reuse"] if reuse else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return next(float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("seconds "))


def ours(number: int, lane_size: int, sleep: float) -> tuple[float, float, int, float]:
    """Run a study of so many runs that sleep.

    Returns:
        Seconds, those that the driver was computing, the number of workers, and the megabytes that the driver's process
        has grown by.

    Raises:
        RuntimeError: Not all runs are finished, or the driver met an error.
    """
    # the workers' runtime environment is made of this process's
    os.environ[SECONDS] = str(sleep)
    study.driver.LaneTrainable = IdleLane  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(prefix="overhead-") as name, cluster(None, 1):
        root = Path(name)
        replicates = number // CELLS
        text = STUDY.format(replicates=replicates, lane_size=lane_size, runs=replicates * CELLS)
        (root / "overhead.yaml").write_text(text)
        spec, folder = load_study(root / "overhead.yaml"), StudyFolder(root / "study")
        lanes = lanes_of(spec.resources)
        before, begin, computed = _resident_mb(), time.perf_counter(), time.process_time()
        dispatcher = Dispatcher(spec, folder, make_plan(spec, folder))
        history, store = HistoryWriter(folder.history), OptunaStore(folder, lambda: dispatcher.studies)
        display = display_for(Console(file=sys.stderr, quiet=True), dispatcher, lanes.number, datetime.now(UTC))
        callback = DriverCallback(dispatcher, history, store, display, LaunchClock(folder))
        run_lanes(dispatcher, lanes, WorkerSettings(str(folder.root)), callback, print)
        history.write()
        store.close()
        seconds, driver = time.perf_counter() - begin, time.process_time() - computed
        grown = _resident_mb() - before
        finished = sum(run_status(run) == "finished" for run in folder.run_folders())
    problem = dispatcher.problem or history.problem or store.problem
    if problem or finished != replicates * CELLS:
        raise RuntimeError(problem or f"{number} runs must be finished, but {finished} are.")
    return seconds, driver, lanes.number, grown


def _resident_mb() -> float:
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.is_file() else 0
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    sys.exit(main())
