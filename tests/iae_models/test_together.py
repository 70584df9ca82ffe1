"""Runs that train in one step: each must be as if it were alone, whatever becomes of the others."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from iae_models.batched import has_batching, input_gradient
from iae_models.config import VARIANTS, RunConfig, run_config
from iae_models.data import ImageData, Split, load
from iae_models.implicit import ImplicitAutoencoder
from iae_models.slot_probe import are_same, differences
from iae_models.slots import Slot
from iae_models.state import load_state, save_state, state_tensors
from iae_models.training import Diverged, Progress, Together, TrainState, initial_state, train
from iae_models.variant import Player
from tests.iae_models.test_variants import CASES, data_for

pytestmark = pytest.mark.skipif(not has_batching(), reason="this PyTorch gives no access to the axis of torch.vmap")

SMALL: dict[str, object] = {"model.width": 0.03, "model.latent_dim": 3, "model.noise_dim": 4, "train.batch_size": 8}

TOLERANCE = 2e-6
"""Of tiny networks and batches in double precision: the gradient of a batch norm is large where a variance is small."""

TOGETHER = (
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


class DoubleSplit(Split):
    """Examples in double precision."""

    def images(self, index: Tensor | slice = slice(None)) -> Tensor:
        return super().images(index).double()

    def code_images(self, index: Tensor | slice = slice(None)) -> Tensor:
        return super().code_images(index).double()


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def in_double(data: ImageData) -> ImageData:
    split = data.train
    return dataclasses.replace(data, train=DoubleSplit(split.x, split.y, codes=split.codes))


def config(**train: object) -> RunConfig:
    return run_config(SMALL | {"train.steps": 6, "train.report_every": 2} | {f"train.{k}": v for k, v in train.items()})


@pytest.fixture(scope="module")
def data() -> ImageData:
    return data_for(config())


def states_of(config: RunConfig, num: int, slots: int = 1) -> list[TrainState]:
    """Return the states of the first replicates, each with a slot of its own where there are as many as that."""
    return [state_of(config, index, Slot(index % slots, slots)) for index in range(num)]


def state_of(config: RunConfig, replicate: int, slot: Slot) -> TrainState:
    return initial_state(config, replicate, product="torch", slot=slot)


def in_turns(progress: Sequence[Iterator[Progress]]) -> list[list[Progress]]:
    """Ask each run for a report in turn, until none has any."""
    found: list[list[Progress]] = [[] for _ in progress]
    running = dict(enumerate(progress))
    while running:
        for index in [*running]:
            item = next(running[index], None)
            if item is None:
                del running[index]
            else:
                found[index].append(item)
    return found


def distance(one: TrainState, other: TrainState) -> float:
    """Return the largest difference between two states, relative to the largest number of a tensor or 1."""
    first, second = state_tensors(one), state_tensors(other)
    assert first.keys() == second.keys()
    largest = 0.0
    for name, value in first.items():
        if not value.is_floating_point():
            assert torch.equal(value, second[name]), name
        elif value.numel():
            scale = max(1.0, value.abs().max().item())
            largest = max(largest, (value - second[name]).abs().max().item() / scale)
    return largest


def test_every_variant_is_among_those_that_train_together() -> None:
    assert {run_config(CASES[name]).model.variant for name in TOGETHER} == set(VARIANTS)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", TOGETHER)
def test_every_variant_trains_together_as_it_does_alone(name: str) -> None:
    short = run_config(CASES[name] | {"train.steps": 2, "train.report_every": 2})
    data = in_double(data_for(short))
    alone, together = states_of(short, 2), states_of(short, 2, slots=2)
    expected = [list(train(state, data, short)) for state in alone]
    group = Together(short, data, 2)
    found = in_turns([group.join(state) for state in together])
    for (one,), (other,) in zip(expected, found, strict=True):
        assert other.step == 2
        assert other.values == pytest.approx(one.values, abs=TOLERANCE, rel=TOLERANCE)
    for one_state, other_state in zip(alone, together, strict=True):
        assert distance(one_state, other_state) < TOLERANCE


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("changes", [{"model.code": "categorical"}, {"model.discriminator_norm": "none"}])
def test_thirty_steps_in_double_precision_are_those_of_a_run_alone(changes: dict[str, object]) -> None:
    usual = run_config({"model.width": 0.06, "train.steps": 30, "train.report_every": 30} | changes)
    data = in_double(load("embedded_digits"))
    alone, together = states_of(usual, 2), states_of(usual, 2, slots=2)
    for state in alone:
        list(train(state, data, usual))
    group = Together(usual, data, 2)
    in_turns([group.join(state) for state in together])
    for one, other in zip(alone, together, strict=True):
        assert distance(one, other) <= 1e-8


def test_one_step_in_single_precision_is_that_of_a_run_alone() -> None:
    usual = run_config({"model.width": 0.125})
    assert are_same(differences(usual, 3, load("embedded_digits"), "torch"), torch.device("cuda"))


def test_a_neighbour_that_is_not_a_number_changes_nothing(data: ImageData) -> None:
    runs = [states_of(config(), 3, slots=3) for _ in range(2)]
    with torch.no_grad():
        for parameter in runs[1][1].variant.parameters():
            parameter.fill_(float("nan"))
    reports = []
    for states in runs:
        group = Together(config(), data, 3)
        progress = [group.join(state) for state in states]
        first = [next(progress[0])]
        if states is runs[1]:
            with pytest.raises(
                Diverged, match=r"loss/reconstruction_discriminator/real became nan between steps 1 and 2"
            ):
                next(progress[1])
            assert in_turns([progress[1]]) == [[]]
        reports.append([[*first, *found] if index == 0 else found for index, found in enumerate(in_turns(progress))])
    for index in (0, 2):
        assert reports[0][index] == reports[1][index]
        assert same(runs[0][index], runs[1][index])


def same(one: TrainState, other: TrainState) -> bool:
    first, second = state_tensors(one), state_tensors(other)
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def test_neighbours_and_their_absence_change_nothing(data: ImageData) -> None:
    found = []
    for replicates in ((0, 1, 2), (1,), (3, 1), (5, 1, 6)):
        places = dict(zip((1,) if len(replicates) == 1 else (0, 1, 2), replicates, strict=False))
        states = [state_of(config(), replicate, Slot(place, 3)) for place, replicate in places.items()]
        group = Together(config(), data, 3)
        in_turns([group.join(state) for state in states])
        found.append(states[[*places.values()].index(1)])
    assert all(same(found[0], other) for other in found[1:])
    lone = state_of(config(), 1, Slot(1, 3))
    list(train(lone, data, config()))
    assert same(found[0], lone)


def test_a_checkpoint_goes_on_bitwise_in_as_many_slots(data: ImageData, tmp_path: Path) -> None:
    whole = states_of(config(), 2, slots=2)
    group = Together(config(), data, 2)
    in_turns([group.join(state) for state in whole])
    halves = states_of(config(), 2, slots=2)
    group = Together(config(), data, 2)
    progress = [group.join(state) for state in halves]
    for index, item in enumerate(progress):
        assert next(item).step == 2
        save_state(halves[index], tmp_path / f"{index}.safetensors")
    resumed = states_of(config(), 2)
    for index, state in enumerate(resumed):
        load_state(state, tmp_path / f"{index}.safetensors")
        assert (state.step, state.slot) == (2, Slot(index, 2))
    group = Together(config(), data, 2)
    in_turns([group.join(state) for state in resumed])
    assert all(map(same, whole, resumed))
    alone = initial_state(config(), 1)
    load_state(alone, tmp_path / "1.safetensors")
    list(train(alone, data, config()))
    assert same(whole[1], alone)


def test_a_slot_that_was_left_is_given_to_another_run(data: ImageData) -> None:
    """Its tensors are its own then, and the newcomer begins at its first step beside runs in the middle of theirs."""
    undisturbed = states_of(config(), 3, slots=2)
    for state in undisturbed:
        list(train(state, data, config()))
    first, second, third = states_of(config(), 3, slots=2)
    group = Together(config(), data, 2)
    progress = [group.join(first), group.join(second)]
    with pytest.raises(ValueError, match=r"slot must be free and one of 2, but got 0/2"):
        group.join(third)
    next(progress[0])
    next(progress[1])
    progress[0].close()
    left = {name: value.clone() for name, value in state_tensors(first).items()}
    joined = group.join(third)
    reports = in_turns([progress[1], joined])
    assert [[item.step for item in found] for found in reports] == [[4, 6], [2, 4, 6]]
    assert same(second, undisturbed[1])
    assert same(third, undisturbed[2])
    assert all(torch.equal(value, left[name]) for name, value in state_tensors(first).items())
    list(train(first, data, config()))
    assert same(first, undisturbed[0])


def test_runs_at_different_steps_report_at_their_own(data: ImageData) -> None:
    short = config(steps=5)
    early, late = states_of(short, 2, slots=2)
    next(train(late, data, short))
    group = Together(short, data, 2)
    reports = in_turns([group.join(early), group.join(late)])
    assert [[item.step for item in found] for found in reports] == [[2, 4, 5], [4, 5]]
    lone = state_of(short, 1, Slot(1, 2))
    assert [item.step for item in train(lone, data, short)] == [2, 4, 5]
    assert same(late, lone)


def test_runs_whose_players_move_in_other_steps_do_not_train_together(
    data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    players = ImplicitAutoencoder.__dict__["players"].func

    def seldom(model: ImplicitAutoencoder) -> tuple[Player, ...]:
        first, *rest = players(model)
        return (dataclasses.replace(first, interval=3), *rest)

    monkeypatch.setattr(ImplicitAutoencoder, "players", property(seldom))
    often = config(report_every=1)
    early, late = states_of(often, 2, slots=2)
    going = train(late, data, often)
    next(going)
    going.close()
    group = Together(often, data, 2)
    reports = [group.join(early)]
    assert not group.takes(late)
    next(reports[0])
    assert group.takes(late)
    reports.append(group.join(late))
    seen = [["loss/reconstruction_discriminator/real" in item.values for item in found] for found in in_turns(reports)]
    assert seen == [[False, False, True, False, False]] * 2
    lone = state_of(often, 1, Slot(1, 2))
    list(train(lone, data, often))
    assert same(late, lone)


def test_an_error_in_a_step_ends_all_runs_of_it(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    states = states_of(config(), 2, slots=2)
    group = Together(config(), data, 2)
    progress = [group.join(state) for state in states]
    next(progress[0])
    next(progress[1])
    monkeypatch.setattr("iae_models.slots.Slots.run", broken)
    for item in progress:
        with pytest.raises(MemoryError, match="no more"):
            next(item)
        assert next(item, None) is None


def broken(*_: object) -> None:
    raise MemoryError("no more")


def test_the_gradient_with_respect_to_an_input_is_each_runs_own() -> None:
    weights, points = torch.randn(3, 4), torch.randn(3, 5, 4)

    def steepness(w: Tensor, x: Tensor) -> Tensor:
        return input_gradient(lambda point: (point @ w).sin().sum(), x)

    alone = torch.stack([steepness(w, x) for w, x in zip(weights, points, strict=True)])
    torch.testing.assert_close(torch.vmap(steepness)(weights, points), alone)
