"""A training step on a GPU as a CUDA graph: recorded once, and then launched by one call of the host.

A step of small networks is hundreds of kernels, and the host takes longer to launch them one by one than the GPU to
compute them. A recording holds kernels and addresses, so it stands for one kind of step alone, on tensors that stay
where they are: the caller says which kind a step is, and when tensors have moved. The kernels are the same as without
it, and so are the numbers.

Reference: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

WARM_UP = 3
"""Steps of a kind that are not recorded: the first ones load kernels and make what stays, such as Adam's moments."""

Step = Callable[[Any], dict[str, Tensor]]
"""From draws, a tree of tensors, to values of one shape by name. What else a step changes, it changes in place."""


@dataclass(frozen=True)
class _Recording:
    """A recorded step.

    Attributes:
        graph: Its kernels.
        inputs: The tensors that it reads its draws from.
        names: The names of its values.
        values: The tensor that it writes them to, one after the other.
    """

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    names: tuple[str, ...]
    values: Tensor


class StepGraphs:
    """Performs steps, on a GPU from recordings where that is possible.

    A step that cannot be recorded, say because it reads a number back from the GPU, is performed as it is, with a
    warning that says why.

    Args:
        device: Where the steps compute.
    """

    def __init__(self, device: torch.device) -> None:
        self._can_record = device.type == "cuda"
        self._recordings: dict[Hashable, _Recording] = {}
        self._performed: Counter[Hashable] = Counter()

    @property
    def are_used(self) -> bool:
        """Whether steps are performed from recordings now."""
        return bool(self._recordings)

    def forget(self) -> None:
        """Drop all recordings, because tensors that they use have moved."""
        self._recordings.clear()
        self._performed.clear()

    def perform(self, kind: Hashable, step: Step, draws: Any) -> dict[str, Tensor]:
        """Perform a step and return its values; steps of one kind differ in their draws alone."""
        if self._can_record and self._performed[kind] >= WARM_UP and kind not in self._recordings:
            self._record(kind, step, draws)
        if kind not in self._recordings:
            self._performed[kind] += 1
            return step(draws)
        recording = self._recordings[kind]
        torch._foreach_copy_(recording.inputs, tree_flatten(draws)[0])
        recording.graph.replay()
        return dict(zip(recording.names, recording.values.clone().unbind(0), strict=True))

    def _record(self, kind: Hashable, step: Step, draws: Any) -> None:
        inputs, structure = tree_flatten(tree_map(torch.clone, draws))
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                found = step(tree_unflatten(inputs, structure))
                values = torch.stack([*found.values()])
        except RuntimeError as error:
            self._can_record = False
            reason = str(error).strip().splitlines()[0]
            warnings.warn(
                f"a training step cannot be recorded as a CUDA graph, so it is slower than it could be: {reason}",
                stacklevel=2,
            )
            return
        self._recordings[kind] = _Recording(graph, inputs, tuple(found), values)
