"""What the page's script shows: the runs, and the grid's cells, as plain data within the page."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from analysis import map_plots
from analysis.tables import Analysis, label_of, run_table, typeset

DIGITS = 4
"""Significant digits of the page's numbers; the files beside it have them all."""

TEXTS = ("key", "block", "label", "replicate", "origin", "status", "wall_time_s")
TITLES = ("run", "block", "configuration", "seed", "origin", "status", "seconds")


def embedded(analysis: Analysis) -> str:
    """Return the page's data as JSON that no text of a study can break out of."""
    text = json.dumps({"runs": runs(analysis), "maps": maps(analysis)}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def runs(analysis: Analysis) -> dict[str, Any]:
    """Return the table of runs: `columns`, and `rows` of texts and numbers, None where there is none."""
    table = run_table(analysis)
    measures = [str(name) for name in table.columns if name not in (*TEXTS, "reason", "code_hash", "config_key")]
    known = table["reason"].fillna("").astype(str)
    status = table["status"].astype(str).where(known == "", table["status"].astype(str) + ": " + known)
    columns = [_plain(table[name]) for name in TEXTS] + [_plain(table[name]) for name in measures]
    columns[TEXTS.index("status")] = status.tolist()
    return {
        "columns": [*TITLES, *(typeset(label_of(name)) for name in measures)],
        "names": [*TITLES, *measures],
        "rows": [list(row) for row in zip(*columns, strict=True)],
        "cells": table["config_key"].astype(str).tolist(),
    }


def maps(analysis: Analysis) -> list[dict[str, Any]]:
    """Return the maps of each measure over the grid, one for each family and kind of encoder.

    Codes that are images have no size: their cells are the rows of one map, by their names.
    """
    cells = analysis.cells[analysis.cells["subject"] == "model"].dropna(subset=["noise_dim"])
    sized = cells.dropna(subset=["code_size"])
    return [*_sized_maps(sized), *_unsized_maps(cells[cells["code_size"].isna()])]


def _sized_maps(cells: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    groups = sorted(cells.groupby(["family", "trained_encoder"]), key=lambda item: _rank(*item[0]))
    for (family, trained), group in groups:
        title = str(family) + (", frozen encoder" if trained is False else "")
        size = "latent dimension" if str(family).startswith("gaussian") else "categories K"
        found.append(_map(title, size, group.assign(row=group["code_size"])))
    return found


def _unsized_maps(cells: pd.DataFrame) -> list[dict[str, Any]]:
    if cells.empty:
        return []
    names = cells["label"].map(str).where(cells["label"] == cells["block"], cells["block"] + ":" + cells["label"])
    return [_map("codes that are images", "cell", cells.assign(row=names))]


def _map(title: str, size: str, group: pd.DataFrame) -> dict[str, Any]:
    """Return one map, whose rows are the values of the column `row`, from the bottom up."""
    names = [name for name in map_plots.LIMITS if (group["name"] == name).any()]
    names += sorted(set(group["name"]) - set(names))
    sizes, noises = sorted(group["row"].unique()), sorted(group["noise_dim"].unique())
    keys = group.drop_duplicates("config_key")
    keys = keys[~keys.duplicated(["row", "noise_dim"])]
    wide = {
        column: group.pivot_table(index="config_key", columns="name", values=column, dropna=False).reindex(
            keys["config_key"]
        )
        for column in ("mean", "low", "num_seeds")
    }
    half = wide["mean"] - wide["low"]
    return {
        "title": title,
        "size": size,
        "sizes": sizes,
        "noises": noises,
        "measures": [_scale(name, group) for name in names],
        "cells": [str(key) for key in keys["config_key"]],
        "labels": [str(label) for label in keys["label"]],
        "places": [[sizes.index(row.row), noises.index(row.noise_dim)] for row in keys.itertuples()],
        "wanted": [int(count) for count in keys["num_wanted"]],
        "hatched": [bool(mark) for mark in keys["uncalibrated"]],
        "means": [_plain(wide["mean"][name]) for name in names],
        "halves": [_plain(half[name]) for name in names],
        "seeds": [_plain(wide["num_seeds"][name]) for name in names],
    }


def _rank(family: object, trained: object) -> tuple[bool, str, bool]:
    """Sort Gaussian codes before the others, and trained encoders before frozen ones."""
    return not str(family).startswith("gaussian"), str(family), trained is False


def _scale(name: str, group: pd.DataFrame) -> dict[str, Any]:
    values = group.loc[group["name"] == name, "mean"]
    low, high = map_plots.LIMITS.get(name, (values.min(), values.max()))
    low, high = (float(end) if math.isfinite(end) else 0.0 for end in (low, high))
    return {"name": name, "label": typeset(label_of(name)), "low": low, "high": high if high > low else low + 1}


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Return a column with None for what is missing, and numbers in few digits."""
    if column.dtype.kind not in "fiu":
        return [None if value is None or value != value else str(value) for value in column.tolist()]
    values = column.to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(values))))
        rounded = np.where(np.isfinite(scale), np.round(values * scale) / scale, values)
    return [
        None if not math.isfinite(value) else int(value) if value.is_integer() else value for value in rounded.tolist()
    ]
