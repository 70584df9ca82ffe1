"""How the blocks of a study came out, where there is no frozen encoder that trained ones could be compared with."""

from __future__ import annotations

import math

import pandas as pd

from analysis.full_measure_names import measure_info
from analysis.matched import MATCHED, at_one_size, code_groups
from analysis.statistics import GridMean, estimate, without_identities
from analysis.tables import Analysis, number
from analysis.wording import first_of, listed

LEADING = (
    *("image_retrieval", "image_retrieval_noisy", "code_retrieval", "identity_preservation", "encoder_diversity"),
    *("decoder_diversity", "domain_accuracy", "sample_accuracy", "component_information", "off_modes"),
    *("component_kl", "data_kl", "bound_kl", "joint_kl", "code_kl"),
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
    "floor": "the floor",
}
BETTER = {"lower": " Lower is better.", "higher": " Higher is better.", "one": " 1 is the best."}


def block_answers(analysis: Analysis) -> list[str]:
    """Return a sentence for each leading measure of the study, in which its blocks stand side by side.

    Of a block with several numbers of categories each is one of its own, beside its own controls.
    """
    values = without_identities(analysis.grid)
    values = at_one_size(values[values["value"].notna()])
    model = values[(values["subject"] == "model") & values["trained_encoder"]]
    names = [name for name in LEADING if (model["name"] == name).any()][:MAX_SENTENCES]
    return [_sentence(name, values[values["name"] == name]) for name in names]


def _sentence(name: str, values: pd.DataFrame) -> str:
    info = measure_info(name)
    assert info is not None
    model = values[(values["subject"] == "model") & values["trained_encoder"]]
    parts = []
    for _, size, group in code_groups(model):
        same_size = values[values[MATCHED].isna() if math.isnan(size) else values[MATCHED] == size]
        parts += _at_size(
            "" if math.isnan(size) else f"K = {size:g}", group, same_size, better_is_less=info.better == "lower"
        )
    unit = "" if info.unit in ("fraction", "ratio") else f" ({info.unit})"
    return f"{info.description.removesuffix('.')}{unit}: {'; '.join(parts)}.{BETTER.get(info.better, '')}"


def _at_size(size: str, model: pd.DataFrame, values: pd.DataFrame, *, better_is_less: bool) -> list[str]:
    """Return the blocks of one number of categories, the better ones first, and the controls beside them."""
    means = {str(block): estimate(group, "value") for block, group in model.groupby("block", sort=False)}
    order = sorted(means, key=lambda block: means[block].mean, reverse=not better_is_less)
    parts = [_written(means[block]) + (f" in {block}" if block else "") for block in order]
    beside = [
        f"{words} {_short(values.loc[values['subject'] == control, 'value'].mean())}"
        for control, words in CONTROLS.items()
        if (values["subject"] == control).any()
    ]
    blocks = (f"{size}: " if size else "") + first_of(parts, 8)
    return [blocks, f"beside it {listed(beside)}"] if beside else [blocks]


def _written(mean: GridMean) -> str:
    text = _short(mean.mean)
    return f"{text} (95 % interval {_short(mean.low)} to {_short(mean.high)})" if mean.has_interval else text


def _short(value: float) -> str:
    """Write a value; small shares, such as those of retrieval, need a third digit."""
    return number(value, 3 if abs(value) < 0.1 else 2)
