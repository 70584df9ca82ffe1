"""Do generated images look like the data's? In the features φ of the measuring classifier, so none of it is "FID".

    frechet_distance  ‖μ − μ'‖² + tr(C + C' − 2 (C C')^½) of the features' means and covariances, less its bias, which
                      falls as 1/n and is 17 for 500 images of 128 standard normal features
    frechet_excess    the same less the floor, the distance of other real images from the same real images: what is left
                      of the bias cancels, and 0 is as good as real images
    density           how many of the real images' k-neighbourhoods a generated image lies in, over k: 1 for real ones
    coverage          share of real images with a generated one in their k-neighbourhood

References:
    Heusel et al. (2017), GANs trained by a two time-scale update rule. https://arxiv.org/abs/1706.08500
    Naeem et al. (2020), Reliable fidelity and diversity metrics for generative models.
    https://arxiv.org/abs/2002.09797
"""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import BROKEN_IMAGES, all_finite
from analysis.measures.measurement import Estimate, invalid, undefined

UNIT = "feature²"
NEIGHBOURS = 5
MAX_FEATURES = 2500
"""Images of each kind whose neighbourhoods are compared, at most."""


def frechet_distance(real: Tensor, fake: Tensor) -> Estimate:
    """Return the Fréchet distance of two sets of features with equal shapes (N, F), less its bias by a jackknife."""
    num = min(len(real), len(fake))
    real, fake = real[:num].double(), fake[:num].double()
    if not all_finite(real, fake):
        return invalid(BROKEN_IMAGES, num, UNIT)
    if num <= 2 * intervals.NUM_GROUPS:
        return undefined(f"there are fewer than {2 * intervals.NUM_GROUPS} images", num, UNIT)
    return intervals.group_jackknife(
        lambda index: _distance(real[index.to(real.device)], fake[index.to(real.device)]),
        num,
        UNIT,
        correct_bias=True,
    )


def frechet_excess(real: Tensor, fake: Tensor, floor: Tensor) -> Estimate:
    """Return the Fréchet distance of `fake` from `real` less that of `floor`, with the interval of the difference.

    Args:
        real: Features of real images with shape (N, F).
        fake: Those of other images.
        floor: Those of other real images.
    """
    num = min(len(real), len(fake), len(floor))
    real, fake, floor = (item[:num].double() for item in (real, fake, floor))
    if not all_finite(real, fake, floor):
        return invalid(BROKEN_IMAGES, num, UNIT)
    if num <= 2 * intervals.NUM_GROUPS:
        return undefined(f"there are fewer than {2 * intervals.NUM_GROUPS} images", num, UNIT)

    def difference(index: Tensor) -> float:
        place = index.to(real.device)
        return _distance(real[place], fake[place]) - _distance(real[place], floor[place])

    return intervals.group_jackknife(difference, num, UNIT, correct_bias=True)


def density_and_coverage(real: Tensor, fake: Tensor) -> dict[str, Estimate]:
    """Return density and coverage of generated features (M, F) among those of real images (N, F)."""
    real, fake = real[:MAX_FEATURES].double(), fake[:MAX_FEATURES].double()
    num = len(real)
    if not all_finite(real, fake):
        return dict.fromkeys(("density", "coverage"), invalid(BROKEN_IMAGES, num))
    if num <= NEIGHBOURS:
        return dict.fromkeys(("density", "coverage"), undefined("there are too few images", num))
    # the nearest one is the image itself
    radius = torch.cdist(real, real).topk(NEIGHBOURS + 1, largest=False).values[:, -1]
    within = torch.cdist(fake, real) <= radius
    return {
        "density": intervals.mean(within.double().sum(1) / NEIGHBOURS, "ratio"),
        "coverage": intervals.mean_fraction(within.any(0).double()),
    }


def _distance(a: Tensor, b: Tensor) -> float:
    mean = (a.mean(0) - b.mean(0)).square().sum()
    first, second = a.T.cov().view(a.shape[1], -1), b.T.cov().view(b.shape[1], -1)
    # tr (C C')^½ = Σ √eig(C^½ C' C^½), whose argument is symmetric
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float(mean + first.trace() + second.trace() - 2 * cross)
