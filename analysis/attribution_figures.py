"""Where measures vary, how cells ended, and what could have chosen without labels: a figure and three tables."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import style
from analysis.attribution import SEED
from analysis.drawing import MAX_ROWS, Drawing, add_legend, new_figure, split_words
from analysis.tables import Analysis, html_table, label_of, number
from analysis.wording import counted, percent

SEED_COLOUR = "#8a8a8a"
SHOWN_CRITERIA = 4


def attribution(analysis: Analysis) -> Drawing | str:
    """Draw what each axis, their interactions and the seed explain of each measure, one panel a block."""
    table = analysis.attribution[analysis.attribution["status"] == "ok"]
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
    pairs = zip(lacking["block"], lacking["name"], strict=True)
    left_out = "; ".join(f"{label_of(str(name))} in {block}" for block, name in pairs)
    return Drawing(
        figure,
        "What each measure varies with: variance over the grid's cells and seeds, split over the axes, their "
        "interactions and the seed; the parts of a row add up to 1. Lines: their 95 % intervals, with the variance "
        f"between seeds pooled over cells. {split_words(analysis)}"
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


def _summary_html(analysis: Analysis) -> str:
    rows = [
        [
            str(row["block"]),
            label_of(str(row["name"])),
            _between(row["mean"], row["low"], row["high"]),
            _between(row["iqm"], row["iqm_low"], row["iqm_high"]),
            str(row["num_cells"]),
            str(row["num_runs"]),
        ]
        for _, row in analysis.summary.iterrows()
    ]
    head = ["block", "measure", "mean [seed-level t interval]", "interquartile mean [bootstrap]", "cells", "runs"]
    return f"<h3>Means over the cells of each block</h3>{html_table(head, rows)}" if rows else ""


def _outcomes_html(analysis: Analysis) -> str:
    table = analysis.outcomes
    rows = []
    for block, group in table.groupby("block", sort=True):
        ended = int(group[["num_finished", "num_failed", "num_pruned"]].to_numpy().sum())
        failed = int(group["num_failed"].sum())
        rows.append(
            [
                str(block) or "–",
                counted(len(group), "cell"),
                f"{int(group['num_finished'].sum())} of {int(group['num_runs'].sum())}",
                f"{failed} of {ended}" + (f" ({percent(failed / ended)})" if ended else ""),
                _rate(group["dead_clusters"].mean()),
                _rate(group["ignored_noise"].mean()),
                number(group["device_hours"].sum()),
                number(group["disk_mb"].sum(), 0),
            ]
        )
    head = ["block", "cells", "finished", "failed", "dead clusters", "noise ignored", "device hours", "disk, MB"]
    return f"<h3>How the cells ended, and what they cost</h3>{html_table(head, rows)}" if rows else ""


def _selection_html(analysis: Analysis) -> str:
    table = analysis.selection.groupby(["code", "oracle"], sort=False).head(SHOWN_CRITERIA)
    rows = [
        [
            str(row["code"]),
            label_of(str(row["oracle"])),
            label_of(str(row["criterion"])),
            str(row["chosen"]),
            f"{number(row['value'])} of {number(row['best_value'])}",
            number(row["regret"]),
            number(row["rank_correlation"]),
        ]
        for _, row in table.iterrows()
    ]
    head = ["code", "oracle, on test", "chosen by, on validation", "cell", "has", "regret", "rank correlation"]
    title = (
        "Choosing without labels: the measures with the least regret, chosen with the oracle in hand; the best of "
        "noisy means is best by luck too, so regrets are too large"
    )
    return f"<h3>{title}</h3>{html_table(head, rows)}" if rows else ""


def _rate(value: float) -> str:
    return percent(value) if math.isfinite(value) else "–"


def _between(value: float, low: float, high: float) -> str:
    return f"{number(value)} [{number(low)}, {number(high)}]" if math.isfinite(low) else number(value)
