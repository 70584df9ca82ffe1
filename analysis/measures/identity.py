"""Does a translation keep what is the same in both domains? The labels of both say so.

    identity_preservation  P[c₂(ẑ) = c₁(x)]

c₁ is the measuring classifier of the images, c₂ that of the second domain, trained alike on its images. Both domains
have the same classes, such as the ten digits in either style. A translation of one class to another may be undone by
its decoder and then has perfect cycles: `image_retrieval` does not see it, this does. Where ẑ says nothing of x it is
Σ_c P[c₁(x) = c] P[c₂(ẑ) = c], at chance.

Reference: Taigman, Polyak and Wolf (2017), Unsupervised cross-domain image generation (accuracy of a classifier of the
target domain on translated images). https://arxiv.org/abs/1611.02200
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from analysis.measures import intervals
from analysis.measures.classifier import Classifier, classifier_for, training_of
from analysis.measures.measurement import Estimate, exact, refused
from iae_models.data import ImageData, Split

NO_COMMON_LABELS = "the domains have no labels in common"


@dataclass(frozen=True, eq=False)
class Readers:
    """What labels of both domains are read off with.

    Attributes:
        image: The measuring classifier c₁ of the images x.
        code: That of the second domain, c₂.
        required: Validation accuracy below which either is refused.
    """

    image: Classifier
    code: Classifier
    required: float


def domain_readers(data: ImageData, folder: Path) -> Readers | None:
    """Return the classifiers of both domains, trained and stored in `folder` where they are not there.

    Returns:
        None where the data have no second domain, or one without labels.
    """
    second = second_domain(data)
    if second is None:
        return None
    return Readers(classifier_for(data, folder), classifier_for(second, folder), training_of(data.name).required)


def second_domain(data: ImageData) -> ImageData | None:
    """Return the second domain as images of their own with their labels; None where it has none."""
    if data.train.code_y is None:
        return None
    train, validation, test = (_codes(split) for split in (data.train, data.validation, data.test))
    return replace(data, name=f"{data.name}-codes", train=train, validation=validation, test=test)


def identity_preservation(x: Tensor, z: Tensor, readers: Readers) -> Estimate:
    """Return P[c₂(ẑ) = c₁(x)] of images with shape (N, C, H, W) and their codes with shape (N, C', H, W)."""
    for words, classifier in (("first", readers.image), ("second", readers.code)):
        if classifier.accuracy < readers.required:
            reason = f"the {words} domain's classifier has accuracy {classifier.accuracy:.3f}, below {readers.required}"
            return refused(reason, len(x), "fraction")
    return intervals.mean_fraction(readers.code.predict(z) == readers.image.predict(x))


def chance_identity(labels: Tensor, code_labels: Tensor) -> Estimate:
    """Return Σ_c p_c q_c of labels (N,) and those of the second domain (M,): what images of it at random come to."""
    num_classes = int(max(labels.max(), code_labels.max())) + 1
    p, q = (item.bincount(minlength=num_classes).double() / len(item) for item in (labels, code_labels))
    return exact((p * q).sum().item(), len(labels), "fraction")


def _codes(split: Split) -> Split:
    assert split.codes is not None and split.code_y is not None
    return Split(split.codes, split.code_y)
