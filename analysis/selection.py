"""Could labels have been done without? What each label-free measure would have chosen, against an oracle with labels.

Configurations of one code are compared by their means over seeds. A label-free measure chooses on validation images;
the oracle measure, which uses labels, is read off test images; the regret is what the choice loses against the best
configuration. The number of categories moves a clustering error and I(y; z) by itself, so the oracle of categorical
codes is what I(y; z) has beyond k-means with as many clusters, and measures that K alone moves choose nothing. The best
of means over few seeds is best by luck too, so a regret is too large, the more so the more configurations there are.
Its interval is a t interval of the difference of these two configurations over seeds, the seeds' variance pooled over
all of them; it does not know that they were chosen.

Reference: Gulrajani and Lopez-Paz (2020), In search of lost domain generalization (oracle and its rivals).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from analysis.measure_names import MEASURES
from analysis.statistics import cell_names, pooled_deviation, t_half_width

ORACLES = {
    "gaussian": ("label_information", "label_preservation"),
    "categorical": ("label_information_gain", "label_preservation"),
}
"""What labels would choose by, for each kind of code."""

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
    "regret_low",
    "regret_high",
    "rank_correlation",
    "num_cells",
)


def label_free_selection(values: pd.DataFrame) -> pd.DataFrame:
    """Return the regret of every label-free measure for every oracle and kind of code.

    Args:
        values: A table of `statistics.joined`, both splits, trained encoders.

    Returns:
        One row for each code, oracle and criterion: name (as block:label) and oracle value of the configuration that
        the criterion chooses, those of the best one, `regret` (best minus chosen, never negative) with its 95 %
        interval `regret_low` and `regret_high`, NaN where the best one was chosen or no seeds were repeated, and
        Spearman's rank correlation of the criterion, so turned that larger is better, with the oracle over `num_cells`
        configurations.
    """
    model = values[(values["subject"] == "model") & values["trained_encoder"] & values["value"].notna()]
    rows = []
    for code, group in model.groupby("code", sort=True):
        means = group.pivot_table(index="config_key", columns=["split", "name"], values="value", aggfunc="mean")
        names = cell_names(group)
        for oracle in ORACLES.get(str(code), ()):
            if ("test", oracle) not in means:
                continue
            spread = _spread(group[(group["split"] == "test") & (group["name"] == oracle)])
            for criterion, info in MEASURES.items():
                if (
                    info.uses_labels
                    or (code == "categorical" and info.across_k)
                    or info.better not in ("lower", "higher", "one")
                    or ("validation", criterion) not in means
                ):
                    continue
                table = means[[("validation", criterion), ("test", oracle)]].dropna()
                if len(table) < MINIMUM or table.iloc[:, 0].nunique() < 2:
                    continue
                rows.append(
                    {
                        "code": code,
                        "oracle": oracle,
                        "criterion": criterion,
                        **_compare(table, names, spread, info.better),
                    }
                )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(["code", "oracle", "regret"], ignore_index=True)


@dataclass(frozen=True)
class _Spread:
    """How far a difference of two configurations may be off.

    Attributes:
        deviation: Standard deviation over seeds, pooled over configurations.
        freedom: Its degrees of freedom.
        counts: Runs of each configuration, by `config_key`.
    """

    deviation: float
    freedom: int
    counts: pd.Series[int]

    def half_width(self, first: str, second: str) -> float:
        """Return half the width of the interval of the difference; NaN of a configuration from itself."""
        if first == second:
            return math.nan
        error = self.deviation * math.sqrt(1 / self.counts[first] + 1 / self.counts[second])
        return t_half_width(error, self.freedom)


def _spread(values: pd.DataFrame) -> _Spread:
    deviation, freedom = pooled_deviation(values["value"].tolist(), values["config_key"].tolist())
    return _Spread(deviation, freedom, values.groupby("config_key").size())


def _compare(table: pd.DataFrame, names: pd.Series[str], spread: _Spread, better: str) -> dict[str, object]:
    criterion, oracle = table.iloc[:, 0], table.iloc[:, 1]
    score = {"lower": -criterion, "higher": criterion, "one": -(criterion - 1).abs()}[better]
    chosen, best = str(score.idxmax()), str(oracle.idxmax())
    regret, half = oracle[best] - oracle[chosen], spread.half_width(best, chosen)
    return {
        "chosen": names[chosen],
        "value": oracle[chosen],
        "best": names[best],
        "best_value": oracle[best],
        "regret": regret,
        "regret_low": regret - half,
        "regret_high": regret + half,
        "rank_correlation": score.rank().corr(oracle.rank()),
        "num_cells": len(table),
    }
