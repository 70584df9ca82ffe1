"""The sample images or points that stand for each cell of a grid in a figure: those of its first finished seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.results import load_samples
from analysis.tables import Analysis
from analysis.wording import cell_name

MAX_CELLS = 24
"""Cells whose samples one figure shows."""

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class CellSamples:
    """What a figure of samples shows.

    Attributes:
        panels: Name and arrays of each cell.
        num_more: Cells beyond `MAX_CELLS`, whose samples were not looked at.
    """

    panels: list[tuple[str, Arrays]]
    num_more: int

    @property
    def words(self) -> str:
        """How many cells are shown, as the end of a caption."""
        shown = f"{len(self.panels)} cells, the first seed of each."
        return f"{shown} {self.num_more} further cells are not shown." if self.num_more else shown


def cell_samples(analysis: Analysis, code: str, is_wanted: Callable[[Arrays], bool]) -> CellSamples:
    """Return the samples of the first finished seed that has the wanted arrays, of every trained grid cell of a code.

    Args:
        analysis: The study's numbers.
        code: The code of the cells: "gaussian", "categorical" or "image".
        is_wanted: Tells whether a run's arrays have what the figure shows. Without a code all that a model generates
            stands for its reconstructions, so there they have these.
    """
    runs = analysis.runs
    runs = runs[(runs["status"] == "finished") & (runs["code"] == code) & (runs["origin"] == "grid")]
    runs = runs[runs["trained_encoder"]]
    runs = runs[_have_samples(analysis, runs["key"])]
    # blocks in the order of the study, which tells its story
    places = {block.get("name"): place for place, block in enumerate(analysis.results.study["blocks"])}
    runs = runs.assign(place=runs["block"].map(places).fillna(len(places)))
    runs = runs.sort_values(["place", "block", "code_size", "noise_dim", "config_key", "replicate"])
    panels: list[tuple[str, Arrays]] = []
    cells = list(runs.groupby("config_key", sort=False))
    for place, (_, seeds) in enumerate(cells):
        if len(panels) == MAX_CELLS:
            return CellSamples(panels, len(cells) - place)
        for _, run in seeds.iterrows():
            arrays, _ = load_samples(analysis.results.folder.run(str(run["key"])))
            if run["code_size"] == 0 and "generated" in arrays:
                arrays = {"reconstructions": arrays["generated"], **arrays}
            if is_wanted(arrays):
                panels.append((cell_name(str(run["block"]), str(run["label"])), arrays))
                break
    return CellSamples(panels, 0)


def _have_samples(analysis: Analysis, keys: pd.Series[str]) -> pd.Series[bool]:
    """Return for each run whether it has a file of samples, as fast as for thousands of runs is wanted."""
    any_run = analysis.results.folder.run("key")
    root, name = os.fspath(any_run.samples.parent.parent), any_run.samples.name
    # a Path for each would take ten times as long
    found = [os.path.exists(f"{root}/{key}/{name}") for key in keys]  # noqa: PTH110
    return pd.Series(found, keys.index, dtype=bool)
