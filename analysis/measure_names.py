"""Every measure by name: what it says, its unit, which way is better, and where it is undefined. Imports no torch.

`analysis.measures` computes them; a study's objectives, tables and figures name them. z is the code, n the decoder's
noise, x an image, x̂ and x̂' two reconstructions from one code. Formulas and sources stand beside the functions that
compute them.
"""

from __future__ import annotations

from dataclasses import replace

from analysis.cluster_measure_names import CLUSTER_MEASURES, POINT_MEASURES
from analysis.measure_info import (
    AT_MOST_LN_K,
    CODE,
    GAUSSIAN,
    NO_NOISE,
    PIXELS,
    RISES,
    STROKES,
    MeasureInfo,
    UndefinedWhere,
    shares,
)
from analysis.translation_measure_names import TRANSLATION_MEASURES

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
    "sharpness": MeasureInfo(
        "sharpness",
        "ratio",
        "Total variation of reconstructions over that of the images; less is blurred, more is noisy.",
        "one",
        undefined=PIXELS,
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
    **shares(
        "feature_prior",
        ", features, prior",
        "Share of the variance in the classifier's features that {who}, codes drawn from the prior.",
        uses_labels=True,
    ),
    **{
        name: info
        for suffix, label, source in (("", "", "q(z)"), ("_prior", ", prior", "the prior"))
        for style in ("slant", "thickness")
        for name, info in shares(
            f"{style}{suffix}",
            f", {style}{label}",
            f"Share of the variance of generated digits' {style} that {{who}}, codes drawn from {source}.",
            undefined=STROKES,
        ).items()
    },
    **shares(
        "label",
        ", label",
        "Share of the variance of the classifier's class of generated images that {who}; S_z is τ_z.",
        uses_labels=True,
    ),
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
        undefined=(NO_NOISE,),
    ),
    "dispersion_ratio_feature": MeasureInfo(
        "ρ, features",
        "ratio",
        "The dispersion ratio ρ in the classifier's features.",
        "one",
        uses_labels=True,
        undefined=(NO_NOISE,),
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
        undefined=GAUSSIAN,
    ),
    "information_high": MeasureInfo(
        "I_σ, upper bound",
        "nat",
        "Upper bound of the information between the image and its code blurred by one standard deviation.",
        "neither",
        undefined=GAUSSIAN,
    ),
    "rate": MeasureInfo(
        "rate",
        "nat",
        "Information that the code offers, whatever the decoder makes of it: the lower bound of I_σ, d/2 ln 2 for a "
        "code that follows a standard normal prior; or the entropy of the most probable category, though decoder and "
        "critic are given soft categorical codes.",
        "neither",
        undefined=CODE,
        across_k=AT_MOST_LN_K,
    ),
    "label_information": MeasureInfo(
        "I(y; z)",
        "nat",
        "Information between the label and the code, of a categorical one the most probable category, though "
        "decoder and critic are given soft codes.",
        "higher",
        uses_labels=True,
        undefined=CODE,
        across_k=RISES,
    ),
    "prior_accuracy": MeasureInfo(
        "q(z) against p(z), accuracy",
        "fraction",
        "Held-out accuracy of a classifier that tells inferred codes from the prior's; .5: it finds no difference; "
        "categorical codes enter as their most probable category, though decoder and critic are given soft ones.",
        "lower",
        undefined=CODE,
    ),
    "prior_moment_kl": MeasureInfo(
        "KL of moments to the prior",
        "nat",
        "Divergence of the Gaussian with the moments of the inferred codes from the prior.",
        "lower",
        undefined=GAUSSIAN,
    ),
    "critic_accuracy": MeasureInfo(
        "critic accuracy",
        "fraction",
        "Held-out accuracy of a small fresh critic that tells (x, ẑ) from (x̂, ẑ), images averaged to about 7x7, so "
        "blind to finer detail; .5: this critic finds no difference.",
        "lower",
    ),
    **CLUSTER_MEASURES,
    **POINT_MEASURES,
}
"""Measures of models whose code is a vector."""

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
    for name, info in TRANSLATION_MEASURES.items()
}
"""Every measure by name."""
