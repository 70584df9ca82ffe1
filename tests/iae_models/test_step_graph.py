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
from iae_models.state import load_state, save_state
from iae_models.step_graph import StepGraphs
from iae_models.training import Progress, Together, TrainState, initial_state, train
from tests.iae_models.test_together import SMALL, in_turns, same
from tests.iae_models.test_variants import CASES, EVERY_TERM, data_for

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


def test_where_there_is_no_gpu_steps_are_performed_as_they_are() -> None:
    graphs, seen = StepGraphs(torch.device("cpu")), []

    def step() -> dict[str, Tensor]:
        seen.append(len(seen))
        return {"loss": torch.tensor(float(seen[-1]))}

    def broken() -> dict[str, Tensor]:
        raise ValueError("no")

    for number in range(6):
        (one, error), is_recorded = graphs.perform(0, [step, broken], [])
        assert not is_recorded
        assert isinstance(one, dict) and one["loss"] == number
        assert isinstance(error, ValueError)
    assert len(seen) == 6


@needs_gpu
@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("name", EVERY_TERM)
def test_a_recorded_step_is_the_step_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(CASES[name])
    data = data_for(config).to(GPU)
    recorded, reports = trained(config, data)
    assert recorded.is_recorded
    monkeypatch.setattr(step_graph, "WARM_UP", 1000)
    plain, expected = trained(config, data)
    assert not plain.is_recorded
    for one, other in zip(reports, expected, strict=True):
        assert one.step == other.step
        assert one.values == pytest.approx(other.values, rel=1e-6, abs=1e-7)
    assert same(recorded, plain)


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
@pytest.mark.usefixtures("strict")
def test_runs_side_by_side_are_bitwise_those_alone() -> None:
    values: list[dict[str, object]] = [
        {"model.width": 0.25, "train.batch_size": 64},
        {"model.width": 0.25, "train.batch_size": 64, "model.code": "categorical"},
        {"model.width": 0.0625, "train.batch_size": 32, "model.noise_dim": 5, "train.precision": "tf32"},
        {"model.width": 0.125, "train.batch_size": 32, "train.precision": "bfloat16"},
    ]
    configs = [config_of(item) for item in values]
    data = load("embedded_digits").to(GPU)
    states, group = [initial_state(config, 1, GPU) for config in configs], Together(GPU)
    progress = [group.join(state, data, config) for state, config in zip(states, configs, strict=True)]
    assert in_turns(group, states, progress) == [[4, 8, 12]] * 4
    assert all(state.is_recorded for state in states)
    for state, config in zip(states, configs, strict=True):
        assert same(state, trained(config, data, 1)[0])


@needs_gpu
@pytest.mark.usefixtures("strict")
def test_a_run_that_leaves_gives_its_place_to_another_under_recording() -> None:
    config = config_of(SMALL)
    data = data_for(config).to(GPU)
    states, group = [initial_state(config, index, GPU) for index in range(3)], Together(GPU)
    progress = [group.join(state, data, config) for state in states[:2]]
    next(progress[0])
    next(progress[1])
    progress[0].close()
    progress[0] = group.join(states[2], data, config)
    assert in_turns(group, [states[2], states[1]], progress) == [[4, 8, 12], [8, 12]]
    assert same(states[1], trained(config, data, 1)[0])
    assert same(states[2], trained(config, data, 2)[0])
    list(train(states[0], data, config))
    assert same(states[0], trained(config, data, 0)[0])


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
