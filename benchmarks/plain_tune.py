"""Trials of plain Ray Tune that do nothing: what `overhead` compares with.

    python -m benchmarks.plain_tune NUMBER [--reuse]

Prints the seconds of `Tuner.fit`, without those that Ray takes to start, and how many processes the trials had.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import Any

import ray
from ray import tune


class Idle(tune.Trainable):
    """One report, then the end."""

    def step(self) -> dict[str, Any]:
        """Report a loss."""
        return {"loss": 0.5, "done": True, "worker": os.getpid()}

    def reset_config(self, new_config: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
        """Allow this actor's next trial."""
        return True


def main(arguments: list[str]) -> int:
    """Run the trials, print the seconds and return the exit code."""
    number, reuse = int(arguments[0]), "--reuse" in arguments
    ray.init(include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory(prefix="plain-") as storage:
        tuner = tune.Tuner(
            Idle,
            param_space={"lr": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                num_samples=number,
                reuse_actors=reuse,
                # without it Ray starts an actor for every trial that waits, and reuses none
                max_concurrent_trials=os.cpu_count() if reuse else None,
            ),
            run_config=tune.RunConfig(
                storage_path=storage,
                # such a trial has nothing to save, and would fail when Ray asks it to
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        )
        begin = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - begin
    if results.num_errors or len(results) != number:
        raise RuntimeError(f"{number} trials must end well, but {results.num_errors} of {len(results)} failed.")
    workers = {(results[index].metrics or {}).get("worker") for index in range(number)}
    print(f"seconds {seconds} workers {len(workers)}")
    ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
