"""Measures of points in the plane that come from known components (Figures 5, 11 and 12 of the paper).

A generated point x̃ = g(z, n) belongs to the component whose centre is nearest; it is off the modes where that is
farther away than `MODE_RADIUS`. Of the model:

    component_information   I(z; component of x̃), z ~ p(z) categorical: does the model use its categories?
    off_modes               share of generated points that are off the modes; the data's own is the floor
    component_spread        standard deviation within components of the generated points on the modes, over the data's
    component_kl            KL(p(component) ‖ p_data(component)): a lower bound of KL(p(x) ‖ p_data(x)), and blind to
                            where in its component, or how far from it, a point lies
    data_kl                 KL(p(x) ‖ p_data(x)); between points of the data themselves it is the floor

and of its posteriors, where it infers a continuous code ẑ ~ q(z|x):

    bound_kl                KL(p(x, z) ‖ p_data(x) q(z|x)) = KL(p(x) ‖ p_data(x)) + E KL(p(z|x̃) ‖ q(z|x̃)): what the
                            flipped autoencoder minimizes, an upper bound of data_kl and of code_kl
    joint_kl                KL(p(x̃, z) ‖ p(x̃) q(z|x̃)) = E KL(p(z|x̃) ‖ q(z|x̃)) on generated points, each with its own
                            posterior: what bound_kl holds beside data_kl
    data_posterior_kl       E KL(p(z|x) ‖ q(z|x)) on the data, with for p(z|x) the codes of generated points on the
                            mode of x's component: beside joint_kl it asks also whether the model makes the data
    code_kl                 KL(p(z) ‖ q(z)), the prior against the posterior aggregated over the data
    posterior_overlap       error of telling from ẑ ~ q(z|x) which component x is of: 0 where posteriors do not overlap
    true_overlap            the same for z ~ p(z|x), the codes of generated points on the modes

A generator that hides z in where off the modes x̃ lies has a small joint_kl: read it beside off_modes. For data_kl,
bound_kl and joint_kl both sides are blurred by normal noise of standard deviation `BLUR`, as points and posteriors that
lie on a curve or in a few places have no density; that can only lower the divergence, and the sum of data_kl and
joint_kl is bound_kl up to what the noise hides. Divergences are estimated from nearest neighbours, and only up to five
dimensions, where that can be believed. They fall short where q has next to no mass where p has some: see
docs/estimators.md. In four dimensions they are too large, by .1 to .4, where one sample is much the smaller, whose
neighbours are farther away than either density is level: data_kl and bound_kl take as many generated points as there
are data.

References:
    Pérez-Cruz (2008), Kullback-Leibler divergence estimation of continuous distributions.
    Wang, Kulkarni and Verdú (2009), Divergence estimation for multidimensional densities via k-nearest-neighbor
    distances.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import NO_SAMPLES, Model, generate, infer
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
    *("component_information", "off_modes", "component_spread", "component_kl", "data_kl"),
    *("bound_kl", "joint_kl", "data_posterior_kl", "code_kl", "posterior_overlap", "true_overlap"),
)
"""The names of the measures of points."""

INFERENCE = POINTS[POINTS.index("bound_kl") :]
"""Those of a model that infers a continuous code."""

NUM_GENERATED = 20_000
NUM_NEIGHBOURS = 5
OVERLAP_NEIGHBOURS = 25
OVERLAP_CODES = 2000
MAX_DIMENSION = 5
FEWEST = 50
"""Generated points that must be on the mode of a component for the codes of these to be called its posterior."""

BLUR = 0.1
"""Standard deviation of the noise on points and codes whose joint distributions are compared."""


def measure_points(bench: Bench, model: Model) -> dict[str, dict[str, Estimate]]:
    """Return every measure of `POINTS` on both splits, of a model of points with known components."""
    table = {}
    for split, (x, y) in bench.held_out.items():
        stream = bench.stream(f"model/{split}/points")
        values = dict.fromkeys(POINTS, undefined("the model cannot generate and infer a continuous code"))
        if "sample" in model.capabilities:
            z = model.sample_prior(NUM_GENERATED, stream)
            made = Generated(z, generate(model, z, stream), bench.data.name)
            values |= _measure_generated(bench, model, made, x, y)
            if "infer" in model.capabilities and model.code == "gaussian":
                values |= _measure_inference(bench, model, made, stream, split)
            values["data_kl"] = exact(blurred_divergence(made.x[: len(x)], x, stream), len(x), "nat")
        elif "generate" in model.capabilities:
            values = dict.fromkeys(POINTS, undefined(NO_SAMPLES))
        table[split] = values
    return table


def measure_data(bench: Bench) -> dict[str, dict[str, Estimate]]:
    """Return what the data's own points come to, on both splits: the floors of `off_modes` and `data_kl`."""
    table = {}
    for split, (x, _) in bench.held_out.items():
        _, distance = nearest_component(x, bench.data.name)
        others = bench.train_x[: len(x)]
        floor = blurred_divergence(others, x[: len(others)], bench.stream(f"real/{split}/points"))
        table[split] = {
            "off_modes": intervals.mean_fraction(distance > MODE_RADIUS[bench.data.name]),
            "data_kl": exact(floor, len(others), "nat"),
        }
    return table


