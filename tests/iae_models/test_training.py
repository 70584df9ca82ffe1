"""The training loop: determinism, checkpoints, averages, and what happens to a run that diverges."""

from functools import cached_property
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from iae_models import training
from iae_models.config import RunConfig, run_config
from iae_models.data import ImageData, Split
from iae_models.state import load_state, save_state, state_tensors
from iae_models.training import Diverged, TrainState, evaluation_model, initial_state, train
from iae_models.variant import Draws, Player, Sampler, Tape, Variant

SMALL: dict[str, object] = {"model.width": 0.03, "model.latent_dim": 3, "model.noise_dim": 4, "train.batch_size": 8}


@pytest.fixture(scope="module")
def data() -> ImageData:
    generator = torch.Generator().manual_seed(0)
    split = Split(torch.randint(256, (300, 1, 28, 28), generator=generator).to(torch.uint8), torch.arange(300) % 10)
    return ImageData("embedded_digits", "none", 10, split, split, split)


def config(**train: object) -> RunConfig:
    return run_config(SMALL | {"train.steps": 6, "train.report_every": 2} | {f"train.{k}": v for k, v in train.items()})


def same(one: TrainState, other: TrainState) -> bool:
    pairs = state_tensors(one), state_tensors(other)
    return pairs[0].keys() == pairs[1].keys() and all(torch.equal(pairs[0][name], pairs[1][name]) for name in pairs[0])


def test_reports_come_at_every_interval_and_at_the_last_step(data: ImageData) -> None:
    state = initial_state(config(steps=5), 0)
    assert [item.step for item in train(state, data, config(steps=5))] == [2, 4, 5]
    state = initial_state(config(), 0)
    first = next(train(state, data, config()))
    assert state.step == 2
    assert {"loss/autoencoder/reconstruction", "metric/reconstruction_discriminator/accuracy"} <= set(first.values)


def test_a_run_is_bitwise_the_same_whatever_ran_before_or_between(data: ImageData) -> None:
    states = [initial_state(config(), 0) for _ in range(2)]
    list(train(states[0], data, config()))
    torch.manual_seed(99)
    other = initial_state(config(), 1)
    for _ in zip(train(states[1], data, config()), train(other, data, config()), strict=True):
        torch.rand(3)
    assert same(states[0], states[1])
    assert not same(states[0], other)


def test_replicates_share_images_across_configurations(data: ImageData) -> None:
    wide = run_config(SMALL | {"model.latent_dim": 7})
    draws = [initial_state(item, 0).variant.samplers["x"] for item in (config(), wide)]
    streams = [initial_state(item, 0).streams["x"] for item in (config(), wide)]
    batches = [draw(data, 8, stream) for draw, stream in zip(draws, streams, strict=True)]
    assert torch.equal(*batches)


def test_a_checkpoint_goes_on_bitwise(data: ImageData, tmp_path: Path) -> None:
    whole = initial_state(config(), 0)
    list(train(whole, data, config()))
    half = initial_state(config(), 0)
    progress = train(half, data, config())
    next(progress)
    save_state(half, tmp_path / "state.safetensors")
    resumed = initial_state(config(), 0)
    load_state(resumed, tmp_path / "state.safetensors")
    assert resumed.step == 2
    list(train(resumed, data, config()))
    assert same(whole, resumed)


def test_a_run_that_diverges_says_where(data: ImageData) -> None:
    state = initial_state(config(), 0)
    with torch.no_grad():
        weights = dict(state.variant.named_parameters())
        weights["decoder.layers.0.weight"].fill_(float("nan"))
    with pytest.raises(Diverged, match=r"loss/reconstruction_discriminator/real became nan between steps 1 and 2"):
        list(train(state, data, config()))


def test_the_average_follows_the_weights_with_a_ramp(data: ImageData) -> None:
    state = initial_state(config(steps=1), 0)
    start = {name: value.clone() for name, value in state.average.items()}
    list(train(state, data, config(steps=1)))
    weights = dict(state.variant.named_parameters())
    assert set(state.average) == {name for name in weights if name.startswith(("encoder", "decoder"))}
    for name, value in state.average.items():
        # the decay of the first step is (1 + 1) / (10 + 1)
        torch.testing.assert_close(value, start[name] * 2 / 11 + weights[name].detach() * 9 / 11)


