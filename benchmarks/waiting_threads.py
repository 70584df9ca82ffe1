"""The training step by how long threads that wait for one another spin, on a free machine and on a busy one.

    python -m benchmarks.waiting_threads [--rounds N] [--write docs/performance.md]

Each arm is a process that computes with all cores. The busy machine has one more process for each core, which only
counts. The clock is the time of day: to spin costs CPU time wherever it helps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmarks.arm_process import ArmProcess, orders_of
from benchmarks.machine import conditions, in_turns, show, spread, table
from benchmarks.memory_layout import random_images
from benchmarks.train_step import our_steps
from iae_models.config import run_config
from study.environment import worker_variables

WIDTHS = (0.125, 0.5)
STEPS = 4
ARMS = {"as OpenMP comes": {}, "as workers have it": None, "no spinning": {"OMP_WAIT_POLICY": "passive"}}
"""What each arm's environment adds to the number of threads; None is that of a worker."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting_threads", description=summary)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    torch.set_num_threads(cores)
    lines = conditions(torch.device("cpu"))
    rows = []
    for width in WIDTHS:
        for busy in (0, cores):
            rows.append((f"{width:g}", str(busy), *measure(width, cores, busy, options.rounds)))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    header = ("width", "other busy processes", *(f"{name}, ms a step" for name in ARMS))
    show("\n".join([*lines, "", table(header, rows)]), "Threads that wait", options.write, NOTE)
    return 0


NOTE = """Medians over rounds, with the smallest and the largest in brackets. Threads that spin beside busy processes
keep the cores from those that they wait for."""


def measure(width: float, threads: int, busy: int, rounds: int) -> list[str]:
    """Return milliseconds a step of each arm."""
    number = {"OMP_NUM_THREADS": str(threads)}
    arms = [
        ArmProcess(_work, width, threads, environment=worker_variables(threads) if more is None else number | more)
        for more in ARMS.values()
    ]
    times: list[list[float]] = [[] for _ in arms]
    with _busy(busy):
        for index in in_turns(len(arms), rounds):
            arms[index].tell("go")
            times[index].append(arms[index].answer())
    for arm in arms:
        arm.end()
    return [f"{spread([1e3 * value / STEPS for value in values], 1)}" for values in times]


def _work(connection: Connection, width: float, threads: int) -> None:
    torch.set_num_threads(threads)
    config = run_config({"data.name": "mnist", "model.width": width, "train.batch_size": 64})
    steps = our_steps(config, random_images(config), STEPS)
    steps()
    for _ in orders_of(connection):
        begin = time.perf_counter()
        steps()
        connection.send(time.perf_counter() - begin)


@contextmanager
def _busy(number: int) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_count, daemon=True) for _ in range(number)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.terminate()
            other.join()


def _count() -> None:
    while True:
        sum(range(10**6))


if __name__ == "__main__":
    sys.exit(main())
