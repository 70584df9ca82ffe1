"""The subjects beside the trained model: untrained network, PCA, k-means, the prior's floor, mean image and chance."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from analysis.measures import clustering, controls
from analysis.measures.bench import (
    LABEL_SHARES,
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
    take_sample,
)
from analysis.measures.calibration import dispersion_ratio
from analysis.measures.clustering_floor import clustering_floor
from analysis.measures.draws import Model, infer
from analysis.measures.information import cluster_label_information
from analysis.measures.labels import chance_preservation
from analysis.measures.measurement import Estimate
from analysis.measures.reconstruction import mean_image_reconstruction
from analysis.measures.strokes import STROKES
from analysis.measures.variance_split import SHARES
from iae_models.priors import CategoricalPrior

CONTROL_MEASURES = (
    *(*SHARES, *LABEL_SHARES, *STROKES),
    *("label_preservation", "mse_mean", "r2_mean", "label_information"),
)
"""The measures of an untrained network; one with a categorical code has `CLUSTER_MEASURES` besides."""

PCA_MEASURES = (*CONTROL_MEASURES, "critic_accuracy", "dispersion_ratio", "rate", "prior_accuracy")
"""The measures of PCA, which no adversary has trained: what they are worth anchors those of a trained model."""

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
        values = measure_decoder(bench, sample) | _measure_label_information(bench, model, train_z, sample)
        values["dispersion_ratio"] = dispersion_ratio(sample.draws.x, sample.draws.x_hat, model.noise_dim)
        for part in parts:
            values |= part[split]
        table[split] = {name: values[name] for name in PCA_MEASURES}
    return table


def _measure_network(bench: Bench, model: Model, subject: str) -> Table:
    """Return `CONTROL_MEASURES` and `CLUSTER_MEASURES`, as far as the model can have them."""
    if "generate" not in model.capabilities or (model.code_dim and "infer" not in model.capabilities):
        return {}
    train_z = infer(model, bench.train_x, bench.stream(f"{subject}/codes"))
    table: Table = {}
    for split in bench.held_out:
        sample = take_sample(bench, model, subject, split)
        values = measure_decoder(bench, sample)
        if model.code_dim:
            values |= _measure_label_information(bench, model, train_z, sample)
        table[split] = {name: values[name] for name in CONTROL_MEASURES if name in values}
    if model.code == "categorical" and has_labels(bench):
        stream = bench.stream(f"{subject}/clusters")
        clusters = measure_clusters(bench, {split: infer(model, x, stream) for split, (x, _) in bench.held_out.items()})
        table = {split: values | clusters[split] for split, values in table.items()}
    return table


def _measure_label_information(bench: Bench, model: Model, train_z: Tensor, sample: Sample) -> dict[str, Estimate]:
    value = measure_label_information(bench, model, train_z, sample.draws.z, sample.draws.y)
    return {"label_information": value}


@lru_cache(maxsize=CACHED)
def kmeans_codes(bench: Bench, num_clusters: int) -> dict[str, Tensor]:
    """Return the codes of k-means on the held-out images by split, with shape (N, K)."""
    centres = controls.kmeans(bench.data.train, num_clusters, bench.stream(f"kmeans/{num_clusters}"))
    return {split: controls.kmeans_codes(x, centres) for split, (x, _) in bench.held_out.items()}


@lru_cache(maxsize=CACHED)
def _measure_kmeans(bench: Bench, num_clusters: int) -> Table:
    codes = kmeans_codes(bench, num_clusters)
    table = measure_clusters(bench, codes)
    for split, (_, y) in bench.held_out.items():
        table[split]["label_information"] = cluster_label_information(y, codes[split].argmax(1))
    return table


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
