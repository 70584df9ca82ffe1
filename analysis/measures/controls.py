"""Controls: what needs no adversarial training, measured beside what has had it.

**PCA** is the linear autoencoder of the same dimension with a calibrated decoder: the code is the first components,
scaled to unit variance, and the noise the others, each drawn from its own normal distribution. For Gaussian data it
is the optimum of an implicit autoencoder. Its images are not clipped to [0, 1].

**k-means** is the categorical code of the same size, on pixels; its decoder, without noise, gives the centre.

References:
    Tipping and Bishop (1999), Probabilistic principal component analysis.
    Arthur and Vassilvitskii (2007), k-means++.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from iae_models.priors import CategoricalPrior, GaussianPrior

if TYPE_CHECKING:
    from iae_models.data import Split

PCA_PIXELS = 1024
"""Above so many values in an image, components are found from so many images instead of from `NUM_TRAIN`."""

NUM_TRAIN = 10_000
"""Training images that a control learns from, at most."""

KMEANS_STARTS = 2
KMEANS_ITERATIONS = 30


class PrincipalComponents:
    """PCA as a model with a Gaussian code and Gaussian noise.

    Attributes:
        capabilities: Both "infer" and "generate".
        code: "gaussian".
        code_dim: Number of components in the code.
        noise_dim: Number of components in the noise.
        encoder_noise_dim: 0.
        prior: The standard normal distribution.
    """

    capabilities = frozenset({"infer", "generate"})
    code = "gaussian"
    encoder_noise_dim = 0

    def __init__(self, mean: Tensor, axes: Tensor, deviations: Tensor, code_dim: int) -> None:
        """Build the model from the mean (C, H, W), orthonormal columns (D, R) and their standard deviations (R,)."""
        self._mean = mean
        self._loadings = (axes * deviations).T
        self._projections = axes[:, :code_dim] / deviations[:code_dim]
        self.code_dim = code_dim
        self.prior = GaussianPrior(code_dim)
        self.noise_dim = len(deviations) - code_dim

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return codes with shape (N, code_dim) of images with shape (N, C, H, W)."""
        del eps
        return (x - self._mean).flatten(1) @ self._projections

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images with shape (N, C, H, W) of codes (N, code_dim) and noise (N, noise_dim)."""
        return (torch.cat([z, n], 1) @ self._loadings).view(len(z), *self._mean.shape) + self._mean

    def sample_prior(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw codes from N(0, I), with shape (num, code_dim)."""
        return self.prior.sample(num, generator)

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw noise from N(0, I), with shape (num, noise_dim)."""
        return torch.randn(num, self.noise_dim, generator=generator, device=generator.device)

    def sample_encoder_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Return the empty noise of a deterministic encoder, with shape (num, 0)."""
        return torch.zeros(num, 0, device=generator.device)


class Clusters:
    """k-means as a model with a categorical code and no noise.

    Attributes:
        capabilities: Both "infer" and "generate".
        code: "categorical".
        code_dim: Number of clusters.
        noise_dim: 0.
        encoder_noise_dim: 0.
        prior: Equal use of the clusters.
    """

    capabilities = frozenset({"infer", "generate"})
    code = "categorical"
    noise_dim = encoder_noise_dim = 0

    def __init__(self, centres: Tensor, shape: tuple[int, ...]) -> None:
        """Build the model from centres (K, D) of images with shape (C, H, W)."""
        self._centres, self._shape = centres, shape
        self.code_dim = len(centres)
        self.prior = CategoricalPrior((1 / self.code_dim,) * self.code_dim)

    def infer(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return −distance to each centre, with shape (N, K), of images (N, C, H, W): the largest names the cluster."""
        del eps
        return -torch.cdist(x.flatten(1), self._centres)

    def generate(self, z: Tensor, n: Tensor) -> Tensor:
        """Return the centres with shape (N, C, H, W) of codes (N, K)."""
        del n
        return self._centres[z.argmax(1)].view(len(z), *self._shape)

    def sample_prior(self, num: int, generator: torch.Generator) -> Tensor:
        """Draw one-hot codes, with shape (num, K)."""
        return self.prior.sample(num, generator)

    def sample_noise(self, num: int, generator: torch.Generator) -> Tensor:
        """Return the empty noise of a deterministic decoder, with shape (num, 0)."""
        return torch.zeros(num, 0, device=generator.device)

    sample_encoder_noise = sample_noise


def principal_components(train: Split, code_dim: int) -> PrincipalComponents:
    """Fit PCA with `code_dim` components to training images; fewer where they vary in fewer directions."""
    pixels = train.x[0].numel()
    x = train.images(slice(NUM_TRAIN if pixels <= PCA_PIXELS else PCA_PIXELS))
    mean = x.mean(0)
    centred = (x - mean).flatten(1).double()
    if pixels <= len(x):
        variances, axes = torch.linalg.eigh(centred.T @ centred / len(x))
    else:
        variances, combinations = torch.linalg.eigh(centred @ centred.T / len(x))
        axes = centred.T @ combinations / (variances * len(x)).clamp_min(1e-12).sqrt()
    variances, axes = variances.flip(0), axes.flip(1)
    # directions without variance, such as pixels that are black in every image, carry nothing
    rank = int((variances > 1e-9 * variances[0]).sum())
    axes, deviations = axes[:, :rank].float(), variances[:rank].sqrt().float()
    return PrincipalComponents(mean, axes, deviations, min(code_dim, rank))


def kmeans(train: Split, num_clusters: int, generator: torch.Generator) -> Clusters:
    """Fit k-means to training images: the better of two k-means++ starts."""
    x = train.images(slice(NUM_TRAIN)).flatten(1)
    runs = [_lloyd(x, _spread_centres(x, num_clusters, generator)) for _ in range(KMEANS_STARTS)]
    return Clusters(min(runs, key=lambda run: run[1])[0], tuple(train.x.shape[1:]))


def _lloyd(x: Tensor, centres: Tensor) -> tuple[Tensor, float]:
    """Return centres and inertia after moving them until nothing changes; an empty cluster keeps its centre."""
    clusters = _nearest(x, centres)
    for _ in range(KMEANS_ITERATIONS):
        members = one_hot(clusters, len(centres)).to(x.dtype)
        sizes = members.sum(0)[:, None]
        centres = torch.where(sizes > 0, members.T @ x / sizes.clamp_min(1), centres)
        previous, clusters = clusters, _nearest(x, centres)
        if torch.equal(previous, clusters):
            break
    return centres, (x - centres[clusters]).square().sum().item()


def _nearest(x: Tensor, centres: Tensor) -> Tensor:
    # the image's own norm does not change which centre is nearest
    return (centres.square().sum(1) - 2 * x @ centres.T).argmin(1)


def _spread_centres(x: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Draw each next centre among the images with probability in proportion to its squared distance to the nearest."""
    first = torch.randint(len(x), (1,), generator=generator, device=generator.device)
    centres = [x[first]]
    distance = (x - x[first]).square().sum(1)
    for _ in range(num - 1):
        chosen = torch.multinomial(distance.clamp_min(1e-12), 1, generator=generator)
        centres.append(x[chosen])
        distance = torch.minimum(distance, (x - x[chosen]).square().sum(1))
    return torch.cat(centres)