class Generated:
    """Generated points with shape (N, 2), the codes (N, d) that made them, and where they lie.

    Attributes:
        z: The codes.
        x: The points.
        component: The nearest component of each, with shape (N,).
        on_mode: Whether it is near enough to be on that mode, with shape (N,).
    """

    def __init__(self, z: Tensor, x: Tensor, data_name: str) -> None:
        self.z, self.x = z, x
        self.component, distance = nearest_component(x, data_name)
        self.on_mode = distance <= MODE_RADIUS[data_name]


def nearest_component(x: Tensor, data_name: str) -> tuple[Tensor, Tensor]:
    """Return the nearest component of points with shape (N, 2), and the distance to its centre, each (N,)."""
    centres = torch.from_numpy(CENTRES[data_name]()).to(x)
    distance, component = torch.cdist(x, centres).min(1)
    return component, distance


def measure_posteriors(
    z: Tensor, component: Tensor, inferred: Tensor, labels: Tensor, num_components: int
) -> dict[str, Estimate]:
    """Compare the true posteriors of the data with the variational ones.

    Args:
        z: Codes with shape (N, d) of generated points on the modes.
        component: The component of each of these points, with shape (N,).
        inferred: Codes inferred from data with shape (M, d).
        labels: The component of each of those points, with shape (M,).
        num_components: Number of components.
    """
    found = {"posterior_overlap": overlap(inferred, labels)}
    counts = component.bincount(minlength=num_components)
    if counts.min() < FEWEST:
        few = f"only {int(counts.min())} generated points are on the mode of a component, which says nothing of p(z|x)"
        return found | {
            "data_posterior_kl": undefined(few, len(z), "nat"),
            "true_overlap": undefined(few, len(z), "fraction"),
        }
    weights = labels.bincount(minlength=num_components).double() / len(labels)
    parts = [neighbour_divergence(z[component == item], inferred[labels == item]) for item in range(num_components)]
    total = sum(weight * part for weight, part in zip(weights.tolist(), parts, strict=True))
    return found | {
        "data_posterior_kl": exact(total, len(z), "nat"),
        "true_overlap": overlap(z, component),
    }


def joint_divergence(p: tuple[Tensor, Tensor], q: tuple[Tensor, Tensor], generator: torch.Generator) -> float:
    """Return KL(p(x, z) ‖ q(x, z)) in nats of blurred pairs, from draws of points (N, 2) with codes (N, d) each."""
    return blurred_divergence(torch.cat(p, 1), torch.cat(q, 1), generator)


def blurred_divergence(p: Tensor, q: Tensor, generator: torch.Generator) -> float:
    """Return KL(P ‖ Q) in nats, both blurred, from draws with shapes (N, d) and (M, d)."""
    noise = [torch.randn(item.shape, generator=generator, device=generator.device) for item in (p, q)]
    first, second = (item + BLUR * extra for item, extra in zip((p, q), noise, strict=True))
    return neighbour_divergence(first, second)


