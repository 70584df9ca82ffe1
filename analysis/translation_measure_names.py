"""The measures of models whose code is an image; see `measure_names`."""

from __future__ import annotations

from analysis.measure_info import MeasureInfo, UndefinedWhere
from iae_models.datasets import DATASETS

NO_ENCODER_NOISE = UndefinedWhere("model.encoder_noise_dim", 0, "without noise all draws are the same")
UNKNOWN_STYLES = tuple(
    UndefinedWhere("data.name", name, "the styles of the second domain are not known")
    for name in DATASETS
    if name not in ("digits_two_styles", "digits_two_styles_mnist")
)

TRANSLATION_MEASURES: dict[str, MeasureInfo] = {
    "image_retrieval": MeasureInfo(
        "image retrieval",
        "fraction",
        "Share of reconstructions whose nearest of all held-out images is their own, codes being images.",
        "higher",
    ),
    "image_retrieval_noisy": MeasureInfo(
        "image retrieval, noisy code",
        "fraction",
        "Image retrieval with noise on the code, in which nothing can then be hidden.",
        "higher",
    ),
    "code_retrieval": MeasureInfo(
        "code retrieval",
        "fraction",
        "Share of inferred codes whose nearest of all true ones is their own, where the domains are paired.",
        "higher",
        undefined=tuple(
            UndefinedWhere("data.name", name, "nothing is paired") for name, info in DATASETS.items() if not info.paired
        ),
    ),
    "identity_preservation": MeasureInfo(
        "identity preservation",
        "fraction",
        "Share of inferred codes to which a classifier of their domain gives the label that one of the other domain "
        "gives the image.",
        "higher",
        uses_labels=True,
        undefined=tuple(
            UndefinedWhere("data.name", name, "the domains have no labels in common")
            for name, info in DATASETS.items()
            if not (info.code_shape and info.num_classes)
        ),
    ),
    "cycle_error": MeasureInfo(
        "cycle error",
        "intensity per pixel",
        "Mean absolute difference of image and reconstruction, codes being images.",
        "lower",
    ),
    "decoder_diversity": MeasureInfo(
        "diversity of reconstructions",
        "fraction",
        "Share of the variance of reconstructions that the decoder's noise decides given the code.",
        "neither",
        undefined=(UndefinedWhere("model.noise_dim", 0, "without noise all draws are the same"),),
    ),
    "encoder_diversity": MeasureInfo(
        "diversity of codes",
        "fraction",
        "Share of the variance of codes that the encoder's noise decides given the image.",
        "neither",
        undefined=(NO_ENCODER_NOISE,),
    ),
    **{
        f"encoder_diversity_{style}": MeasureInfo(
            f"diversity of codes, {style}",
            "fraction",
            f"Share of the variance of the {style} of codes' strokes that the encoder's noise decides given the image; "
            "of the data, the share that the style which an image was drawn in decides.",
            "floor",
            undefined=(NO_ENCODER_NOISE, *UNKNOWN_STYLES),
        )
        for style in ("slant", "thickness")
    },
}
"""Measures of models whose code is an image."""
