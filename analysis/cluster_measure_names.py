"""The measures of categorical codes, and of points in the plane with known components; see `measure_names`."""

from __future__ import annotations

from analysis.measure_info import (
    AT_MOST_LN_K,
    CATEGORICAL,
    CATEGORICAL_ONLY,
    FALLS,
    GAUSSIAN,
    NO_LABELS,
    NO_VOTES,
    POINTS,
    MeasureInfo,
    UndefinedWhere,
)

CLUSTER_MEASURES: dict[str, MeasureInfo] = {
    "prior_kl": MeasureInfo(
        "KL of cluster use to the prior",
        "nat",
        "Divergence of the mean one-hot code from the prior's class probabilities.",
        "lower",
        undefined=CATEGORICAL,
    ),
    "clustering_error": MeasureInfo(
        "clustering error",
        "fraction",
        "Share of images whose cluster's majority label, learnt on other images, is not theirs; falls as K grows.",
        "lower",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k=FALLS,
    ),
    "clustering_error_exemplar": MeasureInfo(
        "clustering error, exemplars",
        "fraction",
        "Clustering error where a cluster has the label of its most confident image, as in adversarial autoencoders.",
        "lower",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k=FALLS,
    ),
    "clustering_error_hungarian": MeasureInfo(
        "clustering error, one to one",
        "fraction",
        "Clustering error of the best map of clusters to labels of their own, where there are as many categories as "
        "classes; undefined elsewhere.",
        "lower",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k="has a value only where there are as many categories as classes",
    ),
    "ami": MeasureInfo(
        "adjusted mutual information",
        "fraction",
        "Mutual information of cluster and label, adjusted for chance. Not comparable across K.",
        "higher",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k="is divided by the mean entropy of labels and categories, so it favours as many categories as classes",
    ),
    "nmi": MeasureInfo(
        "normalized mutual information",
        "fraction",
        "Mutual information of cluster and label over the mean of their entropies. Not comparable across K.",
        "higher",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k="is not adjusted for chance, which gives more to more categories, and is divided by their entropy",
    ),
    "ari": MeasureInfo(
        "adjusted Rand index",
        "fraction",
        "Agreement of cluster and label over pairs of images, adjusted for chance. Not comparable across K.",
        "higher",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k="counts images of one class in different categories as wrong, so it favours as many as classes",
    ),
    "label_information_gain": MeasureInfo(
        "I(y; k) beyond k-means",
        "nat",
        "Information between label and most probable category, less that of k-means with as many clusters on the same "
        "images; 0 is k-means, at every K.",
        "higher",
        uses_labels=True,
        undefined=CATEGORICAL,
    ),
    "used_clusters": MeasureInfo(
        "used clusters",
        "clusters",
        "Number of categories that are the most probable one of at least one image.",
        "higher",
        undefined=CATEGORICAL,
        across_k="is at most the number of categories",
    ),
    "code_entropy": MeasureInfo(
        "H(ẑ)/ln K",
        "fraction",
        "Entropy of the most probable category over the images, relative to that of equal use.",
        "higher",
        undefined=CATEGORICAL,
    ),
    "classification_error": MeasureInfo(
        "classification error",
        "fraction",
        "Share of images whose most probable category is not their class, where labels were learnt.",
        "lower",
        uses_labels=True,
        undefined=(*CATEGORICAL, NO_LABELS),
    ),
    "recognition_error": MeasureInfo(
        "recognition error",
        "fraction",
        "Share of generated images whose recognised category is not the one that they were made from.",
        "lower",
        undefined=CATEGORICAL,
        across_k="rises with the number of categories, since one of few is easier to tell",
    ),
    "synthetic_clustering_error": MeasureInfo(
        "clustering error, generated",
        "fraction",
        "Clustering error of generated images, with the map of the real ones: share whose recognised category's label "
        "is not the class that the classifier gives them.",
        "lower",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k=FALLS,
    ),
    "recogniser_gap": MeasureInfo(
        "recogniser's gap",
        "fraction",
        "Clustering error of real images less that of generated ones; 0: the recogniser is as good at either.",
        "neither",
        uses_labels=True,
        undefined=CATEGORICAL,
        across_k="is a difference of two errors that fall as the number of categories grows",
    ),
    "vote_entropy": MeasureInfo(
        "entropy of ε-votes",
        "nat",
        "Mean entropy of an image's recognised category over draws of the encoder's noise.",
        "neither",
        undefined=(*CATEGORICAL, NO_VOTES),
    ),
    "vote_separation": MeasureInfo(
        "votes against errors",
        "fraction",
        "Probability that a wrongly labelled image has the larger entropy of ε-votes of a wrong and a right one.",
        "higher",
        uses_labels=True,
        undefined=(*CATEGORICAL, NO_VOTES),
    ),
    "confidence": MeasureInfo(
        "confidence",
        "fraction",
        "Mean probability of the most probable category.",
        "neither",
        undefined=CATEGORICAL,
    ),
}
"""Measures of models whose code is a category."""

