"""Measures of a recogniser of categorical codes (Sections 2.1.2 and 4.1 of the paper).

    classification_error  share of images whose most probable category is not their class, where categories are classes
                          because labels were learnt
    recognition_error     share of generated images whose recognised category is not the one they were made from; the
                          gap to the error on real images is between what the recogniser has seen and has not
    vote_entropy          entropy of the recognised categories of one image over draws of ε, in nats, less the bias of
                          few draws
    vote_separation       probability that of a wrongly and a rightly labelled image the wrong one has the larger vote
                          entropy: .5 where uncertainty says nothing of errors

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
from analysis.measures.draws import BROKEN_CODES, BROKEN_IMAGES, NO_SAMPLES, Model, all_finite, generate, infer
from analysis.measures.information import entropy_of_counts
from analysis.measures.measurement import Estimate, invalid, undefined

if TYPE_CHECKING:
    from analysis.measures.bench import Bench

RECOGNITION = ("classification_error", "recognition_error", "vote_entropy", "vote_separation")
"""The names of the measures of a recogniser of categories."""

NUM_VOTES = 16
NUM_GENERATED = 1000


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
    labels_of = clustering.majority_map(*validation, bench.data.num_classes) if bench.data.num_classes else None
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
    z = model.sample_prior(NUM_GENERATED, stream)
    x = generate(model, z, stream)
    found = infer(model, x, stream)
    if not all_finite(x, found):
        return invalid(BROKEN_IMAGES if not all_finite(x) else BROKEN_CODES, len(z), "fraction")
    return intervals.mean_fraction((found.argmax(1) != z.argmax(1)).double())
