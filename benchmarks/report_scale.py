"""How long a report takes, beside what Ray Tune and Optuna offer for as many runs, in one run of this command.

    python -m benchmarks.report_scale [--runs 10000] [--reports 100] [--metrics 20]

Each row is a process of its own, with the processes that it starts: CPU time is that of all, peak memory the sum of
their peaks. This project's report, with every figure and table written; Ray's
`ResultGrid` of as many trials with as many results, turned into one data frame, without a figure; four of Optuna's
figures of as many trials from memory, without a storage to read. A second table has the times of the report's page in a
browser, see `page_times`. Prints a Markdown page. Values are made up, nothing is trained.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.large_study import write_large_study
from benchmarks.page_times import browser, page_times

Measured = tuple[float, float, float, str]


def report(folder: str) -> str:
    """Write the report of a study folder, and say how large its page is."""
    from analysis.report import write_report

    return f"page of {write_report(folder).stat().st_size / 1e6:.1f} MB, every figure and table"


def result_grid(folder: str) -> str:
    """Load a Ray Tune experiment and make one data frame of it, and say how much there was."""
    from ray.tune import ExperimentAnalysis, ResultGrid

    grid = ResultGrid(ExperimentAnalysis(folder))
    last = grid.get_dataframe()
    frames = [grid[index].metrics_dataframe for index in range(len(grid))]
    return f"{len(last):,} rows, {sum(len(frame) for frame in frames if frame is not None):,} results, no figure"


def optuna_figures(num_runs: str) -> str:
    """Draw four of Optuna's figures of a study in memory."""
    import matplotlib as mpl

    mpl.use("agg")
    import optuna
    from optuna.visualization import matplotlib as figures

    study = _optuna_study(int(num_runs))
    drawn: tuple[Any, ...] = (
        figures.plot_optimization_history(study),
        figures.plot_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()),
        figures.plot_slice(study),
        figures.plot_parallel_coordinate(study),
    )
    with tempfile.TemporaryDirectory() as folder:
        for index, axes in enumerate(drawn):
            figure = axes.figure if hasattr(axes, "figure") else axes.flat[0].figure
            figure.savefig(Path(folder) / f"{index}.png")
    return f"{len(drawn)} figures of one objective"


def _optuna_study(num_runs: int) -> Any:
    import numpy as np
    import optuna

    rows = np.random.default_rng(0).random((num_runs, 3))
    space: dict[str, Any] = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in ("a", "b", "c")}
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.create_trial(
                params=dict(zip(space, map(float, row), strict=True)), distributions=space, value=float(row.sum())
            )
            for row in rows
        ]
    )
    return study


def write_experiment(folder: Path, num_runs: int, num_reports: int, num_metrics: int) -> None:
    """Write what a Ray Tune experiment leaves: the driver's state and each trial's `result.json`."""
    from ray import tune
    from ray.train._internal.storage import StorageContext
    from ray.tune.experiment import Trial
    from ray.tune.utils.serialization import TuneFunctionEncoder

    tune.register_trainable("made_up", lambda config: config)
    storage = StorageContext(storage_path=str(folder.parent), experiment_dir_name=folder.name)
    states = []
    for index in range(num_runs):
        # Ray's classes state their attributes as None
        trial: Any = Trial(
            "made_up", trial_id=f"{index:08d}", config={"a": index}, storage=copy.copy(storage), stub=True
        )
        trial.placement_group_factory = tune.PlacementGroupFactory([{"CPU": 1.0}])
        trial.storage.trial_dir_name = f"made_up_{index:08d}"
        trial.set_status(Trial.TERMINATED)
        rows = [_result(index, step, num_metrics) for step in range(1, num_reports + 1)]
        root = folder / trial.storage.trial_dir_name
        root.mkdir(parents=True)
        (root / "result.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        trial.run_metadata.last_result = rows[-1]
        states.append(trial.get_json_state())
    state = {"trial_data": states, "runner_data": {}, "stats": {"start_time": 0.0}}
    path = folder / "experiment_state-2026-01-01_00-00-00.json"
    path.write_text(json.dumps(state, cls=TuneFunctionEncoder), encoding="utf-8")


def _result(index: int, step: int, num_metrics: int) -> dict[str, Any]:
    metrics = {f"metric_{number}": number + 1 / step for number in range(num_metrics)}
    return {"trial_id": f"{index:08d}", "training_iteration": step, **metrics}


def measure(function: Callable[[str], str], argument: str) -> Measured:
    """Call a function in a process of its own; return wall seconds, CPU seconds, peak MiB and what it said."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(function, argument, send))
    process.start()
    send.close()
    try:
        found: Measured = receive.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} ended without an answer, by exit code {process.exitcode}.") from None
    finally:
        process.join()
    return found


def _call(function: Callable[[str], str], argument: str, pipe: Any) -> None:
    begin, cpu = time.perf_counter(), sum(os.times()[:4])
    said = function(argument)
    wall, used = time.perf_counter() - begin, sum(os.times()[:4]) - cpu
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    pipe.send((wall, used, sum(peaks) / 1024, said))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_scale", description="Time a large report.")
    for name, default in (("runs", 10_000), ("reports", 100), ("metrics", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    # not imported with this module, which every measured process imports
    import torch

    from benchmarks.machine import conditions

    os.environ["RAY_AUTH_MODE"] = "disabled"
    program = browser()
    sizes = (options.runs, options.reports, options.metrics)
    with tempfile.TemporaryDirectory() as temporary:
        study, experiment = Path(temporary) / "study", Path(temporary) / "experiment"
        write_large_study(study, *sizes)
        write_experiment(experiment, *sizes)
        rows = {
            "this project's report": measure(report, str(study)),
            "Ray Tune, `ResultGrid`": measure(result_grid, str(experiment)),
            "Optuna, figures": measure(optuna_figures, str(options.runs)),
        }
        times = page_times(study / "report" / "index.html", program) if program else {}
    print("# The report of a large study\n")
    print("\n".join(conditions(torch.device("cpu"), ("matplotlib", "pandas", "pyarrow", "ray", "optuna"))))
    print("- {:,} runs, each with {:,} reports of {:,} metrics\n".format(*sizes))
    print("| what | wall, s | CPU, s | peak memory, MiB | result |\n|---|---|---|---|---|")
    for name, (wall, used, peak, said) in rows.items():
        print(f"| {name} | {wall:.1f} | {used:.1f} | {peak:,.0f} | {said} |")
    if not program:
        print("\nThe page was not opened: no browser is installed.")
        return 0
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"\nThe page of that report in {version} without a screen, until the frame is drawn:\n")
    print("| what | s |\n|---|---|")
    for name, value in times.items():
        print(f"| {name} | {value:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
