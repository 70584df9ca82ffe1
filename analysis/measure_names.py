"""Every measure by name: what it says, its unit, which way is better, and where it is undefined. Imports no torch.

`analysis.measures` computes them; a study's objectives, tables and figures name them. z is the code, n the decoder's
noise, x an image, x̂ and x̂' two reconstructions from one code. Formulas and sources stand beside the functions that
compute them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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


_NO_CODE = UndefinedWhere("model.latent_dim", 0, "with latent dimension 0 there is no code")
_NO_NOISE = UndefinedWhere("model.noise_dim", 0, "without noise all reconstructions of one code are the same")
_CATEGORICAL_ONLY = UndefinedWhere("model.code", "gaussian", "it is a measure of categorical codes")
_GAUSSIAN_ONLY = UndefinedWhere("model.code", "categorical", "it is a measure of Gaussian codes")

_NO_LABELS = UndefinedWhere("data.num_labels", 0, "no labels are learnt, so categories are not classes")
_NO_VOTES = UndefinedWhere("model.encoder_noise_dim", 0, "without encoder noise all votes are the same")

_FALLS = "falls as the number of categories grows, whatever is learnt"
_RISES = "rises with the number of categories for any clusters that follow the images, those of k-means too"
_AT_MOST_LN_K = "is at most the logarithm of the number of categories"

_CODE = (_NO_CODE,)
_POINTS = tuple(
    UndefinedWhere("data.name", name, "it is a measure of points")
    for name, info in DATASETS.items()
    if info.holds_images
)
_STROKES = tuple(
    UndefinedWhere("data.name", name, "the data are not drawn in strokes")
    for name in DATASETS
    if name not in ("embedded_digits", "mnist")
)
_CATEGORICAL = (_CATEGORICAL_ONLY,)
_GAUSSIAN = (_NO_CODE, _GAUSSIAN_ONLY)

_VECTORS: dict[str, MeasureInfo] = {
    "mse_single": MeasureInfo(
        "MSE, one draw",
        "intensity² per pixel",
        "Mean squared error per pixel of one reconstruction, images in [0, 1].",
        "lower",
    ),
    "mse_mean": MeasureInfo(
        "MSE, mean of draws",
        "intensity² per pixel",
        "Mean squared error per pixel of the mean reconstruction over noise, corrected for the finite number of draws.",
        "lower",
    ),
    "r2_mean": MeasureInfo(
        "R² of the mean",
        "fraction",
        "Share of the images' pixel variance that the mean reconstruction over noise explains.",
        "higher",
    ),
    "share_z_pixel": MeasureInfo(
        "S_z, pixels",
        "fraction",
        "Share of the pixel variance of generated images that the code decides alone, codes drawn from q(z).",
        "neither",
    ),
    "share_n_pixel": MeasureInfo(
        "S_n, pixels",
        "fraction",
        "Share of the pixel variance of generated images that the noise decides alone, codes drawn from q(z).",
        "neither",
    ),
    "share_zn_pixel": MeasureInfo(
        "S_zn, pixels",
        "fraction",
        "Share of the pixel variance of generated images that code and noise decide only together.",
        "neither",
    ),
    "share_z_feature": MeasureInfo(
        "S_z, features",
        "fraction",
        "Share of the variance of generated images in the classifier's features that the code decides alone.",
        "neither",
        uses_labels=True,
    ),
    "share_n_feature": MeasureInfo(
        "S_n, features",
        "fraction",
        "Share of the variance of generated images in the classifier's features that the noise decides alone.",
        "neither",
        uses_labels=True,
    ),
    "share_zn_feature": MeasureInfo(
        "S_zn, features",
        "fraction",
        "Share of the variance in the classifier's features that code and noise decide only together.",
        "neither",
        uses_labels=True,
    ),
    "share_z_pixel_prior": MeasureInfo(
        "S_z, pixels, prior",
        "fraction",
        "Share of the pixel variance of generated images that the code decides alone, codes drawn from the prior.",
        "neither",
    ),
    "share_n_pixel_prior": MeasureInfo(
        "S_n, pixels, prior",
        "fraction",
        "Share of the pixel variance of generated images that the noise decides alone, codes drawn from the prior.",
        "neither",
    ),
    "share_zn_pixel_prior": MeasureInfo(
        "S_zn, pixels, prior",
        "fraction",
        "Share of the pixel variance that code and noise decide only together, codes drawn from the prior.",
        "neither",
    ),
    **{
        f"share_{part}_{style}": MeasureInfo(
            f"S_{part}, {style}",
            "fraction",
            f"Share of the variance of generated digits' {style} that {who}, codes drawn from the prior.",
            "neither",
            undefined=_STROKES,
        )
        for style in ("slant", "thickness")
        for part, who in (
            ("z", "the code decides alone"),
            ("n", "the noise decides alone"),
            ("zn", "code and noise decide only together"),
        )
    },
    "label_preservation": MeasureInfo(
        "label preservation",
        "fraction",
        "Probability that the classifier gives a reconstruction the class that it gives the original.",
        "higher",
        uses_labels=True,
    ),
    "label_agreement": MeasureInfo(
        "label agreement",
        "fraction",
        "Probability that the classifier gives two reconstructions of one code the same class.",
        "neither",
        uses_labels=True,
    ),
    "tau_z": MeasureInfo(
        "τ_z",
        "fraction",
        "Share of the variance of the classifier's class that the code decides: label agreement above chance.",
        "neither",
        uses_labels=True,
    ),
    "dispersion_ratio": MeasureInfo(
        "dispersion ratio ρ",
        "ratio",
        "Squared distance of two reconstructions of one code over that of image and reconstruction; 1 is calibrated.",
        "one",
        undefined=(_NO_NOISE,),
    ),
    "energy_score_pixel": MeasureInfo(
        "energy score, pixels",
        "intensity (Euclidean norm)",
        "Conditional energy score E‖x − x̂‖ − ½ E‖x̂ − x̂'‖ in pixels.",
        "lower",
    ),
    "energy_score_feature": MeasureInfo(
        "energy score, features",
        "feature (Euclidean norm)",
        "Conditional energy score E‖x − x̂‖ − ½ E‖x̂ − x̂'‖ in the classifier's features.",
        "lower",
        uses_labels=True,
    ),
    "information_low": MeasureInfo(
        "I_σ, lower bound",
        "nat",
        "Lower bound of the information between the image and its code blurred by one standard deviation.",
        "neither",
        undefined=_GAUSSIAN,
    ),
    "information_high": MeasureInfo(
        "I_σ, upper bound",
        "nat",
        "Upper bound of the information between the image and its code blurred by one standard deviation.",
        "neither",
        undefined=_GAUSSIAN,
    ),
    "rate": MeasureInfo(
        "rate",
        "nat",
        "Information that the code offers, whatever the decoder makes of it: the lower bound of I_σ, d/2 ln 2 for a "
        "code that follows a standard normal prior; or the entropy of the most probable category, though decoder and "
        "critic are given soft categorical codes.",
        "neither",
        undefined=_CODE,
        across_k=_AT_MOST_LN_K,
    ),
    "label_information": MeasureInfo(
        "I(y; z)",
        "nat",
        "Information between the label and the code, of a categorical one the most probable category, though "
        "decoder and critic are given soft codes.",
        "higher",
        uses_labels=True,
        undefined=_CODE,
        across_k=_RISES,
    ),
    "prior_accuracy": MeasureInfo(
        "q(z) against p(z), accuracy",
        "fraction",
        "Held-out accuracy of a classifier that tells inferred codes from the prior's; .5: it finds no difference; "
        "categorical codes enter as their most probable category, though decoder and critic are given soft ones.",
        "lower",
        undefined=_CODE,
    ),
    "prior_moment_kl": MeasureInfo(
        "KL of moments to the prior",
        "nat",
        "Divergence of the Gaussian with the moments of the inferred codes from the prior.",
        "lower",
        undefined=_GAUSSIAN,
    ),
    "prior_kl": MeasureInfo(
        "KL of cluster use to the prior",
        "nat",
        "Divergence of the mean one-hot code from the prior's class probabilities.",
        "lower",
        undefined=_CATEGORICAL,
    ),
    "critic_accuracy": MeasureInfo(
        "critic accuracy",
        "fraction",
        "Held-out accuracy of a small fresh critic that tells (x, ẑ) from (x̂, ẑ), images averaged to about 7x7, so "
        "blind to finer detail; .5: this critic finds no difference.",
        "lower",
    ),
    "clustering_error": MeasureInfo(
        "clustering error",
        "fraction",
        "Share of images whose cluster's majority label, learnt on other images, is not theirs; falls as K grows.",
        "lower",
        uses_labels=True,
        undefined=_CATEGORICAL,
        across_k=_FALLS,
    ),
    "clustering_error_exemplar": MeasureInfo(
        "clustering error, exemplars",
        "fraction",
        "Clustering error where a cluster has the label of its most confident image, as in adversarial autoencoders.",
        "lower",
        uses_labels=True,
        undefined=_CATEGORICAL,
        across_k=_FALLS,
    ),
    "ami": MeasureInfo(
        "adjusted mutual information",
        "fraction",
        "Mutual information of cluster and label, adjusted for chance. Not comparable across K.",
        "higher",
        uses_labels=True,
        undefined=_CATEGORICAL,
        across_k="is divided by the mean entropy of labels and categories, so it favours as many categories as classes",
    ),
    "label_information_gain": MeasureInfo(
        "I(y; k) beyond k-means",
        "nat",
        "Information between label and most probable category, less that of k-means with as many clusters on the same "
        "images; 0 is k-means, at every K.",
        "higher",
        uses_labels=True,
        undefined=_CATEGORICAL,
    ),
    "used_clusters": MeasureInfo(
        "used clusters",
        "clusters",
        "Number of categories that are the most probable one of at least one image.",
        "higher",
        undefined=_CATEGORICAL,
        across_k="is at most the number of categories",
    ),
    "code_entropy": MeasureInfo(
        "H(ẑ)/ln K",
        "fraction",
        "Entropy of the most probable category over the images, relative to that of equal use.",
        "higher",
        undefined=_CATEGORICAL,
    ),
    "classification_error": MeasureInfo(
        "classification error",
        "fraction",
        "Share of images whose most probable category is not their class, where labels were learnt.",
        "lower",
        uses_labels=True,
        undefined=(*_CATEGORICAL, _NO_LABELS),
    ),
    "recognition_error": MeasureInfo(
        "recognition error",
        "fraction",
        "Share of generated images whose recognised category is not the one that they were made from.",
        "lower",
        undefined=_CATEGORICAL,
        across_k="rises with the number of categories, since one of few is easier to tell",
    ),
    "vote_entropy": MeasureInfo(
        "entropy of ε-votes",
        "nat",
        "Mean entropy of an image's recognised category over draws of the encoder's noise.",
        "neither",
        undefined=(*_CATEGORICAL, _NO_VOTES),
    ),
    "vote_separation": MeasureInfo(
        "votes against errors",
        "fraction",
        "Probability that a wrongly labelled image has the larger entropy of ε-votes of a wrong and a right one.",
        "higher",
        uses_labels=True,
        undefined=(*_CATEGORICAL, _NO_VOTES),
    ),
    "component_information": MeasureInfo(
        "I(z; component)",
        "nat",
        "Information between the category that a point was generated from and the component that it lies in.",
        "higher",
        undefined=(_CATEGORICAL_ONLY, *_POINTS),
        across_k=_AT_MOST_LN_K,
    ),
    "off_modes": MeasureInfo(
        "share off the modes",
        "fraction",
        "Share of generated points that are far from the centre of every component; the data have a share of their "
        "own, the floor.",
        "floor",
        undefined=_POINTS,
    ),
    "component_spread": MeasureInfo(
        "spread within components",
        "ratio",
        "Standard deviation within components of generated points on the modes, relative to the data's.",
        "one",
        undefined=(*_POINTS, UndefinedWhere("data.name", "four_points", "the components are points")),
    ),
    "component_kl": MeasureInfo(
        "KL of component frequencies",
        "nat",
        "Divergence of the generated points' nearest components from those of the data: a lower bound of "
        "KL(p(x) ‖ data), which does not see points off the modes.",
        "lower",
        undefined=_POINTS,
    ),
    "joint_kl": MeasureInfo(
        "KL(p(z|x) ‖ q(z|x)), generated",
        "nat",
        "Divergence of generated points with their codes from the same points with recognised ones, both blurred by "
        "0.1.",
        "lower",
        undefined=(*_GAUSSIAN, *_POINTS),
    ),
    "data_posterior_kl": MeasureInfo(
        "KL(p(z|x) ‖ q(z|x)), data",
        "nat",
        "Divergence, for data, of the codes of generated points on their component's mode from the inferred ones.",
        "lower",
        undefined=(*_GAUSSIAN, *_POINTS),
    ),
    "code_kl": MeasureInfo(
        "KL(p(z) ‖ q(z))",
        "nat",
        "Divergence of the prior from the aggregated posterior.",
        "lower",
        undefined=(*_GAUSSIAN, *_POINTS),
    ),
    "posterior_overlap": MeasureInfo(
        "overlap of q(z|x)",
        "fraction",
        "Error of telling from an inferred code which component its point is of.",
        "lower",
        undefined=(*_GAUSSIAN, *_POINTS),
    ),
    "true_overlap": MeasureInfo(
        "overlap of p(z|x)",
        "fraction",
        "Error of telling from the code of a generated point on a mode which component it is of.",
        "lower",
        undefined=(*_GAUSSIAN, *_POINTS),
    ),
    "confidence": MeasureInfo(
        "confidence",
        "fraction",
        "Mean probability of the most probable category.",
        "neither",
        undefined=_CATEGORICAL,
    ),
}
"""Measures of models whose code is a vector."""

_IMAGE_CODES: dict[str, MeasureInfo] = {
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
        undefined=(UndefinedWhere("model.encoder_noise_dim", 0, "without noise all draws are the same"),),
    ),
}

MEASURES: dict[str, MeasureInfo] = {
    name: replace(info, undefined=(*info.undefined, UndefinedWhere("model.code", "image", "the code is no vector")))
    for name, info in _VECTORS.items()
} | {
    name: replace(
        info,
        undefined=(
            *info.undefined,
            *(UndefinedWhere("model.code", code, "the code is no image") for code in ("gaussian", "categorical")),
        ),
    )
    for name, info in _IMAGE_CODES.items()
}
"""Every measure by name."""
