"""Measures of points in the plane that come from known components (Figures 5, 11 and 12 of the paper).

A generated point belongs to the component whose centre is nearest; it is off the modes where that is farther away than
`MODE_RADIUS`. With p(x) of the model, a code z and the posteriors of a code-inferring model:

    component_information   I(z; component of x̃), z ~ p(z) categorical: does the model use its categories?
    off_modes               share of generated points that are off the modes
    model_kl                KL(p(component) ‖ p_data(component)), what is left of KL(p(x) ‖ p_data(x)) on separate modes
    posterior_kl            E_p(x) KL(p(z|x) ‖ q(z|x)), the true posterior against the variational one
    code_kl                 KL(p(z) ‖ q(z)), the prior against the aggregated posterior
    posterior_overlap       error of telling from z ~ q(z|x) which component x is of: 0 where posteriors do not overlap
    true_overlap            the same for z ~ p(z|x)

The chain rule bounds the first two divergences and the last by KL(p(x, z) ‖ q(x, z)) = model_kl + posterior_kl, the
objective of the flipped autoencoder (Section 4). Divergences of continuous codes are estimated from nearest neighbours,
and only up to five dimensions, where that can be believed.

References:
    Pérez-Cruz (2008), Kullback-Leibler divergence estimation of continuous distributions.
    Wang, Kulkarni and Verdú (2009), Divergence estimation for multidimensional densities via k-nearest-neighbor
    distances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import Model, generate, infer
from analysis.measures.information import cluster_label_information
from analysis.measures.measurement import Estimate, exact, undefined
from iae_models.data import four_points, seven_gaussians

if TYPE_CHECKING:
    from analysis.measures.bench import Bench

CENTRES = {"seven_gaussians": seven_gaussians.centres, "four_points": four_points.centres}
"""The centres of the components of each data set."""

MODE_RADIUS = {"seven_gaussians": 3 * seven_gaussians.STANDARD_DEVIATION, "four_points": 0.25}
"""How far from its centre a point is off the modes; of the seven Gaussians' own points 1.1 % are."""

POINTS = (
    *("component_information", "off_modes", "model_kl"),
    *("posterior_kl", "code_kl", "posterior_overlap", "true_overlap"),
)
"""The names of the measures of points."""

NUM_GENERATED = 2000
NUM_NEIGHBOURS = 5
OVERLAP_NEIGHBOURS = 25
MAX_DIMENSION = 5


def measure_points(bench: Bench, model: Model) -> dict[str, dict[str, Estimate]]:
    """Return every measure of `POINTS` on both splits, of a model of points with known components."""
    table = {}
    for split, (x, y) in bench.held_out.items():
        stream = bench.stream(f"model/{split}/points")
        values = dict.fromkeys(POINTS, undefined("the model cannot generate and infer a continuous code"))
        if "generate" in model.capabilities:
            z = model.sample_prior(NUM_GENERATED, stream)
            x_hat = generate(model, z, stream)
            component, distance = nearest_component(x_hat, bench.data.name)
            values |= _measure_generated(bench, model, z, component, distance)
            if "infer" in model.capabilities and model.code == "gaussian" and model.code_dim <= MAX_DIMENSION:
                inferred = infer(model, x, stream)
                values |= measure_posteriors(z, component, inferred, y, bench.data.num_classes)
        table[split] = values
    return table


def nearest_component(x: Tensor, data_name: str) -> tuple[Tensor, Tensor]:
    """Return the nearest component of points with shape (N, 2), and the distance to its centre, each (N,)."""
    centres = torch.from_numpy(CENTRES[data_name]()).to(x)
    distance, component = torch.cdist(x, centres).min(1)
    return component, distance


def measure_posteriors(
    z: Tensor, component: Tensor, inferred: Tensor, labels: Tensor, num_components: int
) -> dict[str, Estimate]:
    """Compare the true posterior with the variational one.

    Args:
        z: Codes of the prior with shape (N, d).
        component: The component of the point that each generated, with shape (N,).
        inferred: Codes inferred from data with shape (M, d).
        labels: The component of each of those points, with shape (M,).
        num_components: Number of components.
    """
    parts, weights = [], []
    for label in range(num_components):
        own, other = z[component == label], inferred[labels == label]
        if len(own) > NUM_NEIGHBOURS and len(other) > NUM_NEIGHBOURS:
            parts.append(neighbour_divergence(own, other))
            weights.append(len(own) / len(z))
    missing = undefined("no component has enough points", len(z), "nat")
    total = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    return {
        "posterior_kl": exact(total / sum(weights), len(z), "nat") if parts else missing,
        "code_kl": exact(neighbour_divergence(z, inferred), len(z), "nat"),
        "posterior_overlap": overlap(inferred, labels),
        "true_overlap": overlap(z, component),
    }


def neighbour_divergence(p: Tensor, q: Tensor) -> float:
    """Return KL(P ‖ Q) in nats from draws with shapes (N, d) and (M, d).

    With ρ the distance to the k-th neighbour among P's own draws and ν that among Q's, it is
    d/N Σ ln(ν/ρ) + ln(M / (N − 1)). Draws that coincide are spread by rounding alone, so a collapsed Q gives a large
    value, never infinity.
    """
    p, q = p.double(), q.double()
    own = torch.cdist(p, p).kthvalue(NUM_NEIGHBOURS + 1, dim=1).values.clamp_min(1e-9)
    other = torch.cdist(p, q).kthvalue(NUM_NEIGHBOURS, dim=1).values.clamp_min(1e-9)
    ratio = (other / own).log().mean().item()
    return p.shape[1] * ratio + float(torch.tensor(len(q) / (len(p) - 1)).log())


def overlap(z: Tensor, labels: Tensor) -> Estimate:
    """Return the error of a nearest-neighbour vote on the labels (N,) of codes (N, d), each without its own.

    It estimates the error of the best classifier: 0 for codes in separate regions, ½ for two labels with one density.
    """
    if labels.min() == labels.max():
        return undefined("there is one component only", len(z), "fraction")
    distance = torch.cdist(z.double(), z.double()).fill_diagonal_(torch.inf)
    near = labels[distance.topk(min(OVERLAP_NEIGHBOURS, len(z) - 1), largest=False).indices]
    votes = torch.nn.functional.one_hot(near, int(labels.max()) + 1).sum(1)
    return intervals.mean_fraction((votes.argmax(1) != labels).double())


def component_divergence(component: Tensor, labels: Tensor, num_components: int) -> Estimate:
    """Return KL(p ‖ p_data) of the components of generated points (N,) and of data (M,), its bias removed."""
    data = labels.cpu().bincount(minlength=num_components).double() / len(labels)
    drawn = component.cpu()

    def divergence(index: Tensor) -> float:
        counts = drawn[index].bincount(minlength=num_components)
        share = counts.double() / len(index)
        plug_in = (torch.xlogy(share, share) - torch.xlogy(share, data)).sum().item()
        return plug_in - ((counts > 0).sum().item() - 1) / (2 * len(index))

    return intervals.group_jackknife(divergence, len(drawn), "nat")


def _measure_generated(
    bench: Bench, model: Model, z: Tensor, component: Tensor, distance: Tensor
) -> dict[str, Estimate]:
    off = distance > MODE_RADIUS[bench.data.name]
    information = undefined("not for continuous codes", len(z), "nat")
    if model.code == "categorical":
        information = cluster_label_information(component, z.argmax(1))
    return {
        "component_information": information,
        "off_modes": intervals.mean_fraction(off.double()),
        "model_kl": component_divergence(component, bench.held_out["test"][1], bench.data.num_classes),
    }
