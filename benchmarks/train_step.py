"""The training step against a plain PyTorch script and against a hand-tuned one, interleaved in one run.

    python -m benchmarks.train_step [--case DATA:WIDTH:BATCH[:PRECISION] …] [--device cuda] [--write FILE]

The script (`benchmarks.plain_training`) has a `DataLoader` and eager Adam; tuned, it has its images resident on the
device, the fused form of Adam, and TensorFloat-32 where the case is not one in single precision. All three begin with
the same weights and draw the same batches and noise, and their losses are compared before anything is timed. On a CPU
the clock is the process's own CPU time, so that other processes on the machine disturb the numbers less; ratios by the
time of day stand beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from benchmarks.arm_process import ArmProcess, orders_of
from benchmarks.machine import (
    bandwidth,
    conditions,
    in_turns,
    kind_of,
    peak_flops,
    seconds,
    show,
    spread,
    table,
)
from benchmarks.plain_training import PlainRun
from iae_models.config import DATASETS, RunConfig, run_config
from iae_models.costs import flops_per_step, num_parameters
from iae_models.data import ImageData, Split, load
from iae_models.training import initial_state, train
from study.environment import worker_variables

CASES = tuple(f"embedded_digits:{case}" for case in ("1:100", "0.5:100", "0.25:64", "0.125:64", "0.0625:64"))
KINDS = ("script", "tuned script", "ours")

ROUND_FLOPS = 4e10
"""A round of one arm is about as many floating-point operations on a CPU, and at least two steps."""

GPU_STEPS = 100
"""Steps of a round on a GPU."""

SHORT, SINGLE = 2, 5e-3
LONG, DOUBLE = 20, 1e-6
"""Over how many steps losses are compared in single and in double precision, and their largest relative difference."""

BYTES_PER_PARAMETER = 40
"""Of a step, at least: a weight is read twice and its gradient written; Adam reads four numbers and writes three."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_step", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--case", action="append", metavar="DATA:WIDTH:BATCH[:PRECISION]", help=f"{' '.join(CASES)} if left out"
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(options.threads)
    copied = bandwidth(device)
    lines = conditions(device)
    cases = options.case or CASES
    flops = {name: peak_flops(device, name) for name in sorted({case_of(case).train.precision for case in cases})}
    products = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {name}" for name, value in flops.items())
    lines.append(f"- roofline, measured: {products}, {copied / 1e9:.0f} GB/s copied")
    rows = []
    for case in cases:
        config = case_of(case)
        data = load(config.data.name).to(device)
        # all arms multiply in single precision where their losses are compared
        difference = compare(case_of(":".join(case.split(":")[:3])), data)
        roofline = flops[config.train.precision], copied
        rows.append(
            measure(config, options.rounds, roofline, difference, device=options.device, threads=options.threads)
        )
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    header = (
        "width, batch, precision",
        "script, ms a step",
        "tuned script, ms",
        "ours, ms",
        "script / ours",
        "by time of day",
        "tuned / ours",
        "ours, of the roofline",
        "largest difference of a loss",
    )
    text = "\n".join([*lines, "", table(header, rows)])
    show(text, f"The training step on a {kind_of(device)}", options.write, NOTE)
    return 0


NOTE = f"""Medians over rounds, with the smallest and the largest in brackets; a ratio is one of each round. Above 1 we
are faster. All arms begin with equal weights and have equal draws; the last column is the largest relative difference
of a loss between them, over {SHORT} steps in single and over {LONG} in double precision. Adam's first steps go by the
sign of a gradient, so that single precision tells runs apart soon."""


def case_of(text: str) -> RunConfig:
    """Return the default configuration with the data, width, batch size and precision of a case."""
    name, width, batch, *precision = text.split(":")
    values: dict[str, object] = {"data.name": name, "model.width": float(width), "train.batch_size": int(batch)}
    if not DATASETS[name].holds_images:
        values |= {"model.code": "categorical", "model.num_categories": 7}
    return run_config(values | dict(zip(("train.precision",), precision, strict=False)))


