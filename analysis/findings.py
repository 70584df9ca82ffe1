"""What a study found, in sentences computed from its numbers. The same sentences whatever the sign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.block_findings import block_answers
from analysis.measure_names import MEASURES
from analysis.outcomes import UNUSED_NOISE
from analysis.statistics import GridMean, estimate, without_identities
from analysis.tables import CALIBRATED, COMPARED, HEADLINE, Analysis, count_status, number, prose, signed
from analysis.wording import counted, listed, percent

CODE_NAMES = {"gaussian": "Gaussian", "categorical": "categorical"}


@dataclass(frozen=True)
class Figure:
    """One number of the headline row: what it is, its value, and what it is to be compared with."""

    title: str
    value: str
    note: str


def answers(analysis: Analysis) -> list[str]:
    """Return the sentences that answer the study's question; the first states trained minus frozen encoder."""
    sentences = _training_effect(analysis)
    sentences += _trends(analysis)
    sentences += _learnt(analysis)
    sentences += _noise_use(analysis)
    sentences += _calibration(analysis)
    sentences += _clustering(analysis)
    return sentences or ["The finished runs have none of the measures that answers are made of."]


def headline(analysis: Analysis) -> list[Figure]:
    """Return the few numbers of the first screen."""
    total = len(analysis.runs)
    figures = [Figure("runs finished", f"{count_status(analysis, 'finished')} / {total}", _run_note(analysis))]
    for name in ("share_z_pixel", "label_preservation"):
        for code, effect in _effects(analysis, name)[:1]:
            note = f"{CODE_NAMES[code]} cells; {_between(effect, sign=True)}".removesuffix("; ")
            figures.append(Figure(f"{prose(name)}: trained − frozen", signed(effect.mean), note))
    for name, note in (
        ("critic_accuracy", "at 0.50 it finds no difference"),
        ("dispersion_ratio", "1 is calibrated, 0 ignores the noise"),
    ):
        mean = estimate(_model(analysis, name), "value")
        if mean.num_runs:
            figures.append(Figure(prose(name), number(mean.mean), f"{_between(mean)}; {note}".removeprefix("; ")))
    cluster = _largest_clustering(analysis)
    if cluster is not None:
        size, error, kmeans = cluster
        figures.append(Figure(f"clustering error, K = {size}", percent(error.mean), f"k-means {percent(kmeans)}"))
    return figures


def interval(mean: GridMean, sign: bool = False) -> str:
    """Write a mean with its seed-level interval."""
    value = signed(mean.mean) if sign else number(mean.mean)
    between = _between(mean, sign)
    return f"{value} ({between})" if between else value


def _between(mean: GridMean, sign: bool = False) -> str:
    write = signed if sign else number
    return f"95 % interval {write(mean.low)} to {write(mean.high)}" if mean.has_interval else ""


def _training_effect(analysis: Analysis) -> list[str]:
    pairs = analysis.pairs
    codes = [code for code in ("gaussian", "categorical") if (pairs["code"] == code).any()]
    if not codes:
        return [*block_answers(analysis), *_no_control(analysis), *_control_effects(analysis)]
    sentences: list[str] = []
    for code in codes:
        chosen = pairs[(pairs["code"] == code) & pairs["name"].isin(HEADLINE)]
        effects = {name: estimate(chosen[chosen["name"] == name], "difference") for name in HEADLINE}
        effects = {name: effect for name, effect in effects.items() if effect.num_runs}
        if not effects:
            continue
        parts = [f"{prose(name)} by {interval(effect, sign=True)}" for name, effect in effects.items()]
        most = max(effects.values(), key=lambda effect: effect.num_runs)
        lead = f"With {CODE_NAMES[code]} codes, training" if sentences else "Training"
        sentences.append(
            f"{lead} the encoder changes {listed(parts)} against a frozen random encoder whose decoder and "
            "reconstruction discriminator were trained alike: means over "
            f"{counted(most.num_cells, CODE_NAMES[code] + ' cell')} and "
            f"{counted(most.num_seeds, 'paired seed')}, {counted(most.num_runs, 'pair')}"
            f"{'' if most.has_interval else '; no interval, for no cell has two seeds'}."
        )
        sentences += filter(None, [_verdict(effects, chosen), _side_effects(pairs[pairs["code"] == code])])
    grid = analysis.runs[(analysis.runs["origin"] == "grid") & analysis.runs["trained_encoder"]]
    # one effect says little of blocks that are different models
    blocks = block_answers(analysis) if grid["model.variant"].nunique() > 1 else []
    return [*sentences, *blocks, *_control_effects(analysis)]


