"""Many runs on one device: processes beside one another, and runs side by side within them, in turns in one run.

    python -m benchmarks.packed [--case DATA:WIDTH:BATCH[:PRECISION] …] [--processes N …] [--together K …]

An arm is a way to train, in some processes at once; what counts is the training steps a second of all its runs. The
script and the tuned script are those of `benchmarks.train_step`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.arm_process import ArmProcess, orders_of
from benchmarks.machine import bandwidth, conditions, kind_of, show, spread, table
from benchmarks.train_step import BYTES_PER_PARAMETER, case_of, steps_of, with_steps
from iae_models.config import RunConfig
from iae_models.costs import num_parameters
from iae_models.data import ImageData, load
from iae_models.training import Together, initial_state

CASES = ("embedded_digits:1:100", "embedded_digits:0.25:100")
PROCESSES = (1, 4, 16)
TOGETHER = (1, 4, 16)
SECONDS = 1.0
"""How long a round of an arm lasts."""

MOST = 32
"""Runs at once, at most."""

CHUNK = 20
"""Steps between two looks at the clock."""


class Arm(NamedTuple):
    """A way to train.

    Attributes:
        kind: "script", "tuned script" or "ours".
        processes: How many processes do so at once.
        together: How many runs each of them trains side by side.
    """

    kind: str
    processes: int
    together: int

    @property
    def runs(self) -> int:
        """How many runs train at once."""
        return self.processes * self.together


def work(connection: Connection, config: RunConfig, device: str) -> None:
    """Do, in a process of its own, what orders say: get an arm ready, or train for some seconds."""
    torch.set_num_threads(1)
    data = load(config.data.name).to(torch.device(device))
    made: dict[tuple[str, int], Callable[[], object]] = {}
    steps, together = None, 1
    for order in orders_of(connection):
        if steps is None or isinstance(order, tuple):
            kind, together = order
            # one after the other, so that what one holds of the device's memory the next has
            if order not in made:
                made = {order: make_steps(kind, together, config, data)}
            steps = made[order]
            steps()
            connection.send(0.0)
        else:
            begin, num = time.perf_counter(), 0
            while (passed := time.perf_counter() - begin) < order:
                steps()
                num += CHUNK
            connection.send(num * together / passed)


def make_steps(kind: str, together: int, config: RunConfig, data: ImageData) -> Callable[[], object]:
    """Return what trains `CHUNK` steps in a way of an arm."""
    return steps_side_by_side(config, data, together, CHUNK) if together > 1 else steps_of(kind, config, data, CHUNK)


def steps_side_by_side(config: RunConfig, data: ImageData, number: int, num: int) -> Callable[[], object]:
    """Return a round of runs side by side: some steps of each, with one report at their end."""
    endless = with_steps(config, 10**9, report_every=num)
    device = data.train.x.device
    group = Together(device)
    reports = [group.join(initial_state(endless, index, device), data, endless) for index in range(number)]
    return lambda: [next(report) for report in reports]


def rate(arm: Arm, workers: list[ArmProcess]) -> float:
    """Return the steps a second of all runs of an arm."""
    used = workers[: arm.processes]
    for order in ((arm.kind, arm.together), SECONDS):
        for worker in used:
            worker.tell(order)
        found: list[float] = [worker.answer() for worker in used]
    return sum(found)


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packed", description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", metavar="DATA:WIDTH:BATCH[:PRECISION]")
    parser.add_argument(
        "--processes", action="append", type=int, metavar="N", help="processes; 1, 4 and 16 if left out"
    )
    parser.add_argument("--together", action="append", type=int, metavar="K", help="runs side by side, likewise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    device = torch.device(options.device)
    processes = options.processes or PROCESSES
    arms = [Arm("script", number, 1) for number in processes]
    arms += [Arm("tuned script", number, 1) for number in processes]
    arms += [Arm("ours", number, 1) for number in processes]
    sides = [number for number in options.together or TOGETHER if number > 1]
    arms += [Arm("ours", number, beside) for beside in sides for number in processes if number * beside <= MOST]
    copied = bandwidth(device)
    rows = []
    for case in options.case or CASES:
        config = case_of(case)
        workers = [ArmProcess(work, config, options.device) for _ in range(max(processes))]
        rates: dict[Arm, list[float]] = {arm: [] for arm in arms}
        for _ in range(options.rounds):
            for arm, own in rates.items():
                own.append(rate(arm, workers))
        for worker in workers:
            worker.end()
        most = copied / (BYTES_PER_PARAMETER * num_parameters(config))
        first = rates[arms[0]]
        for arm, own in rates.items():
            ratios = [one / other for one, other in zip(own, first, strict=True)]
            rows.append(
                (
                    case,
                    arm.kind,
                    str(arm.processes),
                    str(arm.together),
                    spread(own, 0),
                    spread(ratios),
                    f"{100 * median(own) / most:.0f} %",
                )
            )
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    header = (
        "data, width, batch",
        "way",
        "processes",
        "runs side by side in each",
        "steps a second of all runs",
        f"times those of {arms[0].processes} script",
        "of the bandwidth",
    )
    lines = [*conditions(device), f"- measured: {copied / 1e9:.0f} GB/s copied"]
    show("\n".join([*lines, "", table(header, rows)]), f"Many runs at once on a {kind_of(device)}", options.write, NOTE)
    return 0


NOTE = """Medians over rounds, with the smallest and the largest in brackets. The last column is the traffic of weights,
gradients and Adam's moments, forty bytes a parameter and step, as a share of what copying memory reached: in single
precision no way to train beats it, unless they stay in a cache."""


if __name__ == "__main__":
    sys.exit(main())
