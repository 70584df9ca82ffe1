"""The systems of the paper, one row each: what it reports, which study answers it, and which numbers are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table "paper / ours / how".

    Attributes:
        place: Figure, section or equation of the paper.
        system: What is trained.
        published: What the paper reports.
        study: Name of the study, a file in `search_spaces/`.
        blocks: The blocks of that study that the row is about.
        measures: Their measures, of the quick and of the full suite, the most important first.
        needs: Data that it takes and that cannot be downloaded everywhere; empty where there is none.
        note: What was chosen where the paper is silent, or what no measure says; empty where there is nothing to say.
    """

    place: str
    system: str
    published: str
    study: str
    blocks: tuple[str, ...]
    measures: tuple[str, ...]
    needs: str = ""
    note: str = ""


SPLIT = ("share_z_feature", "label_preservation", "r2_mean", "joint_accuracy", "critic_accuracy")
FIDELITY = ("frechet_reconstructions", "frechet_samples", "sharpness", "sharpness_samples")
SAMPLES = ("frechet_samples", "sharpness_samples")
INFORMATION = ("information_low", "information_high", "label_information")
DIGITS = tuple(f"factor_split/{name}" for name in ("middle", "left", "right", "ink", "background"))
FACES = tuple(
    f"factor_{kind}/{name}"
    for name in ("Eyeglasses", "Mustache", "Smiling", "Male")
    for kind in ("split", "preservation")
)
CLUSTERS = (
    *("clustering_error", "used_clusters", "confidence", "dispersion_ratio"),
    *("share_n_slant_prior", "share_zn_slant_prior", "share_n_thickness_prior", "share_zn_thickness_prior"),
)
MIXTURE = ("component_information", "off_modes", "component_spread", "component_kl", "data_kl")
POSTERIORS = (
    *("off_modes", "component_kl", "data_kl", "bound_kl", "joint_kl", "data_posterior_kl", "code_kl"),
    *("posterior_overlap", "true_overlap"),
)

TRANSLATIONS = (
    *("image_retrieval", "image_retrieval_noisy", "code_retrieval", "identity_preservation"),
    *("sample_accuracy", "cycle_error", "decoder_diversity", "encoder_diversity"),
    *("encoder_diversity_slant", "encoder_diversity_thickness"),
)
RECOGNISER = (
    *("clustering_error", "synthetic_clustering_error", "recogniser_gap"),
    *("recognition_error", "vote_entropy", "vote_separation"),
)
CLASS_PRIOR = "the prior has the class frequencies of all training labels"
FROZEN = "the encoder frozen at its random start"
STABILITY = "how stable training is shows in ± over seeds and in the runs that failed"
PICTURE = "how its discriminator sees a code that is an image is not in the paper: here as channels of one picture"
THREE = ("cycleiae", "cyclegan", "marginal")

