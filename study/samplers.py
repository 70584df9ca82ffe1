"""Optuna's samplers by the names that a study file has for them. Imports no ray, and torch only for GP.

A sampler is made anew for each trial, its seed drawn from the study's seed and the trial's number, and what it
remembers lies in system attributes of the trial and of the study, which the run folders keep. So a proposal depends on
the history and its own number alone, and a search that goes on after a kill proposes what it would have proposed.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from typing import Any

import optuna
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from study.spec import SearchOptions

NUM_STARTUP_TRIALS = 5
"""Measured configurations, the grid's among them, before an estimator replaces random proposals. Optuna's default of
10 would leave a search of a few configurations random to its end, although the grid's cells already tell it much."""

SAMPLERS: dict[str, tuple[Callable[..., BaseSampler], dict[str, Any]]] = {
    "tpe": (TPESampler, {"n_startup_trials": NUM_STARTUP_TRIALS}),
    "gp": (GPSampler, {"n_startup_trials": NUM_STARTUP_TRIALS}),
    "nsga2": (NSGAIISampler, {}),
    "cmaes": (CmaEsSampler, {"warn_independent_sampling": False}),
    "qmc": (QMCSampler, {"warn_independent_sampling": False, "warn_asynchronous_seeding": False}),
    "random": (RandomSampler, {}),
}
"""Each sampler's class, and what differs here from Optuna's defaults."""


def make_sampler(search: SearchOptions, number: int) -> BaseSampler:
    """Return the sampler for one trial.

    Args:
        search: The study's options; Optuna's defaults stand for what they leave out.
        number: The trial's number.
    """
    make, defaults = SAMPLERS[search.sampler]
    # a quasi-random sequence is one sequence, so all its points have one seed
    seed = search.seed if search.sampler == "qmc" else zlib.crc32(f"{search.seed}/{number}".encode())
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        return make(seed=seed, **{**defaults, **search.options})
