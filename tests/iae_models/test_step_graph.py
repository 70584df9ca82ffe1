"""Recorded steps are the steps themselves. What needs a GPU is skipped where there is none."""

import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from iae_models import step_graph
from iae_models.config import RunConfig, run_config
from iae_models.data import ImageData, load
from iae_models.implicit import Forward, ImplicitAutoencoder
from iae_models.slot_probe import are_same, differences
from iae_models.slots import Slot
from iae_models.state import load_state, save_state, state_tensors
from iae_models.step_graph import StepGraphs
from iae_models.training import Progress, Together, TrainState, initial_state, train
from tests.iae_models.test_together import SMALL, TOGETHER, DoubleSplit, distance
from tests.iae_models.test_variants import CASES, data_for

GPU = torch.device("cuda")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture
def strict() -> Iterator[None]:
    """Let a GPU compute the same again, and let no warning pass, but for kernels without a deterministic form."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*deterministic", UserWarning)
        yield
    torch.use_deterministic_algorithms(False)


def config_of(values: dict[str, object], steps: int = 12) -> RunConfig:
    return run_config(values | {"train.steps": steps, "train.report_every": 4})


def trained(config: RunConfig, data: ImageData, replicate: int = 0) -> tuple[TrainState, list[Progress]]:
    state = initial_state(config, replicate, GPU)
    return state, list(train(state, data, config))


def same(one: TrainState, other: TrainState) -> bool:
    first, second = state_tensors(one), state_tensors(other)
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def test_where_there_is_no_gpu_steps_are_performed_as_they_are() -> None:
    graphs, seen = StepGraphs(torch.device("cpu")), []

    def step(draws: dict[str, Tensor]) -> dict[str, Tensor]:
        seen.append(draws["x"])
        return {"loss": draws["x"].sum()}

    for value in range(6):
        assert graphs.perform(0, step, {"x": torch.full((2,), float(value))})["loss"] == 2 * value
    assert len(seen) == 6 and not graphs.are_used


@needs_gpu
@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("name", TOGETHER)
def test_a_recorded_step_is_the_step_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(CASES[name])
    data = data_for(config).to(GPU)
    recorded, reports = trained(config, data)
    assert recorded.is_recorded
    monkeypatch.setattr(step_graph, "WARM_UP", 1000)
    plain, expected = trained(config, data)
    assert not plain.is_recorded
    assert [item.step for item in reports] == [item.step for item in expected]
    for one, other in zip(reports, expected, strict=True):
        assert one.values == pytest.approx(other.values, rel=1e-4, abs=1e-5)
    assert distance(recorded, plain) < 1e-3


@needs_gpu
@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_the_default_recorded_is_bitwise_itself_and_goes_on_from_a_checkpoint(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(SMALL)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, precision=precision))
    data = data_for(config).to(GPU)
    whole, _ = trained(config, data)
    again, _ = trained(config, data)
    assert same(whole, again)
    half = initial_state(config, 0, GPU)
    progress = train(half, data, config)
    next(progress)
    save_state(half, tmp_path / "half")
    resumed = initial_state(config, 0, GPU)
    load_state(resumed, tmp_path / "half")
    list(train(resumed, data, config))
    assert same(whole, resumed)
    monkeypatch.setattr(step_graph, "WARM_UP", 1000)
    plain, _ = trained(config, data)
    assert same(whole, plain)


@needs_gpu
def test_runs_together_are_recorded_and_each_is_itself() -> None:
    config = config_of({"model.width": 0.06, "model.code": "categorical"}, steps=30)
    torch.set_default_dtype(torch.float64)
    try:
        data = data_for(config).to(GPU)
        data = dataclasses.replace(data, train=DoubleSplit(data.train.x, data.train.y))
        alone = [trained(config, data, replicate)[0] for replicate in range(3)]
        group = Together(config, data, 3)
        states = [initial_state(config, index, GPU, slot=Slot(index, 3)) for index in range(3)]
        reports = [list(progress) for progress in [group.join(state) for state in states]]
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(state.is_recorded for state in states)
    assert [len(found) for found in reports] == [8, 8, 8]
    assert max(map(distance, alone, states)) <= 1e-8


@needs_gpu
def test_one_step_together_in_single_precision_is_that_of_a_run_alone() -> None:
    usual = run_config({"model.width": 0.125})
    assert are_same(differences(usual, 3, load("embedded_digits").to(GPU)), GPU)


@needs_gpu
@pytest.mark.usefixtures("strict")
def test_a_slot_that_was_left_is_given_to_another_run_under_recording() -> None:
    config = config_of(SMALL)
    data = data_for(config).to(GPU)
    states = [initial_state(config, index, GPU, slot=Slot(index % 2, 2)) for index in range(3)]
    undisturbed = [initial_state(config, index, GPU, slot=Slot(index % 2, 2)) for index in range(3)]
    for state in undisturbed:
        list(train(state, data, config))
    group = Together(config, data, 2)
    first, second = group.join(states[0]), group.join(states[1])
    next(first), next(second)
    first.close()
    third = group.join(states[2])
    list(third), list(second)
    assert distance(states[1], undisturbed[1]) < 1e-5
    assert distance(states[2], undisturbed[2]) < 1e-5


@needs_gpu
def test_a_step_that_cannot_be_recorded_is_performed_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = ImplicitAutoencoder._autoencoder_terms

    def reading(model: ImplicitAutoencoder, tape: Forward) -> dict[str, Tensor]:
        found = terms(model, tape)
        assert found["reconstruction"].item() > 0
        return found

    monkeypatch.setattr(ImplicitAutoencoder, "_autoencoder_terms", reading)
    config = config_of(SMALL)
    data = data_for(config).to(GPU)
    with pytest.warns(UserWarning, match="cannot be recorded as a CUDA graph"):
        state, reports = trained(config, data)
    assert not state.is_recorded and [item.step for item in reports] == [4, 8, 12]
    monkeypatch.undo()
    other, expected = trained(config, data)
    assert reports[-1].values == pytest.approx(expected[-1].values, rel=1e-4, abs=1e-5)
    assert other.is_recorded
