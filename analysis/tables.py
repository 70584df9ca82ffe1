"""The tables of a report: computed once from a study's results, written as CSV, and shown as HTML."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from analysis.attribution import block_summary, variance_attribution
from analysis.calibration import uncalibrated
from analysis.controls_table import controls_table
from analysis.full_measure_names import measure_info
from analysis.outcomes import cell_outcomes
from analysis.results import StudyResults
from analysis.selection import label_free_selection
from analysis.statistics import (
    cell_summary,
    configuration_objectives,
    control_differences,
    describe_runs,
    joined,
    paired_summary,
    without_identities,
)

HEADLINE = ("share_z_feature", "label_preservation", "r2_mean", "share_z_pixel")
"""The measures of what a code keeps, those of content first: S_z in pixels is high for k-means, too."""

CALIBRATION = (
    *("joint_accuracy", "joint_power", "critic_accuracy", "dispersion_ratio", "dispersion_ratio_feature"),
    *("energy_score_feature", "energy_score_pixel", "label_preservation", "label_agreement"),
)
"""What says whether a split is about the data, the strongest test first."""

COMPARED = (
    *(*HEADLINE, "label_information", "clustering_error", "rate"),
    *("joint_accuracy", "critic_accuracy", "energy_score_feature", "prior_accuracy"),
)
"""The measures for which trained encoders are compared with every control, whichever comes out ahead."""

RUN_TABLE_MEASURES = (
    *HEADLINE,
    *(name for name in CALIBRATION if name not in HEADLINE),
    *("sharpness", "clustering_error", "classification_error", "frechet_samples", "sharpness_samples"),
    *("component_information", "off_modes", "component_spread", "component_kl", "data_kl"),
    *("bound_kl", "joint_kl", "data_posterior_kl", "code_kl", "posterior_overlap", "true_overlap"),
    *("image_retrieval", "image_retrieval_noisy", "code_retrieval", "identity_preservation"),
    *("decoder_diversity", "encoder_diversity", "encoder_diversity_slant", "encoder_diversity_thickness"),
)
"""The measures that a report lists for each run, those that some run has a value of."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Every number that a report draws, writes or says.

    Attributes:
        results: What was read.
        split: The split that is reported: "test", or "validation" where nothing was measured on test.
        num_images: The most images that a reported value was measured on; NaN where it is unknown.
        runs: The study's runs, as `statistics.describe_runs` describes them.
        extra: Runs that the folder holds and the study no longer wants. They are listed, and enter nothing else.
        values: All measures of the study's finished runs, grid and search, both splits.
        grid: Those of grid runs on the reported split.
        searched: Those of searched runs on the reported split.
        cells: One row for each measure and cell of the grid, see `statistics.cell_summary`; `num_wanted` is how many
            seeds the study wants of that cell, and `uncalibrated` whether a critic tells its reconstructions from
            images.
        pairs: Trained minus frozen, one row for each measure, cell and seed.
        paired: The same, averaged over cells and seeds.
        controls: Trained beside its controls over the same cells, see `controls_table`, for each of `COMPARED`.
        configurations: Objectives of every configuration with a trained encoder.
        attribution: How much of each measure's variance each axis and the seed explain, see `attribution`.
        summary: Mean and interquartile mean of each measure in each block, at one number of categories.
        outcomes: How each cell's runs ended, what they left unused and what they cost, see `outcomes`.
        selection: What label-free measures would have chosen, and their regret, see `selection`.
    """

    results: StudyResults
    split: str
    num_images: float
    runs: pd.DataFrame
    extra: pd.DataFrame
    values: pd.DataFrame
    grid: pd.DataFrame
    searched: pd.DataFrame
    cells: pd.DataFrame
    pairs: pd.DataFrame
    paired: pd.DataFrame
    controls: pd.DataFrame
    configurations: pd.DataFrame
    attribution: pd.DataFrame
    summary: pd.DataFrame
    outcomes: pd.DataFrame
    selection: pd.DataFrame


def analyse(results: StudyResults) -> Analysis:
    """Compute all tables of a study."""
    described = describe_runs(results.runs)
    is_extra = described["origin"] == "extra"
    runs, extra = described[~is_extra], described[is_extra]
    values = joined(results.measures, runs[runs["status"] == "finished"])
    split = "test" if values.empty or (values["split"] == "test").any() else "validation"
    reported = values[values["split"] == split]
    grid, searched = (reported[reported["origin"] == origin] for origin in ("grid", "search"))
    cells = cell_summary(grid)
    wanted = runs[runs["origin"] == "grid"].groupby("config_key")["key"].nunique()
    cells["num_wanted"] = cells["config_key"].map(wanted).fillna(0).astype(int)
    cells["uncalibrated"] = uncalibrated(cells)
    evidence = without_identities(grid)
    pairs = control_differences(evidence)
    return Analysis(
        results=results,
        split=split,
        num_images=float((grid if len(grid) else searched)["n"].max()),
        runs=runs,
        extra=extra,
        values=values,
        grid=grid,
        searched=searched,
        cells=cells,
        pairs=pairs,
        paired=paired_summary(pairs),
        controls=controls_table(evidence, pairs, COMPARED),
        configurations=configuration_objectives(values[values["trained_encoder"]], results.study["objectives"]),
        attribution=variance_attribution(evidence, runs),
        summary=block_summary(evidence, runs),
        outcomes=cell_outcomes(runs, reported, results),
        selection=label_free_selection(values),
    )


def run_table(analysis: Analysis) -> pd.DataFrame:
    """Return one row a run, extra ones last: what it is, its status, and the reported measures of the model."""
    columns = ["key", "config_key", "block", "label", "replicate", "origin", "status", "reason", "wall_time_s"]
    order = ["block", "code_size", "noise_dim", "config_key", "replicate"]
    table = pd.concat([part.sort_values(order)[columns] for part in (analysis.runs, analysis.extra)]).set_index("key")
    measures = analysis.results.measures
    chosen = measures[(measures["split"] == analysis.split) & (measures["subject"] == "model")]
    chosen = chosen[chosen["name"].isin(RUN_TABLE_MEASURES)]
    wide = chosen.pivot_table(index="run", columns="name", values="value", aggfunc="last", dropna=False)
    names = [name for name in RUN_TABLE_MEASURES if name in wide.columns and wide[name].notna().any()]
    return table.join(wide[names]).reset_index()


def clustering_table(analysis: Analysis) -> pd.DataFrame:
    """Return the clustering error of every categorical run, its baselines and its K."""
    values = analysis.values[analysis.values["code"] == "categorical"]
    error = values[(values["name"] == "clustering_error") & (values["split"] == analysis.split)]
    columns = ["run", "label", "code_size", "noise_dim", "replicate", "origin", "subject", "value", "low", "high", "n"]
    return error.loc[error["value"].notna(), columns].rename(columns={"code_size": "num_categories"})


def status_table(analysis: Analysis) -> pd.DataFrame:
    """Count measures that have no plain value, by status, measure and reason."""
    odd = analysis.values[(analysis.values["status"] != "ok") & (analysis.values["split"] == analysis.split)]
    counted = odd.groupby(["status", "name", "subject", "reason"])["run"].nunique()
    return counted.rename("num_runs").reset_index()


def csv_tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Return every table of a report by the name of its CSV file."""
    runs = pd.concat([analysis.runs, analysis.extra]).drop(columns=["pair", "parameters"], errors="ignore")
    return {
        "runs": runs,
        "measures": analysis.results.measures,
        "cells": analysis.cells,
        "controls": analysis.controls,
        "paired_differences": analysis.pairs,
        "paired_summary": analysis.paired,
        "clustering": clustering_table(analysis),
        "configurations": analysis.configurations,
        "attribution": analysis.attribution,
        "summary": analysis.summary,
        "outcomes": analysis.outcomes,
        "selection": analysis.selection,
        "statuses": status_table(analysis),
    }


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as CSV in full precision, and as Parquet, which keeps the types."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        plain = pa.table({str(column): _arrow(table[column]) for column in table})
        pa_csv.write_csv(plain, folder / f"{name}.csv")
        pq.write_table(plain, folder / f"{name}.parquet")


