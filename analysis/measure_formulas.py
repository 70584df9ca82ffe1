"""The formula of every measure, and where it is from: a line each, as docs/measures.md prints them. Imports no torch.

x is an image and y its label; ẑ = f(x, ε) its code, p(z) the prior, q(z) the distribution of ẑ over images;
x̂ = g(ẑ, n) and x̂' two reconstructions from one code; c the measuring classifier's class and φ its features.
The functions that compute a measure say more.
"""

from __future__ import annotations

HELD_OUT = "held-out accuracy of a fresh classifier of"

LOPEZ_PAZ = "Lopez-Paz and Oquab (2016), arXiv:1610.06545"
SOBOL = "Gamboa et al. (2014), arXiv:1311.1797"
POOLE = "Poole et al. (2019), arXiv:1905.06922"
GNEITING = "Gneiting and Raftery (2007), energy score"
HEUSEL = "Heusel et al. (2017), arXiv:1706.08500"
NAEEM = "Naeem et al. (2020), arXiv:2002.09797"
VINH = "Vinh, Epps and Bailey (2010)"
PEREZ_CRUZ = "Pérez-Cruz (2008), nearest neighbours"
GOODMAN = "Goodman and Kruskal (1954), τ"
GRASSBERGER = "Grassberger (2003), arXiv:physics/0307138"
OURS = "this project"

SHARES: dict[str, str] = {
    "z": "S_z = 1 − E‖g(z, n) − g(z, n')‖² / 2V, with V = ½E‖g(z, n) − g(z', n')‖²",
    "n": "S_n = 1 − E‖g(z, n) − g(z', n)‖² / 2V, with V = ½E‖g(z, n) − g(z', n')‖²",
    "zn": "S_zn = 1 − S_z − S_n",
}
"""Formulas of the variance shares, whatever they are shares of: pixels, features, a class, a style, a factor."""

