"""How good a configuration a search ends with: this project, plain Optuna and Ray Tune's OptunaSearch.

    python -m benchmarks.search_quality [--repeats 30] [--runs 40] [--write docs/search.md]

All three use Optuna's TPE with the same seed and number of runs, on a small discrete space where proposals repeat, with
a measure that seeds disturb and with configurations that always fail. Plain Optuna and Ray Tune run a repeated proposal
as if it were new; here it becomes a replicate, and the mean counts. In the end each names its best, by the value it
knows, and the table says how much worse that one is in truth than the best there is. No training, and no processes of
Ray's: the searchers are asked and told by this command, one run at a time.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from ray import tune
from ray.tune.search.optuna import OptunaSearch
from scipy.stats import t as student

from benchmarks.machine import conditions, publish, table
from benchmarks.made_up_runs import finish
from study.dispatch import Dispatcher
from study.failures import record_failure
from study.plan import make_plan
from study.records import StudyFolder
from study.spec import load_study

LATENT, NOISE = tuple(range(1, 13)), tuple(range(0, 50, 5))
STUDY = """
name: quality
parameters:
  model.latent_dim: {{search: {{low: 1, high: 12}}}}
  model.noise_dim: {{search: {{low: 0, high: 45, step: 5}}}}
objectives: [{{measure: critic_accuracy, direction: minimize}}]
search: {{sampler: tpe, seed: {seed}}}
budget: {{runs: {runs}}}
"""

Point = tuple[int, int]
Measure = Callable[[Point], float | None]


def truth(point: Point) -> float:
    """Return the value of a configuration without the noise of seeds."""
    return 0.5 + 0.01 * (point[0] - 8) ** 2 + 0.0004 * (point[1] - 20) ** 2


def fails(point: Point) -> bool:
    """Return whether a configuration fails whatever its seed: a corner that holds an eighth of the space."""
    return point[0] >= 10 and point[1] >= 25


def measure_with(seed: int, noise: float) -> Measure:
    """Return a function from a configuration to what one more run of it measures; None where it fails."""
    draws: dict[Point, np.random.Generator] = {}

    def measure(point: Point) -> float | None:
        if fails(point):
            return None
        generator = draws.setdefault(point, np.random.default_rng([seed, *point]))
        return truth(point) + noise * generator.standard_normal()

    return measure


def ours(seed: int, runs: int, measure: Measure) -> tuple[Point, int]:
    """Return the best configuration by its mean, and how many different ones were run."""
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        path = Path(name) / "quality.yaml"
        path.write_text(STUDY.format(seed=seed, runs=runs), encoding="utf-8")
        spec, folder = load_study(path), StudyFolder(Path(name) / "study")
        dispatcher = Dispatcher(spec, folder, make_plan(spec, folder))
        found: dict[Point, list[float]] = {}
        seen = set()
        while lane := dispatcher.next_lane():
            (run,) = lane
            point = (run.config.model.latent_dim, run.config.model.noise_dim)
            seen.add(point)
            value = measure(point)
            if value is None:
                record_failure(folder.run(run.key), "diverged", "made to fail")
            else:
                found.setdefault(point, []).append(value)
                finish(folder, run.key, value)
            dispatcher.lane_ended([run.key])
        if dispatcher.problem:
            raise RuntimeError(dispatcher.problem)
        return _best({point: statistics.fmean(values) for point, values in found.items()}), len(seen)


def plain(seed: int, runs: int, measure: Measure) -> tuple[Point, int]:
    """Return the same for `study.ask` and `study.tell`, with failures told as such."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    found: dict[Point, float] = {}
    seen = set()
    for _ in range(runs):
        trial = study.ask()
        point = (trial.suggest_int("latent", 1, 12), trial.suggest_int("noise", 0, 45, step=5))
        seen.add(point)
        value = measure(point)
        if value is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)
            found[point] = min(value, found.get(point, math.inf))
    return _best(found), len(seen)


def ray_tune(seed: int, runs: int, measure: Measure) -> tuple[Point, int]:
    """Return the same for Ray Tune's OptunaSearch, which is told of a failed trial as Ray's controller does."""
    space = {"latent": tune.randint(1, 13), "noise": tune.qrandint(0, 45, 5)}
    searcher = OptunaSearch(
        OptunaSearch.convert_search_space(space),
        metric="value",
        mode="min",
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    found: dict[Point, float] = {}
    seen = set()
    for number in range(runs):
        config: Any = searcher.suggest(str(number))
        point = (config["latent"], config["noise"])
        seen.add(point)
        value = measure(point)
        if value is None:
            searcher.on_trial_complete(str(number), error=True)
        else:
            searcher.on_trial_complete(str(number), {"value": value, "training_iteration": 1})
            found[point] = min(value, found.get(point, math.inf))
    return _best(found), len(seen)


ARMS: Mapping[str, Callable[[int, int, Measure], tuple[Point, int]]] = {
    "this project": ours,
    "plain Optuna": plain,
    "Ray Tune's OptunaSearch": ray_tune,
}


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_quality", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--noise", type=float, action="append", help="deviations of seeds (default: 0, 0.02 and 0.1)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    if options.repeats < 2 or options.runs < 1:
        parser.error("there must be at least 2 repeats and 1 run")
    lines = conditions(torch.device("cpu"), ("optuna", "ray"))
    rows = [row for noise in options.noise or (0.0, 0.02, 0.1) for row in compare(noise, options.runs, options.repeats)]
    header = ("deviation over seeds", "search", "regret of the chosen", "minus this project's", "configurations")
    note = (
        f"{options.repeats} repeats of {options.runs} runs each, of {len(LATENT) * len(NOISE)} configurations. Regret "
        "is the true value of the chosen configuration minus the best; ± is half a 95 % interval, in the fourth column "
        "of paired differences: positive where this project chose better."
    )
    text = "\n".join(lines) + f"\n\n{note}\n\n" + table(header, rows)
    print(text)
    if options.write is not None:
        publish(options.write, "How good the search is", text)
    return 0


def compare(noise: float, runs: int, repeats: int) -> list[tuple[str, ...]]:
    """Return the rows of one size of noise."""
    best = min(truth((latent, dim)) for latent in LATENT for dim in NOISE if not fails((latent, dim)))
    regrets: dict[str, list[float]] = {name: [] for name in ARMS}
    seen: dict[str, list[int]] = {name: [] for name in ARMS}
    for seed in range(repeats):
        for name, arm in ARMS.items():
            point, number = arm(seed, runs, measure_with(seed, noise))
            regrets[name].append(truth(point) - best)
            seen[name].append(number)
    reference = regrets["this project"]
    rows: list[tuple[str, ...]] = []
    for name, values in regrets.items():
        differences = [value - other for value, other in zip(values, reference, strict=True)]
        shown = "" if values is reference else _interval(differences)
        rows.append((f"{noise:g}", name, _interval(values), shown, f"{statistics.fmean(seen[name]):.1f}"))
    return rows


def _interval(values: list[float]) -> str:
    margin = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.fmean(values):.4f} ± {margin:.4f}".replace("-", "−")


def _best(values: Mapping[Point, float]) -> Point:
    return min(values, key=values.__getitem__)


if __name__ == "__main__":
    sys.exit(main())
