"""Could labels have been done without? What each label-free measure would have chosen, against an oracle with labels.

Configurations of one code are compared by their means over seeds. A label-free measure chooses on validation images;
the oracle measure, which uses labels, is read off test images; the regret is what the choice loses against the best
configuration. The number of categories changes the clustering error by itself, so the oracle is I(y; z).

Reference: Gulrajani and Lopez-Paz (2020), In search of lost domain generalization (oracle and its rivals).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.measure_names import MEASURES

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
        One row for each code, oracle and criterion: label and oracle value of the configuration that the criterion
        chooses, those of the best one, `regret` (best minus chosen, never negative), and Spearman's rank correlation of
        the criterion, so turned that larger is better, with the oracle over `num_cells` configurations.
    """
    model = values[(values["subject"] == "model") & values["trained_encoder"] & values["value"].notna()]
    rows = []
    for code, group in model.groupby("code", sort=True):
        means = group.pivot_table(index="config_key", columns=["split", "name"], values="value", aggfunc="mean")
        names = _cell_names(group)
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
                    {"code": code, "oracle": oracle, "criterion": criterion, **_compare(table, info.better, names)}
                )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(["code", "oracle", "regret"], ignore_index=True)


def _cell_names(values: pd.DataFrame) -> dict[str, str]:
    """Return the name of each configuration: its label, after its block where two share that label."""
    cells = values.drop_duplicates("config_key").set_index("config_key")
    shared = cells["label"].duplicated(keep=False)
    named = cells["label"].where(~shared, cells["block"] + ", " + cells["label"])
    return {str(key): str(name) for key, name in named.items()}


def _compare(table: pd.DataFrame, better: str, names: Mapping[str, str]) -> dict[str, object]:
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
