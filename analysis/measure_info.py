"""What is known of a measure before it is computed, and the configurations in which whole groups have no value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from iae_models.datasets import DATASETS

Better = Literal["lower", "higher", "one", "floor", "neither"]


@dataclass(frozen=True)
class UndefinedWhere:
    """A configuration in which a measure has no value by construction.

    Attributes:
        field: Dotted name of a configuration field.
        value: The value of that field at which the measure is undefined.
        reason: Why, as the end of "… is undefined, because".
    """

    field: str
    value: Any
    reason: str


@dataclass(frozen=True)
class MeasureInfo:
    """What a reader and a plan must know of a measure.

    Attributes:
        label: Short name on axes and in table heads.
        unit: Unit of its value; "fraction" for what lies in [0, 1], "ratio" for another number without a unit.
        description: One sentence.
        better: Which values are better; "one" where 1 is the best, "floor" where the data's own value is, which
            stands beside it, "neither" where no direction is.
        uses_labels: Whether labels enter it, be it only through the classifier that was trained on them.
        undefined: Where it has no value.
        across_k: What its better values owe to the number of categories alone, as the end of "clustering_error, which
            …"; empty where values at different numbers compare.
    """

    label: str
    unit: str
    description: str
    better: Better
    uses_labels: bool = False
    undefined: tuple[UndefinedWhere, ...] = ()
    across_k: str = ""


NO_CODE = UndefinedWhere("model.latent_dim", 0, "with latent dimension 0 there is no code")
NO_NOISE = UndefinedWhere("model.noise_dim", 0, "without noise all reconstructions of one code are the same")
CATEGORICAL_ONLY = UndefinedWhere("model.code", "gaussian", "it is a measure of categorical codes")
GAUSSIAN_ONLY = UndefinedWhere("model.code", "categorical", "it is a measure of Gaussian codes")

NO_LABELS = UndefinedWhere("data.num_labels", 0, "no labels are learnt, so categories are not classes")
NO_VOTES = UndefinedWhere("model.encoder_noise_dim", 0, "without encoder noise all votes are the same")

DECIDED_BY = {
    "z": "the code decides alone",
    "n": "the noise decides alone",
    "zn": "code and noise decide only together",
}
"""Whose share of a variance S_z, S_n and S_zn are, as the end of "share of the variance that …"."""


def shares(
    of: str, label: str, description: str, *, uses_labels: bool = False, undefined: tuple[UndefinedWhere, ...] = ()
) -> dict[str, MeasureInfo]:
    """Return what is known of S_z, S_n and S_zn, by name.

    Args:
        of: The end of their names, such as "label" of `share_z_label`.
        label: The end of their labels.
        description: Their sentence, in which "{who}" stands for what decides.
        uses_labels: As in `MeasureInfo`.
        undefined: As in `MeasureInfo`.
    """
    return {
        f"share_{part}_{of}": MeasureInfo(
            f"S_{part}{label}", "fraction", description.format(who=who), "neither", uses_labels, undefined
        )
        for part, who in DECIDED_BY.items()
    }


FALLS = "falls as the number of categories grows, whatever is learnt"
RISES = "rises with the number of categories for any clusters that follow the images, those of k-means too"
AT_MOST_LN_K = "is at most the logarithm of the number of categories"

CODE = (NO_CODE,)
POINTS = tuple(
    UndefinedWhere("data.name", name, "it is a measure of points")
    for name, info in DATASETS.items()
    if info.holds_images
)
PIXELS = tuple(
    UndefinedWhere("data.name", name, "points have no pixels")
    for name, info in DATASETS.items()
    if not info.holds_images
)
STROKES = tuple(
    UndefinedWhere("data.name", name, "the data are not drawn in strokes")
    for name in DATASETS
    if name not in ("embedded_digits", "mnist")
)
CATEGORICAL = (CATEGORICAL_ONLY,)
GAUSSIAN = (NO_CODE, GAUSSIAN_ONLY)
