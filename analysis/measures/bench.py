"""What all subjects of one suite are measured on, and the measures that trained models and controls share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from analysis.measures import clustering, critic
from analysis.measures.calibration import dispersion_ratio, energy_score
from analysis.measures.classifier import REQUIRED_ACCURACY, Classifier, training_of
from analysis.measures.draws import BROKEN_CODES, BROKEN_IMAGES, Draws, Model, all_finite, draw, generate, infer
from analysis.measures.information import cluster_label_information, code_label_information, information_bracket
from analysis.measures.labels import label_preservation, label_shares, label_split
from analysis.measures.measurement import Estimate, invalid, refused, undefined
from analysis.measures.prior_match import prior_accuracy
from analysis.measures.reconstruction import reconstruction
from analysis.measures.sharpness import sharpness
from analysis.measures.strokes import STROKE_DATA, STROKES, stroke_shares
from analysis.measures.variance_split import SHARES, variance_shares
from iae_models.config import stream_seed

if TYPE_CHECKING:
    from iae_models.data import ImageData

LIMITS = {"validation": 1000, "test": 2000}
"""Held-out images that are measured on, at most, by split. They are the first ones, a fair sample of a split."""

NO_CLASSIFIER = "the data have no measuring classifier"
NO_LABELS = "the data have no labels"

LABEL_SHARES = ("share_z_label", "share_n_label", "share_zn_label")
"""The names of the shares of the one-hot label's variance; τ_z estimates the first from more pairs."""

LABELS = ("label_preservation", "label_agreement", "tau_z", *LABEL_SHARES)
"""The measures that believe the classifier's labels."""

NOT_ONE_TO_ONE = "there are not as many categories as classes"

MAP_RULES = {
    "clustering_error": clustering.majority_map,
    "clustering_error_exemplar": clustering.exemplar_map,
    "clustering_error_hungarian": clustering.hungarian_map,
}
"""How the map of each clustering error is fitted."""

CLUSTER_MEASURES = (*MAP_RULES, *clustering.AGREEMENTS)
"""How clusters agree with labels."""

Table = dict[str, dict[str, Estimate]]
"""Estimates by split and name."""


@dataclass(frozen=True, eq=False)
class Bench:
    """The images, the classifier and the random streams of one suite.

    Attributes:
        data: The data set.
        held_out: Images with shape (N, C, H, W) and labels with shape (N,), by split.
        train_x: Training images that probes and critics learn from.
        train_y: Their labels.
        mean_image: Mean training image with shape (C, H, W).
        classifier: The measuring classifier; None where the data have none, or it is refused.
        no_classifier: What a measure that needs the classifier comes to where it is None.
        stream: Makes the random stream of a name.
    """

    data: ImageData
    held_out: dict[str, tuple[Tensor, Tensor]]
    train_x: Tensor
    train_y: Tensor
    mean_image: Tensor
    classifier: Classifier | None
    no_classifier: Estimate
    stream: Callable[[str], torch.Generator]

    def without_classifier(self, num: int, unit: str) -> Estimate:
        """Return the estimate of what needs a classifier where there is none, or too bad a one."""
        return replace(self.no_classifier, n=num, unit=unit)


@dataclass(frozen=True, eq=False)
class Sample:
    """The draws of one subject on one split, with the classifier's features.

    Attributes:
        draws: Images, codes and decodes.
        phi: Features of the images, with shape (N, F); None without a classifier.
        phi_hat: Features of the decodes, with shape (N, 4, F); None without a classifier.
    """

    draws: Draws
    phi: Tensor | None
    phi_hat: Tensor | None


def make_bench(data: ImageData, classifier: Classifier | None, replicate: int) -> Bench:
    """Return the bench of a data set; streams are named after the replicate."""

    def stream(name: str) -> torch.Generator:
        return torch.Generator(data.train.x.device).manual_seed(stream_seed(replicate, f"measure/{name}"))

    return replace(fixed_bench(data, classifier), stream=stream)


@lru_cache(maxsize=2)
def fixed_bench(data: ImageData, classifier: Classifier | None) -> Bench:
    """Return the bench of what is the same in every run; streams are named after the data set.

    It is kept, for the very same objects, and so is what is measured on it: see `subjects`.
    """
    device = data.train.x.device

    def stream(name: str) -> torch.Generator:
        return torch.Generator(device).manual_seed(stream_seed(0, f"measure/{data.name}/{name}"))

    held_out = {}
    for split, limit in LIMITS.items():
        part = getattr(data, split)
        held_out[split] = (part.images(slice(limit)), part.y[:limit])
    train = slice(critic.NUM_TRAIN)
    train_x, train_y = data.train.images(train), data.train.y[train]
    used, missing = _accepted(data.name, classifier)
    used = None if used is None else used.to(device)
    return Bench(data, held_out, train_x, train_y, data.train.mean(), used, missing, stream)


