"""Where measures vary, how cells ended, and what could have chosen without labels: a figure and three tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import style
from analysis.attribution import SEED
from analysis.drawing import MAX_ROWS, Drawing, add_legend, new_figure, split_words
from analysis.matched import MATCHED, group_words
from analysis.outcomes import block_outcomes
from analysis.tables import Analysis, html_table, label_of, number
from analysis.wording import percent

SEED_COLOUR = "#8a8a8a"
SHOWN_CRITERIA = 4
SHOWN_MEASURES, OPEN_MEASURES = 12, 6
"""Measures of a block that the figure shows, and the open part of the table, the first of `attribution.ATTRIBUTED`."""

MAX_OUTCOMES = 200
"""Cells whose ends and costs the page lists; outcomes.csv has all of them."""

SUMMARY_HEAD = ("block", "measure", "mean [seed-level t interval]", "interquartile mean [bootstrap]", "cells", "runs")


def attribution(analysis: Analysis) -> Drawing | str:
    """Draw what each axis, their interactions and the seed explain of each measure, one panel a block."""
    table = _first_measures(analysis.attribution[analysis.attribution["status"] == "ok"], ["block"], SHOWN_MEASURES)
    blocks = list(dict.fromkeys(table["block"]))[:MAX_ROWS]
    if not blocks:
        reasons = list(dict.fromkeys(analysis.attribution["status"]))
        return "No block's variance can be split: " + ("; ".join(reasons) if reasons else "nothing varies") + "."
    counts = [table.loc[table["block"] == block, "name"].nunique() for block in blocks]
    figure = new_figure(sum(0.34 * count + 0.45 for count in counts) + 0.5)
    grid = figure.subplots(len(blocks), 1, squeeze=False, sharex=True, height_ratios=[count + 1 for count in counts])
    parts = [name for name in dict.fromkeys(table["part"]) if name != SEED]
    colours = dict(zip(parts, style.COLOURS, strict=False)) | {SEED: SEED_COLOUR}
    for axes, block in zip(grid.flat, blocks, strict=True):
        attribution_rows(table[table["block"] == block], axes, colours)
        rows = table[table["block"] == block]
        axes.set_title(f"{block}: {rows['num_cells'].max()} cells, {rows['num_runs'].max()} runs")
    grid[-1, 0].set_xlabel("share of the variance over cells and seeds")
    add_legend(figure, list(grid.flat))
    lacking = analysis.attribution[analysis.attribution["status"] != "ok"].head(4)
    categories = any("num_categories" in part for part in parts)
    pairs = zip(lacking["block"], lacking["name"], strict=True)
    left_out = "; ".join(f"{label_of(str(name))} in {block}" for block, name in pairs)
    return Drawing(
        figure,
        "What each measure varies with: variance over the grid's cells and seeds, split over the axes, their "
        "interactions and the seed; the parts of a row add up to 1. Lines: their 95 % intervals, with the variance "
        f"between seeds pooled over cells. {split_words(analysis)}"
        + (
            " What the number of categories moves by itself, such as a clustering error, is part of its share."
            if categories
            else ""
        )
        + " Up to "
        f"{SHOWN_MEASURES} measures a block; attribution.csv has all."
        + (f" Not stated, for cells or seeds are missing: {left_out}." if left_out else ""),
    )


def attribution_rows(table: pd.DataFrame, axes: Axes, colours: dict[str, str]) -> None:
    """Draw one block, a row for each measure, and in it a dot with its interval for each part.

    Args:
        table: Rows of `attribution.variance_attribution` for one block.
        axes: Where to draw.
        colours: Colour of each part, in their order from the top down.
    """
    names = list(dict.fromkeys(table["name"]))[::-1]
    shown = [part for part in colours if (table["part"] == part).any()]
    for index, part in enumerate(shown):
        rows = table[table["part"] == part].drop_duplicates("name").set_index("name").reindex(names)
        height = np.arange(len(names)) + 0.3 - 0.6 * index / max(1, len(shown) - 1)
        colour, ends = colours[part], rows[["low", "high"]].clip(-0.02, 1)
        axes.hlines(height, ends["low"], ends["high"], color=colour, linewidth=1.6)
        axes.plot(rows["share"].clip(-0.02, 1), height, "o", color=colour, markersize=4, label=part.replace("_", " "))
    for row in range(1, len(names)):
        axes.axhline(row - 0.5, color="#e6e6e6", linewidth=0.6)
    axes.set_yticks(range(len(names)), [style.math_label(name).partition(" (")[0] for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_xlim(-0.03, 1.02)
    axes.grid(axis="x")


def attribution_html(analysis: Analysis) -> str:
    """Return means and interquartile means, how blocks ended and what they cost, and label-free choices' regret."""
    return "\n".join([_summary_html(analysis), _outcomes_html(analysis), _selection_html(analysis)])


