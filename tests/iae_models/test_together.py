"""Runs that train side by side: each must be as if it were alone, whatever becomes of the others."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from iae_models.config import VARIANTS, RunConfig, run_config
from iae_models.data import ImageData
from iae_models.implicit import ImplicitAutoencoder
from iae_models.state import load_state, save_state, state_tensors
from iae_models.training import Diverged, Progress, Together, TrainState, initial_state, train
from iae_models.variant import Player
from tests.iae_models.test_variants import CASES, data_for

SMALL: dict[str, object] = {"model.width": 0.03, "model.latent_dim": 3, "model.noise_dim": 4, "train.batch_size": 8}
CPU = torch.device("cpu")


def config(**train: object) -> RunConfig:
    return run_config(SMALL | {"train.steps": 6, "train.report_every": 2} | {f"train.{k}": v for k, v in train.items()})


@pytest.fixture(scope="module")
def data() -> ImageData:
    return data_for(config())


def states_of(config: RunConfig, num: int) -> list[TrainState]:
    """Return the states of the first replicates."""
    return [initial_state(config, index) for index in range(num)]


def trained_alone(config: RunConfig, replicate: int, data: ImageData) -> TrainState:
    state = initial_state(config, replicate)
    list(train(state, data, config))
    return state


def in_turns(group: Together, states: Sequence[TrainState], progress: Sequence[Iterator[Progress]]) -> list[list[int]]:
    """Ask for reports as a worker does until there is none; return the steps that each run reported."""
    found: list[list[int]] = [[] for _ in progress]
    running = dict(enumerate(progress))
    while running:
        if not group.due:
            group.advance()
        index = next(index for index in running if any(states[index] is state for state in group.due))
        item = next(running[index], None)
        if item is None:
            del running[index]
        else:
            assert item.step == states[index].step
            found[index].append(item.step)
    return found


def same(one: TrainState, other: TrainState) -> bool:
    first, second = state_tensors(one), state_tensors(other)
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def test_replicates_side_by_side_are_those_alone(data: ImageData) -> None:
    states, group = states_of(config(), 3), Together(CPU)
    progress = [group.join(state, data, config()) for state in states]
    assert in_turns(group, states, progress) == [[2, 4, 6]] * 3
    assert all(same(state, trained_alone(config(), index, data)) for index, state in enumerate(states))


def test_runs_of_every_variant_train_side_by_side() -> None:
    names = {run_config(values).model.variant: name for name, values in reversed(CASES.items())}
    assert names.keys() == VARIANTS.keys()
    configs = [
        run_config(CASES[name] | {"train.steps": 3, "train.report_every": 1 + index % 3})
        for index, name in enumerate(names.values())
    ]
    states, group = [initial_state(item, 0) for item in configs], Together(CPU)
    progress = [group.join(state, data_for(item), item) for state, item in zip(states, configs, strict=True)]
    reports = in_turns(group, states, progress)
    assert [found[-1] for found in reports] == [3] * len(configs)
    for state, item in zip(states, configs, strict=True):
        assert same(state, trained_alone(item, 0, data_for(item)))


def test_a_neighbour_that_is_not_a_number_changes_nothing(data: ImageData) -> None:
    states, group = states_of(config(), 3), Together(CPU)
    with torch.no_grad():
        for parameter in states[1].variant.parameters():
            parameter.fill_(float("nan"))
    progress = [group.join(state, data, config()) for state in states]
    next(progress[0])
    with pytest.raises(Diverged, match=r"loss/reconstruction_discriminator/real became nan between steps 1 and 2"):
        next(progress[1])
    assert next(progress[1], None) is None
    in_turns(group, [states[0], states[2]], [progress[0], progress[2]])
    assert same(states[0], trained_alone(config(), 0, data))
    assert same(states[2], trained_alone(config(), 2, data))


def test_a_checkpoint_goes_on_bitwise_beside_others(data: ImageData, tmp_path: Path) -> None:
    halves, group = states_of(config(), 2), Together(CPU)
    for index, item in enumerate([group.join(state, data, config()) for state in halves]):
        assert next(item).step == 2
        save_state(halves[index], tmp_path / f"{index}.safetensors")
    resumed, group = states_of(config(), 2), Together(CPU)
    for index, state in enumerate(resumed):
        load_state(state, tmp_path / f"{index}.safetensors")
    in_turns(group, resumed, [group.join(state, data, config()) for state in resumed])
    assert all(same(state, trained_alone(config(), index, data)) for index, state in enumerate(resumed))


def test_a_run_that_leaves_gives_its_place_to_another(data: ImageData) -> None:
    """What it has is its own then, and the newcomer begins at its first step beside runs in the middle of theirs."""
    first, second, third = states_of(config(), 3)
    group = Together(CPU)
    progress = [group.join(first, data, config()), group.join(second, data, config())]
    next(progress[0])
    next(progress[1])
    progress[0].close()
    left = {name: value.clone() for name, value in state_tensors(first).items()}
    progress[0] = group.join(third, data, config())
    assert in_turns(group, [third, second], progress) == [[2, 4, 6], [4, 6]]
    assert all(torch.equal(value, left[name]) for name, value in state_tensors(first).items())
    assert same(second, trained_alone(config(), 1, data))
    assert same(third, trained_alone(config(), 2, data))
    list(train(first, data, config()))
    assert same(first, trained_alone(config(), 0, data))


def test_runs_at_different_steps_report_at_their_own(data: ImageData) -> None:
    short = config(steps=5)
    early, late = states_of(short, 2)
    going = train(late, data, short)
    next(going)
    going.close()
    group = Together(CPU)
    progress = [group.join(early, data, short), group.join(late, data, config(steps=7, report_every=3))]
    assert in_turns(group, [early, late], progress) == [[2, 4, 5], [3, 6, 7]]
    assert same(early, trained_alone(short, 0, data))
    assert same(late, trained_alone(config(steps=7, report_every=3), 1, data))


def test_players_move_in_their_own_steps(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    players = ImplicitAutoencoder.__dict__["players"].func

    def seldom(model: ImplicitAutoencoder) -> tuple[Player, ...]:
        first, *rest = players(model)
        return (dataclasses.replace(first, interval=3), *rest)

    monkeypatch.setattr(ImplicitAutoencoder, "players", property(seldom))
    often = config(report_every=1)
    early, late = states_of(often, 2)
    going = train(late, data, often)
    next(going)
    going.close()
    group = Together(CPU)
    progress = [group.join(state, data, often) for state in (early, late)]
    seen: list[list[bool]] = [[], []]
    for _ in range(5):
        for index, item in enumerate(progress):
            seen[index].append("loss/reconstruction_discriminator/real" in next(item).values)
    # at the steps 0, 3, … of each, of which the second had done one
    assert seen == [[True, False, False, True, False], [False, False, True, False, False]]
    next(progress[0])
    assert same(early, trained_alone(often, 0, data))
    assert same(late, trained_alone(often, 1, data))


def test_an_error_in_a_step_ends_that_run_alone(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    states, group = states_of(config(), 2), Together(CPU)
    progress = [group.join(state, data, config()) for state in states]
    next(progress[0])
    next(progress[1])
    monkeypatch.setattr(states[0].optimizers["autoencoder"], "step", broken)
    with pytest.raises(MemoryError, match="no more"):
        next(progress[0])
    assert next(progress[0], None) is None
    assert in_turns(group, [states[1]], [progress[1]]) == [[4, 6]]
    assert same(states[1], trained_alone(config(), 1, data))


def test_an_error_of_the_device_is_raised_to_whoever_asks(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    states, group = states_of(config(), 2), Together(CPU)
    progress = [group.join(state, data, config()) for state in states]

    def dead(*_: object) -> None:
        raise torch.AcceleratorError("device-side assert")

    monkeypatch.setattr(states[1].optimizers["autoencoder"], "step", dead)
    with pytest.raises(torch.AcceleratorError, match="device-side assert"):
        group.advance()
    del progress


def test_a_run_that_joined_and_was_never_asked_leaves(data: ImageData) -> None:
    states, group = states_of(config(), 2), Together(CPU)
    progress = [group.join(state, data, config()) for state in states]
    group.leave(states[0])
    group.leave(states[0])
    group.advance()
    assert [id(state) for state in group.due] == [id(states[1])]
    assert states[0].step == 0
    assert in_turns(group, [states[1]], [progress[1]]) == [[2, 4, 6]]


def broken(*_: object) -> None:
    raise MemoryError("no more")
