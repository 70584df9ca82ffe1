"""How good a configuration a search ends with: this project, plain Optuna and Ray Tune's OptunaSearch.

    python -m benchmarks.search_quality [--repeats 50] [--runs 40] [--write docs/search.md]

All use Optuna's TPE with the same seed and number of runs, without a grid and with the same grid first, on a small
discrete space where proposals repeat, with a measure that seeds disturb and with configurations whose measure is NaN.
Plain Optuna and Ray Tune run a repeated proposal as if it were new; here it becomes a replicate, and the mean counts.
In the end each names its best, by the values it knows, and the table says how much worse that one is in truth than the
best there is; and how good, in truth, the best of the first different configurations was that each came to. No
training, and no processes of Ray's: the searchers are asked and told by this command, one run at a time.
"""

from __future__ import annotations

import argparse
import itertools
import logging
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

from benchmarks.machine import conditions, show, table
from benchmarks.made_up_runs import finish
from study.dispatch import Dispatcher
from study.failures import record_failure
from study.plan import make_plan
from study.records import StudyFolder
from study.spec import load_study

LATENT, NOISE = tuple(range(1, 13)), tuple(range(0, 50, 5))
GRID = tuple(itertools.product((2, 7, 12), (0, 25)))
FIRST = 15
"""So many different configurations, every searcher comes to."""

STUDY = """
name: quality
parameters:
  model.latent_dim: {{{latent}search: {{low: 1, high: 12}}}}
  model.noise_dim: {{{noise}search: {{low: 0, high: 45, step: 5}}}}
objectives: [{{measure: critic_accuracy, direction: minimize}}]
search: {{sampler: tpe, seed: {seed}}}
budget: {{runs: {runs}}}
"""

Point = tuple[int, int]
Measure = Callable[[Point], float]
Arm = Callable[[int, int, bool, Measure], Point]
"""Takes the seed, the number of runs, whether the grid comes first and what measures; returns its best."""


def truth(point: Point) -> float:
    """Return the value of a configuration without the noise of seeds."""
    return 0.5 + 0.01 * (point[0] - 8) ** 2 + 0.0004 * (point[1] - 20) ** 2


def fails(point: Point) -> bool:
    """Return whether a configuration fails whatever its seed: a corner that holds an eighth of the space."""
    return point[0] >= 10 and point[1] >= 25


def measure_with(seed: int, noise: float) -> Measure:
    """Return a function from a configuration to what one more run of it measures; NaN where it fails."""
    draws: dict[Point, np.random.Generator] = {}

    def measure(point: Point) -> float:
        if fails(point):
            return math.nan
        generator = draws.setdefault(point, np.random.default_rng([seed, *point]))
        return truth(point) + noise * generator.standard_normal()

    return measure


def ours(seed: int, runs: int, with_grid: bool, measure: Measure) -> Point:
    """Search with this project; the best is the one with the best mean."""
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        path = Path(name) / "quality.yaml"
        latent, noise = ("grid: [2, 7, 12], ", "grid: [0, 25], ") if with_grid else ("", "")
        path.write_text(STUDY.format(seed=seed, runs=runs, latent=latent, noise=noise), encoding="utf-8")
        spec, folder = load_study(path), StudyFolder(Path(name) / "study")
        dispatcher = Dispatcher(spec, folder, make_plan(spec, folder))
        found: dict[Point, list[float]] = {}
        while lane := dispatcher.next_lane():
            (run,) = lane
            point = (run.config.model.latent_dim, run.config.model.noise_dim)
            value = measure(point)
            if math.isnan(value):
                record_failure(folder.run(run.key), "diverged", "made to fail")
            else:
                found.setdefault(point, []).append(value)
                finish(folder, run.key, value)
            dispatcher.lane_ended([run.key])
        if dispatcher.problem:
            raise RuntimeError(dispatcher.problem)
        return _best({point: statistics.fmean(values) for point, values in found.items()})


