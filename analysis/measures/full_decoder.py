"""The full suite's controls of a decoder: with the codes of other images, and class by class."""

from __future__ import annotations

from torch import Tensor

from analysis.measures.bench import Bench, Sample
from analysis.measures.calibration import energy_score
from analysis.measures.labels import label_preservation
from analysis.measures.measurement import Estimate
from analysis.measures.reconstruction import reconstruction


def _energy_scores(bench: Bench, sample: Sample, x_hat: Tensor, phi_hat: Tensor | None) -> dict[str, Estimate]:
    unit = "feature (Euclidean norm)"
    feature = bench.without_classifier(len(x_hat), unit)
    if sample.phi is not None and phi_hat is not None:
        feature = energy_score(sample.phi, phi_hat, unit)
    pixel = energy_score(sample.draws.x, x_hat, "intensity (Euclidean norm)")
    return {"energy_score_pixel": pixel, "energy_score_feature": feature}


def shuffled_codes(bench: Bench, sample: Sample) -> dict[str, Estimate]:
    """Measure what the model would be worth if each image were given another one's code."""
    # images are in random order; half a turn away none shares a noise with the image
    half = len(sample.draws.x) // 2
    x_hat = sample.draws.x_hat.roll(half, 0)
    phi_hat = None if sample.phi_hat is None else sample.phi_hat.roll(half, 0)
    values = reconstruction(sample.draws.x, x_hat, bench.mean_image) | _energy_scores(bench, sample, x_hat, phi_hat)
    if bench.classifier is not None and sample.phi is not None and phi_hat is not None:
        labels, decoded = (bench.classifier.logits_of_features(part).argmax(-1) for part in (sample.phi, phi_hat))
        values["label_preservation"] = label_preservation(labels, decoded)
    return values


def confusion(bench: Bench, sample: Sample) -> Tensor:
    """Return how often class c(x) is given class c(x̂), with shape (classes, classes), rows c(x)."""
    assert bench.classifier is not None and sample.phi is not None and sample.phi_hat is not None
    labels = bench.classifier.logits_of_features(sample.phi).argmax(-1)
    decoded = bench.classifier.logits_of_features(sample.phi_hat).argmax(-1)
    size = bench.data.num_classes
    places = (labels[:, None] * size + decoded).flatten()
    return places.bincount(minlength=size * size).view(size, size)
