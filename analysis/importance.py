"""How much each parameter mattered for each objective, by Optuna's PED-ANOVA. Optuna is imported only when it is asked.

The Optuna study is rebuilt in memory from the run records, so a report needs no storage and no lock.

References:
    Watanabe, Bansal & Hutter (2023), PED-ANOVA. https://arxiv.org/abs/2304.10255
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

EVALUATOR = "PED-ANOVA"
MINIMUM = 4
"""Configurations below which an importance is not computed."""

INDICATIVE = 10
"""Configurations below which an importance is a hint at most: the best quantile holds fewer than five of them."""

COLUMNS = ("block", "objective", "parameter", "importance", "num_configurations", "quantile", "evaluator")


def parameter_importance(
    configurations: pd.DataFrame, runs: pd.DataFrame, objectives: Sequence[Mapping[str, Any]]
) -> tuple[pd.DataFrame, list[str]]:
    """Compute the importance of every varied parameter for every objective, in each block.

    Args:
        configurations: Rows of `statistics.configuration_objectives`.
        runs: Rows of `statistics.describe_runs`.
        objectives: The study's objectives, with `measure` and `direction`.

    Returns:
        One row for each block, objective and parameter, and one line for each importance that could not be computed.
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
        parameters = _varied_parameters(group, runs)
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
            shares, note = _ped_anova(parameters, values, maximize, quantile)
            if note:
                notes.append(f"Importance for {objective['measure']} in block {block} is left out: {note}")
            context = {"block": block, "objective": objective["measure"], "num_configurations": len(group)}
            rows += [
                {**context, "parameter": name, "importance": share, "quantile": quantile, "evaluator": EVALUATOR}
                for name, share in shares.items()
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), notes


def _varied_parameters(group: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the configuration fields in which the configurations of a block differ, one row a configuration."""
    fields = [name for name in runs.columns if name.partition(".")[0] in ("data", "model", "train") and "." in name]
    table = runs.drop_duplicates("config_key").set_index("config_key")[fields].loc[group["config_key"]]
    varied = [name for name in fields if table[name].map(str).nunique() > 1 and table[name].notna().all()]
    return table[varied]


def _ped_anova(
    parameters: pd.DataFrame, values: Sequence[float], maximize: bool, quantile: float
) -> tuple[dict[str, float], str]:
    import optuna

    distributions = {str(name): _distribution(parameters[name].tolist()) for name in parameters}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction="maximize" if maximize else "minimize")
            for row, value in zip(parameters.to_dict("records"), values, strict=True):
                named = {str(name): _value(item, distributions[str(name)]) for name, item in row.items()}
                study.add_trial(optuna.create_trial(params=named, distributions=distributions, value=value))
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile)
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError, AssertionError) as error:
        return {}, str(error)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}, ""


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
