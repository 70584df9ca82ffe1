"""Whether runs of one configuration train together (`iae_models.slots`) or one after the other: a probe decides.

Together must come to the same numbers, and faster. On a CPU the same means bitwise. Elsewhere one step in single
precision must have the same gradients, up to `SAME` of the largest, in most of the runs: now and then a last digit puts
a ReLU on the other side of its kink, and some run has gradients that differ by up to a hundredth, as it has if only
the library changes that multiplies. Trained weights themselves tell nothing, since Adam's first step goes by the sign
of a gradient, however small. A run records the slot that it was given and keeps it when it is resumed or reproduced.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from statistics import median_low

import torch

from iae_models.batched import has_batching
from iae_models.config import RunConfig
from iae_models.data import ImageData
from iae_models.slots import Slot
from iae_models.state import state_tensors
from iae_models.training import Together, TrainState, initial_state, train

SAME = 1e-5
"""Largest difference of a gradient, relative to the largest gradient of the run, where bitwise is not asked for."""

KINKED = 0.05
"""The same of a run in which a ReLU lies on its other side."""

WORTHWHILE = 1.1
"""How much faster together must be."""

TIMED_STEPS = 10
TIMED_ROUNDS = 3

_ANSWERS: dict[tuple[object, ...], int] = {}
"""What a probe of this process has found, by the question."""


def num_together(config: RunConfig, most: int, data: ImageData, product: str | None = None) -> int:
    """Return how many runs of a configuration are to train in one step: `most`, or 1.

    Args:
        config: The configuration.
        most: How many there are.
        data: The images, on the device that they train on.
        product: Which library multiplies on a CPU when they train alone (see `iae_models.products`).
    """
    # neither the number of steps nor what is reported changes the shape of a step
    train_config = dataclasses.replace(config.train, steps=TIMED_STEPS, report_every=TIMED_STEPS)
    config = dataclasses.replace(config, train=train_config)
    question = (config, most, str(data.train.x.device), product)
    if question not in _ANSWERS:
        _ANSWERS[question] = _num_together(config, most, data, product)
    return _ANSWERS[question]


def _num_together(config: RunConfig, most: int, data: ImageData, product: str | None) -> int:
    if most < 2 or not has_batching():
        return 1
    try:
        is_better = are_same(differences(config, most, data, product), data.train.x.device)
        is_better = is_better and speedup(config, most, data, product) >= WORTHWHILE
    except (RuntimeError, TypeError, ValueError):  # an operation that knows no hidden axis, or no memory for it
        return 1
    return most if is_better else 1


def are_same(differences: Sequence[float], device: torch.device) -> bool:
    """Return whether runs that train together have the numbers of runs alone, given the `differences` of each."""
    if device.type == "cpu":
        return all(item == 0 for item in differences)
    return all(item <= KINKED for item in differences) and median_low(differences) <= SAME


def differences(config: RunConfig, num: int, data: ImageData, product: str | None = None) -> list[float]:
    """Return how far each run's gradients of a step together are from those alone, relative to its largest.

    Nothing moves in the step, so that all players see the same. It is one in single precision.
    """
    short = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=1, precision="float32"))
    alone, together = _states(short, num, data, product), _states(short, num, data, product, together=True)
    for state in alone:
        list(train(_still(state), data, short))
    _run(short, [_still(state) for state in together], data)
    return [_distance(one, other) for one, other in zip(alone, together, strict=True)]


def speedup(config: RunConfig, num: int, data: ImageData, product: str | None = None) -> float:
    """Return how much less time some steps take together; the best of some rounds of each."""
    # as many steps before them warm up
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2 * config.train.report_every))
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(TIMED_ROUNDS):
        for is_together, own in times.items():
            states = _states(config, num, data, product, together=is_together)
            group = Together(config, data, num)
            runs = [group.join(state) if is_together else train(state, data, config) for state in states]
            for progress in runs:
                next(progress)
            begin = _seconds(data.train.x.device)
            for progress in runs:
                next(progress)
            own.append(_seconds(data.train.x.device) - begin)
    return min(times[False]) / min(times[True])


def _run(config: RunConfig, states: Sequence[TrainState], data: ImageData) -> None:
    """Train states together to the end of a configuration that reports once."""
    group = Together(config, data, len(states))
    for progress in [group.join(state) for state in states]:
        next(progress)


def _states(
    config: RunConfig, num: int, data: ImageData, product: str | None, *, together: bool = False
) -> list[TrainState]:
    device = data.train.x.device
    return [
        initial_state(config, index, device, product, Slot(index, num) if together else Slot()) for index in range(num)
    ]


def _still(state: TrainState) -> TrainState:
    """Return a state whose players do not move."""
    for optimizer in state.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = 0.0
    return state


def _distance(one: TrainState, other: TrainState) -> float:
    first, second = state_tensors(one), state_tensors(other)
    if all(torch.equal(value, second[name]) for name, value in first.items()):
        return 0.0
    # after one step, Adam's running mean of the gradients is a multiple of the gradients
    means = {name: value for name, value in first.items() if name.endswith("exp_avg")}
    largest = max(value.abs().max().item() for value in means.values())
    furthest = max((value - second[name]).abs().max().item() for name, value in means.items())
    return furthest / largest if largest else float("inf")


def _seconds(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.thread_time()
