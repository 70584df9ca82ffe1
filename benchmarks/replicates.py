"""Replicates that train in one step against the same ones one after the other, interleaved in one run.

    python -m benchmarks.replicates [--case DATA:WIDTH:BATCH[:PRECISION] …] [--number K …] [--device cuda]

Beside the times stands what a run's own probe (`iae_models.slot_probe`) looks at: how far the gradients of one step
are apart, and what it would choose.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median, median_low

import torch

from benchmarks.machine import conditions, interleaved, show, spread, table
from benchmarks.train_step import GPU_STEPS, case_of, with_steps
from iae_models.config import RunConfig
from iae_models.costs import flops_per_step
from iae_models.data import ImageData, load
from iae_models.slot_probe import SAME, WORTHWHILE, are_same, differences
from iae_models.slots import Slot
from iae_models.training import Together, initial_state, train

CASES = ("embedded_digits:0.0625:64", "embedded_digits:0.125:64", "embedded_digits:0.25:64", "seven_gaussians:1:128")
NUMBERS = (3, 8)
ROUND_FLOPS = 2e10
"""A round of one arm is about as many floating-point operations of each run, and three to thirty steps."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicates", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--case", action="append", metavar="DATA:WIDTH:BATCH[:PRECISION]", help=f"{' '.join(CASES)} if left out"
    )
    parser.add_argument("--number", action="append", type=int, metavar="K", help="replicates; 3 and 8 if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(options.threads)
    lines, rows = conditions(device), []
    for case in options.case or CASES:
        config = case_of(case)
        data = load(config.data.name).to(device)
        for number in options.number or NUMBERS:
            rows.append(measure(config, data, number, options.rounds))
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    header = (
        "data, width, batch, precision",
        "replicates",
        "one after the other, ms a step of all",
        "together, ms",
        "ratio",
        "by time of day",
        "difference of a gradient",
        "the probe would choose",
    )
    text = "\n".join([*lines, "", table(header, rows)])
    show(text, "Replicates in one step", options.write, NOTE)
    return 0


NOTE = f"""Medians over rounds, with the smallest and the largest in brackets; a ratio is one of each round. Above 1,
together is faster. The difference is the largest of a step, relative to the run's largest gradient: of the median run,
and of the worst. Where a ReLU happens to lie at its kink the worst is far off, as it also is between oneDNN and MKL.
Runs train together where that saves a factor of {WORTHWHILE:g} and the difference is 0 on a CPU, {SAME:g} elsewhere."""


def measure(config: RunConfig, data: ImageData, number: int, rounds: int) -> tuple[str, ...]:
    """Return one row of the table."""
    device = data.train.x.device
    apart = differences(config, number, data)
    num = GPU_STEPS if device.type == "cuda" else min(30, max(3, round(ROUND_FLOPS / flops_per_step(config))))
    arms = [alone_steps(config, data, number, num), together_steps(config, data, number, num)]
    interleaved(arms, 1, device)
    times, walls = interleaved(arms, rounds, device)
    alone, together = ([1e3 * value / num for value in arm] for arm in times)
    ratios = [one / other for one, other in zip(alone, together, strict=True)]
    is_chosen = are_same(apart, device) and median(ratios) >= WORTHWHILE
    return (
        f"{config.data.name}, {config.model.width:g}, {config.train.batch_size}, {config.train.precision}",
        str(number),
        f"{median(alone):.2f}",
        f"{median(together):.2f}",
        spread(ratios),
        spread([one / other for one, other in zip(*walls, strict=True)]),
        f"{median_low(apart):.0e} ({max(apart):.0e})",
        "together" if is_chosen else "one after the other",
    )


def alone_steps(config: RunConfig, data: ImageData, number: int, num: int) -> Callable[[], object]:
    """Return a round of runs one after the other: some steps of each, with one report at their end."""
    endless = with_steps(config, 10**9, report_every=num)
    device = data.train.x.device
    reports = [train(initial_state(endless, index, device), data, endless) for index in range(number)]
    return lambda: [next(report) for report in reports]


def together_steps(config: RunConfig, data: ImageData, number: int, num: int) -> Callable[[], object]:
    """Return a round of the same runs together."""
    endless = with_steps(config, 10**9, report_every=num)
    device, group = data.train.x.device, Together(endless, data, number)
    states = [initial_state(endless, index, device, slot=Slot(index, number)) for index in range(number)]
    reports = [group.join(state) for state in states]
    return lambda: [next(report) for report in reports]


if __name__ == "__main__":
    sys.exit(main())
