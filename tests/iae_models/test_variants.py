"""The contract that every variant keeps, over small configurations of each."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from iae_models.config import RunConfig, run_config
from iae_models.costs import num_parameters
from iae_models.data import ImageData, Split
from iae_models.state import load_weights, save_weights
from iae_models.training import TrainState, evaluation_model, initial_state
from iae_models.variant import Player

SMALL: dict[str, object] = {"model.width": 0.03, "model.noise_dim": 4, "train.batch_size": 8}
GAUSSIAN: dict[str, object] = SMALL | {"model.latent_dim": 3}
CATEGORICAL: dict[str, object] = SMALL | {"model.code": "categorical", "model.num_categories": 5}
CASES: dict[str, dict[str, object]] = {
    "case 1": GAUSSIAN | {"model.noise_dim": 0, "model.regularization_weight": 0},
    "case 2": GAUSSIAN | {"model.noise_dim": 0},
    "case 3": GAUSSIAN | {"model.regularization_weight": 0},
    "case 4": GAUSSIAN,
    "unconditional": GAUSSIAN | {"model.latent_dim": 0},
    "stochastic encoder": GAUSSIAN | {"model.encoder_noise_dim": 2},
    "frozen encoder": GAUSSIAN | {"model.train_encoder": False},
    "paper norm": GAUSSIAN | {"model.discriminator_norm": "paper", "model.discriminator_batching": "joint"},
    "f-divergences": GAUSSIAN | {"model.reconstruction_loss": "forward_kl", "model.regularization_loss": "reverse_kl"},
    "minimax": GAUSSIAN | {"model.reconstruction_loss": "minimax", "model.regularization_loss": "minimax"},
    "every gradient": GAUSSIAN | {"model.positive_gradient": True, "model.discriminator_norm": "none"},
    "no code gradient": GAUSSIAN | {"model.code_gradient": False},
    "noises": GAUSSIAN | {"model.input_noise": 0.1, "model.instance_noise": 0.1, "model.code_noise": 0.1},
    "r1": GAUSSIAN | {"model.r1_gamma": 0.1},
    "clustering": CATEGORICAL,
    "clustering, regularized": CATEGORICAL | {"model.vat_weight": 1.0, "model.balance_weight": 1.0},
}


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "_"))
def config(request: pytest.FixtureRequest) -> RunConfig:
    return run_config(CASES[request.param])


@pytest.fixture
def data() -> ImageData:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (64, 1, 28, 28), generator=generator).to(torch.uint8)
    split = Split(x, torch.arange(64) % 10)
    return ImageData("embedded_digits", "none", 10, split, split, split)


def batch(state: TrainState, data: ImageData) -> dict[str, Any]:
    return {name: sample(data, 8, state.streams[name]) for name, sample in state.variant.samplers.items()}


def loss_of(state: TrainState, player: Player, draws: dict[str, Any]) -> Tensor:
    return torch.stack(list(player.terms(state.variant.tape(draws)).values())).sum()


def test_shapes(config: RunConfig, data: ImageData) -> None:
    model = initial_state(config, 0).variant
    draws = batch(initial_state(config, 0), data)
    assert draws["z_prior"].shape == (8, model.code_dim)
    z = model.infer(draws["x"], draws["eps"])
    assert z.shape == (8, model.code_dim)
    x_hat = model.generate(z, draws["n"])
    assert x_hat.shape == (8, *model.x_shape)
    assert 0 <= x_hat.min() <= x_hat.max() <= 1
    assert ("infer" in model.capabilities) == (model.code_dim > 0)
    assert model.reconstruct(draws["x"], torch.Generator()).shape == x_hat.shape


def test_the_plan_counts_the_parameters_that_the_model_has(config: RunConfig) -> None:
    model = initial_state(config, 0).variant
    assert num_parameters(config) == sum(value.numel() for value in model.parameters())


def test_gradient_reaches_every_parameter_of_a_player_and_none_of_another(config: RunConfig, data: ImageData) -> None:
    state = initial_state(config, 0)
    owners = [id(parameter) for player in state.variant.players for parameter in player.parameters]
    assert len(owners) == len(set(owners))
    unowned = {name for name, value in state.variant.named_parameters() if id(value) not in owners}
    assert all(name.startswith("encoder") for name in unowned)
    assert bool(unowned) == (not config.model.train_encoder)
    for player in state.variant.players:
        gradients = torch.autograd.grad(loss_of(state, player, batch(state, data)), player.parameters)
        assert all(gradient.abs().sum() > 0 for gradient in gradients), player.name


def test_a_players_loss_falls_when_it_alone_steps(config: RunConfig, data: ImageData) -> None:
    for player_index in range(len(initial_state(config, 0).variant.players)):
        state = initial_state(config, 0)
        player = state.variant.players[player_index]
        draws = batch(state, data)
        before = loss_of(state, player, draws)
        optimizer = torch.optim.Adam(player.parameters, 1e-4)
        for _ in range(10):
            gradients = torch.autograd.grad(loss_of(state, player, draws), player.parameters)
            for parameter, gradient in zip(player.parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
        assert loss_of(state, player, draws) < before, player.name


def test_weights_survive_a_file(config: RunConfig, data: ImageData, tmp_path: Path) -> None:
    state = initial_state(config, 0)
    model = evaluation_model(state, data)
    save_weights(model, tmp_path / "weights.safetensors")
    loaded = load_weights(config, tmp_path / "weights.safetensors")
    draws = batch(state, data)
    for one, other in ((model, loaded),):
        z = one.infer(draws["x"], draws["eps"])
        assert torch.equal(z, other.infer(draws["x"], draws["eps"]))
        assert torch.equal(one.generate(z, draws["n"]), other.generate(z, draws["n"]))


def test_the_paper_gradient_is_blind_to_the_image() -> None:
    """With only the negative pair, two images with one code get one gradient: nothing tells the encoder which."""
    state = initial_state(run_config(GAUSSIAN | {"model.regularization_weight": 0}), 0)
    z = torch.randn(4, 3, requires_grad=True)
    n = torch.randn(4, 4)
    gradients = []
    for x in (torch.rand(4, 1, 28, 28), torch.rand(4, 1, 28, 28)):
        draws = {"x": x, "eps": torch.empty(4, 0), "n": n}
        tape = state.variant.tape(draws)
        tape.__dict__["z_hat"] = z
        player = state.variant.players[-1]
        gradients.append(torch.autograd.grad(torch.stack(list(player.terms(tape).values())).sum(), z)[0])
    assert torch.equal(*gradients)
