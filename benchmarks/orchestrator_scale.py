"""What a study's books cost: thousands of runs through dispatcher, searches and records, without training.

    python -m benchmarks.orchestrator_scale [--study SPACE:SAMPLER:RUNS …] [--plain 200] [--write docs/search.md]

Runs are handed out, "finish" with made-up values, which this command writes as a worker would and does not count, and
are taken back. Everything that the driver does is counted: proposals, run records, reading results, telling the search
and the copy for `optuna-dashboard`. Then the next launch on that folder. Beside it, in the same run, plain Optuna on
the same space without any folder: with its SQLite storage, which commits at every call, and in memory, which is what
the sampler itself takes.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import optuna
import torch

from benchmarks.machine import conditions, show, table
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
  model.latent_dim: {{grid: [2, 5, 20, 50], search: {{low: 1, high: 200{log}}}}}
  model.noise_dim: {{grid: [0, 10, 50, 100, 200], search: {{low: {noise}}}}}
  train.generator_lr: {{grid: [0.001]{rate}}}
objectives: [{{measure: critic_accuracy, direction: minimize}}]
search: {{sampler: {sampler}}}
budget: {{runs: {runs}}}
"""

SPACES = {
    "wide": {
        "log": ", log: true",
        "noise": "1, high: 500, log: true, include: 0",
        "rate": ", search: {low: 0.0001, high: 0.01, log: true}",
    },
    "narrow": {"log": "", "noise": "0, high: 500, step: 5", "rate": ""},
}
"""Three parameters, of which no two configurations agree in all; and 20,200 configurations, some proposed again."""

STUDIES = ("wide:random:10000", "narrow:random:10000", "wide:tpe:1000")

LANES = 8
"""Runs that are out at a time."""

PART = 10
"""The first and the last of this many parts of a study are timed against one another."""


Times = list[tuple[float, float]]
"""For each of many things the seconds that it took, and those of them in which this process was at work."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestrator_scale", description=summary)
    shown = " and ".join(STUDIES)
    parser.add_argument("--study", action="append", metavar="SPACE:SAMPLER:RUNS", help=f"{shown} if left out")
    parser.add_argument("--plain", type=int, default=200, help="trials of plain Optuna with SQLite (default: 200)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    studies = [item.split(":") for item in options.study or STUDIES]
    for item in studies:
        if len(item) != 3 or item[0] not in SPACES or not item[2].isdigit() or int(item[2]) < 10 * PART:
            parser.error(f"--study must be {' or '.join(SPACES)}, a sampler and {10 * PART} runs or more, joined by :")
    if options.plain < 1:
        parser.error(f"--plain must be at least 1, but got {options.plain}")
    lines = conditions(torch.device("cpu"), ("optuna", "sqlalchemy"))
    rows = [row for space, sampler, runs in studies for row in measure(space, sampler, int(runs), options.plain)]
    header = ("study", "what", "number", "ms each", "CPU ms each", "first tenth", "last tenth", "seconds", "memory, MB")
    text = "\n".join(lines) + "\n\n" + NOTE + "\n\n" + table(header, rows)
    show(text, "What the books cost", options.write)
    return 0


NOTE = """Tenths are of the CPU time. Times beyond it are waiting: for the disk, since each run's record is flushed to
it before the run begins, and for a core, if others want it too. Memory is what the process had grown by in the end.
Two numbers with a / are first of all, and then of those that a search proposed again."""


def measure(space: str, sampler: str, num_runs: int, num_plain: int) -> list[tuple[str, ...]]:
    """Return the rows of one study: all of it, the next launch on its folder, and plain Optuna."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        root = Path(name)
        text = STUDY.format(sampler=sampler, runs=num_runs, **SPACES[space])
        (root / "scale.yaml").write_text(text, encoding="utf-8")
        spec, folder = load_study(root / "scale.yaml"), StudyFolder(root / "study")
        before = _resident_mb()
        times, repeated = _work_off(spec, folder)
        grown = f"{_resident_mb() - before:.0f}"
        study = f"{space}, {sampler}"
        rows = [(study, "runs of a study", *_numbers(times, f"{len(times)} / {repeated}"), grown)]
        for what, seconds, cpu_s in _next_launch(spec, folder, root / "scale.yaml"):
            each, cpu = (f"{1000 * value / num_runs:.2f}" for value in (seconds, cpu_s))
            rows.append((study, f"next launch: {what}", str(num_runs), each, cpu, "", "", f"{seconds:.1f}", ""))
        for what, storage, number in (
            ("trials of plain Optuna, SQLite", f"sqlite:///{root / 'plain.db'}", num_plain),
            ("trials of plain Optuna, in memory", None, num_runs),
        ):
            plain = _plain(spec, storage, number)
            rows.append((study, what, *_numbers(plain, str(number)), ""))
        return rows