FORMULAS: dict[str, tuple[str, str]] = {
    "mse_single": ("E‖x − x̂‖² / D, D pixels", OURS),
    "mse_mean": ("E‖x − E[x̂ given ẑ]‖² / D = mse_single − E v̂ / D, v̂ the variance of draws", OURS),
    "r2_mean": ("1 − mse_mean / (E‖x − x̄‖² / D), x̄ the mean training image", OURS),
    "sharpness": (
        "E TV(x̂) / E TV(x), TV the sum of absolute differences of neighbours",
        "Rudin, Osher and Fatemi (1992)",
    ),
    "sharpness_samples": ("E TV(g(z, n)) / E TV(x), z ~ p(z)", "Rudin, Osher and Fatemi (1992)"),
    "label_preservation": ("P[c(x̂) = c(x)]", OURS),
    "label_agreement": ("AG = P[c(x̂) = c(x̂') given ẑ]", OURS),
    "tau_z": ("(AG − AG0) / (1 − AG0), AG0 = P[c(x̂) = c(x̂'')] for independent codes", GOODMAN),
    "dispersion_ratio": ("ρ = E‖x̂ − x̂'‖² / E‖x − x̂‖²", OURS),
    "dispersion_ratio_feature": ("E‖φ(x̂) − φ(x̂')‖² / E‖φ(x) − φ(x̂)‖²", OURS),
    "energy_score_pixel": ("E‖x − x̂‖ − ½E‖x̂ − x̂'‖", GNEITING),
    "energy_score_feature": ("E‖φ(x) − φ(x̂)‖ − ½E‖φ(x̂) − φ(x̂')‖", GNEITING),
    "information_low": ("E[log N(z̃; z) − log mean_i N(z̃; z_i)], z̃ = z + σsξ, its own centre among the z_i", POOLE),
    "information_high": ("E[log N(z̃; z) − log mean_i N(z̃; z_i)], its own centre left out", POOLE),
    "rate": ("Gaussian codes: information_low; categorical: H(argmax ẑ)", POOLE),
    "label_information": (
        "categorical: I(y; argmax ẑ), less what permuted labels leave; Gaussian: H(y) − a probe's cross-entropy",
        f"{GRASSBERGER}; Xu et al. (2020), arXiv:2002.10689",
    ),
    "label_information_gain": ("I(y; argmax ẑ) − I(y; k-means' cluster), K the same", OURS),
    "label_information_nearest": ("ψ(N) + ψ(k) − mean ψ(N_y) − mean ψ(m)", "Ross (2014)"),
    "prior_accuracy": (f"{HELD_OUT} ẑ against z ~ p(z)", LOPEZ_PAZ),
    "prior_moment_kl": ("½(tr Σ + μᵀμ − d − log det Σ), μ and Σ the moments of ẑ", OURS),
    "prior_mmd": ("E k(a, a') + E k(b, b') − 2E k(a, b), k(a, b) = exp(−‖a − b‖²/2w²)", "Gretton et al. (2012)"),
    "prior_kl": ("KL(mean one-hot ẑ ‖ π), π the prior's masses, less its bias", OURS),
    "critic_accuracy": (f"{HELD_OUT} (x, ẑ) against (x̂, ẑ), images averaged to about 7 × 7", LOPEZ_PAZ),
    "joint_accuracy": (f"{HELD_OUT} (x, ẑ) against (x̂, ẑ), convolutional, at full resolution", LOPEZ_PAZ),
    "joint_power": ("accuracy of the same critic at (x, ẑ) against (x, ẑ'), ẑ' of another image", LOPEZ_PAZ),
    "domain_accuracy": (f"{HELD_OUT} codes against images of their domain", LOPEZ_PAZ),
    "sample_accuracy": (f"{HELD_OUT} g(z, n) against x, z an image of the second domain", LOPEZ_PAZ),
    "clustering_error": ("1 − P[m(argmax ẑ) = y], m a cluster's most frequent label, fitted on other images", OURS),
    "clustering_error_exemplar": (
        "the same, m the label of the image that a cluster holds most surely",
        "Makhzani et al. (2015), arXiv:1511.05644",
    ),
    "clustering_error_hungarian": ("the same, m one to one, at K = number of classes", "Kuhn (1955)"),
    "ami": ("(I(y; k) − E I) / (mean of H(y) and H(k) − E I), E I over permutations", VINH),
    "nmi": ("I(y; k) / mean of H(y) and H(k)", VINH),
    "ari": (
        "Rand index of pairs of images, less its expectation, over the most that it can be",
        "Hubert and Arabie (1985)",
    ),
    "used_clusters": ("number of k that some image has as argmax ẑ", OURS),
    "code_entropy": ("H(argmax ẑ) / ln K", OURS),
    "confidence": ("E max_k ẑ_k", OURS),
    "classification_error": ("P[argmax ẑ ≠ y]", OURS),
    "recognition_error": ("P[argmax f(g(z, n), ε) ≠ z], z ~ p(z)", OURS),
    "synthetic_clustering_error": (
        "1 − P[m(argmax f(x̃, ε)) = c(x̃)], x̃ = g(z, n), z ~ p(z), m that of clustering_error",
        OURS,
    ),
    "recogniser_gap": ("clustering_error − synthetic_clustering_error", OURS),
    "vote_entropy": ("E H(argmax f(x, ε) given x), over ε, less the bias of few draws", GRASSBERGER),
    "vote_separation": ("P[vote entropy of a wrong image > that of a right one]", "Hanley and McNeil (1982)"),
    "component_information": ("I(z; component of g(z, n)), z ~ p(z)", GRASSBERGER),
    "off_modes": ("share of g(z, n) farther from every centre than a fixed radius", OURS),
    "component_spread": ("deviation of g(z, n) within components / that of the data", OURS),
    "component_kl": ("KL(p(component) ‖ p_data(component))", OURS),
    "joint_kl": ("E KL(p(z given x̃) ‖ q(z given x̃)), x̃ = g(z, n)", PEREZ_CRUZ),
    "data_posterior_kl": ("E KL(p(z given x) ‖ q(z given x)), x of the data", PEREZ_CRUZ),
    "data_kl": ("KL(p(x) ‖ p_data(x)), both blurred", PEREZ_CRUZ),
    "bound_kl": ("KL(p(x, z) ‖ p_data(x) q(z given x)), both blurred", PEREZ_CRUZ),
    "code_kl": ("KL(p(z) ‖ q(z))", PEREZ_CRUZ),
    "posterior_overlap": ("error of telling from ẑ which component x is of", OURS),
    "true_overlap": ("error of telling from z which component g(z, n) is of", OURS),
    "image_retrieval": ("P[the nearest of the held-out x to x̂ is its own]", OURS),
    "image_retrieval_noisy": ("the same, with normal noise on ẑ", OURS),
    "code_retrieval": ("P[the nearest of the true codes to ẑ is its own]", OURS),
    "identity_preservation": ("P[c'(ẑ) = c(x)], c and c' classifiers of the two domains", OURS),
    "cycle_error": ("mean of the absolute differences of x and x̂", OURS),
    "decoder_diversity": ("E‖x̂ − x̂'‖² for one code / E‖x̂ − x̂'‖² for any two", SOBOL),
    "encoder_diversity": ("E‖ẑ − ẑ'‖² for one image / E‖ẑ − ẑ'‖² for any two", SOBOL),
    **{
        f"encoder_diversity_{style}": (f"E Var[{style} of ẑ given x] / Var[{style} of ẑ], over ε", SOBOL)
        for style in ("slant", "thickness")
    },
    "frechet_samples": ("‖μ − μ'‖² + tr(C + C' − 2(CC')^½) of φ(g(z, n)) and φ(x), less its bias", HEUSEL),
    "frechet_excess": ("frechet_samples − the same of training images", HEUSEL),
    "frechet_reconstructions": ("‖μ − μ'‖² + tr(C + C' − 2(CC')^½) of φ(x̂) and φ(x), less its bias", HEUSEL),
    "density": ("mean number of real k-neighbourhoods that φ(g(z, n)) lies in / k", NAEEM),
    "coverage": ("share of real k-neighbourhoods with some φ(g(z, n)) in them", NAEEM),
    "factor_split": ("τ_z of a factor's class", GOODMAN),
    "factor_preservation": ("mean over v of P[c_f(x̂) = v | c_f(x) = v], c_f the factor's classifier", OURS),
}
"""Formula and source by the name of the measure; those of the variance shares are `SHARES`."""


def formula_of(name: str) -> tuple[str, str]:
    """Return the formula of a measure, and its source.

    Raises:
        KeyError: It has none.
    """
    if name.startswith("share_"):
        return SHARES[name.split("_")[1]], SOBOL
    return FORMULAS[name]
