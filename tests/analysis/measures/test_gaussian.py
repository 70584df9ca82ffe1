import math

import pytest
import torch

from analysis.measures.gaussian import (
    channel_information,
    divergence,
    entropy,
    mutual_information,
    objective_terms,
)
from analysis.measures.information import information_bracket
from analysis.measures.prior_match import prior_moment_kl


@pytest.fixture
def model(generator):
    """The data's covariance, the encoder and the decoder of a linear-Gaussian model without symmetries."""

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def covariance(dim):
        root = random(dim, dim)
        return root @ root.T + 0.3 * torch.eye(dim, dtype=torch.float64)

    return covariance(4), (random(2, 4), covariance(2)), (random(4, 2), covariance(4))


def test_equations_4_to_7_are_one_bound(model):
    terms = objective_terms(*model)
    fourth = -terms["distortion"] - terms["code_divergence"]
    fifth = -terms["distortion"] - terms["prior_divergence"] - terms["information"]
    sixth = -terms["inversion"] - terms["prior_divergence"] - terms["data_entropy"]
    seventh = -terms["joint_divergence"] - terms["prior_divergence"] - terms["data_entropy"]
    assert fourth == pytest.approx(fifth) == pytest.approx(sixth) == pytest.approx(seventh)


def test_the_bound_lies_below_the_likelihood(model):
    data, encoder, (loading, spread) = model
    terms = objective_terms(data, encoder, (loading, spread))
    likelihood = -divergence(data, loading @ loading.T + spread) - entropy(data)
    assert -terms["distortion"] - terms["code_divergence"] < likelihood


def test_every_divergence_of_the_optimum_is_zero(model):
    data, (weight, noise), _ = model
    code = weight @ data @ weight.T + noise
    # q(z) = N(0, I), and the decoder inverts the encoder
    root = torch.linalg.inv(torch.linalg.cholesky(code))
    weight, noise = root @ weight, root @ noise @ root.T
    loading = data @ weight.T
    terms = objective_terms(data, (weight, noise), (loading, data - loading @ loading.T))
    for name in ("prior_divergence", "inversion", "joint_divergence"):
        assert terms[name] == pytest.approx(0, abs=1e-9)
    assert terms["distortion"] == pytest.approx(terms["data_entropy"] - terms["information"])


def test_the_estimators_find_the_terms(model, generator):
    data, (weight, noise), decoder = model
    terms = objective_terms(data, (weight, noise), decoder)
    x = torch.randn(1000, 4, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(data).T
    eps = torch.randn(1000, 8, 2, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(noise).T
    z = (x @ weight.T)[:, None] + eps
    found = prior_moment_kl(z[:, 0])
    assert found.low <= terms["prior_divergence"] <= found.high
    # the bracket's blur is part of the encoder's noise
    blur = z.flatten(0, 1).var(0).mean() * torch.eye(2, dtype=torch.float64)
    blurred = objective_terms(data, (weight, noise + blur), decoder)["information"]
    bracket = information_bracket(z, generator)
    assert bracket["information_low"].low <= blurred <= bracket["information_high"].high
    assert bracket["information_low"].value == pytest.approx(blurred, abs=0.15)


def test_closed_forms_by_hand():
    assert entropy(torch.eye(3)) == pytest.approx(1.5 * math.log(2 * math.pi * math.e))
    assert divergence(torch.eye(2), torch.eye(2), torch.tensor([1.0, 2.0])) == pytest.approx(2.5)
    joint = torch.tensor([[1.0, 0.6], [0.6, 1.0]])
    assert mutual_information(joint, 1) == pytest.approx(-0.5 * math.log(1 - 0.36))
    assert channel_information(2, 1.0) == pytest.approx(math.log(2))
