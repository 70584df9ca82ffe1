"""Figures along one axis: what changes where a block of the grid varies a field and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from analysis import plots, style
from analysis.drawing import MAX_ROWS, Drawing, add_legend, new_figure, seed_words, split_words
from analysis.tables import HEADLINE, Analysis

AXIS_MEASURES = (*HEADLINE, "critic_accuracy")
SIZES = ("model.latent_dim", "model.num_categories", "model.noise_dim")
"""Fields that the maps show, so no axis is one of these."""

MAX_LINES = 8
"""Settings of a block's other fields that one panel shows."""


@dataclass(frozen=True)
class Axis:
    """A field that a block varies.

    Attributes:
        block: The block.
        field: Dotted name of the field.
        lines: For each setting of the other fields that the block varies, in words, the field's value by configuration.
    """

    block: str
    field: str
    lines: dict[str, dict[str, object]]


def along_axes(analysis: Analysis) -> Drawing | str:
    """Draw what the code keeps against each field that a block varies, a row for each block and field."""
    cells = analysis.cells[(analysis.cells["subject"] == "model") & analysis.cells["mean"].notna()]
    measured = set(cells["config_key"])
    found = [
        axis
        for axis in _axes(analysis.runs[analysis.runs["origin"] == "grid"])
        if any(measured & set(values) for values in axis.lines.values())
    ]
    rows, names = found[:MAX_ROWS], [name for name in AXIS_MEASURES if (cells["name"] == name).any()]
    if not rows or not names:
        return ""
    dots = analysis.grid[(analysis.grid["subject"] == "model") & analysis.grid["value"].notna()]
    figure = new_figure(1.7 * len(rows) + 0.5)
    grid = figure.subplots(len(rows), len(names), squeeze=False)
    for row, axis in enumerate(rows):
        for column, name in enumerate(names):
            panel = grid[row, column]
            _panel(axis, cells[cells["name"] == name], dots[dots["name"] == name], panel, name)
            panel.set_xlabel(axis.field.partition(".")[2])
            if row:
                panel.set_title("")
        grid[row, 0].set_ylabel(axis.block)
    add_legend(figure, list(grid.flat), columns=2)
    left_out = f" {len(found) - len(rows)} further rows are not shown." if len(found) > len(rows) else ""
    return Drawing(
        figure,
        "Along one axis: what a field that a block of the grid varies changes, all else equal; a line for each setting "
        "of the other fields that the block varies, in colours of its row. Markers: means of cells; bars: 95 % "
        f"seed-level t intervals; small dots: single seeds. {seed_words(cells)} {split_words(analysis)}{left_out}",
    )


def _panel(axis: Axis, cells: pd.DataFrame, dots: pd.DataFrame, panel: Axes, measure: str) -> None:
    order = sorted({str(value): value for line in axis.lines.values() for value in line.values()}.values(), key=_order)
    lines = list(axis.lines.items())
    shades = style.sequence(len(lines)) if len(lines) > 1 else [style.SUBJECTS["model"][1]]
    for index, (shade, (words, values)) in enumerate(zip(shades, lines, strict=True)):
        places = {key: order.index(value) + 0.07 * (index - (len(lines) - 1) / 2) for key, value in values.items()}
        here, seeds = (
            table.assign(place=table["config_key"].map(places)).dropna(subset="place") for table in (cells, dots)
        )
        plots.along_axis(here.sort_values("place"), seeds, panel, shade, words)
    plots.finish_axis(panel, [_text(value) for value in order], measure)


def _axes(runs: pd.DataFrame) -> Iterator[Axis]:
    """Yield each field, save sizes, that a block varies while all others stay.

    A cell that two blocks share is recorded under one of them, so all cells that differ in the field alone count.
    """
    fields = [name for name in runs.columns if name.partition(".")[0] in ("data", "model", "train") and "." in name]
    text = runs[fields].astype(str)
    text = text.loc[:, text.nunique() > 1]  # every other field is alike in all
    for block, group in runs.groupby("block", sort=False):
        own = text.loc[group.index]
        varying = [str(name) for name in text if own[name].nunique() > 1]
        for field in (name for name in varying if name not in SIZES):
            rest = [name for name in varying if name != field]
            alike = pd.util.hash_pandas_object(text.drop(columns=field), index=False)
            is_varied = text[field].groupby(alike).transform("nunique") > 1
            lines: dict[str, dict[str, object]] = {}
            first = alike.loc[group.index][is_varied.loc[group.index]].drop_duplicates().iloc[:MAX_LINES]
            for setting in first:
                line = runs[alike == setting]
                words = ", ".join(f"{name.partition('.')[2]}={_text(line[name].iloc[0])}" for name in rest)
                lines[words] = dict(zip(line["config_key"].astype(str), line[field], strict=True))
            if lines:
                yield Axis(str(block), field, lines)


def _order(value: object) -> tuple[bool, float, str]:
    """Sort numbers by size, before and apart from words."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not is_number, float(value) if isinstance(value, int | float) else 0.0, str(value))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
