"""Places side by side for runs of one configuration that train in one step.

Every tensor that changes has a leading axis, one slice for each slot. A run that is put into a slot keeps its
`TrainState`: its parameters and statistics become views of the slices. So it is saved, measured and moved as if it
were alone, and a slot that a run has left can be given to another. One slot has no axis: there the run's own model
computes.

A step runs the model once, under `torch.vmap` (see `iae_models.batched`), and every sum over a batch is one slot's own.
Nothing passes between slots, not even a number that is not finite. How many slots there are, and which one a run has,
may change the last digits of its numbers, by the order in which a processor adds; so a run keeps its slot (`Slot`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from iae_models.batched import shown
from iae_models.config import RunConfig
from iae_models.variant import Draws, Variant, build


@dataclass(frozen=True)
class Slot:
    """Where a run trains: alone, or beside others.

    Attributes:
        index: Its place among the slots, from 0.
        of: How many slots there are.
    """

    index: int = 0
    of: int = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    @classmethod
    def read(cls, text: str) -> Slot:
        """Return the slot that `str` wrote."""
        index, _, number = text.partition("/")
        return cls(int(index), int(number))


class Slots:
    """Some slots for the models of runs of one configuration, of which one at least is taken before a step.

    Args:
        config: The configuration.
        num: How many slots there are.

    Attributes:
        num: How many slots there are.
        variant: The model that computes a step for all of them, in training mode.
        parameters: The parameters of each player of `variant`, with the slots' axis where there are several.
    """

    variant: Variant
    parameters: tuple[tuple[Tensor, ...], ...]

    def __init__(self, config: RunConfig, num: int) -> None:
        self.num = num
        self._config = config
        self._models: list[Variant | None] = [None] * num
        self._places: list[tuple[dict[str, Any], str, Tensor]] = []

    def is_free(self, slot: int) -> bool:
        """Return whether there is no model in a slot."""
        return self._models[slot] is None

    def put(self, slot: int, model: Variant) -> None:
        """Let a model's tensors lie in a free slot; they keep their values."""
        self._models[slot] = model
        if self.num == 1:
            self.variant = model.train()
            self.parameters = tuple(player.parameters for player in model.players)
            return
        if not self._places:
            self._make_room(model)
        for (_, _, place), (own, name) in zip(self._places, _tensors_of(model), strict=True):
            own[name].data = place.data[slot].copy_(own[name].data)
        model.train()

    def take(self, slot: int) -> None:
        """Free a slot; the model that was in it keeps its values, in memory of its own."""
        model, self._models[slot] = self._models[slot], None
        if model is not None and self.num > 1:
            for own, name in _tensors_of(model):
                own[name].data = own[name].data.clone()

    def run(self, step: Callable[[Draws], None], draws: Mapping[int, Draws]) -> None:
        """Call a function with the draws of all slots as if they were those of one; it may use `variant` and `seen`.

        Args:
            step: What the function does, it does for every slot.
            draws: The draws of each slot that is taken. A free one computes with those of another, for nobody.
        """
        if self.num == 1:
            step(draws[0])
            return
        spare = next(iter(draws.values()))
        together = tree_map(lambda *items: torch.stack(items), *(draws.get(slot, spare) for slot in range(self.num)))
        torch.vmap(self._with_hidden_axes(step), out_dims=None)([place for _, _, place in self._places], together)

    def seen(self, x: Tensor) -> Tensor:
        """Return a tensor that the model computed in `run`, with the slots' axis in front where there are several."""
        return x if self.num == 1 else shown(x, self.num)

    def split(self, x: Tensor) -> Sequence[Tensor]:
        """Return a tensor that has the slots' axis slot by slot."""
        return (x,) if self.num == 1 else x.unbind(0)

    def _make_room(self, model: Variant) -> None:
        """Make the model that computes, and tensors for all slots with the values of the first model."""
        device = next(model.parameters()).device
        self.variant = build(self._config, 0, "torch").to(device).train()
        rooms: dict[int, Tensor] = {}
        for (own, name), (former, _) in zip(_tensors_of(self.variant), _tensors_of(model), strict=True):
            value = own[name]
            if id(value) not in rooms:
                room = former[name].data.expand(self.num, *value.shape).clone()
                rooms[id(value)] = room.requires_grad_(value.requires_grad)
            self._places.append((own, name, rooms[id(value)]))
        self.parameters = tuple(
            tuple(rooms[id(parameter)] for parameter in player.parameters) for player in self.variant.players
        )

    def _with_hidden_axes(self, step: Callable[[Draws], None]) -> Callable[[list[Tensor], Draws], Tensor]:
        def inner(tensors: list[Tensor], draws: Draws) -> Tensor:
            for (own, name, _), tensor in zip(self._places, tensors, strict=True):
                own[name] = tensor
            step(draws)
            return torch.empty(0)  # vmap wants something back

        return inner


def _tensors_of(model: nn.Module) -> list[tuple[dict[str, Any], str]]:
    """Return where a model keeps each of its parameters and buffers: a dictionary of a module, and the name there."""
    return [
        (kept, name)
        for module in model.modules()
        for kept in (module._parameters, module._buffers)
        for name, value in kept.items()
        if value is not None
    ]
