"""The contract that every variant keeps, over small configurations of each."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from iae_models.config import DATASETS, VARIANTS, RunConfig, field_types, run_config
from iae_models.costs import num_parameters
from iae_models.data import ImageData, Split
from iae_models.labels import labelled_indices
from iae_models.priors import MixturePrior
from iae_models.state import load_state, load_weights, save_state, save_weights, state_tensors
from iae_models.training import TrainState, evaluation_model, initial_state, train
from iae_models.variant import Player
from iae_models.variants import EVERY_VARIANT

SMALL: dict[str, object] = {"model.width": 0.03, "model.noise_dim": 4, "train.batch_size": 8}
GAUSSIAN: dict[str, object] = SMALL | {"model.latent_dim": 3}
CATEGORICAL: dict[str, object] = SMALL | {"model.code": "categorical", "model.num_categories": 5}
LABELLED: dict[str, object] = CATEGORICAL | {"model.num_categories": 10, "data.num_labels": 20}
NO_NOISE: dict[str, object] = {"model.width": 0.03, "model.latent_dim": 3, "train.batch_size": 8}
PLAIN_POINTS: dict[str, object] = SMALL | {"data.name": "seven_gaussians", "model.width": 0.2}
POINTS = PLAIN_POINTS | {"model.discriminator_norm": "none"}
TWO_DOMAINS: dict[str, object] = {
    "data.name": "digits_two_styles",
    "model.code": "image",
    "model.num_blocks": 1,
    "model.width": 0.03,
    "model.noise_dim": 4,
    "train.batch_size": 8,
}
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
    "discriminator capacity": GAUSSIAN | {"model.discriminator_width": 2.0},
    "uniform": GAUSSIAN | {"model.prior_distribution": "uniform", "model.noise_distribution": "uniform"},
    "fitted prior": GAUSSIAN | {"model.regularization_weight": 0, "model.prior_components": 2},
    "clustering": CATEGORICAL,
    "clustering, regularized": CATEGORICAL | {"model.vat_weight": 1.0, "model.balance_weight": 1.0},
    "semi-supervised": LABELLED,
    "aae": GAUSSIAN | {"model.variant": "aae", "model.encoder_noise_dim": 2},
    "aae, unregularized": GAUSSIAN | {"model.variant": "aae", "model.regularization_weight": 0, "model.noise_dim": 0},
    "aae, clustering": CATEGORICAL | {"model.variant": "aae", "model.infer_noise": True, "model.code_noise": 0.1},
    "aae, semi-supervised": LABELLED | {"model.variant": "aae", "model.infer_noise": True, "model.input_noise": 0.1},
    "vae": {"model.variant": "vae", "model.width": 0.03, "model.latent_dim": 3, "train.batch_size": 8},
    "avb": {**NO_NOISE, "model.variant": "avb", "model.encoder_noise_dim": 4, "model.r1_gamma": 0.1},
    "gan": GAUSSIAN | {"model.variant": "gan", "model.r1_gamma": 0.1, "model.instance_noise": 0.1},
    "gan, categorical": CATEGORICAL | {"model.variant": "gan", "model.discriminator_batching": "joint"},
    "gan, unconditional": GAUSSIAN | {"model.variant": "gan", "model.latent_dim": 0},
    "infogan": GAUSSIAN | {"model.variant": "infogan", "model.r1_gamma": 0.1},
    "infogan, categorical": CATEGORICAL | {"model.variant": "infogan"},
    "ali": GAUSSIAN | {"model.variant": "ali", "model.encoder_noise_dim": 2, "model.r1_gamma": 0.1},
    "ali, categorical": CATEGORICAL | {"model.variant": "ali", "model.code_noise": 0.1},
    "fiae": GAUSSIAN | {"model.variant": "fiae", "model.encoder_noise_dim": 2, "model.r1_gamma": 0.1},
    "fiae, deterministic": {**NO_NOISE, "model.variant": "fiae", "model.noise_dim": 0},
    "fiae, divergences": CATEGORICAL
    | {
        "model.variant": "fiae",
        "model.code_noise": 0.1,
        "model.positive_gradient": True,
        "model.code_gradient": False,
        "model.reconstruction_loss": "forward_kl",
        "model.regularization_loss": "reverse_kl",
    },
    "cycleiae": TWO_DOMAINS | {"model.variant": "cycleiae", "model.r1_gamma": 0.1},
    "cycleiae, stochastic encoder": TWO_DOMAINS
    | {
        "model.variant": "cycleiae",
        "model.noise_dim": 0,
        "model.encoder_noise_dim": 4,
        "model.positive_gradient": True,
        "model.code_gradient": False,
    },
    "cycleiae, marginal": TWO_DOMAINS
    | {"model.variant": "cycleiae", "model.match_pairs": False, "model.discriminator_norm": "none"},
    "cyclegan": TWO_DOMAINS | {"model.variant": "cyclegan", "model.encoder_noise_dim": 3, "model.r1_gamma": 0.1},
    "cyclegan, joint batches": TWO_DOMAINS
    | {"model.variant": "cyclegan", "model.discriminator_batching": "joint", "model.discriminator_norm": "paper"},
    "points, iae": POINTS | {"model.code": "categorical", "model.num_categories": 7, "model.r1_gamma": 0.1},
    "points, gan": POINTS | {"model.variant": "gan", "model.code": "categorical", "model.num_categories": 7},
    "points, fiae": POINTS | {"model.variant": "fiae", "model.latent_dim": 2, "model.encoder_noise_dim": 3},
    "points, infogan": POINTS | {"model.variant": "infogan", "model.latent_dim": 2},
    "points, aae": PLAIN_POINTS
    | {"model.variant": "aae", "model.code": "categorical", "model.num_categories": 7, "model.infer_noise": True},
    "points, ali": PLAIN_POINTS
    | {
        "model.variant": "ali",
        "model.latent_dim": 2,
        "model.encoder_noise_dim": 3,
        "model.discriminator_batching": "joint",
    },
    "colour, Table 2": GAUSSIAN | {"data.name": "street_digits"},
    "colour, Table 3": GAUSSIAN | {"data.name": "celeba"},
    "domains of other channels": TWO_DOMAINS | {"data.name": "edges2shoes", "model.variant": "cycleiae"},
    "domains in colour": TWO_DOMAINS
    | {
        "data.name": "celeba_female_male",
        "model.variant": "cycleiae",
        "model.noise_dim": 0,
        "model.encoder_noise_dim": 4,
    },
}

EVERY_TERM = (
    "case 2",
    "paper norm",
    "stochastic encoder",
    "noises",
    "r1",
    "uniform",
    "clustering, regularized",
    "semi-supervised",
    "aae",
    "vae",
    "avb",
    "gan, categorical",
    "infogan",
    "ali, categorical",
    "fiae, divergences",
    "cycleiae",
    "cyclegan, joint batches",
    "points, iae",
)
"""A case of every variant and of every kind of term."""

ROUNDING = 1e-5
"""What a parameter's largest gradient, over the median of those of its player, exceeds unless it is rounding alone."""

