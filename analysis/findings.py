"""What a study found, in sentences computed from its numbers. The same sentences whatever the sign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from analysis.calibration import CRITICS, deciding_values
from analysis.calibration_findings import calibration_answers, trained_model
from analysis.controls_table import CONTROLS
from analysis.effect_findings import cells_words, effect_answers, first_effect
from analysis.matched import code_groups, some_sizes
from analysis.outcomes import UNUSED_NOISE
from analysis.statistics import estimate, without_identities
from analysis.tables import Analysis, count_status, number, prose, signed
from analysis.wording import between_words, counted, interval, listed, percent

CONTENT = ("share_z_feature", "share_z_pixel")
"""S_z where it says what of the content a code keeps; in pixels where no classifier has features."""

MAX_SIZES = 4
"""Numbers of categories whose clustering error is stated; the tables have all of them."""


@dataclass(frozen=True)
class Figure:
    """One number of the headline row: what it is, its value, and what it is to be compared with."""

    title: str
    value: str
    note: str


@lru_cache(maxsize=1)
def answers(analysis: Analysis) -> tuple[str, ...]:
    """Return the sentences that answer the study's question; the first states trained minus frozen encoder."""
    sentences, further = effect_answers(analysis)
    sentences += _kept(analysis)
    sentences += calibration_answers(analysis)
    sentences += further
    sentences += _trends(analysis)
    sentences += _clustering(analysis)
    sentences += _learnt(analysis)
    return tuple(sentences) or ("The finished runs have none of the measures that answers are made of.",)


def headline(analysis: Analysis) -> list[Figure]:
    """Return the few numbers of the first screen."""
    total = len(analysis.runs)
    figures = [Figure("runs finished", f"{count_status(analysis, 'finished')} / {total}", _run_note(analysis))]
    for name in (_content(analysis.pairs), "label_preservation"):
        effect = first_effect(analysis, name)
        if effect is not None:
            cells, mean = effect
            note = f"{cells}; {between_words(mean, sign=True)}".removesuffix("; ")
            figures.append(Figure(f"{prose(name)}: trained − frozen", signed(mean.mean), note))
    deciding = deciding_values(trained_model(analysis))
    critic = next((name for name in CRITICS if (deciding["name"] == name).any()), CRITICS[-1])
    for name, values, note in (
        (critic, deciding[deciding["name"] == critic], "at 0.50 it finds no difference"),
        ("dispersion_ratio", trained_model(analysis, "dispersion_ratio"), "1 is calibrated, 0 ignores the noise"),
    ):
        mean = estimate(values, "value")
        if mean.num_runs:
            cells = counted(mean.num_cells, "cell")
            text = f"{cells}; {between_words(mean)}; {note}".replace("; ; ", "; ")
            figures.append(Figure(prose(name), number(mean.mean), text))
    figures += _largest_clustering(analysis)
    return figures


def _content(table: pd.DataFrame) -> str:
    return next((name for name in CONTENT if (table["name"] == name).any()), CONTENT[-1])


