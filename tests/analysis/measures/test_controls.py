import pytest
import torch

from analysis.measures.calibration import dispersion_ratio
from analysis.measures.controls import kmeans, principal_components
from analysis.measures.draws import draw
from analysis.measures.reconstruction import reconstruction
from analysis.measures.variance_split import variance_shares
from iae_models.data import Split


def as_split(x):
    return Split((x.clamp(0, 1) * 255).round().to(torch.uint8), torch.zeros(len(x), dtype=torch.int64))


def test_pca_is_the_calibrated_linear_autoencoder(linear_gaussian, generator):
    truth = linear_gaussian(num=20, code_dim=4)
    model = principal_components(as_split(truth.images(4000, 1)), 4)
    assert model.code_dim == 4
    x = truth.images(2000, 2)
    found = draw(model, x, torch.zeros(2000, dtype=torch.int64), generator)
    share = variance_shares(found.x_hat, "pixel")["share_z_pixel"].value
    assert share == pytest.approx(truth.share_of_code, abs=0.02)
    assert dispersion_ratio(found.x, found.x_hat, model.noise_dim).value == pytest.approx(1, abs=0.03)
    assert reconstruction(found.x, found.x_hat, x.mean(0))["r2_mean"].value == pytest.approx(share, abs=0.02)
    assert torch.allclose(found.z.T.cov(), torch.eye(4), atol=0.15)


def test_pca_of_fewer_images_than_pixels(linear_gaussian):
    truth = linear_gaussian(num=20, code_dim=4)
    x = truth.images(300, 1)
    model = principal_components(as_split(x), 4)
    # decoding an image's own components with its own noise gives the image back
    whole = principal_components(as_split(x), 10_000)
    assert whole.noise_dim == 0
    again = whole.generate(whole.infer(x, torch.zeros(300, 0)), torch.zeros(300, 0))
    assert (again - x).abs().max() < 0.02
    assert model.code_dim + model.noise_dim == whole.code_dim


def test_kmeans_finds_planted_clusters(generator):
    prototypes = torch.rand(6, 1, 8, 8, generator=generator)
    labels = torch.arange(600) % 6
    x = prototypes[labels] + 0.03 * torch.randn(600, 1, 8, 8, generator=generator)
    model = kmeans(as_split(x), 6, torch.Generator().manual_seed(0))
    z = model.infer(x, torch.zeros(600, 0))
    clusters = z.argmax(1)
    pairs = set(zip(labels.tolist(), clusters.tolist(), strict=True))
    assert len(pairs) == 6
    again = kmeans(as_split(x), 6, torch.Generator().manual_seed(0))
    assert torch.equal(z, again.infer(x, torch.zeros(600, 0)))
    # its decoder gives the mean image of the cluster: what it explains is the variance between the prototypes
    found = draw(model, x, labels, generator)
    between = (prototypes - prototypes.mean(0)).square().mean().item()
    explained = reconstruction(found.x, found.x_hat, x.mean(0))["r2_mean"].value
    assert explained == pytest.approx(between / (between + 0.03**2), abs=0.005)
    assert variance_shares(found.x_hat, "pixel")["share_z_pixel"].value == pytest.approx(1)
