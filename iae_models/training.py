"""The training loop: a generator of measurements, and the only `optimizer.step()`.

    for progress in train(state, data, config): ...

One training step draws a batch from the run's random streams, runs the forward pass once on a tape, and lets the
players move in turn. Everything that changes lives in `TrainState`, so a state saved between two measurements is a
complete checkpoint, and stopping early is not asking for the next one.

Runs may train side by side (`Together`), each as if it were alone. On a GPU a step of all of them is a CUDA graph
(`iae_models.step_graph`).
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig, TrainConfig, stream_seed
from iae_models.data import ImageData
from iae_models.memory_layout import laid_out_as
from iae_models.precision import cast_to, products_in
from iae_models.step_graph import StepGraphs
from iae_models.variant import Draws, Player, Variant, build

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
        is_recorded: Whether steps of it were those of a CUDA graph.
    """

    variant: Variant
    optimizers: dict[str, torch.optim.Adam]
    streams: dict[str, torch.Generator]
    average: dict[str, Tensor]
    step: int = 0
    is_recorded: bool = False


def initial_state(
    config: RunConfig,
    replicate: int,
    device: torch.device | str = "cpu",
    product: str | None = None,
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
    if config.train.channels_last:
        variant.to(memory_format=torch.channels_last)
    optimizers = {player.name: _adam(player, config.train, device) for player in variant.players}
    streams = {
        name: torch.Generator(device).manual_seed(stream_seed(replicate, f"train/{name}")) for name in variant.samplers
    }
    average = {name: value.detach().clone() for name, value in _measured(variant)} if config.train.ema_decay else {}
    return TrainState(variant, optimizers, streams, average)


def train(state: TrainState, data: ImageData, config: RunConfig) -> Generator[Progress]:
    """Train to `config.train.steps`, yielding every `report_every` steps and at the last one.

    Args:
        state: The state to go on from; it is changed in place.
        data: The images, on the state's device.
        config: The configuration that made the state.

    Raises:
        Diverged: A loss became infinite or not a number; the message names the player, the term and the step.
    """
    return Together(data.train.x.device).join(state, data, config)


@dataclass(eq=False)
class _Member:
    """A run that trains, alone or beside others.

    Attributes:
        state: Its state.
        data: Its images.
        config: How it trains.
        averaged: The parameters whose moving average it keeps.
        reported: Training steps done at its last report.
        values: What came since then, by name.
        waiting: Reports that it has not been asked for, or what ended it.
    """

    state: TrainState
    data: ImageData
    config: TrainConfig
    averaged: list[Tensor]
    reported: int
    values: dict[str, list[Tensor]] = field(default_factory=dict)
    waiting: deque[Progress | Exception] = field(default_factory=deque)

    @property
    def steps_to_report(self) -> int:
        """Steps until it reports."""
        done, config = self.state.step, self.config
        return min(config.report_every - done % config.report_every, config.steps - done)

    def moving(self) -> tuple[int, ...]:
        """Return which players move in the next step, by their index."""
        players = self.state.variant.players
        return tuple(index for index, player in enumerate(players) if self.state.step % player.interval == 0)

    def move(self, moving: Sequence[int]) -> dict[str, Tensor]:
        """Let players move on a new batch, and return each term and metric as a scalar on the device."""
        variant, device = self.state.variant, self.data.train.x.device
        draws = self._draws()
        tape, known, values = variant.tape(draws), dict[str, Tensor](), dict[str, Tensor]()
        for index in moving:
            player = variant.players[index]
            if player.fresh_tape:
                tape, known = variant.tape(draws), {}
            with products_in(self.config.precision, device):
                with cast_to(self.config.precision, device):
                    terms = player.terms(tape)
                # gradients of this player's parameters alone: the others are frozen, and cost nothing
                gradients = torch.autograd.grad(torch.stack([*terms.values()]).sum(), player.parameters)
            for parameter, gradient in zip(player.parameters, gradients, strict=True):
                parameter.grad = laid_out_as(parameter, gradient)
            self.state.optimizers[player.name].step()
            values |= {f"loss/{player.name}/{name}": term.detach() for name, term in terms.items()}
            values |= {f"metric/{name}": value for name, value in tape.metrics.items() if known.get(name) is not value}
            known = dict(tape.metrics)
        return values

    def _draws(self) -> Draws:
        streams, num = self.state.streams, self.config.batch_size
        return {name: sample(self.data, num, streams[name]) for name, sample in self.state.variant.samplers.items()}

    def report(self) -> bool:
        """Report the means since the last report, and return whether all were finite."""
        step = self.state.step
        # the only point at which the host waits for the device
        means = {name: torch.stack(items).mean().item() for name, items in self.values.items()}
        bad = next((name for name, mean in means.items() if not math.isfinite(mean)), None)
        if bad is None:
            self.waiting.append(Progress(step, means))
        else:
            between = f"between steps {self.reported + 1} and {step}"
            self.waiting.append(Diverged(f"{bad} became {means[bad]} {between}"))
        self.reported, self.values = step, {}
        return bad is None


class Together:
    """Trains runs side by side, each as if it were alone.

    Each run has an iterator of its own. A run that is asked for a report that is not there yet lets all train on. So
    whoever has several asks those that are `due`, and calls `advance` where none is: then each state is at the step of
    its last report. A run may join at any time and leave at any time. An error in a run's step is that run's own; one
    of the device (`torch.AcceleratorError`) is raised to whoever asks, and nothing can be computed after it.

    Args:
        device: Where they train.
    """

    def __init__(self, device: torch.device) -> None:
        self._graphs = StepGraphs(device)
        self._members: list[_Member] = []
        self._running: list[_Member] = []

    @property
    def due(self) -> list[TrainState]:
        """The states of the runs of which a report waits, and of those that have ended."""
        return [member.state for member in self._members if member.waiting or member not in self._running]

    def join(self, state: TrainState, data: ImageData, config: RunConfig) -> Generator[Progress]:
        """Take in a run, and return its progress from its state on; see `train`."""
        averaged: list[Tensor] = [value for _, value in _measured(state.variant)] if state.average else []
        member = _Member(state, data, config.train, averaged, state.step)
        state.variant.train()
        self._members.append(member)
        if state.step < config.train.steps:
            self._running.append(member)
            self._graphs.forget()
        return self._progress(member)

    def _progress(self, member: _Member) -> Generator[Progress]:
        try:
            while member.waiting or member in self._running:
                if not member.waiting:
                    self.advance()
                    continue
                item = member.waiting.popleft()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.leave(member.state)

    def leave(self, state: TrainState) -> None:
        """Let a run go, if it is still here: also one that joined and was never asked for a report."""
        for member in [member for member in self._members if member.state is state]:
            self._stop(member)
            self._members.remove(member)

    def _stop(self, member: _Member) -> None:
        """Let a run train no further; its reports can still be asked for."""
        if member in self._running:
            self._running.remove(member)
            self._graphs.forget()

    def advance(self) -> None:
        """Train on to the next step at which a run reports, or in which one ends; at least one must be running."""
        num = min(member.steps_to_report for member in self._running)
        running = len(self._running)
        for _ in range(num):
            self._step()
            if len(self._running) < running:
                break
        for member in [*self._running]:
            at = member.state.step
            if at % member.config.report_every and at < member.config.steps:
                continue
            if not member.report() or at == member.config.steps:
                self._stop(member)

    def _step(self) -> None:
        """Let every player of every run move once."""
        moving = tuple(member.moving() for member in self._running)
        steps = [partial(member.move, players) for member, players in zip(self._running, moving, strict=True)]
        generators = [stream for member in self._running for stream in member.state.streams.values()]
        found, is_recorded = self._graphs.perform(moving, steps, generators)
        for member, values in zip([*self._running], found, strict=True):
            if isinstance(values, Exception):
                member.waiting.append(values)
                self._stop(member)
                continue
            for name, value in values.items():
                member.values.setdefault(name, []).append(value)
            member.state.step += 1
            member.state.is_recorded |= is_recorded
        _update_averages(self._running)


def evaluation_model(state: TrainState, data: ImageData) -> Variant:
    """Return a frozen copy for measuring: averaged weights, batch-norm statistics recomputed on training images.

    The running statistics of training lag behind the averaged weights, and are invalid in the first hundred steps.

    Raises:
        Diverged: A weight or statistic is not a finite number; the message names it.
    """
    # as it lies where saved weights are loaded
    model = copy.deepcopy(state.variant).to(memory_format=torch.contiguous_format)
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


@torch.no_grad()
def _update_averages(members: Sequence[_Member]) -> None:
    """Move the averages of runs, those with the same decay at once."""
    alike: dict[float, tuple[list[Tensor], list[Tensor]]] = {}
    for member in members:
        step = member.state.step
        averages, current = alike.setdefault(min(member.config.ema_decay, (1 + step) / (10 + step)), ([], []))
        averages += member.state.average.values()
        current += member.averaged
    for decay, (averages, current) in alike.items():
        if averages:
            torch._foreach_lerp_(averages, current, 1 - decay)


def _measured(variant: Variant) -> list[tuple[str, nn.Parameter]]:
    """Return the named parameters of the modules that are measured."""
    return [(name, value) for name, value in variant.named_parameters() if name.partition(".")[0] in variant.averaged]


def _adam(player: Player, config: TrainConfig, device: torch.device) -> torch.optim.Adam:
    return torch.optim.Adam(
        player.parameters,
        lr=getattr(config, player.learning_rate),
        betas=(config.beta1, config.beta2),
        fused=device.type in ("cpu", "cuda"),
        capturable=device.type == "cuda",
    )
