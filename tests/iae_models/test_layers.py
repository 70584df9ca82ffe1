"""The layers compute what their namesakes of `torch.nn` do, to the second derivative, whichever library multiplies."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from iae_models import products
from iae_models.config import run_config
from iae_models.layers import DoublingConvolution, HalvingConvolution, Linear, doubled
from iae_models.products import fastest_product, has_onednn, product_of, set_product
from iae_models.state import load_state, save_state
from iae_models.training import initial_state

needs_onednn = pytest.mark.skipif(not has_onednn(), reason="this PyTorch has no oneDNN")


def derivatives(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Return outputs, their gradients with respect to input and parameters, and those of a gradient penalty."""
    x = x.clone().requires_grad_(True)
    y = layer(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    (first,) = torch.autograd.grad((y.tanh() * weights).sum(), x, create_graph=True)
    gradients = torch.autograd.grad((y.tanh() * weights).sum(), tuple(layer.parameters()), retain_graph=True)
    second = torch.autograd.grad(first.square().sum(), layer.weight)
    return [y.detach(), first.detach(), *gradients, *second]


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_of_onednn_is_a_linear_layer(bias: bool) -> None:
    x, plain, layer = torch.randn(64, 200), nn.Linear(200, 300, bias), Linear(200, 300, bias)
    layer.load_state_dict(plain.state_dict())
    layer.product = "onednn"
    found, wanted = derivatives(layer, x), derivatives(plain, x)
    # the sums are formed in another order, or the fast path was not taken
    assert not torch.equal(found[1], wanted[1])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("kernel", [4, 6])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 5), (3, 5), (16, 20)])
def test_convolutions_are_those_of_torch(inputs: int, outputs: int, kernel: int) -> None:
    padding = kernel // 2 - 1
    halving = nn.Conv2d(inputs, outputs, kernel, 2, padding).double()
    doubling = nn.ConvTranspose2d(outputs, inputs, kernel, 2, padding).double()
    pairs: list[tuple[nn.Module, nn.Module, Tensor]] = [
        (HalvingConvolution(inputs, outputs, kernel), halving, torch.randn(3, inputs, 12, 12).double()),
        (DoublingConvolution(outputs, inputs, kernel), doubling, torch.randn(3, outputs, 6, 6).double()),
    ]
    for layer, plain, x in pairs:
        layer.double().load_state_dict(plain.state_dict())
        for one, other in zip(derivatives(layer, x), derivatives(plain, x), strict=True):
            torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_doubled_pixel_is_the_kernel(channels: int) -> None:
    x, weight = torch.zeros(1, 1, 3, 3), torch.arange(16.0 * channels).view(1, channels, 4, 4)
    x[0, 0, 1, 1] = 1
    image = doubled(x, weight)
    assert torch.equal(image[0, :, 1:5, 1:5], weight[0])
    assert image.sum() == weight.sum()


def test_onednn_is_taken_where_it_is_much_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "has_onednn", lambda: True)
    for speedup, product in ((1.1, "torch"), (1.9, "onednn")):
        monkeypatch.setattr(products, "speedup", lambda value=speedup: value)
        assert fastest_product.__wrapped__() == product
    monkeypatch.setattr(products, "has_onednn", lambda: False)
    assert fastest_product.__wrapped__() == "torch"


def test_a_product_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"product must be 'torch' or.*got 'blis'"):
        set_product(nn.Sequential(), "blis")
    monkeypatch.setattr(products, "has_onednn", lambda: False)
    with pytest.raises(ValueError, match=r"got 'onednn' with PyTorch"):
        set_product(nn.Sequential(), "onednn")


@needs_onednn
def test_a_checkpoint_keeps_its_product(tmp_path: Path) -> None:
    config = run_config({"model.width": 0.03, "model.latent_dim": 3, "model.noise_dim": 4, "train.batch_size": 8})
    for product in ("torch", "onednn"):
        save_state(initial_state(config, 0, product=product), tmp_path / product)
    state = initial_state(config, 0)
    for product in ("onednn", "torch"):
        load_state(state, tmp_path / product)
        assert product_of(state.variant) == product
