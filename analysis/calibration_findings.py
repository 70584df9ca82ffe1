"""Whether a study's split is about the data, in sentences: the joint test first, then what supports it or not."""

from __future__ import annotations

import pandas as pd

from analysis.calibration import CALIBRATED, CRITICS, deciding_values
from analysis.outcomes import UNUSED_NOISE
from analysis.statistics import GridMean, estimate, without_identities
from analysis.tables import Analysis, number
from analysis.wording import counted, first_of, interval, listed

QUESTION = "Is the split about the data?"

CRITIC_WORDS = {
    "joint_accuracy": "A fresh convolutional critic, which sees whole images,",
    "critic_accuracy": "A small fresh critic, which sees images averaged to about 7 × 7 and so finds less,",
}


def calibration_answers(analysis: Analysis) -> list[str]:
    """Return the sentences on calibration: one for each critic that decides of some cells, then what supports it."""
    sentences = []
    deciding = deciding_values(trained_model(analysis))
    for name in CRITICS:
        values = deciding[deciding["name"] == name]
        if len(values):
            sentences.append(_critic(analysis, name, values))
    if sentences:
        sentences[0] = f"{QUESTION} {sentences[0]}"
        sentences[-1] += " Where a critic finds a difference, the split describes the decoder more than the data."
    return [*sentences, *_support(analysis), *_noise_use(analysis), *_prior(analysis)]


def trained_model(analysis: Analysis, *names: str) -> pd.DataFrame:
    """Return the values of trained models of the grid, of some measures or of all."""
    grid = analysis.grid
    chosen = grid[(grid["subject"] == "model") & grid["trained_encoder"] & grid["value"].notna()]
    return chosen[chosen["name"].isin(names)] if names else chosen


def _critic(analysis: Analysis, name: str, values: pd.DataFrame) -> str:
    mean = estimate(values, "value")
    cells = values.groupby("config_key")["value"].mean()
    near = int((cells <= CALIBRATED).sum())
    power = estimate(trained_model(analysis, "joint_power"), "value") if name == "joint_accuracy" else None
    reach = f"; where codes are shuffled it reaches {number(power.mean)}, its power" if power and power.num_runs else ""
    return (
        f"{CRITIC_WORDS[name]} tells (x, ẑ) from (x̂, ẑ) with held-out accuracy {interval(mean)} in "
        f"{counted(mean.num_cells, 'cell')}, from {number(mean.lowest)} to {number(mean.highest)}{reach}. At "
        f"0.50 it finds no difference; {near} of {counted(len(cells), 'cell')} {'has' if near == 1 else 'have'} "
        f"at most {CALIBRATED}."
    )


def _support(analysis: Analysis) -> list[str]:
    """Say how the energy scores stand beside their controls, and whether classes vary as they should."""
    parts = []
    for name, space in (("energy_score_feature", "features"), ("energy_score_pixel", "pixels")):
        mean = estimate(trained_model(analysis, name), "value")
        if mean.num_runs:
            parts.append(f"{interval(mean)} in {space}{_controls(analysis, name)}")
    sentences = [f"The conditional energy score, of which less is better, is {listed(parts)}."] if parts else []
    gap = _agreement_gap(analysis)
    if gap.num_runs:
        sentences.append(
            "Two reconstructions of one code have the same class more often than a reconstruction has its "
            f"original's by {interval(gap, sign=True)}: label agreement minus label preservation, 0 where calibrated."
        )
    return [" ".join(sentences)] if sentences else []


def _controls(analysis: Analysis, name: str) -> str:
    grid = analysis.grid[(analysis.grid["name"] == name) & analysis.grid["trained_encoder"]]
    means = grid[grid["value"].notna()].groupby("subject")["value"].mean()
    words = {"untrained": "untrained", "pca": "PCA"}
    found = [f"{text} {number(means[subject])}" for subject, text in words.items() if subject in means]
    return f" ({listed(found)})" if found else ""


def _agreement_gap(analysis: Analysis) -> GridMean:
    keys = ["config_key", "replicate"]
    names = ("label_agreement", "label_preservation")
    values = without_identities(trained_model(analysis, *names))
    agreement, preservation = (values.loc[values["name"] == name, [*keys, "value"]] for name in names)
    pairs = agreement.merge(preservation, on=keys, suffixes=("", "_kept"))
    return estimate(pairs.assign(gap=pairs["value"] - pairs["value_kept"]), "gap")


def _noise_use(analysis: Analysis) -> list[str]:
    model = trained_model(analysis, "dispersion_ratio")
    mean = estimate(model, "value")
    if not mean.num_runs:
        return []
    cells = model.groupby(["config_key", "label"])["value"].mean().reset_index("config_key", drop=True)
    weak = [str(label) for label in cells[cells < UNUSED_NOISE].index]
    use = (
        f"it makes little use of it (ρ < {UNUSED_NOISE}) in {first_of(weak)}"
        if weak
        else f"no cell falls below {UNUSED_NOISE}"
    )
    features = estimate(trained_model(analysis, "dispersion_ratio_feature"), "value")
    beside = f"; in features it is {interval(features)}" if features.num_runs else ""
    sentence = (
        f"Does the decoder use its noise? The dispersion ratio ρ is {interval(mean)} over "
        f"{counted(mean.num_cells, 'cell')} with noise (1 is calibrated, 0 ignores the noise), "
        f"from {number(mean.lowest)} to {number(mean.highest)}; {use}{beside}."
    )
    return [sentence]


def _prior(analysis: Analysis) -> list[str]:
    match = estimate(trained_model(analysis, "prior_accuracy"), "value")
    if not match.num_runs:
        return []
    sentence = (
        f"Does q(z) follow p(z)? A classifier tells them apart with accuracy {interval(match)}, from "
        f"{number(match.lowest)} to {number(match.highest)} over cells; 0.50 is a match. The further from it, the "
        "less do samples from the prior say about reconstructions."
    )
    return [sentence]
