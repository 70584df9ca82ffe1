"""Figures of the search: its history, the importance of parameters, the Pareto front, and where it went."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm

from analysis import search_plots, style
from analysis.drawing import MAX_ROWS, Drawing, add_legend, new_figure, oracle_words, split_words
from analysis.importance import varied_parameters
from analysis.parallel import best_share, parallel_axes
from analysis.statistics import pareto_front
from analysis.tables import HEADLINE, Analysis, label_of

MAX_AXES = 8
"""Parameters that parallel coordinates show; there is room for no more."""


def objective_history(analysis: Analysis) -> Drawing | str:
    """Draw every objective over the configurations of each searched block."""
    table, objectives = analysis.configurations, analysis.results.study["objectives"]
    blocks = sorted(table.loc[table["origin"] == "search", "block"].unique())[:MAX_ROWS]
    if not blocks or not objectives:
        return "No configuration was searched, or none has all objectives."
    figure = new_figure(1.7 * len(blocks) + 0.4)
    grid = figure.subplots(len(blocks), len(objectives), squeeze=False)
    for row, block in enumerate(blocks):
        for column, objective in enumerate(objectives):
            chosen, maximize = table[table["block"] == block], objective.get("direction") == "maximize"
            axes = grid[row, column]
            search_plots.objective_history(chosen, axes, f"objective_{column}", objective["measure"], maximize)
            axes.set_title(f"{block}: {axes.get_title(loc='left')}", loc="left")
    add_legend(figure, list(grid.flat))
    return Drawing(
        figure,
        f"The search: objectives of {len(table[table['block'].isin(blocks)])} configurations, grid cells first. "
        "Each is the mean "
        f"over the configuration's seeds on {objectives[0].get('split') or 'validation'} "
        f"images.{oracle_words(analysis)}",
    )


def pareto(analysis: Analysis) -> Drawing | str:
    """Draw two objectives against each other."""
    objectives, table = analysis.results.study["objectives"], analysis.configurations
    if len(objectives) != 2:
        return f"A Pareto view needs two objectives; this study has {len(objectives)}."
    if table.empty:
        return "No configuration has both objectives."
    signs = np.asarray([-1.0 if objective.get("direction") == "maximize" else 1.0 for objective in objectives])
    # one front for each kind of code, as each has a search of its own
    front = np.zeros(len(table), dtype=bool)
    for code in table["code"].unique():
        chosen = (table["code"] == code).to_numpy()
        front[chosen] = pareto_front(table.loc[chosen, ["objective_0", "objective_1"]].to_numpy(float) * signs)
    figure = new_figure(2.8)
    search_plots.pareto(table, front, figure.subplots(), (objectives[0]["measure"], objectives[1]["measure"]))
    words = [
        f"{label_of(item['measure'])} {'higher' if sign < 0 else 'lower'}"
        for item, sign in zip(objectives, signs, strict=True)
    ]
    return Drawing(
        figure,
        f"Both objectives of {len(table)} configurations, means over their seeds; better is {' and '.join(words)}. "
        f"A line joins those that no other one with the same kind of code beats in both.{oracle_words(analysis)}",
    )


def searched(analysis: Analysis) -> Drawing | str:
    """Draw what searched configurations with Gaussian codes keep, apart from the grid."""
    values = analysis.searched
    values = values[(values["subject"] == "model") & (values["code"] == "gaussian") & values["value"].notna()]
    names = [name for name in (*HEADLINE, "critic_accuracy", "dispersion_ratio") if (values["name"] == name).any()]
    if not names:
        return "No searched configuration with a Gaussian code has finished."
    figure = new_figure(3.2)
    grid = figure.subplots(2, 3, squeeze=False)
    noise = values["noise_dim"].clip(lower=1)
    low = float(noise.min())
    norm = LogNorm(low, max(float(noise.max()), low + 1))
    for axes, name in zip(grid.flat, names, strict=False):
        chosen = values[values["name"] == name]
        search_plots.searched(chosen.assign(noise_dim=chosen["noise_dim"].clip(lower=1)), axes, name, norm)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    figure.supxlabel("latent dimension", fontsize=8)
    mappable = ScalarMappable(norm, "cividis")
    ticks = np.unique(np.geomspace(low, max(float(noise.max()), low + 1), 4).round())
    bar = figure.colorbar(mappable, ax=grid, label="noise dimension", fraction=0.04, pad=0.02)
    bar.set_ticks(ticks.tolist(), labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    return Drawing(
        figure,
        f"Searched configurations, {values['run'].nunique()} runs with Gaussian codes, a dot each. They never "
        "enter the means "
        f"of grid cells. {split_words(analysis)}",
    )


def parallel_coordinates(analysis: Analysis) -> Drawing | str:
    """Draw the configurations of each searched block over their varied parameters and the objectives."""
    table, objectives = analysis.configurations, analysis.results.study["objectives"]
    panels = []
    for block in sorted(table.loc[table["origin"] == "search", "block"].unique()):
        group = table[table["block"] == block]
        parameters = varied_parameters(group, analysis.runs)
        if len(group) > 1 and len(parameters.columns):
            panels.append((str(block), group, parameters.iloc[:, :MAX_AXES]))
    if not panels or not objectives:
        return "Parallel coordinates need a block of which at least two configurations were searched."
    shown = panels[:MAX_ROWS]
    figure = new_figure(2.5 * len(shown))
    grid = figure.subplots(len(shown), 1, squeeze=False)
    maximize = objectives[0].get("direction") == "maximize"
    for axes, (block, group, parameters) in zip(grid.flat, shown, strict=True):
        names = {name: str(name).partition(".")[2].replace("_", "\n") for name in parameters}
        values = {
            f"{textwrap.fill(style.math_label(item['measure']), 16)}\n"
            f"({'higher' if item.get('direction') == 'maximize' else 'lower'} is better)": group[f"objective_{index}"]
            for index, item in enumerate(objectives)
        }
        columns = parameters.rename(columns=names).reset_index(drop=True)
        for label, column in values.items():
            columns[label] = column.to_numpy()
        search_plots.parallel_coordinates(parallel_axes(columns), best_share(group["objective_0"], maximize), axes)
        axes.set_title(f"{block}: {len(group)} configurations")
    return Drawing(
        figure,
        "Configurations over their parameters and objectives, a line each, in every searched block, its grid cells "
        "included. "
        f"Blue: the best tenth by {label_of(objectives[0]['measure'])}, ties included. Axes of positive values that "
        "spread eightfold or more are logarithmic. Objectives are means over a configuration's seeds on "
        f"{objectives[0].get('split') or 'validation'} images.{oracle_words(analysis)}"
        + (f" {len(panels) - len(shown)} further blocks are not shown." if len(panels) > len(shown) else ""),
    )


def importance_bars(table: pd.DataFrame) -> Drawing | str:
    """Draw the importance of parameters, one panel for each block and objective."""
    groups = list(table.groupby(["block", "objective"], sort=False))[:6]
    if not groups:
        return ""
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = new_figure(0.3 + rows * (0.5 + 0.25 * max(group["parameter"].nunique() for _, group in groups)))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(groups) :]:
        axes.set_axis_off()
    for axes, ((block, objective), group) in zip(grid.flat, groups, strict=True):
        search_plots.importance(group, axes)
        axes.set_title(f"{block}: {style.math_label(str(objective))}")
        axes.set_xlabel("importance (shares add up to 1)")
    add_legend(figure, list(grid.flat))
    blocks = table.drop_duplicates("block")
    best = ", ".join(
        f"the best {100 * row['quantile']:.0f} % of {row['num_configurations']} in block {row['block']}"
        for _, row in blocks.iterrows()
    )
    return Drawing(
        figure,
        "Importance of the varied parameters for each objective. PED-ANOVA: how far the best configurations "
        f"({best}) differ from all of them along a parameter. Forest: the share of the objective's variance that a "
        "random forest's splits at a parameter explain. Neither has an interval; of few configurations they are hints "
        "at most, and where they disagree neither is to be believed.",
    )
