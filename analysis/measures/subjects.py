"""The subjects beside the trained model: untrained network, PCA, k-means, the prior's floor, mean image and chance."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from analysis.measures import clustering, controls
from analysis.measures.bench import (
    CLUSTER_MEASURES,
    LABELS,
    Bench,
    Sample,
    Table,
    has_labels,
    measure_clusters,
    measure_critic,
    measure_decoder,
    measure_information,
    measure_label_information,
    measure_prior_accuracy,
    measure_sample,
    take_sample,
)
from analysis.measures.clustering_floor import clustering_floor
from analysis.measures.draws import Model, infer
from analysis.measures.information import cluster_entropy, cluster_label_information
from analysis.measures.labels import chance_preservation
from analysis.measures.measurement import Estimate
from analysis.measures.reconstruction import mean_image_reconstruction
from analysis.measures.strokes import STROKES
from analysis.measures.variance_split import SHARES
from iae_models.priors import CategoricalPrior

CONTROL_MEASURES = (
    *("mse_single", "mse_mean", "r2_mean", "sharpness", *SHARES, *LABELS, *STROKES),
    *("dispersion_ratio", "dispersion_ratio_feature", "energy_score_pixel", "energy_score_feature"),
    *("label_information", "rate", "prior_accuracy"),
)
"""The measures of an untrained network; one with a categorical code has `CLUSTER_MEASURES` besides. A critic of its
reconstructions is trained by the full suite only, and a noisy encoder's rate not at all."""

PCA_MEASURES = (*CONTROL_MEASURES, "critic_accuracy")
"""The measures of PCA, which no adversary has trained: what they are worth anchors those of a trained model."""

KMEANS_MEASURES = ("mse_mean", "r2_mean", "label_preservation", *SHARES, "label_information", "rate", *CLUSTER_MEASURES)
"""The measures of k-means. Its decoder has no noise, so all that varies in its images is the code's."""

CACHED = 32
"""Tables of each control that a process keeps, one for each data set and size of the code."""


def measure_controls(bench: Bench, fixed: Bench, model: Model, untrained: Model) -> dict[str, Table]:
    """Return the tables of all subjects that make sense beside a trained model.

    Args:
        bench: What the untrained network is measured on.
        fixed: What no run changes is measured on.
        model: The trained model.
        untrained: The same network before its first step.
    """
    tables = {"untrained": _measure_network(bench, untrained, "untrained")}
    if model.code == "gaussian" and model.code_dim and "infer" in model.capabilities:
        tables["pca"] = _measure_pca(fixed, model.code_dim)
    return tables | measure_cluster_controls(fixed, model) | {"mean_image": _measure_mean_image(fixed)}


def measure_cluster_controls(fixed: Bench, model: Model) -> dict[str, Table]:
    """Return the tables of "chance" and, beside categories, of "kmeans" and "floor"."""
    tables = {"chance": _measure_chance(fixed)}
    if model.code == "categorical" and has_labels(fixed):
        tables["kmeans"] = _measure_kmeans(fixed, model.code_dim)
        if isinstance(model.prior, CategoricalPrior):
            tables["floor"] = _measure_floor(fixed, model.prior.probabilities)
    return tables


@lru_cache(maxsize=CACHED)
def _measure_pca(bench: Bench, code_dim: int) -> Table:
    """Return `PCA_MEASURES`: beside those of an untrained network, what a calibrated linear decoder reaches."""
    model, subject = controls.principal_components(bench.data.train, code_dim), f"pca/{code_dim}"
    samples = {split: take_sample(bench, model, subject, split) for split in bench.held_out}
    codes = {split: sample.draws.z for split, sample in samples.items()}
    train_z = infer(model, bench.train_x, bench.stream(f"{subject}/codes"))
    parts = (
        measure_critic(bench, model, subject, samples),
        measure_prior_accuracy(bench, model, subject, train_z, codes),
        measure_information(bench, subject, train_z, codes),
    )
    table: Table = {}
    for split, sample in samples.items():
        values = measure_sample(bench, model, sample) | _measure_label_information(bench, model, train_z, sample)
        for part in parts:
            values |= part[split]
        table[split] = {name: values[name] for name in PCA_MEASURES}
    return table


