"""The subjects beside the trained model: untrained network, PCA, k-means, mean image and chance."""

from __future__ import annotations

from analysis.measures import clustering, controls
from analysis.measures.bench import (
    Bench,
    Table,
    measure_clusters,
    measure_decoder,
    measure_label_information,
    take_sample,
)
from analysis.measures.draws import Model, infer
from analysis.measures.labels import chance_preservation
from analysis.measures.reconstruction import mean_image_reconstruction
from analysis.measures.variance_split import SHARES

CONTROL_MEASURES = (*SHARES, "label_preservation", "mse_mean", "r2_mean", "label_information")
"""The measures of an untrained network and of PCA."""


def measure_controls(bench: Bench, model: Model, untrained: Model) -> dict[str, Table]:
    """Return the tables of all subjects that make sense beside a trained model."""
    tables = {"untrained": _measure_network(bench, untrained, "untrained")}
    if model.code == "gaussian" and model.code_dim and "infer" in model.capabilities:
        pca = controls.principal_components(bench.data.train, model.code_dim)
        tables["pca"] = _measure_network(bench, pca, "pca")
    if model.code == "categorical":
        tables["kmeans"] = _measure_kmeans(bench, model.code_dim)
    return tables | {"mean_image": _measure_mean_image(bench), "chance": _measure_chance(bench)}


def _measure_network(bench: Bench, model: Model, subject: str) -> Table:
    """Return `CONTROL_MEASURES`, as far as the model can have them."""
    if "generate" not in model.capabilities or (model.code_dim and "infer" not in model.capabilities):
        return {}
    train_z = infer(model, bench.train_x, bench.stream(f"{subject}/codes"))
    table: Table = {}
    for split in bench.held_out:
        sample = take_sample(bench, model, subject, split)
        values = measure_decoder(bench, sample)
        if model.code_dim:
            z, y = sample.draws.z, sample.draws.y
            values["label_information"] = measure_label_information(bench, model, train_z, z, y)
        table[split] = {name: values[name] for name in CONTROL_MEASURES if name in values}
    return table


def _measure_kmeans(bench: Bench, num_clusters: int) -> Table:
    centres = controls.kmeans(bench.data.train, num_clusters, bench.stream("kmeans"))
    codes = {split: controls.kmeans_codes(x, centres) for split, (x, _) in bench.held_out.items()}
    return measure_clusters(bench, codes)


def _measure_mean_image(bench: Bench) -> Table:
    return {split: mean_image_reconstruction(x, bench.mean_image) for split, (x, _) in bench.held_out.items()}


def _measure_chance(bench: Bench) -> Table:
    fit = bench.held_out["validation"][1]
    return {
        split: {"clustering_error": clustering.chance_error(fit, y), "label_preservation": chance_preservation(y)}
        for split, (_, y) in bench.held_out.items()
    }