ABSORBED = {"encoder.convolution_norms.2.bias"}
"""The shift of a batch normalization right before a linear layer and the next one, as Tables 2 and 3 have it."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "_"))
def config(request: pytest.FixtureRequest) -> RunConfig:
    return run_config(CASES[request.param])


@pytest.fixture
def data(config: RunConfig) -> ImageData:
    return data_for(config)


def data_for(config: RunConfig) -> ImageData:
    info = DATASETS[config.data.name]
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (64, *info.shape), generator=generator).to(torch.uint8)
    x = x if info.holds_images else x.float() / 64 - 2
    codes = torch.randint(256, (48, *info.code_shape), generator=generator).to(torch.uint8) if info.code_shape else None
    split = Split(x, torch.arange(64) % max(info.num_classes, 1), codes=codes)
    return ImageData(config.data.name, "none", info.num_classes, split, split, split)


def batch(state: TrainState, data: ImageData) -> dict[str, Any]:
    return {name: sample(data, 8, state.streams[name]) for name, sample in state.variant.samplers.items()}


def loss_of(state: TrainState, player: Player, draws: dict[str, Any]) -> Tensor:
    return torch.stack(list(player.terms(state.variant.tape(draws)).values())).sum()


def draws_of(state: TrainState, num: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return noises ε and n, and codes of the prior, or images of the second domain."""
    model, generator = state.variant, torch.Generator().manual_seed(1)
    eps, n = model.sample_encoder_noise(num, generator), model.sample_noise(num, generator)
    if model.code == "image":
        return eps, n, torch.rand(num, *model.z_shape, generator=generator)
    return eps, n, model.sample_prior(num, generator)