def _measure_network(bench: Bench, model: Model, subject: str) -> Table:
    """Return `CONTROL_MEASURES` and `CLUSTER_MEASURES`, as far as the model can have them."""
    if "generate" not in model.capabilities or (model.code_dim and "infer" not in model.capabilities):
        return {}
    samples = {split: take_sample(bench, model, subject, split) for split in bench.held_out}
    table = {split: measure_sample(bench, model, sample) for split, sample in samples.items()}
    if model.code_dim:
        codes = _measure_codes(bench, model, subject, samples)
        table = {split: values | codes[split] for split, values in table.items()}
    table = {
        split: {name: values[name] for name in CONTROL_MEASURES if name in values} for split, values in table.items()
    }
    if model.code == "categorical" and has_labels(bench):
        stream = bench.stream(f"{subject}/clusters")
        clusters = measure_clusters(bench, {split: infer(model, x, stream) for split, (x, _) in bench.held_out.items()})
        table = {split: values | clusters[split] for split, values in table.items()}
    return table


def _measure_codes(bench: Bench, model: Model, subject: str, samples: dict[str, Sample]) -> Table:
    """Return label_information, prior_accuracy and, unless a continuous code is noisy, the rate."""
    train_z = infer(model, bench.train_x, bench.stream(f"{subject}/codes"))
    codes = {split: sample.draws.z for split, sample in samples.items()}
    table = measure_prior_accuracy(bench, model, subject, train_z, codes)
    if model.code == "categorical":
        rates = {split: {"rate": cluster_entropy(z.argmax(1))} for split, z in codes.items()}
    elif model.encoder_noise_dim:
        rates = {split: {} for split in codes}
    else:
        rates = measure_information(bench, subject, train_z, codes)
    return {
        split: table[split] | rates[split] | _measure_label_information(bench, model, train_z, sample)
        for split, sample in samples.items()
    }


def _measure_label_information(bench: Bench, model: Model, train_z: Tensor, sample: Sample) -> dict[str, Estimate]:
    value = measure_label_information(bench, model, train_z, sample.draws.z, sample.draws.y)
    return {"label_information": value}


@lru_cache(maxsize=CACHED)
def _kmeans(bench: Bench, num_clusters: int) -> controls.Clusters:
    return controls.kmeans(bench.data.train, num_clusters, bench.stream(f"kmeans/{num_clusters}"))


def kmeans_codes(bench: Bench, num_clusters: int) -> dict[str, Tensor]:
    """Return the codes of k-means on the held-out images by split, with shape (N, K)."""
    model, stream = _kmeans(bench, num_clusters), bench.stream(f"kmeans/{num_clusters}/codes")
    return {split: infer(model, x, stream) for split, (x, _) in bench.held_out.items()}


@lru_cache(maxsize=CACHED)
def _measure_kmeans(bench: Bench, num_clusters: int) -> Table:
    model, codes = _kmeans(bench, num_clusters), kmeans_codes(bench, num_clusters)
    table = measure_clusters(bench, codes)
    for split, (_, y) in bench.held_out.items():
        clusters = codes[split].argmax(1)
        table[split] |= measure_decoder(bench, take_sample(bench, model, f"kmeans/{num_clusters}", split))
        table[split] |= {
            "label_information": cluster_label_information(y, clusters),
            "rate": cluster_entropy(clusters),
        }
    return {split: {name: values[name] for name in KMEANS_MEASURES} for split, values in table.items()}


@lru_cache(maxsize=CACHED)
def _measure_floor(bench: Bench, probabilities: tuple[float, ...]) -> Table:
    """Return the error of the best clusters of the prior's masses."""
    return {split: {"clustering_error": clustering_floor(y, probabilities)} for split, (_, y) in bench.held_out.items()}


@lru_cache(maxsize=CACHED)
def _measure_mean_image(bench: Bench) -> Table:
    return {split: mean_image_reconstruction(x, bench.mean_image) for split, (x, _) in bench.held_out.items()}


@lru_cache(maxsize=CACHED)
def _measure_chance(bench: Bench) -> Table:
    if not has_labels(bench):
        return {}
    fit = bench.held_out["validation"][1]
    return {
        split: {"clustering_error": clustering.chance_error(fit, y), "label_preservation": chance_preservation(y)}
        for split, (_, y) in bench.held_out.items()
    }
