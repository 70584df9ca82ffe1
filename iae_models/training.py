"""The training loop: a generator of measurements, and the only `optimizer.step()`.

    for progress in train(state, data, config): ...

One training step draws a batch from the run's random streams, runs the forward pass once on a tape, and lets the
players move in turn. Everything that changes lives in `TrainState`, so a state saved between two measurements is a
complete checkpoint, and stopping early is not asking for the next one.

Runs of one configuration may train in one step (`Together`, `iae_models.slots`). A run alone is the case of one slot.
On a GPU the step is a CUDA graph (`iae_models.step_graph`).
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from iae_models.config import RunConfig, TrainConfig, stream_seed
from iae_models.data import ImageData
from iae_models.precision import cast_to, products_in
from iae_models.slots import Slot, Slots
from iae_models.step_graph import StepGraphs
from iae_models.variant import Draws, Player, Variant, build

RECOMPUTE_IMAGES = 2048
RECOMPUTE_BATCH = 256


ALONE = Slot()
"""The slot of a run that trains alone."""


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
        slot: Where it trains, alone or beside others; its last digits may depend on that, so it stays as it began.
        is_recorded: Whether its last steps were those of a CUDA graph.
    """

    variant: Variant
    optimizers: dict[str, torch.optim.Adam]
    streams: dict[str, torch.Generator]
    average: dict[str, Tensor]
    step: int = 0
    slot: Slot = ALONE
    is_recorded: bool = False


