import pytest
import torch

from analysis.measures import draws
from analysis.measures.draws import decode, draw
from analysis.measures.variance_split import variance_shares
from iae_models.priors import GaussianPrior

PARTS = ("share_z_s", "share_n_s", "share_zn_s")


class Bilinear:
    """y = A z + B n + Σ C_dij z_i n_j: the shares are ‖A‖² : ‖B‖² : ‖C‖²."""

    capabilities = frozenset({"infer", "generate"})
    code, code_dim, noise_dim, encoder_noise_dim = "gaussian", 3, 2, 0
    prior = GaussianPrior(3)

    def __init__(self, code=1.0, noise=1.0, both=1.0):
        generator = torch.Generator().manual_seed(5)
        self.a = code * torch.randn(3, 4, generator=generator)
        self.b = noise * torch.randn(2, 4, generator=generator)
        self.c = both * torch.randn(3, 2, 4, generator=generator)

    @property
    def shares(self):
        parts = torch.stack([item.square().sum() for item in (self.a, self.b, self.c)])
        return (parts / parts.sum()).tolist()

    def infer(self, x, eps):
        assert eps.shape == (len(x), 0)
        return x.flatten(1)

    def generate(self, z, n):
        return (z @ self.a + n @ self.b + torch.einsum("ni,nj,ijd->nd", z, n, self.c))[:, :, None, None]

    def sample_prior(self, num, generator):
        return self.prior.sample(num, generator)

    def sample_noise(self, num, generator):
        return torch.randn(num, 2, generator=generator)

    def sample_encoder_noise(self, num, generator):
        return torch.zeros(num, 0, device=generator.device)


def shares_of(model, num, generator):
    x_hat = decode(model, model.sample_prior(num, generator), generator)
    return variance_shares(x_hat, "s")


def test_bilinear_shares_are_recovered(generator):
    model = Bilinear()
    found = shares_of(model, 20_000, generator)
    for name, truth in zip(PARTS, model.shares, strict=True):
        assert found[name].value == pytest.approx(truth, abs=0.015)
    assert sum(found[name].value for name in PARTS) == pytest.approx(1, abs=1e-12)


def test_intervals_cover_the_planted_shares():
    model = Bilinear(both=0.5)
    hits = dict.fromkeys(PARTS, 0)
    for seed in range(300):
        found = shares_of(model, 250, torch.Generator().manual_seed(seed))
        for name, truth in zip(PARTS, model.shares, strict=True):
            hits[name] += found[name].low <= truth <= found[name].high
    assert all(0.9 <= count / 300 <= 0.99 for count in hits.values()), hits


def test_an_additive_decoder_has_no_interaction(generator):
    found = shares_of(Bilinear(both=0.0), 500, generator)
    assert found["share_zn_s"].value == pytest.approx(0, abs=1e-6)


def test_a_deterministic_decoder_gives_the_code_everything(generator):
    found = shares_of(Bilinear(noise=0.0, both=0.0), 500, generator)
    assert [found[name].value for name in PARTS] == pytest.approx([1, 0, 0], abs=1e-6)


def test_a_decoder_without_code_gives_the_noise_everything(generator):
    found = shares_of(Bilinear(code=0.0, both=0.0), 500, generator)
    assert [found[name].value for name in PARTS] == pytest.approx([0, 1, 0], abs=1e-6)


def test_a_constant_output_is_undefined(generator):
    found = shares_of(Bilinear(0.0, 0.0, 0.0), 50, generator)
    assert {item.status for item in found.values()} == {"undefined"}


def test_shuffled_codes_have_no_share(generator):
    model = Bilinear(both=0.0)
    z = model.sample_prior(2000, generator)
    # every decode takes another code, so that nothing is shared within a square
    x_hat = torch.stack(
        [
            model.generate(z[torch.randperm(2000, generator=generator)], n)
            for n in torch.randn(4, 2000, 2, generator=generator)
        ],
        1,
    )
    share = variance_shares(x_hat, "s")["share_z_s"]
    standard_error = (share.high - share.value) / 1.96
    assert abs(share.value) < 3 * standard_error


def test_chunks_change_nothing(generator, monkeypatch):
    x = torch.randn(300, 3, 1, 1, generator=generator)
    y = torch.zeros(300, dtype=torch.int64)
    whole = draw(Bilinear(), x, y, torch.Generator().manual_seed(1))
    monkeypatch.setattr(draws, "CHUNK", 7)
    parts = draw(Bilinear(), x, y, torch.Generator().manual_seed(1))
    assert torch.equal(whole.x, parts.x)
    assert torch.allclose(whole.x_hat, parts.x_hat, atol=1e-5)


def test_squares_share_code_and_noise_as_their_names_say(generator):
    class Names(Bilinear):
        def generate(self, z, n):
            return torch.cat([z[:, :1], n[:, :1]], 1)[:, :, None, None]

    model = Names()
    x_hat = decode(model, model.sample_prior(6, generator), generator)
    y, yn, yz, yi = draws.squares(x_hat)
    assert torch.equal(y[:, 0], yn[:, 0])
    assert torch.equal(yz[:, 0], yi[:, 0])
    assert torch.equal(y[:, 1], yz[:, 1])
    assert torch.equal(yn[:, 1], yi[:, 1])
    assert (y != yi).all()
