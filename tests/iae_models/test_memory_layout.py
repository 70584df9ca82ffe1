"""Channels last: the same training but for the order of sums, and every tensor of a parameter lies as it does."""

import dataclasses
from pathlib import Path

import pytest
import torch

from iae_models.config import RunConfig, run_config
from iae_models.memory_layout import laid_out_as
from iae_models.state import load_state, save_state, state_tensors
from iae_models.training import TrainState, evaluation_model, initial_state, train
from tests.iae_models.test_variants import CASES, data_for


def config_of(name: str, *, channels_last: bool, steps: int = 1) -> RunConfig:
    config = run_config(CASES[name] | {"train.steps": steps, "train.report_every": 1})
    return dataclasses.replace(config, train=dataclasses.replace(config.train, channels_last=channels_last))


def trained(config: RunConfig, state: TrainState | None = None) -> TrainState:
    state = state or initial_state(config, 0, product="torch")
    list(train(state, data_for(config), config))
    return state


def is_wide(value: torch.Tensor) -> bool:
    """Whether channels first and channels last are two orders."""
    return value.dim() == 4 and value.shape[1] > 1 and value.shape[2] > 1


@pytest.mark.parametrize("name", ["case 4", "semi-supervised", "r1", "cycleiae"])
def test_training_is_that_of_channels_first(name: str) -> None:
    last, first = (trained(config_of(name, channels_last=choice)) for choice in (True, False))
    pairs = zip(last.variant.parameters(), first.variant.parameters(), strict=True)
    kernels = [(one, other) for one, other in pairs if is_wide(one)]
    assert kernels
    for one, other in kernels:
        assert one.stride() != other.stride()
        # a first step of Adam has the length of the learning rate, 1e-3, whatever the gradient
        assert ((one - other).abs() < 1e-4).float().mean() > 0.95


def test_moments_lie_as_their_parameter_does_also_from_a_checkpoint(tmp_path: Path) -> None:
    config = config_of("cycleiae", channels_last=True, steps=3)
    whole = trained(config)
    half = trained(dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2)))
    save_state(half, tmp_path / "state.safetensors")
    resumed = initial_state(config, 0, product="torch")
    load_state(resumed, tmp_path / "state.safetensors")
    for optimizer in resumed.optimizers.values():
        for parameter, moments in optimizer.state.items():
            assert moments["exp_avg"].stride() == parameter.stride() or not is_wide(parameter)
    trained(config, resumed)
    one, other = state_tensors(whole), state_tensors(resumed)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_is_measured_with_channels_first() -> None:
    config = config_of("cycleiae", channels_last=True)
    state = trained(config)
    assert all(value.is_contiguous() for value in evaluation_model(state, data_for(config)).parameters())
    assert any(not value.is_contiguous() for value in state.variant.parameters())


def test_a_tensor_that_lies_as_it_should_is_not_copied() -> None:
    kernel = torch.zeros(4, 3, 2, 2)
    value = torch.arange(48.0).view(4, 3, 2, 2)
    assert laid_out_as(kernel, value) is value
    last = laid_out_as(kernel.contiguous(memory_format=torch.channels_last), value)
    assert last.stride() == (12, 1, 6, 3)
    assert torch.equal(last, value)
