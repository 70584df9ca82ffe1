"""The training loop: a generator of measurements, and the only `optimizer.step()`.

    for progress in train(state, data, config): ...

One training step draws a batch from the run's random streams, runs the forward pass once on a tape, and lets the
players move in turn. Everything that changes lives in `TrainState`, so a state saved between two measurements is a
complete checkpoint, and stopping early is not asking for the next one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig, TrainConfig, stream_seed
from iae_models.data import ImageData
from iae_models.variant import Player, Tape, Variant, build

RECOMPUTE_IMAGES = 2048
RECOMPUTE_BATCH = 256


class Diverged(ArithmeticError):
    """A loss is no longer a finite number."""


@dataclass(frozen=True)
class Progress:
    """One entry of a run's history.

    Attributes:
        step: Training steps done.
        values: Means since the last entry: "loss/<player>/<term>" and "metric/<player>/<name>".
    """

    step: int
    values: dict[str, float]


@dataclass
class TrainState:
    """All that changes while a run trains.

    Attributes:
        variant: The model in training mode.
        optimizers: One Adam per player.
        streams: One random stream per named draw of a batch.
        average: Exponential moving average of the measured parameters, by parameter name; empty where it is switched
        off. step: Training steps done.
    """

    variant: Variant
    optimizers: dict[str, torch.optim.Adam]
    streams: dict[str, torch.Generator]
    average: dict[str, Tensor]
    step: int = 0


def initial_state(
    config: RunConfig, replicate: int, device: torch.device | str = "cpu", product: str | None = None
) -> TrainState:
    """Return the untrained state of a run; its tensors depend on the configuration and the replicate alone.

    Args:
        config: The configuration.
        replicate: The replicate.
        device: Where it trains.
        product: Which library multiplies on a CPU (see `iae_models.products`); None stands for the fastest.

    Raises:
        ValueError: The library is not there.
    """
    device = torch.device(device)
    # drawn on the CPU, so the initial weights are the same on every device
    variant = build(config, replicate, product).to(device)
    optimizers = {player.name: _adam(player, config.train, device) for player in variant.players}
    streams = {
        name: torch.Generator(device).manual_seed(stream_seed(replicate, f"train/{name}")) for name in variant.samplers
    }
    average = {name: value.detach().clone() for name, value in _measured(variant)} if config.train.ema_decay else {}
    return TrainState(variant, optimizers, streams, average)


def train(state: TrainState, data: ImageData, config: RunConfig) -> Iterator[Progress]:
    """Train to `config.train.steps`, yielding every `report_every` steps and at the last one.

    Args:
        state: The state to go on from; it is changed in place.
        data: The images, on the state's device.
        config: The configuration that made the state.

    Raises:
        Diverged: A loss became infinite or not a number; the message names the player, the term and the step.
    """
    state.variant.train()
    steps, every = config.train.steps, config.train.report_every
    while state.step < steps:
        num = min(every - state.step % every, steps - state.step)
        values: dict[str, list[Tensor]] = {}
        for _ in range(num):
            for name, value in _train_step(state, data, config.train).items():
                values.setdefault(name, []).append(value)
        # the only point at which the host waits for the device
        means = {name: torch.stack(items).mean().item() for name, items in values.items()}
        for name, mean in means.items():
            if not math.isfinite(mean):
                raise Diverged(f"{name} became {mean} between steps {state.step - num + 1} and {state.step}")
        yield Progress(state.step, means)


def evaluation_model(state: TrainState, data: ImageData) -> Variant:
    """Return a frozen copy for measuring: averaged weights, batch-norm statistics recomputed on training images.

    The running statistics of training lag behind the averaged weights, and are invalid in the first hundred steps.

    Raises:
        Diverged: A weight or statistic is not a finite number; the message names it.
    """
    model = copy.deepcopy(state.variant)
    with torch.no_grad():
        for name, value in _measured(model):
            if name in state.average:
                value.copy_(state.average[name])
        recompute_statistics(model, data)
    model.requires_grad_(False).eval()
    model.fit_prior(data)
    for name, value in model.state_dict().items():
        if not value.isfinite().all():
            raise Diverged(f"{name} is not finite after {state.step} steps")
    return model


@torch.no_grad()
def recompute_statistics(model: Variant, data: ImageData) -> None:
    """Set the batch-norm running statistics of the measured modules to their mean over fixed training batches."""
    measured = [module for name, module in model.named_children() if name in model.averaged]
    norms = [item for part in measured for item in part.modules() if isinstance(item, nn.modules.batchnorm._BatchNorm)]
    momenta = [item.momentum for item in norms]
    for item in norms:
        item.reset_running_stats()
        item.momentum = None
    model.train()
    device = data.train.x.device
    generator = torch.Generator(device).manual_seed(stream_seed(0, "recompute_statistics"))
    num = min(len(data.train), RECOMPUTE_IMAGES)
    # batches of equal size, because their statistics are averaged with equal weight
    for index in torch.arange(num, device=device).chunk(math.ceil(num / RECOMPUTE_BATCH)):
        model.pass_through(data.train.images(index), generator)
    for item, momentum in zip(norms, momenta, strict=True):
        item.momentum = momentum


def _train_step(state: TrainState, data: ImageData, config: TrainConfig) -> dict[str, Tensor]:
    """Let every player move once; return each term and metric as a detached scalar on the device."""
    variant = state.variant
    draws = {name: sample(data, config.batch_size, state.streams[name]) for name, sample in variant.samplers.items()}
    tape = variant.tape(draws)
    values = {}
    for player in variant.players:
        if state.step % player.interval:
            continue
        if player.fresh_tape:
            values.update(_metrics(tape))
            tape = variant.tape(draws)
        terms = player.terms(tape)
        # gradients of this player's parameters alone: the others are frozen, and cost nothing
        gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), player.parameters)
        for parameter, gradient in zip(player.parameters, gradients, strict=True):
            parameter.grad = gradient
        state.optimizers[player.name].step()
        for name, term in terms.items():
            values[f"loss/{player.name}/{name}"] = term.detach()
    values.update(_metrics(tape))
    state.step += 1
    _update_average(state, config)
    return values


def _metrics(tape: Tape) -> dict[str, Tensor]:
    return {f"metric/{name}": value for name, value in tape.metrics.items()}


@torch.no_grad()
def _update_average(state: TrainState, config: TrainConfig) -> None:
    if not state.average:
        return
    decay = min(config.ema_decay, (1 + state.step) / (10 + state.step))
    current: list[Tensor] = [value for _, value in _measured(state.variant)]
    torch._foreach_lerp_(list(state.average.values()), current, 1 - decay)


def _measured(variant: Variant) -> list[tuple[str, nn.Parameter]]:
    """Return the named parameters of the modules that are measured."""
    return [(name, value) for name, value in variant.named_parameters() if name.partition(".")[0] in variant.averaged]


def _adam(player: Player, config: TrainConfig, device: torch.device) -> torch.optim.Adam:
    return torch.optim.Adam(
        player.parameters,
        lr=getattr(config, player.learning_rate),
        betas=(config.beta1, config.beta2),
        fused=device.type in ("cpu", "cuda"),
    )
