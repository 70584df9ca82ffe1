"""What a study's books cost: thousands of runs through dispatcher, searches and records, without training.

    python -m benchmarks.orchestrator_scale [--study SAMPLER:RUNS …] [--plain 300] [--write docs/search.md]

Runs are handed out, "finish" with made-up values, which this command writes as a worker would and does not count, and
are taken back. Everything that the driver does is counted: proposals, run records, reading results, telling the search
and the copy for `optuna-dashboard`. Beside it plain Optuna on the same space, `ask` and `tell` with its SQLite storage,
which commits at every call, and no folder.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from statistics import fmean

import optuna
import torch

from benchmarks.machine import conditions, publish, table
from benchmarks.made_up_runs import finish
from study.dispatch import Dispatcher
from study.encoding import suggest
from study.optuna_store import OptunaStore
from study.plan import make_plan
from study.records import StudyFolder
from study.samplers import make_sampler
from study.spec import StudySpec, load_study

STUDY = """
name: scale
parameters:
  model.latent_dim: {{grid: [2, 5, 20, 50], search: {{low: 1, high: 200, log: true}}}}
  model.noise_dim: {{grid: [0, 10, 50, 100, 200], search: {{low: 1, high: 500, log: true, include: 0}}}}
  train.generator_lr: {{grid: [0.001], search: {{low: 0.0001, high: 0.01, log: true}}}}
objectives: [{{measure: critic_accuracy, direction: minimize}}]
search: {{sampler: {sampler}}}
budget: {{runs: {runs}}}
"""

STUDIES = ("random:10000", "tpe:2000")

LANES = 8
"""Runs that are out at a time."""

PART = 10
"""The first and the last of this many parts of a study are timed against one another."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestrator_scale", description=summary)
    parser.add_argument("--study", action="append", metavar="SAMPLER:RUNS", help=f"{' and '.join(STUDIES)} if left out")
    parser.add_argument("--plain", type=int, default=300, help="trials of plain Optuna (default: 300)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    studies = [item.partition(":") for item in options.study or STUDIES]
    if any(not runs.isdigit() or int(runs) < 10 * PART for _, _, runs in studies) or options.plain < 1:
        parser.error(f"there must be at least {10 * PART} runs in each study and 1 plain trial")
    lines = conditions(torch.device("cpu"), ("optuna", "sqlalchemy"))
    rows = [row for sampler, _, runs in studies for row in measure(sampler, int(runs), options.plain)]
    header = ("sampler", "what", "number", "ms each", "first tenth", "last tenth", "seconds in all", "memory added, MB")
    text = "\n".join(lines) + "\n\n" + table(header, rows)
    print(text)
    if options.write is not None:
        publish(options.write, "What the books cost", text)
    return 0


def measure(sampler: str, num_runs: int, num_plain: int) -> list[tuple[str, ...]]:
    """Return the rows of one sampler: a whole study, the next launch on its folder, and plain Optuna."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        root = Path(name)
        (root / "scale.yaml").write_text(STUDY.format(sampler=sampler, runs=num_runs), encoding="utf-8")
        spec, folder = load_study(root / "scale.yaml"), StudyFolder(root / "study")
        before = _resident_mb()
        times = _work_off(spec, folder)
        grown = _resident_mb() - before
        rows = [(sampler, "runs of a study", *_numbers(times), f"{grown:.0f}")]
        begin = time.perf_counter()
        plan = make_plan(spec, folder)
        planned = time.perf_counter()
        dispatcher = Dispatcher(spec, folder, plan)
        known = time.perf_counter()
        store = OptunaStore(folder, lambda: dispatcher.studies)
        store.copy()
        store.close()
        copied = time.perf_counter()
        if not plan.is_done or dispatcher.next_lane() != [] or store.problem:
            raise RuntimeError(
                f"the second launch must find everything done, but {store.problem or 'found runs to do'}"
            )
        for what, seconds in (
            ("next launch: plan of finished runs", planned - begin),
            ("next launch: searches from their history", known - planned),
            ("next launch: optuna.db written anew", copied - known),
        ):
            number = len(plan.wanted)
            rows.append((sampler, what, str(number), f"{1000 * seconds / number:.2f}", "", "", f"{seconds:.1f}", ""))
        times = _plain(spec, root / "plain.db", num_plain)
        return [*rows, (sampler, "trials of plain Optuna", *_numbers(times), "")]


def _work_off(spec: StudySpec, folder: StudyFolder) -> list[float]:
    """Run a study whose runs take no time; return what the driver took for each."""
    dispatcher = Dispatcher(spec, folder, make_plan(spec, folder))
    store = OptunaStore(folder, lambda: dispatcher.studies)
    out: deque[str] = deque()
    times: list[float] = []
    spent = 0.0
    while True:
        begin = time.perf_counter()
        lane = dispatcher.next_lane()
        store.copy_if_due()
        spent += time.perf_counter() - begin
        if lane:
            out.extend(run.key for run in lane)
            if len(out) < LANES:
                continue
        if not out:
            break
        key = out.popleft()
        values = dispatcher.runs[key].config
        finish(folder, key, made_up(values.model.latent_dim, values.model.noise_dim, values.train.generator_lr))
        begin = time.perf_counter()
        dispatcher.lane_ended([key])
        times.append(spent + time.perf_counter() - begin)
        spent = 0.0
    begin = time.perf_counter()
    store.close()
    times[-1] += time.perf_counter() - begin
    if dispatcher.problem or store.problem or len(times) != spec.budget.runs:
        raise RuntimeError(dispatcher.problem or store.problem or f"{len(times)} runs ended of {spec.budget.runs}")
    return times


def _plain(spec: StudySpec, path: Path, number: int) -> list[float]:
    """Ask and tell Optuna with its SQLite storage; return what each trial took."""
    study = optuna.create_study(
        storage=f"sqlite:///{path}", sampler=make_sampler(spec.search, 0), direction=spec.objectives[0].direction
    )
    times = []
    for _ in range(number):
        begin = time.perf_counter()
        trial = study.ask()
        chosen = suggest(trial, spec.blocks[0])
        numbers = (chosen["model.latent_dim"], chosen["model.noise_dim"], chosen["train.generator_lr"])
        study.tell(trial, made_up(*numbers))
        times.append(time.perf_counter() - begin)
    return times


def made_up(latent_dim: int, noise_dim: int, learning_rate: float) -> float:
    """Return a smooth function with one minimum, at 20, 50 and 0.001, in place of a measure."""
    distances = (math.log(latent_dim / 20), math.log((noise_dim + 1) / 51), math.log(learning_rate / 1e-3))
    return 0.5 + 0.02 * sum(distance**2 for distance in distances)


def _numbers(times: list[float]) -> tuple[str, str, str, str, str]:
    size = max(1, len(times) // PART)
    means = [f"{1000 * fmean(part):.2f}" for part in (times, times[:size], times[-size:])]
    return str(len(times)), means[0], means[1], means[2], f"{sum(times):.1f}"


def _resident_mb() -> float:
    """Return this process's largest memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