def _work_off(spec: StudySpec, folder: StudyFolder) -> tuple[Times, int]:
    """Run a study whose runs take no time; return what the driver took for each, and how many were repetitions."""
    dispatcher = Dispatcher(spec, folder, make_plan(spec, folder))
    store = OptunaStore(folder, lambda: dispatcher.studies)
    out: deque[str] = deque()
    times: Times = []
    watch = _Watch()
    while True:
        with watch:
            lane = dispatcher.next_lane()
            store.copy_if_due()
        if lane:
            out.extend(run.key for run in lane)
            if len(out) < LANES:
                continue
        if not out:
            break
        key = out.popleft()
        values = dispatcher.runs[key].config
        finish(folder, key, made_up(values.model.latent_dim, values.model.noise_dim, values.train.generator_lr))
        with watch:
            dispatcher.lane_ended([key])
            if len(times) + 1 == spec.budget.runs:
                store.close()
        times.append(watch.take())
    if dispatcher.problem or store.problem or len(times) != spec.budget.runs:
        raise RuntimeError(dispatcher.problem or store.problem or f"{len(times)} runs ended of {spec.budget.runs}")
    return times, sum(run.origin == "duplicate" for run in dispatcher.runs.values())


def _next_launch(spec: StudySpec, folder: StudyFolder, path: Path) -> Iterator[tuple[str, float, float]]:
    """Yield what the parts of a launch on the finished folder are called, and what they take."""
    watch = _Watch()
    with watch:
        plan = make_plan(spec, folder)
    yield "plan", *watch.take()
    with watch:
        dispatcher = Dispatcher(spec, folder, plan)
    yield "searches from their history", *watch.take()
    with watch:
        store = OptunaStore(folder, lambda: dispatcher.studies)
        store.close()
    yield "optuna.db written anew", *watch.take()
    if not plan.is_done or dispatcher.next_lane() != [] or store.problem:
        raise RuntimeError(f"the second launch must find everything done, but {store.problem or 'found runs to do'}")
    command = [sys.executable, "-m", "study.launch", str(path), "--out", str(folder.root), "--dry-run"]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    yield "`--dry-run`, the whole command", seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _plain(spec: StudySpec, storage: str | None, number: int) -> Times:
    """Ask and tell Optuna itself; return what each trial took."""
    direction = spec.objectives[0].direction
    study = optuna.create_study(storage=storage, sampler=make_sampler(spec.search, 0), direction=direction)
    times = []
    watch = _Watch()
    for _ in range(number):
        with watch:
            trial = study.ask()
            chosen = suggest(trial, spec.blocks[0])
            rate = chosen["train.generator_lr"]
            study.tell(trial, made_up(chosen["model.latent_dim"], chosen["model.noise_dim"], rate))
        times.append(watch.take())
    return times


def made_up(latent_dim: int, noise_dim: int, learning_rate: float) -> float:
    """Return a smooth function with one minimum, at 20, 50 and 0.001, in place of a measure."""
    distances = (math.log(latent_dim / 20), math.log((noise_dim + 1) / 51), math.log(learning_rate / 1e-3))
    return 0.5 + 0.02 * sum(distance**2 for distance in distances)


class _Watch:
    """Adds up the time of day and the CPU time of what runs within it."""

    def __init__(self) -> None:
        self._seconds = self._cpu_s = 0.0

    def __enter__(self) -> None:
        self._seconds -= time.perf_counter()
        self._cpu_s -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self._seconds += time.perf_counter()
        self._cpu_s += time.process_time()

    def take(self) -> tuple[float, float]:
        """Return both and begin again at nought."""
        taken = self._seconds, self._cpu_s
        self._seconds = self._cpu_s = 0.0
        return taken


def _numbers(times: Times, number: str) -> tuple[str, ...]:
    seconds, cpu_s = zip(*times, strict=True)
    size = max(1, len(times) // PART)
    means = [f"{1000 * fmean(part):.2f}" for part in (seconds, cpu_s, cpu_s[:size], cpu_s[-size:])]
    return (number, *means, f"{sum(seconds):.1f}")


def _resident_mb() -> float:
    """Return the memory that this process has now."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    sys.exit(main())