def _kept(analysis: Analysis) -> list[str]:
    """Say what share of the variance of generated images code and noise decide, at one number of categories each."""
    values = without_identities(trained_model(analysis))
    name = _content(values)
    groups = code_groups(values[values["name"] == name])
    sizes = some_sizes([size for _, size, _ in groups], MAX_SIZES // 2)
    parts = []
    for code, size, group in groups:
        if math.isfinite(size) and size not in sizes:
            continue
        cells = counted(group["config_key"].nunique(), f"{cells_words(code, size)} cell")
        noise, both = (
            estimate(_like(values, group, name.replace("_z_", f"_{part}_")), "value") for part in ("n", "zn")
        )
        parts.append(
            f"the code alone decides {interval(estimate(group, 'value'))}, the noise alone {interval(noise)} and only "
            f"both together {interval(both)} (mean over {cells})"
        )
    space = "the classifier's features" if name == CONTENT[0] else "pixels"
    lead = "What does the code keep, and what does the noise invent?"
    return [f"{lead} Of the variance of generated images in {space} {'; '.join(parts)}."] if parts else []


def _like(values: pd.DataFrame, group: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the values of another measure in the runs of a group."""
    return values[(values["name"] == name) & values["run"].isin(group["run"])]


def _learnt(analysis: Analysis) -> list[str]:
    """Say whether models with the largest code use their noise and beat the mean image and chance."""
    grid = analysis.grid[(analysis.grid["code"] == "gaussian") & analysis.grid["trained_encoder"]]
    grid = grid[grid["code_size"] == grid["code_size"].max()]

    def cells(name: str, subject: str = "model", *, noisy: bool = False) -> pd.Series[float]:
        chosen = grid[(grid["name"] == name) & (grid["subject"] == subject) & grid["value"].notna()]
        chosen = chosen[chosen["noise_dim"] > 0] if noisy else chosen
        means: pd.Series[float] = chosen.groupby("config_key")["value"].mean()
        return means

    tests = [
        (prose("dispersion_ratio"), cells("dispersion_ratio", noisy=True).min(), UNUSED_NOISE, 1),
        ("the error of the mean reconstruction", cells("mse_mean").max(), cells("mse_mean", "mean_image").min(), -1),
        (
            prose("label_preservation"),
            cells("label_preservation").min(),
            3 * cells("label_preservation", "chance").max(),
            1,
        ),
    ]
    tests = [test for test in tests if math.isfinite(test[1]) and math.isfinite(test[2])]
    if not tests:
        return []
    parts = [
        f"{name} {number(value)} ({'at least' if side > 0 else 'below'} {number(bound)}: "
        f"{'met' if side * (value - bound) >= 0 else 'not met'})"
        for name, value, bound, side in tests
    ]
    size = grid["code_size"].max()
    return [f"Have the models learnt? The worst cell at latent dimension {size:g} has {listed(parts)}."]


def _trends(analysis: Analysis) -> list[str]:
    """Say how S_z moves with the latent dimension, and that its controls move too."""
    values = without_identities(analysis.grid)
    values = values[(values["code"] == "gaussian") & values["value"].notna()]
    name = _content(values)
    values = values[values["name"] == name]
    trained = values[(values["subject"] == "model") & values["trained_encoder"]]
    sizes = sorted(trained["code_size"].unique())
    if len(sizes) < 2:
        return []
    low, high = sizes[0], sizes[-1]

    def ends(table: pd.DataFrame) -> str:
        return " to ".join(interval(estimate(table[table["code_size"] == size], "value")) for size in (low, high))

    others = {
        "the frozen encoder": values[(values["subject"] == "model") & ~values["trained_encoder"]],
        "the untrained network": values[(values["subject"] == "untrained") & values["trained_encoder"]],
        "PCA": values[(values["subject"] == "pca") & values["trained_encoder"]],
    }
    parts = [f"{words} from {ends(table)}" for words, table in others.items() if {low, high} <= set(table["code_size"])]
    sizes_words = f"From latent dimension {low:g} to {high:g}"
    sentence = f"What does a larger code keep? {sizes_words}, {prose(name)} goes from {ends(trained)}"
    return [f"{sentence}; {listed(parts)}. A rise that the controls share is not learnt." if parts else f"{sentence}."]


def _clustering(analysis: Analysis) -> list[str]:
    table = analysis.grid[(analysis.grid["name"] == "clustering_error") & analysis.grid["value"].notna()]
    model = table[(table["subject"] == "model") & table["trained_encoder"]]
    sizes = some_sizes(model["code_size"].dropna().tolist(), MAX_SIZES)
    parts = []
    for size in sizes:
        group = model[model["code_size"] == size]
        error = estimate(group, "value")
        spread = f"95 % interval {percent(error.low)} to {percent(error.high)}, " if error.has_interval else ""
        runs = f"{spread}{counted(error.num_runs, 'run')}"
        beside = "".join(f", {words} {percent(value)}" for words, value in _error_controls(table, size))
        parts.append(f"{percent(error.mean)} with K = {size:g} ({runs}{beside})")
    more = model["code_size"].nunique() - len(sizes)
    rest = f" {more} further numbers of categories are in the table." if more > 0 else ""
    return (
        [f"Do clusters follow classes? The {analysis.split} clustering error is {listed(parts)}.{rest}"]
        if parts
        else []
    )


def _error_controls(table: pd.DataFrame, size: float) -> list[tuple[str, float]]:
    """Return the mean clustering error of each control that was measured at a number of categories."""
    means = table[(table["code"] == "categorical") & (table["code_size"] == size)].groupby("subject")["value"].mean()
    return [(words, float(means[name])) for name, words in CONTROLS.items() if name in means]


def _largest_clustering(analysis: Analysis) -> list[Figure]:
    table = analysis.grid[(analysis.grid["name"] == "clustering_error") & analysis.grid["value"].notna()]
    model = table[(table["subject"] == "model") & table["trained_encoder"]]
    sizes = model["code_size"].dropna()
    if sizes.empty:
        return []
    size = sizes.max()
    error = estimate(model[model["code_size"] == size], "value")
    spread = f"95 % interval {percent(error.low)} to {percent(error.high)}; " if error.has_interval else ""
    beside = ", ".join(f"{words} {percent(value)}" for words, value in _error_controls(table, size))
    return [Figure(f"clustering error, K = {size:g}", percent(error.mean), f"{spread}{beside}".removesuffix("; "))]


def _run_note(analysis: Analysis) -> str:
    failed = count_status(analysis, "failed")
    return f"{failed} failed" if failed else "none failed"
