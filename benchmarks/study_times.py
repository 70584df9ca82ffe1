"""Where the time of a study went, from its folder alone.

    python -m benchmarks.study_times STUDY_DIR

Prints a Markdown table: from the launch to the first metric, the first finished run and the last one; how fast a lane
trained; and which share of a run was measuring. Only the last launch is counted, so use a study that was not
interrupted.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from study.records import StudyFolder, read_json

Rows = list[tuple[str, str]]


def main(arguments: list[str]) -> int:
    """Print the table of one study folder and return the exit code."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "study.json").is_file():
        print("usage: python -m benchmarks.study_times STUDY_DIR", file=sys.stderr)
        return 2
    folder = StudyFolder(Path(arguments[0]))
    results = {run.key: read_json(run.result) for run in folder.run_folders() if run.result.is_file()}
    if not results:
        print(f"{folder.root} has no finished run.", file=sys.stderr)
        return 2
    print("| what | value |\n|---|---|")
    for name, value in [*machine(folder, results), *times(folder, results), *shares(results)]:
        print(f"| {name} | {value} |")
    return 0


def machine(folder: StudyFolder, results: dict[str, dict[str, Any]]) -> Rows:
    """Return what ran where."""
    study, first = read_json(folder.resolved), next(iter(results.values()))
    versions = ", ".join(f"{name} {version}" for name, version in study["versions"].items())
    return [
        ("study", f"{study['name']}, {len(results)} finished runs, launched {study['launched_at']}"),
        ("machine", f"{study['machine']['cpus']} cores, {first['device']}, {first['threads']} thread a lane"),
        ("versions", versions),
    ]


def times(folder: StudyFolder, results: dict[str, dict[str, Any]]) -> Rows:
    """Return the moments of the launch, in seconds since its start."""
    launch = datetime.fromisoformat(read_json(folder.resolved)["launched_at"])
    finished = [datetime.fromisoformat(result["finished_at"]) for result in results.values()]
    table = pq.read_table(folder.history).to_pandas()
    begun = table["run"].map({key: datetime.fromisoformat(result["started_at"]) for key, result in results.items()})
    metrics = begun + table["time_s"].map(lambda seconds: datetime.resolution * round(seconds * 1e6))
    moments = {
        "first metric": metrics.min(),
        "first finished run": min(finished),
        "last finished run": max(finished),
    }
    return [(f"{name} after", f"{(moment - launch).total_seconds():.0f} s") for name, moment in moments.items()]


def shares(results: dict[str, dict[str, Any]]) -> Rows:
    """Return times of the runs, and what of them was training and measuring."""
    train = [result["train_time_s"] for result in results.values()]
    measure = [result["measure_time_s"] for result in results.values()]
    parts = sorted(b / (a + b) for a, b in zip(train, measure, strict=True))
    speed = median(result["steps"] / result["train_time_s"] for result in results.values())
    return [
        ("a run, median", f"{median(map(sum, zip(train, measure, strict=True))):.1f} s"),
        ("training steps a second and lane, median", f"{speed:.0f}"),
        ("measuring, of all run time", f"{100 * sum(measure) / (sum(train) + sum(measure)):.1f} %"),
        ("measuring, of a run: median and largest", f"{100 * median(parts):.1f} % and {100 * parts[-1]:.1f} %"),
        ("run time in all", f"{(sum(train) + sum(measure)) / 60:.1f} min"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