def test_the_evaluation_model_has_averaged_weights_and_fresh_statistics(data: ImageData) -> None:
    state = initial_state(config(), 0)
    list(train(state, data, config()))
    before = {name: value.clone() for name, value in state_tensors(state).items()}
    model = evaluation_model(state, data)
    assert not model.training
    assert not any(value.requires_grad for value in model.parameters())
    name, average = next(iter(state.average.items()))
    assert torch.equal(dict(model.named_parameters())[name], average)
    z = model.infer(data.train.images(), torch.empty(300, 0))
    # the encoder ends in batch normalization, so fresh statistics center the code on its bias
    torch.testing.assert_close(z.mean(0), dict(model.named_parameters())["encoder.norm.bias"], atol=0.05, rtol=0)
    assert all(torch.equal(before[name], value) for name, value in state_tensors(state).items())


def test_without_averaging_the_last_weights_are_measured(data: ImageData) -> None:
    state = initial_state(config(ema_decay=0), 0)
    list(train(state, data, config(ema_decay=0)))
    model = evaluation_model(state, data)
    weights = dict(state.variant.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in model.named_parameters())


def test_a_weight_that_is_not_finite_is_never_measured(data: ImageData) -> None:
    state = initial_state(config(ema_decay=0), 0)
    with torch.no_grad():
        dict(state.variant.named_parameters())["encoder.last.weight"][0, 0] = float("nan")
    with pytest.raises(Diverged, match=r"encoder\.\S+ is not finite after 0 steps"):
        evaluation_model(state, data)


def test_an_added_layer_changes_the_start_of_no_other() -> None:
    plain = dict(initial_state(config(), 0).variant.named_parameters())
    noisy = dict(initial_state(run_config(SMALL | {"model.encoder_noise_dim": 2}), 0).variant.named_parameters())
    assert set(noisy) - set(plain) == {"encoder.noise.weight"}
    assert all(torch.equal(value, noisy[name]) for name, value in plain.items())


def test_statistics_of_what_is_not_measured_stay(data: ImageData) -> None:
    state = initial_state(config(), 0)
    list(train(state, data, config()))
    trained, measured = state.variant.state_dict(), evaluation_model(state, data).state_dict()
    names = [name for name in trained if name.startswith("reconstruction_discriminator") and "running" in name]
    assert names
    assert all(torch.equal(trained[name], measured[name]) for name in names)


class TwoPhases(Variant):
    """Two players that both differentiate one forward pass; the second moves in every third step."""

    averaged = ("first", "second")

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.first, self.second = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        return {"pair": lambda _, num, stream: (torch.ones(num, 1), torch.rand(num, 1, generator=stream))}

    def tape(self, draws: Draws) -> Tape:
        tape = Product(draws)
        tape.model = self
        return tape

    @cached_property
    def players(self) -> tuple[Player, ...]:
        return (
            Player("first", tuple(self.first.parameters()), lambda tape: {"one": tape.output * 0 + 1}, "generator_lr"),
            Player(
                "second",
                tuple(self.second.parameters()),
                lambda tape: {"one": tape.output * 0 + 1},
                "generator_lr",
                interval=3,
                fresh_tape=True,
            ),
        )


class Product(Tape):
    model: TwoPhases

    @cached_property
    def output(self) -> Tensor:
        x, _ = self.draws["pair"]
        output: Tensor = self.model.second(self.model.first(x)).mean()
        return output


def test_players_may_share_a_pass_and_rest(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "build", lambda settings, *_: TwoPhases(settings))
    state = initial_state(config(), 0)
    (progress,) = train(state, data, config(report_every=6))
    # a mean over the player's own moves, however seldom it moves
    assert progress.values == {"loss/first/one": 1.0, "loss/second/one": 1.0}
    moves = {name: next(iter(item.state.values()))["step"].item() for name, item in state.optimizers.items()}
    assert moves == {"first": 6, "second": 2}
