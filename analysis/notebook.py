"""A study in a notebook: from its folder to tidy tables and figures in three lines.

    from analysis.notebook import open_study
    study = open_study("runs/decomposition")
    study.figure("decomposition_maps")

Needs neither torch nor Ray. See docs/gallery.md.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import FIGURES
from analysis.report import write_report
from analysis.results import load_results
from analysis.tables import Analysis, analyse, csv_tables

PLACES = ("run", "block", "label", "replicate", "origin", "code", "code_size", "noise_dim", "trained_encoder")
VALUES = ("split", "subject", "value", "low", "high", "n", "unit", "status", "reason")


class NotebookStudy:
    """One study folder, read once.

    Attributes:
        analysis: Every number of its report.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    @property
    def measures(self) -> list[str]:
        """The names of the measures that its runs have."""
        return sorted(self.analysis.values["name"].unique())

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The report's tables by the names of their files, such as "cells"."""
        return csv_tables(self.analysis)

    def table(self, measure: str, split: str | None = None, subject: str | None = "model") -> pd.DataFrame:
        """Return one row for each value of a measure: run, place in the grid, value and image-level interval.

        Args:
            measure: Its name.
            split: "validation" or "test"; the report's if None.
            subject: "model", or a control such as "untrained"; None for all of them.

        Raises:
            KeyError: No run has this measure; the message names the nearest one that some have.
        """
        values = self.analysis.values
        if measure not in set(values["name"]):
            near = ", ".join(get_close_matches(measure, self.measures, n=3, cutoff=0.4)) or "none"
            raise KeyError(f"measure must be one that a run has, but got {measure}; near it: {near}.")
        chosen = values[(values["name"] == measure) & (values["split"] == (split or self.analysis.split))]
        if subject is not None:
            chosen = chosen[chosen["subject"] == subject]
        return chosen[[*PLACES, *VALUES]].reset_index(drop=True)

    def history(self, *runs: str) -> pd.DataFrame:
        """Return the logged losses of some runs, or of all: `run`, `step`, `time_s`, `name` and `value`."""
        return self.analysis.results.history.read(runs or None)

    def figure(self, name: str) -> Figure:
        """Return a figure of the report.

        Raises:
            KeyError: There is no figure of that name.
            ValueError: The study has nothing that it could show; the message says what is missing.
        """
        if name not in FIGURES:
            raise KeyError(f"figure must be one of {', '.join(FIGURES)}, but got {name}.")
        with mpl.rc_context(style.STYLE):
            drawing = FIGURES[name](self.analysis)
        if isinstance(drawing, str):
            raise ValueError(f"figure {name} cannot be drawn. {drawing}")
        return drawing.figure

    def write_report(self) -> Path:
        """Write the study's report and return the path of its page."""
        return write_report(self.analysis.results.folder.root)


def open_study(study_dir: Path | str) -> NotebookStudy:
    """Read a study folder.

    Raises:
        FileNotFoundError: There is no such folder, or it holds no study.
        NotADirectoryError: The path is a file.
    """
    return NotebookStudy(analyse(load_results(study_dir)))
