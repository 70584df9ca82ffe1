"""The full suite's measures of a categorical code: clusters and recognition, beside the same of the controls."""

from __future__ import annotations

from torch import Tensor

from analysis.measures.bench import Bench, has_labels, measure_clusters
from analysis.measures.draws import Model, infer
from analysis.measures.measurement import Estimate
from analysis.measures.recognition import measure_recognition


def full_clusters(
    bench: Bench, model: Model, untrained: Model, codes: dict[str, Tensor], num_labels: int
) -> dict[str, dict[str, Estimate]]:
    """Return estimates on test images by subject and name.

    Args:
        bench: What the model is measured on: all held-out images.
        model: The trained model.
        untrained: The same network before its first step.
        codes: The model's codes of the held-out images, with shape (N, K), by split.
        num_labels: Labels that it has learnt.
    """
    recognised = measure_recognition(bench, model, codes, num_labels)["test"]
    tables = {"model": measure_clusters(bench, codes)["test"] | recognised}
    if has_labels(bench):
        stream = bench.stream("untrained/clusters")
        before = {split: infer(untrained, x, stream) for split, (x, _) in bench.held_out.items()}
        tables["untrained"] = measure_clusters(bench, before)["test"]
    return tables
