"""Save and load: the weights of a finished run, and the complete state of a training one. Both are safetensors files.

A state file holds every tensor that changes (parameters, batch-norm statistics, Adam moments and step counts, averaged
weights, random streams), the number of steps done, and which library multiplied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from iae_models.config import RunConfig
from iae_models.memory_layout import laid_out_as
from iae_models.products import product_of, set_product
from iae_models.training import TrainState
from iae_models.variant import Variant, build


def save_weights(model: Variant, path: Path) -> None:
    """Write all parameters and buffers of a model.

    Raises:
        OSError: The file cannot be written.
    """
    _save(model.state_dict(), path)


def load_weights(config: RunConfig, path: Path) -> Variant:
    """Return the model of a configuration with saved weights, frozen and in evaluation mode, on the CPU."""
    model = build(config, replicate=0)
    model.load_state_dict(load_file(path))
    return model.requires_grad_(False).eval()


def save_state(state: TrainState, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """Write a complete checkpoint, with notes on what made it.

    Raises:
        OSError: The file cannot be written.
    """
    own = {"step": str(state.step), "product": product_of(state.variant)}
    _save(state_tensors(state), path, {**(notes or {}), **own})


def load_state(state: TrainState, path: Path) -> None:
    """Put a checkpoint into a state made by `initial_state` from the same configuration.

    Raises:
        ValueError: It was trained with a matrix product that is not there.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no dict)
    set_product(state.variant, metadata["product"])  # first, since the state is whole if it is refused
    state.variant.load_state_dict(_part(tensors, "variant/"))
    for name, value in _part(tensors, "average/").items():
        state.average[name].copy_(value)
    for name, stream in state.streams.items():
        stream.set_state(tensors[f"stream/{name}"])
    for name, optimizer in state.optimizers.items():
        _load_optimizer(optimizer, _part(tensors, f"optimizer/{name}/"))
    state.step = int(metadata["step"])


def state_tensors(state: TrainState) -> dict[str, Tensor]:
    """Return every tensor that changes while a run trains, by name."""
    tensors = {f"variant/{name}": value for name, value in state.variant.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in state.average.items()}
    tensors |= {f"stream/{name}": stream.get_state() for name, stream in state.streams.items()}
    for name, optimizer in state.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{name}/{index}/{key}": value for key, value in moments.items()}
    return tensors


def _load_optimizer(optimizer: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    parameters = optimizer.param_groups[0]["params"]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition("/")
        # a step count has no dimensions; a moment lies as its parameter does
        laid_out = laid_out_as(parameters[int(index)], value) if value.dim() else value
        moments.setdefault(int(index), {})[key] = laid_out
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def _save(tensors: Mapping[str, Tensor], path: Path, notes: dict[str, str] | None = None) -> None:
    try:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path, metadata=notes)
    except SafetensorError as error:  # what a full disk comes to there
        raise OSError(f"{path} cannot be written: {error}") from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
