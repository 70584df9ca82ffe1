"""The part of a report that knows the search: importances, and the figures that need them or the histories.

It needs few of a report's tables, so a second process can be given it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.drawing import Drawing
from analysis.drawn import Drawn, draw_all
from analysis.figures import FIGURES
from analysis.importance import parameter_importance
from analysis.search_figures import importance_bars
from analysis.tables import Analysis

SEARCH_FIGURES = ("learning_curves", "objective_history", "importance", "parallel_coordinates", "pareto", "searched")
"""The figures of this part; the others are drawn apart from it."""

MODULES = ("analysis.search_part", "optuna.importance", "sklearn.ensemble")
"""What this part imports, all told."""


@dataclass(frozen=True)
class SearchPart:
    """What this part came to.

    Attributes:
        importance: Rows of `importance.parameter_importance`.
        notes: Lines on importances that could not be computed.
        figures: What became of each figure.
        problems: One line for each figure that could not be drawn, and each part of the history that could not be read.
    """

    importance: pd.DataFrame
    notes: list[str]
    figures: dict[str, Drawn]
    problems: list[str]


def needed(analysis: Analysis) -> Analysis:
    """Return the numbers without those that this part does not need, which are nearly all of them."""
    results = replace(analysis.results, measures=analysis.results.measures.iloc[:0])
    dropped = {name: getattr(analysis, name).iloc[:0] for name in ("values", "grid", "cells")}
    return replace(analysis, results=results, **dropped)


def search_part(analysis: Analysis, evaluators: Sequence[str], folder: Path, names: Collection[str]) -> SearchPart:
    """Compute importances, and draw those of `SEARCH_FIGURES` that are named into a folder."""
    objectives = analysis.results.study["objectives"]
    table, notes = parameter_importance(analysis.configurations, analysis.runs, objectives, evaluators)

    def builder(name: str) -> Callable[[], Drawing | str]:
        return lambda: importance_bars(table) if name == "importance" else FIGURES[name](analysis)

    figures, undrawn = draw_all({name: builder(name) for name in SEARCH_FIGURES if name in names}, folder)
    return SearchPart(table, notes, figures, [*analysis.results.history.problems, *undrawn])
