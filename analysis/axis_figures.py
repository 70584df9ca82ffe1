"""Figures along one axis: what changes where a block of the grid varies a single field."""

from __future__ import annotations

import pandas as pd

from analysis import plots
from analysis.drawing import MAX_ROWS, Drawing, new_figure, seed_words, split_words
from analysis.tables import HEADLINE, Analysis

AXIS_MEASURES = (*HEADLINE, "critic_accuracy")
SIZES = ("model.latent_dim", "model.num_categories", "model.noise_dim")
"""Fields that the maps show; a block that varies one of these is left to them."""


def along_axes(analysis: Analysis) -> Drawing | str:
    """Draw what the code keeps against the one field that a block varies, a row for each such block."""
    axes_of = _axes(analysis.runs[analysis.runs["origin"] == "grid"])
    cells = analysis.cells[(analysis.cells["subject"] == "model") & analysis.cells["mean"].notna()]
    rows = [(block, field, values) for block, (field, values) in axes_of.items()]
    rows = [row for row in rows if cells["config_key"].isin(row[2]).any()][:MAX_ROWS]
    names = [name for name in AXIS_MEASURES if (cells["name"] == name).any()]
    if not rows or not names:
        return ""
    figure = new_figure(1.5 * len(rows) + 0.5)
    grid = figure.subplots(len(rows), len(names), squeeze=False)
    for row, (block, field, values) in enumerate(rows):
        order = sorted(set(values.values()), key=_order)
        for column, name in enumerate(names):
            here = cells[(cells["name"] == name) & cells["config_key"].isin(values)]
            here = here.assign(place=here["config_key"].map(values).map(order.index)).sort_values("place")
            dots = analysis.grid[(analysis.grid["name"] == name) & (analysis.grid["subject"] == "model")]
            dots = dots[dots["config_key"].isin(values) & dots["value"].notna()]
            dots = dots.assign(place=dots["config_key"].map(values).map(order.index))
            plots.along_axis(here, dots, [_text(value) for value in order], grid[row, column], name)
            grid[row, column].set_xlabel(field.partition(".")[2])
            if row:
                grid[row, column].set_title("")
        grid[row, 0].set_ylabel(block)
    return Drawing(
        figure,
        "Along one axis: blocks of the grid that vary a single field, all else equal. Markers: means of cells; bars: "
        "95 % seed-level t intervals; small dots: single seeds. "
        f"{seed_words(cells)} {split_words(analysis)}",
    )


def _axes(runs: pd.DataFrame) -> dict[str, tuple[str, dict[str, object]]]:
    """Return for each block that varies one field, and no size, the field and its value by configuration.

    A cell that two blocks share is recorded under one of them, so all cells that differ in the field alone count.
    """
    fields = [name for name in runs.columns if name.partition(".")[0] in ("data", "model", "train") and "." in name]
    text = runs[fields].astype(str)
    found: dict[str, tuple[str, dict[str, object]]] = {}
    for block, group in runs.groupby("block", sort=False):
        varying = [name for name in fields if text.loc[group.index, name].nunique() > 1]
        if len(varying) != 1 or varying[0] in SIZES:
            continue
        (field,) = varying
        others = [name for name in fields if name != field]
        alike = runs[(text[others] == text.loc[group.index[0], others]).all(axis=1)]
        found[str(block)] = (field, dict(zip(alike["config_key"].astype(str), alike[field], strict=True)))
    return found


def _order(value: object) -> tuple[bool, float, str]:
    """Sort numbers by size, before and apart from words."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not is_number, float(value) if isinstance(value, int | float) else 0.0, str(value))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