def plain(seed: int, runs: int, with_grid: bool, measure: Measure) -> Point:
    """Search with `study.ask` and `study.tell`, which tells a NaN as a failure."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for latent, noise in GRID if with_grid else ():
        study.enqueue_trial({"latent": latent, "noise": noise})
    found: dict[Point, float] = {}
    for _ in range(runs):
        trial = study.ask()
        point = (trial.suggest_int("latent", 1, 12), trial.suggest_int("noise", 0, 45, step=5))
        value = measure(point)
        if math.isnan(value):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)
            found[point] = min(value, found.get(point, math.inf))
    return _best(found)


def ray_tune(seed: int, runs: int, with_grid: bool, measure: Measure) -> Point:
    """Search with Ray Tune's OptunaSearch, which is told of a trial as Ray's controller does."""
    space = {"latent": tune.randint(1, 13), "noise": tune.qrandint(0, 45, 5)}
    searcher = OptunaSearch(
        OptunaSearch.convert_search_space(space),
        metric="value",
        mode="min",
        points_to_evaluate=[{"latent": latent, "noise": noise} for latent, noise in GRID] if with_grid else None,
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    found: dict[Point, float] = {}
    for number in range(runs):
        config: Any = searcher.suggest(str(number))
        point = (config["latent"], config["noise"])
        value = measure(point)
        searcher.on_trial_complete(str(number), {"value": value, "training_iteration": 1})
        if not math.isnan(value):
            found[point] = min(value, found.get(point, math.inf))
    return _best(found)


ARMS: Mapping[str, Arm] = {"this project": ours, "plain Optuna": plain, "Ray Tune's OptunaSearch": ray_tune}


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_quality", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--noise", type=float, action="append", help="deviations of seeds (default: 0, 0.02 and 0.1)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    if options.repeats < 2 or options.runs <= FIRST:
        parser.error(f"there must be at least 2 repeats and {FIRST + 1} runs")
    logging.getLogger("ray.tune.search.optuna.optuna_search").setLevel(logging.ERROR)  # it warns of every NaN
    lines = conditions(torch.device("cpu"), ("optuna", "ray"))
    noises = options.noise or (0.0, 0.02, 0.1)
    rows = [
        row
        for with_grid in (False, True)
        for noise in noises
        for row in compare(with_grid, noise, options.runs, options.repeats)
    ]
    header = (
        *("grid first", "deviation over seeds", "search", "regret of the chosen", "minus this project's"),
        *(f"regret of the best of {FIRST}", "minus this project's", "configurations"),
    )
    note = (
        f"{options.repeats} repeats of {options.runs} runs each, of {len(LATENT) * len(NOISE)} configurations; a grid "
        f"has {len(GRID)}. Regret is the true value of a configuration minus the best there is: of the one that was "
        f"chosen in the end, and of the best among the first {FIRST} different ones. ± is half a 95 % interval, of "
        "paired differences beside it: positive where this project was better."
    )
    text = "\n".join(lines) + f"\n\n{note}\n\n" + table(header, rows)
    show(text, "How good the search is", options.write)
    return 0


def compare(with_grid: bool, noise: float, runs: int, repeats: int) -> list[tuple[str, ...]]:
    """Return the rows of one size of noise, with or without a grid."""
    best = min(truth((latent, dim)) for latent in LATENT for dim in NOISE if not fails((latent, dim)))
    regrets: dict[str, list[float]] = {name: [] for name in ARMS}
    early: dict[str, list[float]] = {name: [] for name in ARMS}
    distinct: dict[str, list[int]] = {name: [] for name in ARMS}
    for seed, (name, arm) in itertools.product(range(repeats), ARMS.items()):
        measure, seen = recorded(measure_with(seed, noise))
        regrets[name].append(truth(arm(seed, runs, with_grid, measure)) - best)
        first = [point for point in list(seen)[:FIRST] if not fails(point)]
        early[name].append(min(map(truth, first)) - best)
        distinct[name].append(len(seen))
    shown = ("yes" if with_grid else "no", f"{noise:g}")
    return [
        (
            *(*shown, name, _interval(regrets[name]), _difference(name, regrets)),
            *(_interval(early[name]), _difference(name, early), f"{statistics.fmean(distinct[name]):.1f}"),
        )
        for name in ARMS
    ]


def recorded(measure: Measure) -> tuple[Measure, dict[Point, None]]:
    """Return a measure that keeps what it was asked for, and where: each once, in the order of the first time."""
    seen: dict[Point, None] = {}

    def record(point: Point) -> float:
        seen.setdefault(point)
        return measure(point)

    return record, seen


def _difference(name: str, values: Mapping[str, list[float]]) -> str:
    reference = values["this project"]
    if values[name] is reference:
        return ""
    return _interval([value - other for value, other in zip(values[name], reference, strict=True)])


def _interval(values: list[float]) -> str:
    margin = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.fmean(values):.4f} ± {margin:.4f}".replace("-", "−")


def _best(values: Mapping[Point, float]) -> Point:
    return min(values, key=values.__getitem__)


if __name__ == "__main__":
    sys.exit(main())
