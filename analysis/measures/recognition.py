"""Measures of a recogniser of categorical codes (Sections 2.1.2 and 4.1 of the paper).

    classification_error        share of images whose most probable category is not their class, where categories are
                                classes because labels were learnt
    recognition_error           share of generated images whose recognised category is not the one they were made from
    synthetic_clustering_error  1 − P[m(argmax f(x̃, ε)) = c(x̃)] of generated images x̃ = g(z, n), z ~ p(z): what
                                clustering_error is of real ones, with m, its map of categories to classes
    recogniser_gap              clustering_error less synthetic_clustering_error: what a recogniser that learns from
                                generated images loses on real ones
    vote_entropy                entropy of the recognised categories of one image over draws of ε, in nats, less the
                                bias of few draws
    vote_separation             probability that of a wrongly and a rightly labelled image the wrong one has the larger
                                vote entropy: .5 where uncertainty says nothing of errors

The class of a generated image is c(x̃), the measuring classifier's. Where that is wrong, or the image shows no class, a
recogniser that is right counts as wrong, and the gap comes out smaller: below 0 for a generator of no digits, or of
those of few classes, so it says something only where generated images are good. Without a classifier, or with one that
is refused, neither has a value.

References:
    Hanley and McNeil (1982), The meaning and use of the area under a receiver operating characteristic curve.
    Grassberger (2003), Entropy estimates from insufficient samplings. https://arxiv.org/abs/physics/0307138
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from analysis.measures import clustering, intervals
from analysis.measures.bench import NO_LABELS, fitted_map_error, has_labels
from analysis.measures.classifier import REQUIRED_ACCURACY
from analysis.measures.draws import BROKEN_CODES, BROKEN_IMAGES, NO_SAMPLES, Model, all_finite, generate, infer
from analysis.measures.information import entropy_of_counts
from analysis.measures.measurement import Estimate, invalid, undefined

if TYPE_CHECKING:
    from analysis.measures.bench import Bench

GAP = ("synthetic_clustering_error", "recogniser_gap")
"""The names of the measures that set a recogniser's errors on generated images beside those on real ones."""

RECOGNITION = ("classification_error", "recognition_error", *GAP, "vote_entropy", "vote_separation")
"""The names of the measures of a recogniser of categories."""

NUM_VOTES = 16
NUM_GENERATED = 1000

MAX_SYNTHETIC = 5000
"""Images that are generated to be set beside as many real ones, at most."""


def measure_recognition(
    bench: Bench, model: Model, codes: dict[str, Tensor], num_labels: int
) -> dict[str, dict[str, Estimate]]:
    """Return every measure of `RECOGNITION` of codes with shape (N, K), by split.

    Args:
        bench: What the model is measured on.
        model: The model.
        codes: Inferred codes, by split.
        num_labels: Labels that it has learnt; 0 for a clustering.
    """
    validation = codes["validation"], bench.held_out["validation"][1]
    labels_of = clustering.majority_map(*validation, bench.data.num_classes) if has_labels(bench) else None
    table = {}
    for split, z in codes.items():
        stream, (x, y) = bench.stream(f"model/{split}/recognition"), bench.held_out[split]
        values = dict.fromkeys(RECOGNITION, undefined("the data have no labels, or none were learnt", 0, "fraction"))
        if num_labels:
            values["classification_error"] = intervals.mean_fraction((z.argmax(1) != y).double())
        if "sample" in model.capabilities:
            values["recognition_error"] = _recognition_error(model, stream)
        else:
            values["recognition_error"] = undefined(NO_SAMPLES, 0, "fraction")
        values |= _measure_gap(bench, model, codes, split, labels_of)
        if model.encoder_noise_dim:
            votes = torch.stack([infer(model, x, stream).argmax(1) for _ in range(NUM_VOTES)], 1)
            entropy = vote_entropy(votes, model.code_dim)
            values["vote_entropy"] = intervals.mean(entropy, "nat")
            if labels_of is not None:
                values["vote_separation"] = separation(entropy, labels_of[z.argmax(1)] != y)
        else:
            reason = undefined("the encoder has no noise", 0, "fraction")
            values |= {"vote_entropy": reason, "vote_separation": reason}
        table[split] = values if all_finite(z) else {name: _broken(value) for name, value in values.items()}
    return table