def summary_rows(summary: pd.DataFrame) -> list[list[str]]:
    """Write rows of `attribution.block_summary` for people, under the titles `SUMMARY_HEAD`."""
    return [
        [
            group_words(str(row["block"]), row[MATCHED]),
            label_of(str(row["name"])),
            _between(row["mean"], row["low"], row["high"]),
            _between(row["iqm"], row["iqm_low"], row["iqm_high"]),
            f"{row['num_cells']} of {row['num_cells_wanted']}",
            f"{row['num_runs']} of {row['num_runs_wanted']}",
        ]
        for _, row in summary.iterrows()
    ]


def _first_measures(table: pd.DataFrame, place: list[str], most: int) -> pd.DataFrame:
    """Return the rows of the first measures of each block."""
    order = table.groupby(place, dropna=False, sort=False)["name"].transform(lambda names: pd.factorize(names)[0])
    return table[order < most] if len(table) else table


def _summary_html(analysis: Analysis) -> str:
    summary = analysis.summary
    if summary.empty:
        return ""
    first = _first_measures(summary, ["block", MATCHED], OPEN_MEASURES)
    rest = summary_rows(summary.drop(first.index))
    note = (
        "Cells and runs: those with a value, of those that the study wants; where some are missing, the mean is one "
        "over the others. Values that noise dimension 0 makes 1 by identity are left out."
    )
    more = f"<details><summary>{len(rest)} further rows</summary>{html_table(SUMMARY_HEAD, rest)}</details>"
    return (
        f'<h3>Means over the cells of each block</h3><p class="note">{note}</p>'
        f"{html_table(SUMMARY_HEAD, summary_rows(first))}{more if rest else ''}"
    )


def _outcomes_html(analysis: Analysis) -> str:
    if analysis.outcomes.empty:
        return ""
    blocks = block_outcomes(analysis.outcomes)
    rows = [[str(row["block"]) or "–", str(row["num_cells"]), *_outcome(row)] for _, row in blocks.iterrows()]
    cells = analysis.outcomes.head(MAX_OUTCOMES)
    cell_rows = [[str(row["block"]) or "–", str(row["label"]), *_outcome(row)] for _, row in cells.iterrows()]
    head = ["finished", "failed [95 % Wilson]", "dead clusters", "noise ignored", "device hours", "disk, MB"]
    title = f"Each cell{f', the first {len(cells)}' if len(cells) < len(analysis.outcomes) else ''}"
    return (
        f"<h3>How the cells ended, and what they cost</h3>{html_table(['block', 'cells', *head], rows)}"
        f"<details><summary>{title}</summary>{html_table(['block', 'cell', *head], cell_rows)}</details>"
    )


def _outcome(row: pd.Series[Any]) -> list[str]:
    """Write what became of a block or of a cell."""
    rate = "–"
    if math.isfinite(row["failure_rate"]):
        ends = f"{percent(row['failure_low'])}, {percent(row['failure_high'])}"
        rate = f"{percent(row['failure_rate'])} [{ends}]"
    return [
        f"{int(row['num_finished'])} of {int(row['num_runs'])}",
        rate,
        _rate(row["dead_clusters"]),
        _rate(row["ignored_noise"]),
        number(row["device_hours"], 3 if row["device_hours"] < 0.1 else 2),
        number(row["disk_mb"], 1),
    ]


def _selection_html(analysis: Analysis) -> str:
    table = analysis.selection.groupby(["code", "oracle"], sort=False).head(SHOWN_CRITERIA)
    rows = [
        [
            str(row["code"]),
            label_of(str(row["oracle"])),
            label_of(str(row["criterion"])),
            str(row["chosen"]),
            f"{number(row['value'])} of {number(row['best_value'])}",
            _between(row["regret"], row["regret_low"], row["regret_high"]),
            number(row["rank_correlation"]),
        ]
        for _, row in table.iterrows()
    ]
    head = ["code", "oracle, on test", "chosen by, on validation", "cell", "has", "regret [95 %]", "rank correlation"]
    title = (
        "Choosing without labels: the measures with the least regret, chosen with the oracle in hand; the best of "
        "noisy means is best by luck too, so regrets are too large; 0.00 without an interval: it chose the best itself"
    )
    return f"<h3>{title}</h3>{html_table(head, rows)}" if rows else ""


def _rate(value: float) -> str:
    return percent(value) if math.isfinite(value) else "–"


def _between(value: float, low: float, high: float) -> str:
    return f"{number(value)} [{number(low)}, {number(high)}]" if math.isfinite(low) else number(value)