def initial_state(
    config: RunConfig,
    replicate: int,
    device: torch.device | str = "cpu",
    product: str | None = None,
    slot: Slot = ALONE,
) -> TrainState:
    """Return the untrained state of a run; its tensors depend on the configuration and the replicate alone.

    Args:
        config: The configuration.
        replicate: The replicate.
        device: Where it trains.
        product: Which library multiplies on a CPU (see `iae_models.products`); None stands for the fastest.
        slot: Where it trains, alone or beside others.

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
    return TrainState(variant, optimizers, streams, average, slot=slot)


def train(state: TrainState, data: ImageData, config: RunConfig) -> Generator[Progress]:
    """Train to `config.train.steps`, yielding every `report_every` steps and at the last one.

    Args:
        state: The state to go on from; it is changed in place.
        data: The images, on the state's device.
        config: The configuration that made the state.

    Raises:
        Diverged: A loss became infinite or not a number; the message names the player, the term and the step.
    """
    return Together(config, data, state.slot.of).join(state)


@dataclass
class _Member:
    """A run that trains together with others.

    Attributes:
        state: Its state.
        averaged: The parameters whose moving average it keeps.
        reported: Training steps done at its last report.
        values: What came since then, by name.
        waiting: Reports that it has not been asked for, or what ended it.
    """

    state: TrainState
    averaged: list[Tensor]
    reported: int
    values: dict[str, list[Tensor]] = field(default_factory=dict)
    waiting: deque[Progress | Exception] = field(default_factory=deque)


class Together:
    """Trains runs of one configuration in one step, each as if it were alone.

    Each run has an iterator of its own. When one is asked for a report that is not there yet, all runs train on, so
    the run that has been given the fewest reports must be asked first: a state is at the step of its last report.
    A run may join at any step, and a run that has ended leaves its slot. An error in a step ends all of them.

    Args:
        config: The configuration.
        data: The images, on the states' device.
        num: Slots.
    """

    def __init__(self, config: RunConfig, data: ImageData, num: int) -> None:
        self._config = config.train
        self._data = data
        self._device = data.train.x.device
        self._slots = Slots(config, num)
        self._graphs = StepGraphs(self._device)
        self._running: dict[int, _Member] = {}

    def join(self, state: TrainState) -> Generator[Progress]:
        """Put a run into its slot, and return its progress from its state on; see `train`.

        Raises:
            ValueError: It cannot join; see `takes`.
        """
        averaged: list[Tensor] = [value for _, value in _measured(state.variant)] if state.average else []
        slot, member = state.slot.index, _Member(state, averaged, state.step)
        if not self.takes(state):
            raise ValueError(f"slot must be free and one of {self._slots.num}, but got {state.slot}.")
        if state.step < self._config.steps:
            self._slots.put(slot, state.variant)
            self._graphs.forget()
            self._running[slot] = member
        return self._progress(slot, member)

    def takes(self, state: TrainState) -> bool:
        """Return whether a run can join: its slot is here and free, and its players move in the same steps."""
        slot, intervals = state.slot, {player.interval for player in state.variant.players}
        return (
            slot.of == self._slots.num
            and self._slots.is_free(slot.index)
            and not any((state.step - self._now()) % interval for interval in intervals if self._running)
        )

    def _now(self) -> int:
        """Return the steps that one of the runs has done; in what players do, the others are alike."""
        return next(iter(self._running.values())).state.step

    def _progress(self, slot: int, member: _Member) -> Generator[Progress]:
        try:
            while member.waiting or member.state.step < self._config.steps:
                if not member.waiting:
                    self._advance()
                    continue
                item = member.waiting.popleft()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self._leave(slot, member)

    def _leave(self, slot: int, member: _Member) -> None:
        if self._running.get(slot) is member:
            del self._running[slot]
            self._slots.take(slot)
            self._graphs.forget()

    def _advance(self) -> None:
        """Train on to the next step at which a run reports."""
        config = self._config
        num = min(
            min(config.report_every - member.state.step % config.report_every, config.steps - member.state.step)
            for member in self._running.values()
        )
        try:
            for _ in range(num):
                self._step()
        except Exception as error:  # noqa: BLE001 - whose it is cannot be told, and no state is whole
            for member in self._running.values():
                member.waiting.append(error)
            self._running.clear()
            return
        for slot, member in [*self._running.items()]:
            if member.state.step % config.report_every == 0 or member.state.step == config.steps:
                self._report(slot, member)

    def _report(self, slot: int, member: _Member) -> None:
        step = member.state.step
        # the only point at which the host waits for the device
        means = {name: torch.stack(items).mean().item() for name, items in member.values.items()}
        bad = next((name for name, mean in means.items() if not math.isfinite(mean)), None)
        if bad is None:
            member.waiting.append(Progress(step, means))
        else:
            between = f"between steps {member.reported + 1} and {step}"
            member.waiting.append(Diverged(f"{bad} became {means[bad]} {between}"))
        member.reported, member.values = step, {}
        if bad is not None or step == self._config.steps:
            self._leave(slot, member)

    def _step(self) -> None:
        """Let every player of every run move once."""
        draws: dict[int, Draws] = {}
        for slot, member in self._running.items():
            samplers, streams = member.state.variant.samplers, member.state.streams
            draws[slot] = {
                name: sample(self._data, self._config.batch_size, streams[name]) for name, sample in samplers.items()
            }
        players = tuple(self._moving())
        values = self._graphs.perform(players, partial(self._play, players), draws)
        for name, value in values.items():
            scalars = self._slots.split(value)
            for slot, member in self._running.items():
                member.values.setdefault(name, []).append(scalars[slot])
        for member in self._running.values():
            state = member.state
            state.step += 1
            state.is_recorded = self._graphs.are_used
            _update_average(state, member.averaged, self._config)

    def _moving(self) -> Iterator[int]:
        """Yield the players that move in this step, by their index."""
        some = next(iter(self._running.values())).state.variant
        for index, player in enumerate(some.players):
            if self._now() % player.interval == 0:
                yield index

    def _play(self, players: Sequence[int], draws: Mapping[int, Draws]) -> dict[str, Tensor]:
        """Let players move on the draws of each slot, and return terms and metrics: scalars, with the slots' axis."""
        values: dict[str, Tensor] = {}
        with products_in(self._config.precision, self._device):
            self._slots.run(lambda each: values.update(self._values(players, each)), draws)
        return values

    def _values(self, players: Sequence[int], draws: Draws) -> dict[str, Tensor]:
        variant, slots = self._slots.variant, self._slots
        tape, known, values = variant.tape(draws), dict[str, Tensor](), dict[str, Tensor]()
        for index in players:
            player = variant.players[index]
            if player.fresh_tape:
                tape, known = variant.tape(draws), {}
            with cast_to(self._config.precision, self._device):
                terms = {name: slots.seen(term) for name, term in player.terms(tape).items()}
            # gradients of this player's parameters alone: the others are frozen, and cost nothing
            gradients = torch.autograd.grad(torch.stack([*terms.values()]).sum(), slots.parameters[index])
            self._move(index, gradients)
            values |= {f"loss/{player.name}/{name}": term.detach() for name, term in terms.items()}
            for name, value in tape.metrics.items():
                if known.get(name) is not value:
                    values[f"metric/{name}"] = slots.seen(value)
            known = dict(tape.metrics)
        return values

    def _move(self, index: int, gradients: tuple[Tensor, ...]) -> None:
        """Let the player of this index move in all runs; the gradients have the slots' axis."""
        # the fused form of Adam goes by the parameter's memory layout, and looks at no other
        split = [self._slots.split(gradient.contiguous()) for gradient in gradients]
        for slot, member in self._running.items():
            player = member.state.variant.players[index]
            for parameter, gradient in zip(player.parameters, split, strict=True):
                parameter.grad = gradient[slot]
            member.state.optimizers[player.name].step()


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


@torch.no_grad()
def _update_average(state: TrainState, current: list[Tensor], config: TrainConfig) -> None:
    if not state.average:
        return
    decay = min(config.ema_decay, (1 + state.step) / (10 + state.step))
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
        capturable=device.type == "cuda",
    )