def vote_entropy(votes: Tensor, num_categories: int) -> Tensor:
    """Return the entropy in nats, with shape (N,), of categories with shape (N, draws), each image's by Grassberger.

    The plug-in entropy of 16 votes is too small, by .28 nats where ten categories are equally likely; this one is too
    large by up to .03.
    """
    return entropy_of_counts(one_hot(votes, num_categories).sum(1)).clamp_min(0)


def separation(scores: Tensor, wrong: Tensor) -> Estimate:
    """Return P[score of a wrong > score of a right one] + ½ P[equal], for scores and truths with shape (N,)."""
    bad, good = scores[wrong].double(), scores[~wrong].double()
    if not len(bad) or not len(good):
        return undefined("all images are right, or all are wrong", len(scores), "fraction")
    wins = (bad[:, None] > good).double() + 0.5 * (bad[:, None] == good).double()
    # the variance of a two-sample U statistic, from its two projections
    value = wins.mean().item()
    influence = torch.zeros_like(scores, dtype=torch.float64)
    influence[wrong] = (wins.mean(1) - value) * len(scores) / len(bad)
    influence[~wrong] = (wins.mean(0) - value) * len(scores) / len(good)
    return intervals.linearized(value, influence, "fraction")


def _broken(value: Estimate) -> Estimate:
    return value if value.status == "undefined" else invalid(BROKEN_CODES, value.n, value.unit)


def _recognition_error(model: Model, stream: torch.Generator) -> Estimate:
    z, x, found = _recognised(model, NUM_GENERATED, stream)
    if not all_finite(x, found):
        return _broken_images(x)
    return intervals.mean_fraction((found.argmax(1) != z.argmax(1)).double())


def _measure_gap(
    bench: Bench, model: Model, codes: dict[str, Tensor], split: str, labels_of: Tensor | None
) -> dict[str, Estimate]:
    """Return the measures of `GAP`, for codes with shape (N, K) by split and the class of each category."""
    num = min(len(codes[split]), MAX_SYNTHETIC)
    if labels_of is None:
        return dict.fromkeys(GAP, undefined(NO_LABELS, num, "fraction"))
    if "sample" not in model.capabilities:
        return dict.fromkeys(GAP, undefined(NO_SAMPLES, num, "fraction"))
    if bench.classifier is None:
        return dict.fromkeys(GAP, bench.without_classifier(num, "fraction"))
    _, x, found = _recognised(model, num, bench.stream(f"model/{split}/recogniser_gap"))
    if not all_finite(x, found):
        return dict.fromkeys(GAP, _broken_images(x))
    synthetic = intervals.mean_fraction(labels_of[found.argmax(1)] != bench.classifier.predict(x))
    gap = intervals.fraction_difference(fitted_map_error(bench, codes, split), synthetic)
    values, accuracy = dict(zip(GAP, (synthetic, gap), strict=True)), bench.classifier.accuracy
    if accuracy >= REQUIRED_ACCURACY:
        return values
    return {name: item.misread("the class of a generated image", accuracy) for name, item in values.items()}


def _recognised(model: Model, num: int, stream: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return codes of the prior (num, K), images that are generated from them, and the codes recognised in these."""
    z = model.sample_prior(num, stream)
    x = generate(model, z, stream)
    return z, x, infer(model, x, stream)


def _broken_images(x: Tensor) -> Estimate:
    return invalid(BROKEN_CODES if all_finite(x) else BROKEN_IMAGES, len(x), "fraction")
