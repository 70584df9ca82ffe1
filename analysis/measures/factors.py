"""Which factors of an image does the code decide, where they are known? A split for each.

A classifier c_f reads factor f off an image; it is trained like the measuring classifier, on the training images'
factors. Then, as for labels,

    factor_split         τ_z of c_f(x̂): share of the factor's variance that the code decides
    share_z_factor, share_n_factor, share_zn_factor
                         the three shares of the one-hot c_f(x̂); the first is τ_z again, from fewer pairs
    factor_preservation  P[c_f(x̂) = c_f(x)]

A half-hidden digit cannot be read as well as a label. A classifier that is right on 80 to 95 % of validation images
gives values that are marked as read with error; below that it is refused. Such a value is no bound: errors that follow
the noise lower τ_z, and a classifier that takes one value of the factor for another does not see that the noise
exchanges them, which raises it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from analysis.measures.bench import Sample
from analysis.measures.classifier import REQUIRED_ACCURACY, Classifier, Training, classifier_for
from analysis.measures.draws import BROKEN_IMAGES, all_finite
from analysis.measures.labels import label_preservation, label_shares, label_split
from analysis.measures.measurement import Estimate, invalid, refused
from iae_models.data import ImageData, Split

STEPS = 1500
"""Training steps of a factor's classifier: factors such as half-hidden digits are harder than labels."""

FACTORS = ("factor_split", "factor_preservation", "share_z_factor", "share_n_factor", "share_zn_factor")
"""The names of the measures of each factor, before the slash."""

READABLE = 0.8
"""Validation accuracy below which a factor's classifier is refused."""


def factor_classifiers(data: ImageData, folder: Path) -> dict[str, Classifier]:
    """Return the classifier of each known factor, trained and stored in `folder` where it is not there."""
    return {name: classifier_for(_labelled(data, name), folder, Training(STEPS)) for name in sorted(data.train.factors)}


def measure_factors(sample: Sample, classifiers: dict[str, Classifier]) -> dict[str, Estimate]:
    """Return every measure of `FACTORS` of each factor, as `factor_split/ink`."""
    return {
        f"{measure}/{name}": value
        for name, classifier in classifiers.items()
        for measure, value in _measure(sample, classifier).items()
    }


def _measure(sample: Sample, classifier: Classifier) -> dict[str, Estimate]:
    x, x_hat = sample.draws.x, sample.draws.x_hat
    if classifier.accuracy < READABLE:
        reason = f"the factor's classifier has accuracy {classifier.accuracy:.3f}, below {READABLE}"
        return dict.fromkeys(FACTORS, refused(reason, len(x), "fraction"))
    if not all_finite(x_hat):
        return dict.fromkeys(FACTORS, invalid(BROKEN_IMAGES, len(x), "fraction"))
    labels = classifier.predict(x)
    decoded: Tensor = classifier.predict(x_hat.flatten(0, 1)).view(x_hat.shape[:2])
    classes = int(classifier.parameters["last.bias"].numel())
    found = {
        "factor_split": label_split(decoded, classes)["tau_z"],
        "factor_preservation": label_preservation(labels, decoded),
        **label_shares(decoded, classes, "factor"),
    }
    if classifier.accuracy >= REQUIRED_ACCURACY:
        return found
    return {name: item.misread("the factor", classifier.accuracy) for name, item in found.items()}


def _labelled(data: ImageData, factor: str) -> ImageData:
    """Return the data with a factor in the place of labels."""

    def split(part: Split) -> Split:
        return replace(part, y=part.factors[factor])

    num_classes = int(data.train.factors[factor].max()) + 1
    splits = (split(data.train), split(data.validation), split(data.test))
    return ImageData(f"{data.name}-{factor}", data.fingerprint, num_classes, *splits)
