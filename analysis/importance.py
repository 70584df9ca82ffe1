"""How much each parameter mattered for each objective, by two of Optuna's evaluators, which is imported only here.

**PED-ANOVA** asks how far the best configurations differ from all along a parameter, a **random forest** how much of
the objective's variance its splits at a parameter explain. Where the two disagree, neither is to be believed. The
Optuna study is rebuilt in memory from the run records, so a report needs no storage and no lock. fANOVA is asked for by
name: it takes a minute for 2,000 configurations.

References:
    Watanabe, Bansal & Hutter (2023), PED-ANOVA. https://arxiv.org/abs/2304.10255
    Breiman (2001), Random forests (mean decrease in impurity).
    Hutter, Hoos & Leyton-Brown (2014), An efficient approach for assessing hyperparameter importance (fANOVA).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

EVALUATORS = ("PED-ANOVA", "forest")
"""Evaluators of a report."""

SLOW_EVALUATORS = ("fANOVA",)
"""Those that must be asked for."""

MINIMUM = 4
"""Configurations below which an importance is not computed."""

INDICATIVE = 10
"""Configurations below which an importance is a hint at most: the best quantile holds fewer than five of them."""

COLUMNS = ("block", "objective", "parameter", "importance", "num_configurations", "quantile", "evaluator")


def parameter_importance(
    configurations: pd.DataFrame,
    runs: pd.DataFrame,
    objectives: Sequence[Mapping[str, Any]],
    evaluators: Sequence[str] = EVALUATORS,
) -> tuple[pd.DataFrame, list[str]]:
    """Compute the importance of every varied parameter for every objective, in each block.

    Args:
        configurations: Rows of `statistics.configuration_objectives`.
        runs: Rows of `statistics.describe_runs`.
        objectives: The study's objectives, with `measure` and `direction`.
        evaluators: Any of `EVALUATORS` and `SLOW_EVALUATORS`.

    Returns:
        One row for each block, objective, evaluator and parameter, and one line for each importance that could not be
        computed.
    """
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    try:
        import optuna  # noqa: F401
    except ImportError:
        return pd.DataFrame(columns=list(COLUMNS)), ["Importance is left out: Optuna is not installed."]
    searched = configurations.loc[configurations["origin"] == "search", "block"].unique()
    if not len(searched):
        return pd.DataFrame(columns=list(COLUMNS)), [
            "Importance is left out: no searched configuration has all objectives."
        ]
    for block, group in configurations[configurations["block"].isin(searched)].groupby("block", sort=True):
        parameters = varied_parameters(group, runs)
        if len(group) < MINIMUM:
            notes.append(
                f"Importance in block {block} is left out: it needs {MINIMUM} configurations, but has {len(group)}."
            )
            continue
        if len(parameters.columns) < 2:
            notes.append(f"Importance in block {block} is left out: fewer than two parameters vary.")
            continue
        if len(group) < INDICATIVE:
            notes.append(
                f"Importance in block {block} rests on {len(group)} configurations: a hint at most, below {INDICATIVE}."
            )
        # The ten per cent that Optuna takes by default are too few here; five configurations are the least it advises.
        quantile = min(0.5, max(0.1, 5 / len(group)))
        for index, objective in enumerate(objectives):
            values = group[f"objective_{index}"].tolist()
            maximize = objective.get("direction") == "maximize"
            found, lines = _importances(parameters, values, maximize, quantile, evaluators)
            notes += [f"Importance for {objective['measure']} in block {block} is left out: {line}" for line in lines]
            context = {"block": block, "objective": objective["measure"], "num_configurations": len(group)}
            rows += [
                {**context, "parameter": name, "importance": share, "quantile": quantile, "evaluator": evaluator}
                for evaluator, shares in found.items()
                for name, share in shares.items()
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), notes


def varied_parameters(group: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the configuration fields in which the configurations of a block differ, one row a configuration."""
    fields = [name for name in runs.columns if name.partition(".")[0] in ("data", "model", "train") and "." in name]
    table = runs.drop_duplicates("config_key").set_index("config_key")[fields].loc[group["config_key"]]
    varied = [name for name in fields if table[name].map(str).nunique() > 1 and table[name].notna().all()]
    return table[varied]


def _importances(
    parameters: pd.DataFrame, values: Sequence[float], maximize: bool, quantile: float, evaluators: Sequence[str]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return each evaluator's shares by parameter, and a line for each that failed."""
    import optuna

    distributions = {str(name): _distribution(parameters[name].tolist()) for name in parameters}
    columns = {name: [_value(item, known) for item in parameters[name]] for name, known in distributions.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction="maximize" if maximize else "minimize")
            study.add_trials(
                [
                    optuna.create_trial(params=row, distributions=distributions, value=value)
                    for row, value in zip(rows, values, strict=True)
                ]
            )
            for name in evaluators:
                try:
                    shares = optuna.importance.get_param_importances(study, evaluator=_evaluator(name, quantile))
                except (ValueError, RuntimeError, AssertionError, ImportError) as error:
                    notes.append(f"{name}: {error}")
                    continue
                found[name] = {key: float(share) for key, share in shares.items() if math.isfinite(share)}
    finally:
        optuna.logging.set_verbosity(verbosity)
    return found, notes


def _evaluator(name: str, quantile: float) -> Any:
    import optuna

    if name == "forest":
        return optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=0)
    if name == "fANOVA":
        return optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile)


def _distribution(values: Sequence[Any]) -> Any:
    import optuna

    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return optuna.distributions.CategoricalDistribution(sorted({str(value) for value in values}))
    # Sizes and rates spread over decades: their logarithms are what a search draws.
    log = min(numbers) > 0 and max(numbers) / min(numbers) >= 8
    return optuna.distributions.FloatDistribution(float(min(numbers)), float(max(numbers)), log=log)


def _value(value: Any, distribution: Any) -> Any:
    return str(value) if hasattr(distribution, "choices") else float(value)