def _no_control(analysis: Analysis) -> list[str]:
    if not count_status(analysis, "finished"):
        return ["No run has finished, so there is nothing to report yet."]
    # codes that are images have no such control
    if not analysis.runs["code"].isin(list(CODE_NAMES)).any():
        return []
    sentence = (
        "Trained minus frozen cannot be stated: no finished run has a twin with a frozen random encoder "
        "(model.train_encoder: false) of the same configuration and seed."
    )
    return [sentence]


def _verdict(effects: dict[str, GridMean], pairs: pd.DataFrame) -> str:
    groups: dict[str, list[str]] = {}
    for name, effect in effects.items():
        if effect.has_interval:
            groups.setdefault(_side(effect), []).append(prose(name))
    sentences = [f"The interval {'; '.join(f'{side} for {listed(names)}' for side, names in groups.items())}."]
    name = next(iter(effects))
    means = pairs[pairs["name"] == name].groupby(["config_key", "label"])["difference"].mean().droplevel("config_key")
    if len(means) > 1:
        sentences.append(
            f"Between cells the change of {prose(name)} goes from {signed(means.min())} ({means.idxmin()}) "
            f"to {signed(means.max())} ({means.idxmax()})."
        )
    return " ".join(sentences if groups else sentences[1:])


def _side(effect: GridMean) -> str:
    if effect.low > 0:
        return "lies above 0"
    return "lies below 0" if effect.high < 0 else "contains 0"


def _side_effects(pairs: pd.DataFrame) -> str:
    """Say what else training the encoder changes, for better or worse."""
    effects = {name: estimate(pairs[pairs["name"] == name], "difference") for name in COMPARED if name not in HEADLINE}
    parts = [
        f"{prose(name)} by {interval(effect, sign=True)}{_judged(name, effect)}"
        for name, effect in effects.items()
        if effect.num_runs
    ]
    return f"It also changes {listed(parts)}." if parts else ""


def _judged(name: str, effect: GridMean) -> str:
    side = {"lower": -1, "higher": 1}.get(MEASURES[name].better, 0)
    if not side or not effect.has_interval or effect.low <= 0 <= effect.high:
        return ""
    return ", better" if side * effect.mean > 0 else ", worse"


def _control_effects(analysis: Analysis) -> list[str]:
    """Put trained models beside the untrained network and PCA, in every measure that was compared."""
    table = analysis.controls
    sentences = []
    for control, words in (("pca", "PCA of the same dimension"), ("untrained", "the untrained network")):
        for code in dict.fromkeys(table["code"]) if len(table) else []:
            rows = table[(table["code"] == code) & table[f"minus_{control}"].notna()]
            parts = [f"{prose(row['name'])} {_difference(row, control)}" for _, row in rows.iterrows()]
            if parts:
                name = CODE_NAMES.get(str(code), str(code))
                sentences.append(f"In {name} cells, trained minus {words}: {listed(parts)}.")
    return sentences


def _difference(row: pd.Series[Any], control: str) -> str:
    low, high = row[f"minus_{control}_low"], row[f"minus_{control}_high"]
    text = signed(row[f"minus_{control}"])
    return f"{text} ({signed(low)} to {signed(high)})" if math.isfinite(low) else text


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
    cells = without_identities(analysis.cells)
    chosen = cells[
        (cells["name"] == "share_z_pixel") & (cells["family"].str.startswith("gaussian")) & cells["mean"].notna()
    ]
    trained = chosen[(chosen["subject"] == "model") & chosen["trained_encoder"]]
    sizes = sorted(trained["code_size"].unique())
    if len(sizes) < 2:
        return []
    low, high = sizes[0], sizes[-1]

    def ends(table: pd.DataFrame) -> str:
        means = table.groupby("code_size")["mean"].mean()
        return f"{number(means.get(low))} to {number(means.get(high))}"

    sentence = f"From latent dimension {low:g} to {high:g}, S_z in pixels goes from {ends(trained)}"
    others = {
        "the frozen encoder": chosen[(chosen["subject"] == "model") & ~chosen["trained_encoder"]],
        "the untrained network": chosen[(chosen["subject"] == "untrained") & chosen["trained_encoder"]],
    }
    parts = [f"{name} from {ends(table)}" for name, table in others.items() if len(table)]
    return [f"{sentence}; {listed(parts)}." if parts else f"{sentence}."]


