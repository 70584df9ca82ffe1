"""Could labels have been done without? What each label-free measure would have chosen, against an oracle with labels.

Configurations of one code are compared by their means over seeds. A label-free measure chooses on validation images;
the oracle measure, which uses labels, is read off test images; the regret is what the choice loses against the best
configuration. The number of categories changes the clustering error by itself, so the oracle is I(y; z). The best of
means over few seeds is best by luck too, so a regret is too large, the more so the more configurations there are.

Reference: Gulrajani and Lopez-Paz (2020), In search of lost domain generalization (oracle and its rivals).
"""

from __future__ import annotations

import pandas as pd

from analysis.measure_names import MEASURES
from analysis.statistics import cell_names

ORACLES = ("label_information", "label_preservation")
MINIMUM = 4
"""Configurations below which nothing is said."""

COLUMNS = (
    "code",
    "oracle",
    "criterion",
    "chosen",
    "value",
    "best",
    "best_value",
    "regret",
    "rank_correlation",
    "num_cells",
)


def label_free_selection(values: pd.DataFrame) -> pd.DataFrame:
    """Return the regret of every label-free measure for every oracle and kind of code.

    Args:
        values: A table of `statistics.joined`, both splits, trained encoders.

    Returns:
        One row for each code, oracle and criterion: name (as block:label) and oracle value of the configuration that
        the criterion chooses, those of the best one, `regret` (best minus chosen, never negative), and Spearman's rank
        correlation of the criterion, so turned that larger is better, with the oracle over `num_cells` configurations.
    """
    model = values[(values["subject"] == "model") & values["trained_encoder"] & values["value"].notna()]
    rows = []
    for code, group in model.groupby("code", sort=True):
        means = group.pivot_table(index="config_key", columns=["split", "name"], values="value", aggfunc="mean")
        names = cell_names(group)
        for oracle in ORACLES:
            if ("test", oracle) not in means:
                continue
            for criterion, info in MEASURES.items():
                if (
                    info.uses_labels
                    or info.better not in ("lower", "higher", "one")
                    or ("validation", criterion) not in means
                ):
                    continue
                table = means[[("validation", criterion), ("test", oracle)]].dropna()
                if len(table) < MINIMUM or table.iloc[:, 0].nunique() < 2:
                    continue
                rows.append(
                    {"code": code, "oracle": oracle, "criterion": criterion, **_compare(table, names, info.better)}
                )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(["code", "oracle", "regret"], ignore_index=True)


def _compare(table: pd.DataFrame, names: pd.Series[str], better: str) -> dict[str, object]:
    criterion, oracle = table.iloc[:, 0], table.iloc[:, 1]
    score = {"lower": -criterion, "higher": criterion, "one": -(criterion - 1).abs()}[better]
    chosen, best = str(score.idxmax()), str(oracle.idxmax())
    return {
        "chosen": names[chosen],
        "value": oracle[chosen],
        "best": names[best],
        "best_value": oracle[best],
        "regret": oracle[best] - oracle[chosen],
        "rank_correlation": score.rank().corr(oracle.rank()),
        "num_cells": len(table),
    }