POINT_MEASURES: dict[str, MeasureInfo] = {
    "component_information": MeasureInfo(
        "I(z; component)",
        "nat",
        "Information between the category that a point was generated from and the component that it lies in.",
        "higher",
        undefined=(CATEGORICAL_ONLY, *POINTS),
        across_k=AT_MOST_LN_K,
    ),
    "off_modes": MeasureInfo(
        "share off the modes",
        "fraction",
        "Share of generated points that are far from the centre of every component; the data have a share of their "
        "own, the floor.",
        "floor",
        undefined=POINTS,
    ),
    "component_spread": MeasureInfo(
        "spread within components",
        "ratio",
        "Standard deviation within components of generated points on the modes, relative to the data's.",
        "one",
        undefined=(*POINTS, UndefinedWhere("data.name", "four_points", "the components are points")),
    ),
    "component_kl": MeasureInfo(
        "KL of component frequencies",
        "nat",
        "Divergence of the generated points' nearest components from those of the data: a lower bound of "
        "KL(p(x) ‖ data), which does not see points off the modes.",
        "lower",
        undefined=POINTS,
    ),
    "data_kl": MeasureInfo(
        "KL(p(x) ‖ data)",
        "nat",
        "Divergence of generated points from the data, both blurred by 0.1.",
        "floor",
        undefined=POINTS,
    ),
    "bound_kl": MeasureInfo(
        "KL(p(x, z) ‖ data q(z|x))",
        "nat",
        "Divergence of generated points with their codes from data with inferred ones, both blurred by 0.1: an upper "
        "bound of that of p(x) from the data, and of p(z) from q(z).",
        "lower",
        undefined=(*GAUSSIAN, *POINTS),
    ),
    "joint_kl": MeasureInfo(
        "KL(p(z|x) ‖ q(z|x)), generated",
        "nat",
        "Divergence of generated points with their codes from the same points with recognised ones, both blurred by "
        "0.1.",
        "lower",
        undefined=(*GAUSSIAN, *POINTS),
    ),
    "data_posterior_kl": MeasureInfo(
        "KL(p(z|x) ‖ q(z|x)), data",
        "nat",
        "Divergence, for data, of the codes of generated points on their component's mode from the inferred ones.",
        "lower",
        undefined=(*GAUSSIAN, *POINTS),
    ),
    "code_kl": MeasureInfo(
        "KL(p(z) ‖ q(z))",
        "nat",
        "Divergence of the prior from the aggregated posterior.",
        "lower",
        undefined=(*GAUSSIAN, *POINTS),
    ),
    "posterior_overlap": MeasureInfo(
        "overlap of q(z|x)",
        "fraction",
        "Error of telling from an inferred code which component its point is of.",
        "lower",
        undefined=(*GAUSSIAN, *POINTS),
    ),
    "true_overlap": MeasureInfo(
        "overlap of p(z|x)",
        "fraction",
        "Error of telling from the code of a generated point on a mode which component it is of.",
        "lower",
        undefined=(*GAUSSIAN, *POINTS),
    ),
}
"""Measures of models of points, whatever their code."""