def all_held_out(data: ImageData) -> dict[str, tuple[Tensor, Tensor]]:
    """Return every held-out image with its label, by split."""
    return {split: (getattr(data, split).images(), getattr(data, split).y) for split in LIMITS}


def _accepted(data_name: str, classifier: Classifier | None) -> tuple[Classifier | None, Estimate]:
    """Return the classifier if it is there and good enough, and what its measures come to otherwise."""
    required = training_of(data_name).required
    if classifier is not None and classifier.accuracy < required:
        reason = f"the measuring classifier's accuracy is {classifier.accuracy:.3f}, below {required}"
        return None, refused(reason)
    return classifier, undefined(NO_CLASSIFIER)


def take_sample(bench: Bench, model: Model, subject: str, split: str) -> Sample:
    """Encode and decode the images of a split."""
    draws = draw(model, *bench.held_out[split], bench.stream(f"{subject}/{split}/draws"))
    if bench.classifier is None:
        return Sample(draws, None, None)
    phi = bench.classifier.features(draws.x)
    phi_hat = bench.classifier.features(draws.x_hat.flatten(0, 1))
    return Sample(draws, phi, phi_hat.view(*draws.x_hat.shape[:2], -1))


def measure_decoder(bench: Bench, sample: Sample) -> dict[str, Estimate]:
    """Return reconstruction errors, sharpness, variance shares, also of strokes, and label measures."""
    draws = sample.draws
    return {
        **reconstruction(draws.x, draws.x_hat, bench.mean_image),
        "sharpness": sharpness(draws.x, draws.x_hat),
        **variance_shares(draws.x_hat, "pixel"),
        **_measure_features(bench, sample),
        **_measure_labels(bench, sample),
        **measure_strokes(bench, draws.x_hat),
    }


def measure_sample(bench: Bench, model: Model, sample: Sample) -> dict[str, Estimate]:
    """Return what `measure_decoder` does, and how the draws scatter: dispersion ratios and energy scores."""
    x, x_hat = sample.draws.x, sample.draws.x_hat
    unit = "feature (Euclidean norm)"
    feature, ratio = bench.without_classifier(len(x), unit), bench.without_classifier(len(x), "ratio")
    if sample.phi is not None and sample.phi_hat is not None:
        feature = energy_score(sample.phi, sample.phi_hat, unit)
        ratio = dispersion_ratio(sample.phi, sample.phi_hat, model.noise_dim)
    return {
        **measure_decoder(bench, sample),
        "dispersion_ratio": dispersion_ratio(x, x_hat, model.noise_dim),
        "dispersion_ratio_feature": ratio,
        "energy_score_pixel": energy_score(x, x_hat, "intensity (Euclidean norm)"),
        "energy_score_feature": feature,
    }


def measure_strokes(bench: Bench, x_hat: Tensor, suffix: str = "") -> dict[str, Estimate]:
    """Return the shares of slant and thickness of decodes (N, 4, ...), undefined where the data are not strokes."""
    if bench.data.name in STROKE_DATA:
        return stroke_shares(x_hat, suffix)
    names = [f"{name}{suffix}" for name in STROKES]
    return dict.fromkeys(names, undefined("the data are not drawn in strokes", len(x_hat), "fraction"))


def has_labels(bench: Bench) -> bool:
    """Tell whether the data have label classes."""
    return bench.data.num_classes > 0


def _measure_features(bench: Bench, sample: Sample) -> dict[str, Estimate]:
    if sample.phi_hat is None:
        names = [name for name in SHARES if name.endswith("_feature")]
        return dict.fromkeys(names, bench.without_classifier(len(sample.draws.x), "fraction"))
    return variance_shares(sample.phi_hat, "feature")


def measure_label_information(bench: Bench, model: Model, train_z: Tensor, z: Tensor, y: Tensor) -> Estimate:
    """Return I(y; ẑ) of codes with shape (N, code_dim) and labels with shape (N,)."""
    if not has_labels(bench):
        return undefined(NO_LABELS, len(z), "nat")
    if not all_finite(z):
        return invalid(BROKEN_CODES, len(z), "nat")
    if model.code == "categorical":
        return cluster_label_information(y, z.argmax(1))
    return code_label_information(train_z, bench.train_y, z, y, bench.data.num_classes)


