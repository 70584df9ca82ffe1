"""The quick suite: every measure of one run, on validation and on test images, beside its controls.

Random streams are named after replicate, subject, split and purpose, so neither another subject nor another measure
changes a value. Those of what no run changes, such as PCA, are named after the data set and the size of the code
instead of the replicate: it is measured once in a process. What is undefined for a kind of model is recorded as
undefined, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from analysis.measure_names import MEASURES as KNOWN
from analysis.measures.bench import (
    CLUSTER_MEASURES,
    LABELS,
    LIMITS,
    NO_LABELS,
    Bench,
    Table,
    fixed_bench,
    has_labels,
    make_bench,
    measure_clusters,
    measure_critic,
    measure_information,
    measure_label_information,
    measure_prior_accuracy,
    measure_sample,
    measure_strokes,
    not_one_to_one,
    take_sample,
)
from analysis.measures.classifier import Classifier
from analysis.measures.clustering import cluster_use
from analysis.measures.code_styles import CODE_STYLES, style_suite
from analysis.measures.draws import BROKEN_CODES, NO_SAMPLES, Model, all_finite, decode, infer
from analysis.measures.identity import Readers
from analysis.measures.information import (
    NUM_ENCODER_DRAWS,
    cluster_entropy,
    information_bracket,
    label_information_gain,
)
from analysis.measures.measurement import Estimate, Measurement, invalid, undefined, validation_values
from analysis.measures.points import CENTRES, POINTS, measure_data, measure_points
from analysis.measures.prior_match import prior_kl, prior_moment_kl
from analysis.measures.recognition import RECOGNITION, measure_recognition
from analysis.measures.strokes import STROKES
from analysis.measures.subjects import kmeans_codes, measure_controls
from analysis.measures.translation import translation_suite
from analysis.measures.variance_split import SHARES, variance_shares
from iae_models.priors import CategoricalPrior

if TYPE_CHECKING:
    from iae_models.data import ImageData

RECONSTRUCTIONS = (
    *("mse_single", "mse_mean", "r2_mean", "sharpness", *SHARES, *LABELS, *STROKES),
    *("dispersion_ratio", "dispersion_ratio_feature", "energy_score_pixel", "energy_score_feature", "critic_accuracy"),
)
PRIOR_SHARES = tuple(f"{name}_prior" for name in (*SHARES, *STROKES))
GAUSSIAN_CODES = ("information_low", "information_high", "prior_moment_kl")
CATEGORICAL_CODES = (
    *("prior_kl", *CLUSTER_MEASURES, "label_information_gain"),
    *("used_clusters", "code_entropy", "confidence"),
    *RECOGNITION,
)
CODES = ("rate", "label_information", "prior_accuracy", *GAUSSIAN_CODES, *CATEGORICAL_CODES)

NUM_PRIOR_CODES = 500
"""Codes from the prior whose decodes are split."""

MEASURES = (*RECONSTRUCTIONS, *PRIOR_SHARES, *CODES)
"""The names of all measures of a trained model, on each split; points with known components have `POINTS` besides."""

EVERY_MEASURE = frozenset((*MEASURES, *POINTS))


def quick_suite(
    model: Model,
    untrained: Model,
    data: ImageData,
    classifier: Classifier | None,
    replicate: int,
    num_labels: int = 0,
    only: Collection[str] | None = None,
    readers: Readers | None = None,
) -> list[Measurement]:
    """Measure a trained model and its controls.

    Args:
        model: The trained model, in evaluation mode, on the device of the data.
        untrained: The same network before its first step, in evaluation mode.
        data: The data set that it was trained on.
        classifier: The measuring classifier of that data set; None where it has none.
        replicate: Seeds all draws.
        num_labels: Labels that the model has learnt.
        only: Names of measures that are wanted of the model on validation images, without controls; None for all. They
            have the values that they have among all.
        readers: What labels of both domains are read off with, where the code is an image of a second one.

    Returns:
        For subject "model" every name of `MEASURES` on both splits; for each control those that make sense for it, and
        for subject "real", points of the data themselves, their floors. Of a model whose code is an image those of
        `TRANSLATION` and `CODE_STYLES` instead.
    """
    if model.code == "image":
        return _translator_suite(model, untrained, data, replicate, only, readers)
    with torch.inference_mode():
        bench = make_bench(data, classifier, replicate)
        if only is not None:
            found = _measure_model(bench, model, num_labels, frozenset(only), ("validation",))["validation"]
            return validation_values(found, only)
        tables = {"model": _measure_model(bench, model, num_labels, EVERY_MEASURE, tuple(LIMITS))} | measure_controls(
            bench, fixed_bench(data, classifier), model, untrained
        )
        if data.name in CENTRES:
            tables["real"] = measure_data(bench)
    return [
        estimate.named(name, split, subject)
        for subject, table in tables.items()
        for split, values in table.items()
        for name, estimate in values.items()
    ]


def _translator_suite(
    model: Model,
    untrained: Model,
    data: ImageData,
    replicate: int,
    only: Collection[str] | None,
    readers: Readers | None,
) -> list[Measurement]:
    if only is None:
        found = translation_suite(model, untrained, data, replicate, readers=readers)
        return found + style_suite(model, untrained, data, replicate)
    translations, styles = ([name for name in only if (name in CODE_STYLES) == of_style] for of_style in (False, True))
    found = translation_suite(model, untrained, data, replicate, translations, readers) if translations else []
    return found + (style_suite(model, untrained, data, replicate, styles) if styles else [])


def _measure_model(
    bench: Bench, model: Model, num_labels: int, wanted: frozenset[str], splits: tuple[str, ...]
) -> Table:
    """Return all measures of the parts of the suite that hold a wanted one, at least on these splits."""
    table: Table = {split: {name: _skipped(name, model) for name in MEASURES} for split in LIMITS}
    infers, generates = "infer" in model.capabilities, "generate" in model.capabilities
    found = []
    if "sample" in model.capabilities and wanted & set(PRIOR_SHARES):
        found.append({split: measure_prior_shares(bench, model, split, NUM_PRIOR_CODES) for split in LIMITS})
    if generates and (infers or model.code_dim == 0) and wanted & set(RECONSTRUCTIONS):
        samples = {split: take_sample(bench, model, "model", split) for split in splits}
        if wanted & set(RECONSTRUCTIONS) - {"critic_accuracy"}:
            found.append({split: measure_sample(bench, model, sample) for split, sample in samples.items()})
        if "critic_accuracy" in wanted:
            found.append(measure_critic(bench, model, "model", samples))
    if infers and model.code_dim > 0 and wanted & set(CODES):
        found.append(_measure_codes(bench, model, num_labels))
    if bench.data.name in CENTRES and wanted & set(POINTS):
        found.append(measure_points(bench, model))
    for part in found:
        for split, values in part.items():
            table[split] |= values
    return table


def _skipped(name: str, model: Model) -> Estimate:
    """Return the undefined estimate of a measure that this kind of model cannot have."""
    if name in CODES and model.code_dim == 0:
        return undefined("there is no code")
    if name in (CATEGORICAL_CODES if model.code == "gaussian" else GAUSSIAN_CODES):
        return undefined(f"not for {model.code} codes")
    if name in PRIOR_SHARES and "generate" in model.capabilities:
        return undefined(NO_SAMPLES)
    return undefined("the model cannot " + " and ".join(sorted({"infer", "generate"} - model.capabilities)))


def measure_prior_shares(bench: Bench, model: Model, split: str, num: int) -> dict[str, Estimate]:
    """Return `PRIOR_SHARES` of decodes of `num` codes from the prior."""
    stream = bench.stream(f"model/{split}/prior")
    x_hat = decode(model, model.sample_prior(num, stream), stream)
    shares = variance_shares(x_hat, "pixel_prior") | measure_strokes(bench, x_hat, "_prior")
    return shares | _feature_shares(bench, x_hat)


def _feature_shares(bench: Bench, x_hat: Tensor) -> dict[str, Estimate]:
    if bench.classifier is None:
        names = [f"{name}_prior" for name in SHARES if name.endswith("_feature")]
        return dict.fromkeys(names, bench.without_classifier(len(x_hat), "fraction"))
    phi_hat = bench.classifier.features(x_hat.flatten(0, 1))
    return variance_shares(phi_hat.view(*x_hat.shape[:2], -1), "feature_prior")


def _measure_codes(bench: Bench, model: Model, num_labels: int) -> Table:
    train_z = infer(model, bench.train_x, bench.stream("model/codes"))
    codes = {split: infer(model, x, bench.stream(f"model/{split}/codes")) for split, (x, _) in bench.held_out.items()}
    if not all_finite(train_z, *codes.values()):
        broken = {split: _broken_code(bench, model, len(z)) for split, z in codes.items()}
        if model.code == "gaussian":
            return broken
        recognised = measure_recognition(bench, model, codes, num_labels)
        return {split: values | recognised[split] for split, values in broken.items()}
    if model.code == "categorical":
        table, recognised = measure_clusters(bench, codes), measure_recognition(bench, model, codes, num_labels)
        table = {split: values | recognised[split] for split, values in table.items()}
    else:
        table = _measure_gaussian_codes(bench, model, train_z, codes)
    accuracies = measure_prior_accuracy(bench, model, "model", train_z, codes)
    for split, z in codes.items():
        if model.code == "categorical":
            fixed = fixed_bench(bench.data, bench.classifier)
            table[split] |= measure_categorical_code(bench, fixed, model, split, z)
        y = bench.held_out[split][1]
        table[split]["label_information"] = measure_label_information(bench, model, train_z, z, y)
        table[split] |= accuracies[split]
    return table


def _measure_gain(bench: Bench, fixed: Bench, split: str, z: Tensor) -> Estimate:
    if not has_labels(bench):
        return undefined(NO_LABELS, len(z), "nat")
    others = kmeans_codes(fixed, z.shape[1])[split]
    return label_information_gain(bench.held_out[split][1], z.argmax(1), others.argmax(1))


def _broken_code(bench: Bench, model: Model, num: int) -> dict[str, Estimate]:
    """Return the estimates of a code that is not finite: some of its measures, those of clusters, would not notice."""
    others = CATEGORICAL_CODES if model.code == "gaussian" else (*GAUSSIAN_CODES, *RECOGNITION)
    broken = {name: invalid(BROKEN_CODES, num, KNOWN[name].unit) for name in CODES if name not in others}
    return broken | (not_one_to_one(bench, model.code_dim, num) if model.code == "categorical" else {})


def _measure_gaussian_codes(bench: Bench, model: Model, train_z: Tensor, codes: dict[str, Tensor]) -> Table:
    if model.encoder_noise_dim:
        # eight draws of each training image, too, would cost more than all other measures
        table = {split: _measure_stochastic_encoder(bench, model, split) for split in codes}
    else:
        table = measure_information(bench, "model", train_z, codes)
    return {split: table[split] | {"prior_moment_kl": prior_moment_kl(z)} for split, z in codes.items()}


def _measure_stochastic_encoder(bench: Bench, model: Model, split: str) -> dict[str, Estimate]:
    stream, x = bench.stream(f"model/{split}/information"), bench.held_out[split][0]
    draws = torch.stack([infer(model, x, stream) for _ in range(NUM_ENCODER_DRAWS)], 1)
    bracket = information_bracket(draws, stream)
    return bracket | {"rate": bracket["information_low"]}


def measure_categorical_code(bench: Bench, fixed: Bench, model: Model, split: str, z: Tensor) -> dict[str, Estimate]:
    """Return use and rate of codes with shape (N, K), their match to the prior, and what they say beyond k-means.

    Args:
        bench: What the model is measured on.
        fixed: The same images with streams that no run changes, for k-means with as many clusters.
        model: The model.
        split: Whose codes they are.
        z: The codes.
    """
    rate = cluster_entropy(z.argmax(1))
    if model.encoder_noise_dim:
        rate = rate.saturated("an upper bound: the encoder is stochastic")
    values = cluster_use(z) | {"rate": rate, "label_information_gain": _measure_gain(bench, fixed, split, z)}
    if isinstance(model.prior, CategoricalPrior):
        values["prior_kl"] = prior_kl(z.argmax(1), torch.tensor(model.prior.probabilities, device=z.device))
    return values
