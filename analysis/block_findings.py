"""How the blocks of a study came out, where there is no frozen encoder that trained ones could be compared with."""

from __future__ import annotations

import pandas as pd

from analysis.full_measure_names import measure_info
from analysis.statistics import GridMean, estimate, without_identities
from analysis.tables import Analysis, number
from analysis.wording import first_of, listed

LEADING = (
    *("image_retrieval", "image_retrieval_noisy", "code_retrieval", "identity_preservation", "encoder_diversity"),
    *("decoder_diversity", "domain_accuracy", "component_information", "off_modes", "component_kl", "data_kl"),
    *("bound_kl", "joint_kl", "code_kl"),
    *("posterior_overlap", "true_overlap", "classification_error", "clustering_error", "label_preservation"),
    *("share_z_feature", "r2_mean"),
)
"""Measures that say how a block came out, the first ones before the others where a study has several."""

MAX_SENTENCES = 4
CONTROLS = {
    "real": "the data",
    "untrained": "the untrained network",
    "pca": "PCA",
    "kmeans": "k-means",
    "chance": "chance",
}
BETTER = {"lower": " Lower is better.", "higher": " Higher is better.", "one": " 1 is the best."}


def block_answers(analysis: Analysis) -> list[str]:
    """Return a sentence for each leading measure of the study, in which its blocks stand side by side."""
    values = without_identities(analysis.grid)
    values = values[values["value"].notna()]
    model = values[(values["subject"] == "model") & values["trained_encoder"]]
    names = [name for name in LEADING if (model["name"] == name).any()][:MAX_SENTENCES]
    return [_sentence(name, values[values["name"] == name]) for name in names]


def _sentence(name: str, values: pd.DataFrame) -> str:
    info = measure_info(name)
    assert info is not None
    model = values[(values["subject"] == "model") & values["trained_encoder"]]
    means = {str(block): estimate(group, "value") for block, group in model.groupby("block", sort=False)}
    order = sorted(means, key=lambda block: means[block].mean, reverse=info.better != "lower")
    parts = [_written(means[block]) + (f" in {block}" if block else "") for block in order]
    beside = [
        f"{words} {_short(values.loc[values['subject'] == control, 'value'].mean())}"
        for control, words in CONTROLS.items()
        if (values["subject"] == control).any()
    ]
    unit = "" if info.unit in ("fraction", "ratio") else f" ({info.unit})"
    controls = f"; beside it {listed(beside)}" if beside else ""
    return f"{info.description.removesuffix('.')}{unit}: {first_of(parts, 8)}{controls}.{BETTER.get(info.better, '')}"


def _written(mean: GridMean) -> str:
    text = _short(mean.mean)
    return f"{text} (95 % interval {_short(mean.low)} to {_short(mean.high)})" if mean.has_interval else text


def _short(value: float) -> str:
    """Write a value; small shares, such as those of retrieval, need a third digit."""
    return number(value, 3 if abs(value) < 0.1 else 2)