def test_every_variant_has_a_case() -> None:
    assert {run_config(values).model.variant for values in CASES.values()} == set(VARIANTS)


def test_every_field_is_of_some_variant() -> None:
    used = EVERY_VARIANT.union(*(info.fields for info in VARIANTS.values()))
    assert used == set(field_types())


def test_shapes(config: RunConfig, data: ImageData) -> None:
    state = initial_state(config, 0)
    model, x = state.variant, data.train.images(slice(8))
    eps, n, z = draws_of(state, 8)
    assert z.shape == (8, *model.z_shape)
    x_hat = model.generate(z, n)
    assert x_hat.shape == (8, *model.x_shape)
    if DATASETS[config.data.name].holds_images:
        assert 0 <= x_hat.min() <= x_hat.max() <= 1
    if "infer" in model.capabilities:
        assert model.infer(x, eps).shape == (8, *model.z_shape)
        assert model.reconstruct(x, torch.Generator()).shape == x_hat.shape
    assert ("infer" in model.capabilities) == (config.model.has_code and config.model.variant != "gan")
    assert "generate" in model.capabilities


def test_one_seed_gives_one_run(config: RunConfig, data: ImageData) -> None:
    short = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2, report_every=1))
    states = [initial_state(short, replicate) for replicate in (0, 0, 1)]
    losses = [[progress.values for progress in train(state, data, short)] for state in states]
    assert losses[0] == losses[1] != losses[2]
    first, again, other = (state_tensors(state) for state in states)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


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
        largest = torch.stack([gradient.abs().max() for gradient in gradients])
        unmoved = largest < ROUNDING * largest.median()
        names = {id(value): name for name, value in state.variant.named_parameters()}
        found = {names[id(value)] for value, is_unmoved in zip(player.parameters, unmoved, strict=True) if is_unmoved}
        assert found <= ABSORBED, player.name


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


def test_a_step_of_one_player_moves_nothing_of_another(config: RunConfig, data: ImageData) -> None:
    for chosen in [player.name for player in initial_state(config, 0).variant.players]:
        state = initial_state(config, 0)
        (player,) = (player for player in state.variant.players if player.name == chosen)
        before = {name: value.clone() for name, value in state.variant.named_parameters()}
        own = {id(parameter) for parameter in player.parameters}
        # the cached property is what the loop asks for
        state.variant.__dict__["players"] = (player,)
        one = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=1))
        list(train(state, data, one))
        moved = {name for name, value in state.variant.named_parameters() if not torch.equal(value, before[name])}
        assert moved, chosen
        assert moved <= {name for name, value in state.variant.named_parameters() if id(value) in own}, chosen


def test_every_model_makes_images_of_its_own(config: RunConfig, data: ImageData) -> None:
    """From the prior where the code follows it, which does not look at images; in Cases 1 and 3 through their codes."""
    model = evaluation_model(initial_state(config, 0), data)
    other = dataclasses.replace(data.train, x=data.train.x.flip(0))
    drawn, again = (model.sample(split, 8, torch.Generator().manual_seed(3)) for split in (data.train, other))
    assert drawn.shape == (8, *model.x_shape)
    assert drawn.isfinite().all()
    assert torch.equal(drawn, again) == ("sample" in model.capabilities)
    if data.train.codes is not None:
        other = dataclasses.replace(data.train, codes=data.train.codes.flip(0))
        assert not torch.equal(model.sample(other, 8, torch.Generator().manual_seed(3)), drawn)