def _noise_use(analysis: Analysis) -> list[str]:
    model = _model(analysis, "dispersion_ratio")
    mean = estimate(model, "value")
    if not mean.num_runs:
        return []
    cells = model.groupby(["config_key", "label"])["value"].mean().reset_index("config_key", drop=True)
    weak = list(cells[cells < UNUSED_NOISE].index)
    use = (
        f"it makes little use of it (ρ < {UNUSED_NOISE}) in {listed(weak[:6])}"
        + (" and others" if len(weak) > 6 else "")
        if weak
        else f"no cell falls below {UNUSED_NOISE}"
    )
    sentence = (
        f"Does the decoder use its noise? The dispersion ratio ρ is {interval(mean)} over "
        f"{counted(mean.num_cells, 'cell')} with noise (1 is calibrated, 0 ignores the noise), "
        f"from {number(mean.lowest)} to {number(mean.highest)}; {use}."
    )
    return [sentence]


def _calibration(analysis: Analysis) -> list[str]:
    sentences = []
    mean = estimate(_model(analysis, "critic_accuracy"), "value")
    if mean.num_runs:
        cells = _model(analysis, "critic_accuracy").groupby("config_key")["value"].mean()
        near = int((cells <= CALIBRATED).sum())
        sentences.append(
            "Is the split about the data? A fresh critic, which sees images averaged to about 7 × 7, tells (x, ẑ) "
            f"from (x̂, ẑ) with accuracy {interval(mean)}, from {number(mean.lowest)} to {number(mean.highest)}. At "
            f"0.50 it finds no difference; {near} of {counted(len(cells), 'cell')} {'has' if near == 1 else 'have'} "
            f"at most {CALIBRATED}. Where it finds one, the split describes the decoder more than the data."
        )
    match = estimate(_model(analysis, "prior_accuracy"), "value")
    if match.num_runs:
        sentences.append(
            f"Does q(z) follow p(z)? A classifier tells them apart with accuracy {interval(match)}, from "
            f"{number(match.lowest)} to {number(match.highest)} over cells; 0.50 is a match. The further from it, the "
            "less do samples from the prior say about reconstructions."
        )
    return sentences


def _clustering(analysis: Analysis) -> list[str]:
    table = analysis.grid[(analysis.grid["name"] == "clustering_error") & analysis.grid["value"].notna()]
    model = table[(table["subject"] == "model") & table["trained_encoder"]]
    parts = []
    for size, group in model.groupby("code_size"):
        error = estimate(group, "value")
        kmeans = table[(table["subject"] == "kmeans") & (table["code_size"] == size)]["value"].mean()
        beside = f", k-means {percent(kmeans)}" if math.isfinite(kmeans) else ""
        spread = f"{percent(group['value'].min())} to {percent(group['value'].max())} over "
        runs = f"{spread if error.num_runs > 1 else ''}{counted(error.num_runs, 'run')}"
        parts.append(f"{percent(error.mean)} with K = {size:g} ({runs}{beside})")
    return [f"The {analysis.split} clustering error is {listed(parts)}."] if parts else []


def _largest_clustering(analysis: Analysis) -> tuple[int, GridMean, float] | None:
    table = analysis.grid[(analysis.grid["name"] == "clustering_error") & analysis.grid["value"].notna()]
    model = table[(table["subject"] == "model") & table["trained_encoder"]]
    if model.empty:
        return None
    size = model["code_size"].max()
    kmeans = table[(table["subject"] == "kmeans") & (table["code_size"] == size)]["value"].mean()
    # Pool the seeds' variance over all K, and centre it on the largest one.
    largest = model[model["code_size"] == size]
    pooled = analysis.cells[
        (analysis.cells["name"] == "clustering_error")
        & (analysis.cells["subject"] == "model")
        & (analysis.cells["config_key"].isin(largest["config_key"]))
    ]
    mean = estimate(largest, "value")
    if len(pooled) == 1:
        row = pooled.iloc[0]
        mean = GridMean(
            row["mean"], row["low"], row["high"], 1, mean.num_runs, mean.num_seeds, 0, mean.lowest, mean.highest
        )
    return int(size), mean, float(kmeans)


def _effects(analysis: Analysis, name: str) -> list[tuple[str, GridMean]]:
    """Return trained minus frozen for each kind of code that has pairs."""
    pairs = analysis.pairs[analysis.pairs["name"] == name]
    return [(code, estimate(group, "difference")) for code in CODE_NAMES if len(group := pairs[pairs["code"] == code])]


def _model(analysis: Analysis, name: str) -> pd.DataFrame:
    grid = analysis.grid
    return grid[(grid["name"] == name) & (grid["subject"] == "model") & grid["trained_encoder"] & grid["value"].notna()]


def _run_note(analysis: Analysis) -> str:
    failed = count_status(analysis, "failed")
    return f"{failed} failed" if failed else "none failed"