ROWS: tuple[Row, ...] = (
    Row("Fig. 2", "IAE, MNIST: 20; 10 + 100; 5 + 100; no code", "near-perfect reconstructions at 20; labels kept at "
        "10; 3, 5, 8 and 4, 9 merge at 5", "mnist_decomposition", ("gaussian", "no_code"), (*SPLIT, *FIDELITY)),
    Row("Fig. 2, ours", "batch normalization in the discriminators behind the ReLU, as Table 1 prints it", "–",
        "mnist_decomposition", ("paper_discriminator",), (*SPLIT, *FIDELITY)),
    Row("Fig. 2, ours", FROZEN, "–", "mnist_decomposition", ("frozen",), (*SPLIT, *FIDELITY)),
    Row("Fig. 2, ours", "IAE, Fashion-MNIST: 20; 10 + 100; 5 + 100; no code", "–", "fashion_decomposition",
        ("gaussian", "no_code"), (*SPLIT, *FIDELITY)),
    Row("Fig. 2, ours", f"Fashion-MNIST, {FROZEN}", "–", "fashion_decomposition", ("frozen",), (*SPLIT, *FIDELITY)),
    Row("Fig. 6, ours", "IAE, Fashion-MNIST, K = 10 and 30; with VAT + balance", "–", "fashion_decomposition",
        ("categorical", "categorical_vat_balance"), CLUSTERS[:4]),
    Row("Fig. 2, § 2", "no code: the unconditional GAN", "the noise captures everything", "four_cases", ("no_code",),
        (*SAMPLES, "joint_accuracy", "critic_accuracy")),
    Row("§ 2", "Cases 1 to 4", "1, 2: exact reconstructions; 3, 4: high-level information in the code", "four_cases",
        ("cases",), (*SPLIT, "prior_accuracy", *FIDELITY)),
    Row("§ 2", "Case 4 by f-GAN: forward KL for the pairs, reverse KL for the codes", "f-GAN may stand for GAN",
        "four_cases", ("divergences",), (*SPLIT, "prior_accuracy", *FIDELITY)),
    Row("§ 2, Case 4", "a prior fitted to Case 3 after training", "named as the lesser solution", "four_cases",
        ("fitted_prior",), (*SAMPLES, "prior_accuracy", "label_preservation")),
    Row("§ 2", "the distributions of prior and noise", "their capacity sets the split", "distributions",
        ("distributions",), SPLIT),
    Row("Fig. 3", "IAE, SVHN: 150; 75 + 1000; no code", "the middle digit is kept, its neighbours are not",
        "svhn_decomposition", ("deterministic", "stochastic", "no_code"), (*SPLIT, *FIDELITY), "SVHN",
        "SVHN has no labels of the neighbours, so no measure says what becomes of them"),
    Row("Fig. 3, ours", FROZEN, "–", "svhn_decomposition", ("frozen",), (*SPLIT, *FIDELITY), "SVHN"),
    Row("Fig. 3, with known factors", "IAE, street digits: 150; 75 + 1000; no code", "as for SVHN", "street_digits",
        ("deterministic", "stochastic", "no_code"), (*DIGITS, *SPLIT, *FIDELITY)),
    Row("Fig. 3, with known factors, ours", FROZEN, "–", "street_digits", ("frozen",), (*DIGITS, *SPLIT)),
    Row("Fig. 4", "IAE, CelebA 48 x 48: 150; 50 + 1000; no code", "the face's shape is kept, glasses and smile are not",
        "celeba_decomposition", ("deterministic", "stochastic", "no_code"), (*FACES, *SPLIT, *FIDELITY), "CelebA"),
    Row("Fig. 4, ours", FROZEN, "–", "celeba_decomposition", ("frozen",), (*FACES, *SPLIT), "CelebA"),
    Row("Fig. 5b", "GAN, seven Gaussians", "ignores its categories; points between the modes", "seven_gaussians",
        ("gan",), MIXTURE),
    Row("Fig. 5c", "IAE, seven Gaussians", "a category for each component", "seven_gaussians", ("iae",), MIXTURE),
    Row("Fig. 5, ours", "other models, seven Gaussians", "–", "seven_gaussians", ("infogan", "aae", "ali", "fiae"),
        MIXTURE),
    Row("§ 4, ours", "FIAE, seven Gaussians: gradients through real and fake pairs, and their weight", "–",
        "fiae_gradients", ("gradients",), ("component_information", "recognition_error", "off_modes", "component_kl")),
    Row("Fig. 6", "IAE, MNIST clusters, K = 30, n = 10", "about 5 % error", "clustering", ("iae",), CLUSTERS),
    Row("Fig. 6", "the same beside Fig. 2, K = 10 and 30", "about 5 % error at K = 30", "mnist_decomposition",
        ("categorical",), CLUSTERS),
    Row("Fig. 6, ours", "IAE with noise on the codes", "–", "clustering", ("iae_code_noise",), CLUSTERS),
    Row("Fig. 6, ours", "IAE + VAT + balance", "–", "clustering", ("iae_vat_balance",), CLUSTERS),
    Row("Fig. 6, ours", "VAT × balance × gradient to the code; VAT + balance alone", "–",
        "cluster_terms", ("terms", "no_reconstruction"), CLUSTERS[:4]),
    Row("Fig. 6, ours", "IAE, and IAE + VAT + balance, against the length of training", "–", "cluster_steps",
        ("iae", "iae_vat_balance"), CLUSTERS[:4]),
    Row("Fig. 6, ours", "a recipe searched for without labels: VAT, balance, noise on the codes, learning rates", "–",
        "cluster_recipe", ("clusters",), (*CLUSTERS[:4], "r2_mean")),
    Row("Fig. 6, ours", FROZEN, "–", "clustering", ("frozen",), CLUSTERS),
    Row("Fig. 6", "AAE and InfoGAN clusters, same K", "–", "clustering", ("aae", "infogan"), CLUSTERS),
    Row("Eq. 8", "Euclidean against adversarial reconstruction", "a Euclidean cost maximizes I(x; z)",
        "euclidean_against_adversarial", ("adversarial", "euclidean"),
        (*INFORMATION, *SPLIT, "dispersion_ratio", *FIDELITY)),
    Row("App. B.1", "gradient through the positive pair", "without it more stable and better", "positive_gradient",
        ("gaussian",), (*SPLIT, *FIDELITY), note=STABILITY),
    Row("App. B.1", "gradient through the positive pair, clusters", "without it more stable and better",
        "positive_gradient", ("categorical",), CLUSTERS[:4], note=STABILITY),
    Row("App. B.1", "location-dependent or -invariant conditioning", "invariant: more abstract codes", "conditioning",
        ("gaussian",), (*INFORMATION, *SPLIT)),
    Row("App. B.1", "location-dependent or -invariant conditioning, clusters", "invariant: more abstract codes",
        "conditioning", ("categorical",), CLUSTERS[:4]),
    Row("§ 2", "gradient through the conditioning vector", "part of the encoder's gradient", "code_gradient",
        ("gaussian",), (*INFORMATION, *SPLIT)),
    Row("§ 2", "gradient through the conditioning vector, clusters", "part of the encoder's gradient",
        "code_gradient", ("categorical",), CLUSTERS[:4]),
    Row("§ 2, ours", "training steps and the discriminator's capacity", "–", "discriminator_capacity",
        ("capacity", "steps", "frozen", "frozen_steps"), SPLIT),
    Row("§ 2.1.2", f"IAE, MNIST, 100 labels; {CLASS_PRIOR}", "1.40 % (Improved-GAN: 0.93 %)",
        "semi_supervised_mnist", ("iae",), ("classification_error",)),
    Row("§ 2.1.2", f"AAE, MNIST, 100 labels; {CLASS_PRIOR}", "1.90 %", "semi_supervised_mnist", ("aae",),
        ("classification_error",)),
    Row("§ 2.1.2, ours", "IAE, MNIST, 100 labels and no others: a uniform prior", "–", "semi_supervised_mnist",
        ("iae_uniform_prior",), ("classification_error",)),
    Row("§ 2.1.2, ours", f"IAE + VAT; labels and prior alone; {CLASS_PRIOR}", "–", "semi_supervised_mnist",
        ("iae_vat", "no_reconstruction"), ("classification_error",)),
    Row("§ 2.1.2, ours", f"a recipe searched for without further labels, MNIST, 100 labels; {CLASS_PRIOR}", "–",
        "semi_supervised_recipe", ("iae",), ("classification_error", "r2_mean")),
    Row("§ 2.1.2", f"IAE, SVHN, 1,000 labels; {CLASS_PRIOR}", "9.80 % (Improved-GAN: 8.11 %)",
        "semi_supervised_svhn", ("iae",), ("classification_error",), "SVHN"),
    Row("§ 2.1.2, ours", "IAE, SVHN, 1,000 labels and no others: a uniform prior", "–", "semi_supervised_svhn",
        ("iae_uniform_prior",), ("classification_error",), "SVHN"),
    Row("§ 2.1.2, ours", f"SVHN, IAE + VAT; labels and prior alone; {CLASS_PRIOR}", "–", "semi_supervised_svhn",
        ("iae_vat", "no_reconstruction"), ("classification_error",), "SVHN"),
    Row("§ 2.1.2, ours", f"SVHN, IAE, with the 531,131 further images, unlabelled; {CLASS_PRIOR}", "–",
        "semi_supervised_svhn", ("iae_extra",), ("classification_error",), "SVHN"),
    Row("§ 2.1.2", f"AAE, SVHN, 1,000 labels; {CLASS_PRIOR}", "17.70 %", "semi_supervised_svhn", ("aae",),
        ("classification_error",), "SVHN"),
    Row("§ 2 and 4", "GAN, VAE, AAE, AVB, ALI, BiGAN, InfoGAN on the same networks", "–", "baselines",
        ("iae", "fiae", "gan", "infogan", "ali", "bigan", "aae", "vae", "avb"),
        (*FIDELITY, *SPLIT, "dispersion_ratio", "prior_accuracy")),
    Row("Fig. 11", "InfoGAN, four points", "axis-aligned posteriors that overlap", "four_points",
        ("infogan", "infogan_no_noise"), POSTERIORS, note="its posteriors are axis-aligned by construction"),
    Row("Fig. 12", "FIAE, four points", "posteriors match, q(z) is close to p(z)", "four_points",
        ("fiae_no_noise", "fiae", "fiae_divergences"), POSTERIORS),
    Row("§ 4", "ALI, four points", "–", "four_points", ("ali",), POSTERIORS),
    Row("Fig. 13", "FIAE, MNIST, 15-d code, no noise", "reconstructions of test images", "fiae_reconstruction",
        ("fiae", "fiae_no_image_gradient", "infogan", "ali", "iae"), ("r2_mean", "label_preservation", *FIDELITY)),
    Row("§ 4.1", "FIAE, MNIST clusters, K = 10, n = 10, ε = 20", "about 2 % error; draws of ε disagree where in doubt",
        "fiae_clustering", ("fiae", "no_eps", "fiae_divergences", "infogan"),
        RECOGNISER),
    Row("§ 4.1, ours", "a recipe searched for without labels, FIAE, K = 10, n = 10, ε = 20", "–", "fiae_recipe",
        ("fiae",), (*RECOGNISER, "r2_mean")),
    Row("§ 4.1, ours", "that recipe against the length of training, and its switches alone", "–", "fiae_steps",
        ("recipe", "switches"), (*RECOGNISER, "r2_mean")),
    Row("Fig. 7, 8", "CycleIAE, edges2shoes: n = 100; L1 cycle; marginal matching", "one edge map, many shoes; an L1 "
        "cost ignores the noise", "edges_to_shoes", THREE, TRANSLATIONS, "edges2shoes", PICTURE),
    Row("Fig. 8, small", "the same on Fashion-MNIST footwear, n = 20", "–", "edges_shoes_28", THREE, TRANSLATIONS,
        note=PICTURE),
    Row("Fig. 9", "CycleIAE, women to men: ε = 100; L1 cycle; marginal matching", "one face, many codes; marginal "
        "matching loses the identity", "women_to_men", THREE, TRANSLATIONS, "CelebA", PICTURE),
    Row("Fig. 9, small", "the same on digits in two styles, ε = 20", "–", "digits_two_styles", THREE, TRANSLATIONS,
        note=PICTURE),
)  # fmt: skip
"""Every system that the paper trains, vector codes before image codes."""
