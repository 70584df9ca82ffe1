"""Whether a worker grows: real runs, trained and measured one after the other in one process.

    python -m benchmarks.worker_memory [--runs 1000] [--write docs/performance.md]

The runs are tiny, on points in the plane, and each has its own folder, which is removed when it has ended. The memory
is what the process holds in the machine's (resident set), after a tenth of the runs and after all.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.machine import conditions, show, table
from study.plan import grid_runs
from study.planned import PlannedRun, record_run
from study.records import StudyFolder
from study.spec import load_study
from study.trial import WorkerSettings, perform

STUDY = """
parameters:
  data.name: four_points
  model.code: categorical
  model.num_categories: {grid: [4, 6]}
  model.discriminator_norm: none
  train.steps: 4
  train.report_every: 2
replicates: %d
"""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker_memory", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="worker-memory-") as place:
        sizes = list(resident_after_each(StudyFolder(Path(place)), options.runs))
    early = options.runs // 10
    grown = sizes[-1] - sizes[early - 1]
    row = (
        str(options.runs),
        f"{sizes[0]:.0f}",
        f"{sizes[early - 1]:.0f}",
        f"{sizes[-1]:.0f}",
        f"{max(sizes):.0f}",
        f"{1e3 * grown / (options.runs - early):.1f}",
    )
    header = ("runs", "MB after the first", "after a tenth", "after all", "at most", "kB more a run, from a tenth on")
    text = "\n".join([*conditions(torch.device("cpu")), "", table(header, [row])])
    show(text, "Memory of a worker", options.write)
    return 0


def resident_after_each(folder: StudyFolder, number: int) -> Iterator[float]:
    """Perform runs, and yield the megabytes that the process holds after each."""
    settings = WorkerSettings(str(folder.root), checkpoint_s=0.0)
    for index, run in enumerate(runs_of(folder, number)):
        if index % 100 == 0:
            print(f"{index} runs, {resident():.0f} MB", file=sys.stderr, flush=True)
        record_run(folder, run)
        *_, last = perform(run.key, settings)
        if last.status != "finished":
            raise RuntimeError(f"a run must finish, but {run.key} {last.status}: {last.reason}")
        shutil.rmtree(folder.run(run.key).root)
        gc.collect()
        yield resident()


def runs_of(folder: StudyFolder, number: int) -> list[PlannedRun]:
    """Return so many runs of two small configurations."""
    path = folder.root / "worker_memory.yaml"
    path.write_text(STUDY % -(-number // 2), encoding="utf-8")
    return grid_runs(load_study(path))[:number]


def resident() -> float:
    """Return the megabytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    sys.exit(main())
