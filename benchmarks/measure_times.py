"""How long the full suite of measures took, from the study's folder alone.

    python -m benchmarks.measure_times STUDY_DIR [--write docs/performance.md]

Prints the seconds of each group of `analysis.measure` for every run that has them. A study's first run also loads the
data, and trains the classifier where it is not there yet; neither is in a group.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from analysis.full_measure_names import GROUPS
from benchmarks.machine import conditions, show, table
from iae_models.config import run_config
from study.records import RunFolder, StudyFolder, read_json


def main() -> int:
    """Print the table and, if asked, publish it; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure_times", description=summary)
    parser.add_argument("study_dir", type=Path)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    runs = [run for run in StudyFolder(options.study_dir).run_folders() if run.full_measures.is_file()]
    if not runs:
        print(f"{options.study_dir} holds no run that `analysis.measure` has measured.", file=sys.stderr)
        return 2
    lines = conditions(torch.device("cpu"))
    text = "\n".join([*lines, "", table(("run", *GROUPS, "all, s"), [row(run) for run in runs])])
    show(text, "The full suite of measures", options.write, "Seconds of each group, on all test images.")
    return 0


def row(run: RunFolder) -> tuple[str, ...]:
    """Return what a run is and the seconds of its groups."""
    record = read_json(run.run)
    config = run_config(record["config"])
    groups = read_json(run.full_measures)["groups"]
    seconds = {name: group["wall_time_s"] for name, group in groups.items()}
    name = f"{config.data.name}, width {config.model.width:g}, {record['label']}"
    parts = [f"{seconds[name]:.1f}" if name in seconds else "" for name in GROUPS]
    return (name, *parts, f"{sum(seconds.values()):.1f}")


if __name__ == "__main__":
    sys.exit(main())