def _arrow(column: pd.Series[Any]) -> pa.Array:
    """Return a column without NaN; values of several types become text."""
    if column.dtype == object:
        return pa.array([None if _is_missing(value) else str(value) for value in column], pa.string())
    return pa.Array.from_pandas(column)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value != value


def label_of(name: str) -> str:
    """Return a measure's short name for people; an unknown measure keeps its own."""
    info, (_, _, detail) = measure_info(name), name.partition("/")
    return name if info is None else f"{info.label}, {detail}" if detail else info.label


PROSE = {
    "share_z_pixel": "S_z in pixels",
    "share_z_feature": "S_z in features",
    "r2_mean": "R² of the mean reconstruction",
    "energy_score_pixel": "the energy score in pixels",
    "energy_score_feature": "the energy score in features",
    "prior_accuracy": "the accuracy of telling q(z) from p(z)",
    "joint_accuracy": "the joint test's accuracy",
    "critic_accuracy": "the small critic's accuracy",
    "information_low": "the lower bound of I_σ",
    "information_high": "the upper bound of I_σ",
}
"""Names that read better than labels within a sentence."""


def prose(name: str) -> str:
    """Return a measure's name as it is written in a sentence."""
    return PROSE.get(name, label_of(name))


def axis_label(name: str) -> str:
    """Return a measure's label with its unit, where it has one."""
    info = measure_info(name)
    unit = "ratio" if info is None else info.unit
    return label_of(name) if unit in ("fraction", "ratio") else f"{label_of(name)} ({unit})"


def number(value: object, digits: int = 2) -> str:
    """Write a number as it is read: a true minus sign, and "–" for what is undefined."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """Write a difference with its sign."""
    text = number(value, digits)
    return text if text == "–" or text.startswith("−") or float(text) == 0 else f"+{text}"


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], attributes: str = "") -> str:
    """Return an HTML table; cells that read as numbers are set flush right.

    Args:
        head: Column titles.
        rows: Cells as plain text; they are escaped here.
        attributes: Attributes of the table element, as HTML.
    """
    flush = [bool(rows) and all(_is_number(row[index]) for row in rows) for index in range(len(head))]
    titles = "".join(
        f'<th scope="col"{" class=num" if right else ""}>{typeset(title)}</th>'
        for title, right in zip(head, flush, strict=True)
    )
    body = "\n".join(f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in rows)
    table = f"<table {attributes}><thead><tr>{titles}</tr></thead><tbody>\n{body}\n</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _cell(text: str) -> str:
    return f"<td{' class=num' if _is_number(text) else ''}>{typeset(text)}</td>"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+−]?[\d.]+( %)?( \[.*\])?( \(.*\))?|–", text) is not None


def typeset(text: str) -> str:
    """Escape plain text for HTML and set the subscripts of symbols like S_z."""
    return re.sub(r"\b([SIτ])_(zn|z|n|σ)\b", r"\1<sub>\2</sub>", html.escape(text))


def count_status(analysis: Analysis, status: str) -> int:
    """Count the study's runs with a status."""
    return int((analysis.runs["status"] == status).sum())