def test_weights_survive_a_file(config: RunConfig, data: ImageData, tmp_path: Path) -> None:
    state = initial_state(config, 0)
    model = evaluation_model(state, data)
    save_weights(model, tmp_path / "weights.safetensors")
    loaded = load_weights(config, tmp_path / "weights.safetensors")
    eps, n, z = draws_of(state, 8)
    if "infer" in model.capabilities:
        x = data.train.images(slice(8))
        assert torch.equal(model.infer(x, eps), loaded.infer(x, eps))
    assert torch.equal(model.generate(z, n), loaded.generate(z, n))
    streams = [torch.Generator().manual_seed(2) for _ in range(2)]
    assert torch.equal(model.sample_prior(8, streams[0]), loaded.sample_prior(8, streams[1]))


def test_a_checkpoint_goes_on_bitwise(config: RunConfig, data: ImageData, tmp_path: Path) -> None:
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2, report_every=1))
    whole, half, resumed = (initial_state(config, 0) for _ in range(3))
    list(train(whole, data, config))
    next(train(half, data, config))
    save_state(half, tmp_path / "state.safetensors")
    load_state(resumed, tmp_path / "state.safetensors")
    assert resumed.step == 1
    list(train(resumed, data, config))
    expected, found = state_tensors(whole), state_tensors(resumed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


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


def test_a_euclidean_cost_teaches_the_decoder_to_ignore_its_noise() -> None:
    """Equation 8: averaging over the noise lowers a squared error, so its gradient shrinks the noise's effect."""
    config = run_config(GAUSSIAN | {"model.variant": "aae", "model.regularization_weight": 0, "train.steps": 150})
    data = data_for(config)
    spreads = []
    for steps in (1, 150):
        state = initial_state(config, 0)
        short = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=steps))
        list(train(state, data, short))
        model, (_, n, z) = state.variant, draws_of(state, 64)
        spreads.append((model.generate(z, n) - model.generate(z, n.flip(0))).square().mean().item())
    assert spreads[1] < 0.5 * spreads[0]


def test_label_draws_are_replicates() -> None:
    config = run_config(LABELLED)
    data = data_for(config)
    states = {name: initial_state(config, replicate) for name, replicate in (("a", 0), ("again", 0), ("b", 1))}
    seen = {}
    for name, state in states.items():
        sample, stream = state.variant.samplers["labelled"], state.streams["labelled"]
        stream.set_state(stream.get_state())
        batches = [sample(data, 32, stream) for _ in range(20)]
        images = torch.cat([x for x, _ in batches]).flatten(1).unique(dim=0)
        labels = torch.cat([y for _, y in batches])
        assert len(images) == 20
        assert labels.unique().tolist() == list(range(10))
        seen[name] = images
    assert torch.equal(seen["a"], seen["again"])
    assert not torch.equal(seen["a"], seen["b"])


def test_labels_are_learnt() -> None:
    config = run_config(LABELLED | {"train.steps": 60, "model.width": 0.1})
    state, data = initial_state(config, 0), data_for(config)
    losses = [progress.values["loss/autoencoder/labels"] for progress in train(state, data, config)]
    labelled = labelled_indices(data.train, 20, 10, state.streams["labelled"].initial_seed())
    codes = evaluation_model(state, data).infer(data.train.images(labelled), torch.empty(20, 0))
    assert (codes.argmax(1) == data.train.y[labelled]).float().mean() > 0.8
    assert losses[-1] < 2.3


def test_a_fitted_prior_finds_the_codes() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3000) % 2
    z = torch.randn(3000, 2, generator=generator) * torch.tensor([0.5, 0.1]) + 3 * labels[:, None]
    for components in (1, 2):
        prior = MixturePrior(components, 2)
        prior.fit(z, generator)
        drawn = prior.sample(20000, generator)
        assert torch.allclose(drawn.mean(0), z.mean(0), atol=0.05)
        assert torch.allclose(drawn.T.cov(), z.T.cov(), atol=0.1)
    assert prior.weights.tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert sorted(prior.means[:, 0].tolist()) == pytest.approx([0, 3], abs=0.05)
    assert (drawn[:, 1] - 1.5).abs().min() > 0.5
