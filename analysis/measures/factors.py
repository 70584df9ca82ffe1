"""Which factors of an image does the code decide, where they are known? A split for each.

A classifier c_f reads factor f off an image; it is trained like the measuring classifier, on the training images'
factors. Then, as for labels,

    factor_split         τ_z of c_f(x̂): share of the factor's variance that the code decides
    share_z_factor, share_n_factor, share_zn_factor
                         the three shares of the one-hot c_f(x̂); the first is τ_z again, from fewer pairs
    factor_preservation  P[c_f(x̂) = c_f(x) | c_f(x) = v], averaged over the values v of the factor

A half-hidden digit cannot be read as well as a label. A classifier that is right on 80 to 95 % of validation images
gives values that are marked as read with error; below that it is refused. Few faces wear glasses, and who says of all
that they wear none is right on nearly all: accuracies, too, are means over the values of the factor. A value that was
read with error is no bound: errors that follow the noise lower τ_z, and a classifier that takes one value of the factor
for another does not see that the noise exchanges them, which raises it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.bench import Sample
from analysis.measures.classifier import REQUIRED_ACCURACY, Classifier, Training, classifier_for
from analysis.measures.draws import BROKEN_IMAGES, all_finite
from analysis.measures.labels import label_shares, label_split
from analysis.measures.measurement import Estimate, invalid, refused
from iae_models.data import ImageData, Split

STEPS = 1500
"""Training steps of a factor's classifier: factors such as half-hidden digits are harder than labels."""

FACTORS = ("factor_split", "factor_preservation", "share_z_factor", "share_n_factor", "share_zn_factor")
"""The names of the measures of each factor, before the slash."""

READABLE = 0.8
"""Validation accuracy below which a factor's classifier is refused."""


@dataclass(frozen=True, eq=False)
class FactorReader:
    """Reads a factor off images.

    Attributes:
        classifier: c_f.
        accuracy: Mean over the factor's values of the share of validation images with this value that are read right.
    """

    classifier: Classifier
    accuracy: float


def factor_readers(data: ImageData, folder: Path) -> dict[str, FactorReader]:
    """Return the reader of each known factor; its classifier is trained and stored in `folder` if it is not there."""
    return {name: _reader(_labelled(data, name), folder) for name in sorted(data.train.factors)}


def _reader(data: ImageData, folder: Path) -> FactorReader:
    classifier = classifier_for(data, folder, Training(STEPS))
    with torch.inference_mode():
        right = classifier.predict(data.validation.images()) == data.validation.y
    accuracy = intervals.class_mean_fraction(right, data.validation.y).value
    assert accuracy is not None  # there are validation images
    return FactorReader(classifier, accuracy)


def measure_factors(sample: Sample, readers: dict[str, FactorReader]) -> dict[str, Estimate]:
    """Return every measure of `FACTORS` of each factor, as `factor_split/ink`."""
    return {
        f"{measure}/{name}": value
        for name, reader in readers.items()
        for measure, value in _measure(sample, reader).items()
    }


def _measure(sample: Sample, reader: FactorReader) -> dict[str, Estimate]:
    x, x_hat, classifier = sample.draws.x, sample.draws.x_hat, reader.classifier
    if reader.accuracy < READABLE:
        reason = f"the factor's classifier has accuracy {reader.accuracy:.3f}, below {READABLE}"
        return dict.fromkeys(FACTORS, refused(reason, len(x), "fraction"))
    if not all_finite(x_hat):
        return dict.fromkeys(FACTORS, invalid(BROKEN_IMAGES, len(x), "fraction"))
    labels = classifier.predict(x)
    decoded: Tensor = classifier.predict(x_hat.flatten(0, 1)).view(x_hat.shape[:2])
    classes = int(classifier.parameters["last.bias"].numel())
    found = {
        "factor_split": label_split(decoded, classes)["tau_z"],
        "factor_preservation": _preservation(labels, decoded),
        **label_shares(decoded, classes, "factor"),
    }
    if reader.accuracy >= REQUIRED_ACCURACY:
        return found
    return {name: item.misread("the factor", reader.accuracy) for name, item in found.items()}


def _preservation(labels: Tensor, decoded: Tensor) -> Estimate:
    kept = (decoded == labels[:, None]).double().mean(1)
    return intervals.class_mean_fraction(kept, labels, neighbours=True)


def _labelled(data: ImageData, factor: str) -> ImageData:
    """Return the data with a factor in the place of labels."""

    def split(part: Split) -> Split:
        return replace(part, y=part.factors[factor])

    num_classes = int(data.train.factors[factor].max()) + 1
    splits = (split(data.train), split(data.validation), split(data.test))
    return ImageData(f"{data.name}-{factor}", data.fingerprint, num_classes, *splits)
