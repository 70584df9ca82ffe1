"""The measures of the full suite by name, as `measure_names` has those of every run. Imports no torch.

They are computed after a study by `analysis.measure` and cannot be objectives of a search.
"""

from __future__ import annotations

from analysis.measure_info import MeasureInfo, shares
from analysis.measure_names import MEASURES

GROUPS: dict[str, str] = {
    "decoder": "variance shares, reconstruction, labels, dispersion and energy score on all test images; maps; or "
    "translations, where codes are images",
    "calibration": "the joint two-sample test of (x, ẑ) against (x̂, ẑ), and its power",
    "information": "I(x; ẑ + σξ) with more centres, I(y; ẑ) by probe and by nearest neighbours; clustering and "
    "classification error, votes",
    "rate_distortion": "rate, distortion and fidelity as noise is added to the code",
    "prior": "q(z) against p(z): classifier and kernel two-sample tests; or codes against images of their domain",
    "fidelity": "Fréchet distance in the classifier's features, density and coverage, beside the floor of real images; "
    "sharpness of samples; or images made of the second domain's against images, where codes are images",
    "factors": "variance shares of every known factor of the images",
}
"""What of the full suite can be asked for by itself."""

FULL_MEASURES: dict[str, MeasureInfo] = {
    "joint_accuracy": MeasureInfo(
        "joint test accuracy",
        "fraction",
        "Held-out accuracy of a fresh convolutional critic that tells (x, ẑ) from (x̂, ẑ) at full resolution; .5: no "
        "difference found.",
        "lower",
    ),
    "joint_power": MeasureInfo(
        "joint test power",
        "fraction",
        "Accuracy of the same critic at telling (x, ẑ) from (x, ẑ') with another image's code; .5: it sees no "
        "dependence at all.",
        "higher",
    ),
    "label_information_nearest": MeasureInfo(
        "I(y; z), neighbours",
        "nat",
        "Information between label and continuous code by nearest neighbours.",
        "higher",
        uses_labels=True,
    ),
    "prior_mmd": MeasureInfo(
        "MMD² to the prior",
        "squared kernel mean distance",
        "Unbiased squared maximum mean discrepancy of the inferred codes from the prior's.",
        "lower",
    ),
    "domain_accuracy": MeasureInfo(
        "codes against their domain, accuracy",
        "fraction",
        "Held-out accuracy of a fresh convolutional critic that tells inferred codes, which are images, from images of "
        "their domain; .5: no difference found.",
        "lower",
    ),
    "sample_accuracy": MeasureInfo(
        "samples against images, accuracy",
        "fraction",
        "Held-out accuracy of the same critic at telling images made of images of the second domain from images; .5: "
        "no difference found.",
        "lower",
    ),
    "frechet_samples": MeasureInfo(
        "Fréchet distance, samples",
        "feature²",
        "Fréchet distance of generated images from test images, in the measuring classifier's features.",
        "lower",
        uses_labels=True,
    ),
    "frechet_excess": MeasureInfo(
        "Fréchet distance beyond real images",
        "feature²",
        "Fréchet distance of generated images from test images, less that of training images from the same: 0 is as "
        "near as real images are.",
        "lower",
        uses_labels=True,
    ),
    "frechet_reconstructions": MeasureInfo(
        "Fréchet distance, reconstructions",
        "feature²",
        "Fréchet distance of reconstructions from test images, in the measuring classifier's features.",
        "lower",
        uses_labels=True,
    ),
    "sharpness_samples": MeasureInfo(
        "sharpness of samples",
        "ratio",
        "Total variation of generated images over that of the images; less is blurred, more is noisy.",
        "one",
    ),
    "density": MeasureInfo(
        "density",
        "ratio",
        "How many neighbourhoods of real images a generated image lies in, relative to a real one.",
        "one",
        uses_labels=True,
    ),
    "coverage": MeasureInfo(
        "coverage",
        "fraction",
        "Share of real images with a generated one in their neighbourhood, in the classifier's features.",
        "higher",
        uses_labels=True,
    ),
    "factor_split": MeasureInfo(
        "τ_z",
        "fraction",
        "Share of the variance of a known factor, read off the image by a classifier, that the code decides.",
        "neither",
        uses_labels=True,
    ),
    "factor_preservation": MeasureInfo(
        "preservation",
        "fraction",
        "Probability that the factor's classifier gives a reconstruction the value that it gives the original, "
        "averaged over the factor's values.",
        "higher",
        uses_labels=True,
    ),
    **shares(
        "factor",
        "",
        "Share of the variance of a known factor, read off the image by a classifier, that {who}; S_z is τ_z.",
        uses_labels=True,
    ),
}
"""Every measure of the full suite that no run has by itself, by name; factors add theirs after a slash."""


def measure_info(name: str) -> MeasureInfo | None:
    """Return what is known of a measure of either suite; None for an unknown one."""
    return MEASURES.get(name) or FULL_MEASURES.get(name.partition("/")[0])
