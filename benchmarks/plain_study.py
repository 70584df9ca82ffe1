"""A study as Ray Tune's tutorials write it: what `short_study` compares with.

    python -m benchmarks.plain_study STUDY_FILE

Each trial is a function with the plain script of `benchmarks.plain_training`, on one core, which reports its losses
after every epoch, or in the end where that comes first. The trials are the grid of a study file of ours, with its
replicates. Nothing is measured.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from benchmarks.plain_training import PlainRun
from iae_models.config import RunConfig
from iae_models.data import load
from iae_models.training import initial_state
from study.planned import grid_runs
from study.spec import load_study


def trial(settings: dict[str, Any]) -> None:
    """Train one run."""
    torch.set_num_threads(1)
    config, replicate = settings["run"]
    data = load(config.data.name)
    run = PlainRun(config, data, initial_state(config, replicate).variant, replicate, tuned=False)
    epoch = len(data.train) // config.train.batch_size
    losses = []
    for step in range(1, config.train.steps + 1):
        losses.append(torch.stack(list(run.step().values())))
        if step % epoch == 0 or step == config.train.steps:
            tune.report({"loss": torch.stack(losses).mean().item()})
            losses = []


def main(arguments: list[str]) -> int:
    """Run the trials and return the exit code."""
    spec = load_study(Path(arguments[0]))
    runs: list[tuple[RunConfig, int]] = [(run.config, run.replicate) for run in grid_runs(spec)]
    ray.init(include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory(prefix="plain-") as storage:
        tuner = tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space={"run": tune.grid_search(runs)},
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        )
        results = tuner.fit()
    ray.shutdown()
    if results.num_errors or len(results) != len(runs):
        raise RuntimeError(f"{len(runs)} trials must end well, but {results.num_errors} of {len(results)} failed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
