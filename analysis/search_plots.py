"""The search, one function a figure, `(table, axes)`, as in `analysis.plots`."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from analysis import style
from analysis.parallel import ParallelAxis


def objective_history(configurations: pd.DataFrame, axes: Axes, column: str, measure: str, maximize: bool) -> None:
    """Draw an objective over the configurations in their order, and the best so far as a line.

    Args:
        configurations: Rows of `statistics.configuration_objectives` for one block.
        axes: Where to draw.
        column: The objective's column.
        measure: Name of the measure.
        maximize: Whether larger is better.
    """
    values = configurations[column]
    order = np.arange(1, len(values) + 1)
    searched = (configurations["origin"] == "search").to_numpy()
    colour = style.SUBJECTS["model"][1]
    many = len(values) > style.MANY_DOTS
    axes.plot(order[~searched], values[~searched], "o", color=colour, label="grid cell", rasterized=many)
    axes.plot(order[searched], values[searched], "o", color=colour, mfc="none", label="searched", rasterized=many)
    best = values.cummax() if maximize else values.cummin()
    axes.step(order, best, where="post", color="#D55E00", label="best so far")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    axes.set_xlabel("configuration, in order")
    axes.set_ylabel(f"{'higher' if maximize else 'lower'} is better")
    axes.set_title(style.math_label(measure))


def importance(table: pd.DataFrame, axes: Axes) -> None:
    """Draw the importance of each searched parameter for one objective, a bar for each evaluator.

    Args:
        table: Columns `parameter`, `importance` and `evaluator`.
        axes: Where to draw.
    """
    wide = table.pivot_table(index="parameter", columns="evaluator", values="importance")
    wide = wide.loc[wide.mean(axis=1).sort_values().index]
    colours = (style.SUBJECTS["model"][1], style.SUBJECTS["frozen"][1], style.SUBJECTS["pca"][1])
    height = 0.8 / len(wide.columns)
    for index, (evaluator, colour) in enumerate(zip(wide.columns, colours, strict=False)):
        place = np.arange(len(wide)) + 0.4 - height * (index + 0.5)
        axes.barh(place, wide[evaluator].fillna(0), height, color=colour, label=str(evaluator))
    axes.set_yticks(range(len(wide)), [str(name).partition(".")[2] or str(name) for name in wide.index])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1)
    axes.grid(axis="x")


def pareto(configurations: pd.DataFrame, front: np.ndarray, axes: Axes, measures: tuple[str, str]) -> None:
    """Draw two objectives against each other, and the configurations that no other one beats in both.

    Args:
        configurations: Rows of `statistics.configuration_objectives`.
        front: Which of them are on the front.
        axes: Where to draw.
        measures: Names of the two objectives.
    """
    for code, marker in (("gaussian", "o"), ("categorical", "s")):
        for origin, filled in (("grid", True), ("search", False)):
            chosen = configurations[(configurations["code"] == code) & (configurations["origin"] == origin)]
            if len(chosen):
                colour = style.SUBJECTS["model"][1] if code == "gaussian" else "#CC79A7"
                axes.plot(
                    chosen["objective_0"],
                    chosen["objective_1"],
                    marker,
                    color=colour,
                    mfc=colour if filled else "none",
                    label=f"{code}, {'grid cell' if filled else 'searched'}",
                    rasterized=len(chosen) > style.MANY_DOTS,
                )
    edge = configurations[front].sort_values("objective_0")
    for index, (_, part) in enumerate(edge.groupby("code")):
        label = "" if index else "front"
        axes.plot(part["objective_0"], part["objective_1"], "-", color="#D55E00", linewidth=1, zorder=0, label=label)
    for index, (_, row) in enumerate(edge.iterrows() if len(edge) <= 8 else ()):
        offset = (5, 4) if index % 2 else (5, -10)
        axes.annotate(str(row["label"]), (row["objective_0"], row["objective_1"]), offset, textcoords="offset points")
    axes.grid()
    axes.set_xlabel(style.math_label(measures[0]))
    axes.set_ylabel(style.math_label(measures[1]))
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))


def searched(runs: pd.DataFrame, axes: Axes, measure: str, colours: Normalize) -> None:
    """Draw a measure of searched runs against the code's size, coloured by noise dimension.

    Args:
        runs: Searched runs of `statistics.joined` for one measure of the model.
        axes: Where to draw.
        measure: Name of the measure.
        colours: Scale of the noise dimension.
    """
    axes.scatter(
        runs["code_size"], runs["value"], c=mpl.colormaps["cividis"](colours(runs["noise_dim"].to_numpy(float))), s=22,
        edgecolors="#333333", linewidths=0.5, rasterized=len(runs) > style.MANY_DOTS,
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(axis="y")
    axes.set_title(style.math_label(measure))


def parallel_coordinates(lines: Sequence[ParallelAxis], best: np.ndarray, axes: Axes) -> None:
    """Draw configurations as lines over parallel axes, the best ones coloured and above the others.

    Args:
        lines: The axes, from the left.
        best: Whether each configuration is among the best, with shape (configurations,).
        axes: Where to draw.
    """
    x = np.arange(len(lines))
    places = np.stack([line.places for line in lines], axis=1)
    for chosen, colour, faint in ((~best, "#8a8a8a", 60), (best, style.SUBJECTS["model"][1], 200)):
        paths = [np.column_stack([x, row]) for row in places[chosen]]
        axes.add_collection(
            LineCollection(
                paths,
                colors=colour,
                linewidths=0.8,
                alpha=min(0.8, max(0.06, faint / max(len(paths), 1))),
                rasterized=len(paths) > style.MANY_LINES,
            )
        )
    axes.vlines(x, 0, 1, color="#333333", linewidth=0.8, zorder=3)
    for place, line in zip(x, lines, strict=True):
        for height, text in line.ticks:
            axes.plot([place - 0.02, place + 0.02], [height] * 2, color="#333333", linewidth=0.8, zorder=3)
            axes.annotate(
                text, (place, height), (4, 0), textcoords="offset points", va="center", zorder=4,
                bbox={"facecolor": "white", "alpha": 0.85, "pad": 0.8, "linewidth": 0},
            )  # fmt: skip
    axes.set_xticks(x, [line.name for line in lines])
    axes.set_xlim(-0.15, len(lines) - 1 + 0.45)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