def measure_clusters(bench: Bench, codes: dict[str, Tensor]) -> Table:
    """Return `CLUSTER_MEASURES` of codes with shape (N, K), by split."""
    labels = {split: y for split, (_, y) in bench.held_out.items()}
    table: Table = {split: {} for split in codes}
    if not has_labels(bench):
        return {split: dict.fromkeys(CLUSTER_MEASURES, undefined(NO_LABELS, 0, "fraction")) for split in codes}
    none = {split: not_one_to_one(bench, z.shape[1], len(z)) for split, z in codes.items()}
    for split, z in codes.items():
        maps = {name: rule for name, rule in MAP_RULES.items() if name not in none[split]}
        table[split] |= {name: fitted_map_error(bench, codes, split, rule) for name, rule in maps.items()}
        table[split] |= {name: clustering.agreement(labels[split], z.argmax(1), name) for name in clustering.AGREEMENTS}
        table[split] |= none[split]
    return table


def fitted_map_error(
    bench: Bench, codes: dict[str, Tensor], split: str, rule: clustering.MapRule = clustering.majority_map
) -> Estimate:
    """Return the error on a split of a map of categories to classes, for codes with shape (N, K) by split.

    It is fitted on validation images; to be scored on these, on the other half of them.
    """
    fit, num_classes = (codes["validation"], bench.held_out["validation"][1]), bench.data.num_classes
    if split == "validation":
        return clustering.cross_fitted_error(*fit, num_classes, rule)
    return clustering.clustering_error(*fit, codes[split], bench.held_out[split][1], num_classes, rule)


def not_one_to_one(bench: Bench, num_categories: int, num: int) -> dict[str, Estimate]:
    """Return the measures of clusters that are undefined for want of a cluster for each class; none where it is not."""
    if num_categories == bench.data.num_classes:
        return {}
    return {"clustering_error_hungarian": undefined(NOT_ONE_TO_ONE, num, "fraction")}


def measure_critic(bench: Bench, model: Model, subject: str, samples: dict[str, Sample]) -> Table:
    """Return the accuracies of a critic that learns from training images and judges the samples, by split."""
    stream = bench.stream(f"{subject}/critic")
    z = infer(model, bench.train_x, stream)
    x_hat = torch.stack([generate(model, z, stream) for _ in range(critic.NUM_DRAWS)], 1)
    held_out = {
        split: critic.Pairs(sample.draws.x, sample.draws.z, sample.draws.x_hat) for split, sample in samples.items()
    }
    accuracies = critic.critic_accuracy(critic.Pairs(bench.train_x, z, x_hat), held_out, stream)
    return {split: {"critic_accuracy": accuracy} for split, accuracy in accuracies.items()}


def measure_prior_accuracy(
    bench: Bench, model: Model, subject: str, train_z: Tensor, codes: dict[str, Tensor]
) -> Table:
    """Return the accuracies of a classifier that tells codes with shape (N, code_dim) from the prior's, by split.

    Categorical codes enter as the one-hot of their largest entry.
    """
    stream = bench.stream(f"{subject}/prior")
    if model.code == "categorical":
        train_z, codes = _one_hot(train_z), {split: _one_hot(z) for split, z in codes.items()}
    train = (train_z, model.sample_prior(len(train_z), stream))
    pairs = {split: (z, model.sample_prior(len(z), stream)) for split, z in codes.items()}
    return {split: {"prior_accuracy": value} for split, value in prior_accuracy(train, pairs, stream).items()}


def _one_hot(codes: Tensor) -> Tensor:
    return one_hot(codes.argmax(1), codes.shape[1]).float()


def measure_information(bench: Bench, subject: str, train_z: Tensor, codes: dict[str, Tensor]) -> Table:
    """Return the bracket and the rate of a deterministic encoder's codes with shape (N, code_dim), by split.

    The codes of all other images, those of training included, are centres of the bracket.
    """
    table: Table = {}
    for split, z in codes.items():
        others = torch.cat([train_z, *(other for name, other in codes.items() if name != split)])
        bracket = information_bracket(z, bench.stream(f"{subject}/{split}/information"), others=others)
        table[split] = bracket | {"rate": bracket["information_low"]}
    return table


def _measure_labels(bench: Bench, sample: Sample) -> dict[str, Estimate]:
    if bench.classifier is None or sample.phi is None or sample.phi_hat is None:
        return dict.fromkeys(LABELS, bench.without_classifier(len(sample.draws.x), "fraction"))
    if not all_finite(sample.phi_hat, sample.draws.x_hat):
        return dict.fromkeys(LABELS, invalid(BROKEN_IMAGES, len(sample.phi), "fraction"))
    labels = bench.classifier.logits_of_features(sample.phi).argmax(-1)
    decoded = bench.classifier.logits_of_features(sample.phi_hat).argmax(-1)
    found = label_split(decoded, bench.data.num_classes) | label_shares(decoded, bench.data.num_classes, "label")
    found["label_preservation"] = label_preservation(labels, decoded)
    accuracy = bench.classifier.accuracy
    if accuracy >= REQUIRED_ACCURACY:
        return found
    return {name: item.misread("the label", accuracy) for name, item in found.items()}