def neighbour_divergence(p: Tensor, q: Tensor) -> float:
    """Return KL(P ‖ Q) in nats from draws with shapes (N, d) and (M, d).

    With ρ the distance to the k-th neighbour among P's own draws and ν that among Q's, it is
    d/N Σ ln(ν/ρ) + ln(M / (N − 1)). Draws that coincide are spread by rounding alone, so a collapsed Q gives a large
    value, never infinity.
    """
    first, second = (item.double().cpu().numpy() for item in (p, q))
    own = cKDTree(first).query(first, [NUM_NEIGHBOURS + 1])[0].clip(1e-9)
    other = cKDTree(second).query(first, [NUM_NEIGHBOURS])[0].clip(1e-9)
    ratio = float(np.log(other / own).mean())
    return p.shape[1] * ratio + math.log(len(q) / (len(p) - 1))


def overlap(z: Tensor, labels: Tensor) -> Estimate:
    """Return the error of a nearest-neighbour vote on the labels (N,) of codes (N, d), each without its own.

    It estimates the error of the best classifier: 0 for codes in separate regions, ½ for two labels with one density.
    The first `OVERLAP_CODES` are taken.
    """
    z, labels = z[:OVERLAP_CODES], labels[:OVERLAP_CODES]
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


def component_spread(x: Tensor, component: Tensor, data: Tensor, labels: Tensor) -> Estimate:
    """Return the standard deviation of points within components, relative to that of the data: 1 is the data's.

    Args:
        x: Generated points on the modes, with shape (N, 2).
        component: Their components, with shape (N,).
        data: The data's points on the modes, with shape (M, 2).
        labels: Their components, with shape (M,).
    """
    truth = _squared_deviation(data, labels, torch.arange(len(data))) ** 0.5
    if truth == 0:
        return undefined("the components are points", len(x), "ratio")
    return intervals.group_jackknife(
        lambda index: _squared_deviation(x, component, index) ** 0.5 / truth, len(x), "ratio"
    )


def _squared_deviation(x: Tensor, component: Tensor, index: Tensor) -> float:
    """Return the mean squared deviation of coordinates from their component's mean, less its bias."""
    x, members = x[index].double().cpu(), component[index].cpu()
    present = members.bincount().nonzero().flatten()
    squares = sum((x[members == item] - x[members == item].mean(0)).square().sum().item() for item in present)
    return squares / (x.shape[1] * max(1, len(x) - len(present)))


def _measure_generated(bench: Bench, model: Model, made: Generated, x: Tensor, y: Tensor) -> dict[str, Estimate]:
    information = undefined("not for continuous codes", len(made.z), "nat")
    if model.code == "categorical":
        information = cluster_label_information(made.component, made.z.argmax(1))
    real = Generated(x, x, bench.data.name)
    return {
        "component_information": information,
        "off_modes": intervals.mean_fraction((~made.on_mode).double()),
        "component_spread": component_spread(
            made.x[made.on_mode], made.component[made.on_mode], x[real.on_mode], y[real.on_mode]
        ),
        "component_kl": component_divergence(made.component, y, bench.data.num_classes),
    }


def _measure_inference(
    bench: Bench, model: Model, made: Generated, stream: torch.Generator, split: str
) -> dict[str, Estimate]:
    (x, y), dim = bench.held_out[split], model.code_dim
    high = undefined(f"neighbours say nothing reliable in more than {MAX_DIMENSION} dimensions", len(made.z), "nat")
    if dim > MAX_DIMENSION:
        return dict.fromkeys(INFERENCE, high)
    # other points than those that stand for p: the two samples must be independent
    codes = model.sample_prior(len(made.z), stream)
    others = generate(model, codes, stream)
    recognised, inferred = infer(model, others, stream), infer(model, x, stream)
    on_mode, num_components = made.on_mode, bench.data.num_classes
    posteriors = measure_posteriors(made.z[on_mode], made.component[on_mode], inferred, y, num_components)
    values = posteriors | {"code_kl": exact(neighbour_divergence(made.z, inferred), len(made.z), "nat")}
    if dim + made.x.shape[1] > MAX_DIMENSION:
        return values | {"joint_kl": high, "bound_kl": high}
    for name, pair in {"joint_kl": (others, recognised), "bound_kl": (x, inferred)}.items():
        num = len(pair[0])
        divergence = joint_divergence((made.x[:num], made.z[:num]), pair, stream)
        values[name] = exact(divergence, num, "nat")
    return values
