"""A study of short runs from the command to its end, against the same runs as a tutorial's script under Ray Tune.

    python -m benchmarks.short_study [--runs 32] [--steps 300 …] [--write docs/performance.md]

Both train the same configurations for as many steps, from the same weights (`benchmarks.train_step` compares their
losses). Ours also measures each run, keeps its weights and writes the report; the script does none of it, so ours with
the report's and the measures' time is held against training alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.machine import conditions, show, table
from study.records import StudyFolder, read_json, run_status

STUDY = """
name: short_study
parameters:
  data.name: embedded_digits
  model.width: {width}
  model.latent_dim: {{grid: [2, 4, 10, 20]}}
  model.noise_dim: {{grid: [10, 100]}}
  train.steps: {steps}
  train.report_every: {report_every}
replicates: {replicates}
"""
CELLS = 8
"""Grid cells of that study."""


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.short_study", description=summary)
    parser.add_argument("--runs", type=int, default=32, help=f"runs, a multiple of {CELLS}")
    parser.add_argument("--steps", type=int, action="append", help="training steps of a run; 300 if left out")
    parser.add_argument("--width", type=float, default=0.0625)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    lines = conditions(torch.device("cpu"), ("torch", "ray"))
    rows = []
    for steps in options.steps or [300]:
        times: list[tuple[float, float, float]] = []
        for _ in range(options.rounds):
            times.append(compared(options.runs, steps, options.width))
            print(steps, times[-1], file=sys.stderr, flush=True)
        plain, ours, measuring = (sorted(column)[len(column) // 2] for column in zip(*times, strict=True))
        rows.append(
            (
                f"{options.width:g}, {steps}",
                str(options.runs),
                f"{plain:.1f}",
                f"{ours:.1f}",
                f"{3600 * options.runs / plain:.0f}",
                f"{3600 * options.runs / ours:.0f}",
                f"{plain / ours:.2f}",
                f"{100 * measuring:.0f} %",
            )
        )
    header = (
        "width, steps",
        "runs",
        "script under Ray Tune, s",
        "ours, s",
        "its runs an hour",
        "ours an hour",
        "ours / its",
        "measuring, of our runs' time",
    )
    show("\n".join([*lines, "", table(header, rows)]), "A study of short runs", options.write, NOTE)
    return 0


NOTE = """Medians over rounds, in which one follows the other; whole commands, Ray's start included. The script trains
and reports losses. Ours trains the same, measures every run, keeps its weights, and writes the report."""


def compared(runs: int, steps: int, width: float) -> tuple[float, float, float]:
    """Return the seconds of the script and of ours, and the share of our runs' time that was measuring.

    Raises:
        RuntimeError: Not all of our runs are finished.
    """
    with tempfile.TemporaryDirectory(prefix="short-") as name:
        root = Path(name)
        values = {"width": width, "steps": steps, "report_every": max(1, steps // 3), "replicates": runs // CELLS}
        (root / "short_study.yaml").write_text(STUDY.format(**values), encoding="utf-8")
        plain = timed("benchmarks.plain_study", str(root / "short_study.yaml"))
        folder = StudyFolder(root / "out")
        ours = timed("study.launch", str(root / "short_study.yaml"), "--out", str(folder.root))
        finished = [run for run in folder.run_folders() if run_status(run) == "finished"]
        if len(finished) != runs:
            raise RuntimeError(f"{runs} runs must be finished, but {len(finished)} are.")
        results = [read_json(run.result) for run in finished]
        measuring = sum(result["measure_time_s"] for result in results)
        return plain, ours, measuring / sum(result["wall_time_s"] for result in results)


def timed(module: str, *arguments: str) -> float:
    """Return the seconds of a command."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, capture_output=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