class DoubleSplit(Split):
    """Examples in double precision."""

    def images(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return the examples at `index`."""
        return self.x[index].double() / 255


def compare(config: RunConfig, data: ImageData) -> str:
    """Train the arms for a few steps from equal weights; return how far their losses are apart.

    Raises:
        ValueError: Too far: they do not train the same thing.
    """
    single = _difference(config, data, SHORT, SINGLE)
    torch.set_default_dtype(torch.float64)
    try:
        train_split = DoubleSplit(data.train.x, data.train.y)
        double = _difference(config, dataclasses.replace(data, train=train_split), LONG, DOUBLE)
    finally:
        torch.set_default_dtype(torch.float32)
    return f"{single:.0e}, {double:.0e}"


def _difference(config: RunConfig, data: ImageData, num: int, tolerance: float) -> float:
    reported = with_steps(config, num, report_every=1)
    ours = train(initial_state(reported, 0, data.train.x.device), data, reported)
    scripts = [script(config, data, tuned=tuned) for tuned in (False, True)]
    largest = 0.0
    for progress in ours:
        values = {name: value for name, value in progress.values.items() if name.startswith("loss/")}
        for run in scripts:
            losses = {name: value.item() for name, value in run.step().items()}
            if losses.keys() != values.keys():
                raise ValueError(f"the losses must be {sorted(values)} in all arms, but got {sorted(losses)}.")
            largest = max(largest, *(abs(losses[name] / values[name] - 1) for name in values))
        if not largest <= tolerance:
            raise ValueError(f"losses must agree within {tolerance}, but got {largest:.2g} at step {progress.step}.")
    return largest


def script(config: RunConfig, data: ImageData, *, tuned: bool) -> PlainRun:
    """Return a script's run from our initial weights."""
    return PlainRun(config, data, initial_state(config, 0, data.train.x.device).variant, 0, tuned=tuned)


def with_steps(config: RunConfig, steps: int, report_every: int) -> RunConfig:
    """Return the configuration with other numbers of steps."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, steps=steps, report_every=report_every))


def measure(
    config: RunConfig, rounds: int, roofline: tuple[float, float], difference: str, *, device: str, threads: int
) -> tuple[str, ...]:
    """Return one row of the table."""
    num = GPU_STEPS if torch.device(device).type == "cuda" else max(2, round(ROUND_FLOPS / flops_per_step(config)))
    arms = [
        ArmProcess(work, kind, config, device, threads, num, environment=environment(kind, threads)) for kind in KINDS
    ]
    times: list[list[float]] = [[] for _ in arms]
    walls: list[list[float]] = [[] for _ in arms]
    for index in in_turns(len(arms), rounds):
        arms[index].tell("train")
        computed, passed = arms[index].answer()
        times[index].append(1e3 * computed / num)
        walls[index].append(passed)
    for arm in arms:
        arm.end()
    plain, tuned, ours = times
    flops, copied = roofline
    least = max(flops_per_step(config) / flops, BYTES_PER_PARAMETER * num_parameters(config) / copied)
    return (
        f"{config.model.width:g}, {config.train.batch_size}, {config.train.precision}",
        f"{median(plain):.2f}",
        f"{median(tuned):.2f}",
        f"{median(ours):.2f}",
        spread([one / other for one, other in zip(plain, ours, strict=True)]),
        spread([one / other for one, other in zip(walls[0], walls[2], strict=True)]),
        spread([one / other for one, other in zip(tuned, ours, strict=True)]),
        f"{100 * 1e3 * least / median(ours):.0f} %",
        difference,
    )


def environment(kind: str, threads: int) -> dict[str, str]:
    """Return the environment variables of an arm's process: a script's own, or those of a study's worker."""
    return worker_variables(threads) if kind == "ours" else {"OMP_NUM_THREADS": str(threads)}


def work(connection: Connection, kind: str, config: RunConfig, device: str, threads: int, num: int) -> None:
    """Train, in a process of its own, some steps whenever it is told to, and answer in which times."""
    torch.set_num_threads(threads)
    place = torch.device(device)
    steps = steps_of(kind, config, load(config.data.name).to(place), num)
    steps()
    for _ in orders_of(connection):
        begin, wall = seconds(place), time.perf_counter()
        steps()
        connection.send((seconds(place) - begin, time.perf_counter() - wall))


def steps_of(kind: str, config: RunConfig, data: ImageData, num: int) -> Callable[[], object]:
    """Return what trains some steps of one run in the way of an arm."""
    if kind == "ours":
        return our_steps(config, data, num)
    return script_steps(script(config, data, tuned=kind == "tuned script"), num)


def script_steps(run: PlainRun, num: int) -> Callable[[], Tensor]:
    """Return a round of a script: some steps, and the losses' mean at their end, as it would print them."""

    def steps() -> Tensor:
        losses = [torch.stack(list(run.step().values())) for _ in range(num)]
        return torch.stack(losses).mean(0).cpu()

    return steps


def our_steps(config: RunConfig, data: ImageData, num: int) -> Callable[[], object]:
    """Return a round of our training: as many steps, with one report at their end."""
    endless = with_steps(config, 10**9, report_every=num)
    reports = train(initial_state(endless, 0, data.train.x.device), data, endless)
    return lambda: next(reports)


if __name__ == "__main__":
    sys.exit(main())
