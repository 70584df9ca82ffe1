"""Training steps on a GPU as a CUDA graph: recorded once, and then launched by one call of the host.

A step of small networks is hundreds of kernels. The host takes longer to launch them one by one than the GPU to compute
them, and each of them leaves most of the GPU idle. In a recording the steps of several runs are branches side by side,
which share the GPU. A run's kernels are the same with and without it, and so are its numbers.

A recording holds kernels and addresses, so it stands for one kind of step alone, on tensors that stay where they are:
the caller says which kind a step is, and when tensors have moved.

Reference: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

WARM_UP = 3
"""Steps of a kind that are not recorded: the first ones load kernels and make what stays, such as Adam's moments."""

Values = dict[str, Tensor]
"""Scalars by name."""


@dataclass(frozen=True)
class _Recording:
    """Recorded steps of some runs.

    Attributes:
        graph: Their kernels.
        names: The names of each one's values.
        values: The tensor that the values of all are written to, one after the other.
    """

    graph: torch.cuda.CUDAGraph
    names: tuple[tuple[str, ...], ...]
    values: Tensor


class StepGraphs:
    """Performs a step of each of some runs, on a GPU from a recording where that is possible.

    Steps that cannot be recorded, say because one reads a number back from the GPU, are performed as they are, with a
    warning that says why.

    Args:
        device: Where the steps compute.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._can_record = device.type == "cuda"
        self._recordings: dict[Hashable, _Recording] = {}
        self._performed: Counter[Hashable] = Counter()
        self._streams: list[torch.cuda.Stream] = []

    def forget(self) -> None:
        """Drop all recordings, because tensors that they use have moved, or the runs are others."""
        self._can_record = self._device.type == "cuda"
        self._recordings.clear()
        self._performed.clear()

    def perform(
        self, kind: Hashable, steps: Sequence[Callable[[], Values]], generators: Iterable[torch.Generator]
    ) -> tuple[list[Values | Exception], bool]:
        """Perform steps and return the values of each, or the error that ended it, and whether a recording was played.

        Args:
            kind: What they do; from this, and from what `forget` says, it is known whether a recording is of them.
            steps: A step of each run. What it changes, it changes in place.
            generators: The random streams that they draw from.

        Raises:
            torch.AcceleratorError: The device failed; whose step it was cannot be told.
        """
        if self._can_record and self._performed[kind] >= WARM_UP and kind not in self._recordings:
            self._record(kind, steps, generators)
        if kind not in self._recordings:
            self._performed[kind] += 1
            return [_attempted(step) for step in steps], False
        recording = self._recordings[kind]
        recording.graph.replay()
        scalars = iter(recording.values.clone().unbind(0))
        return [{name: next(scalars) for name in names} for names in recording.names], True

    def _record(
        self, kind: Hashable, steps: Sequence[Callable[[], Values]], generators: Iterable[torch.Generator]
    ) -> None:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self._device)
        former = [(generator, generator.clone_state()) for generator in generators]
        for generator, _ in former:
            graph.register_generator_state(generator)
        try:
            with torch.cuda.graph(graph):
                found = self._in_branches(steps)
                values = torch.stack([value for each in found for value in each.values()])
        except Exception as error:  # noqa: BLE001 - one of the step's own comes again, without the recording
            self._can_record = False
            torch.cuda.set_stream(stream)  # a recording that cannot be ended leaves its own behind
            for generator, state in former:  # it would go on waiting for the end of the recording
                generator.graphsafe_set_state(state)
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"training steps cannot be recorded as a CUDA graph, so they are slower than they could be: {reason}",
                stacklevel=2,
            )
            return
        self._recordings[kind] = _Recording(graph, tuple(tuple(each) for each in found), values)

    def _in_branches(self, steps: Sequence[Callable[[], Values]]) -> list[Values]:
        """Perform steps on streams of their own, which begin and end together."""
        while len(self._streams) < len(steps):
            self._streams.append(torch.cuda.Stream(self._device))  # type: ignore[no-untyped-call]
        current, streams = torch.cuda.current_stream(self._device), self._streams[: len(steps)]
        found = []
        for stream in streams:
            stream.wait_stream(current)
        for stream, step in zip(streams, steps, strict=True):
            with torch.cuda.stream(stream):
                found.append(step())
        for stream in streams:
            current.wait_stream(stream)
        return found


def _attempted(step: Callable[[], Values]) -> Values | Exception:
    try:
        return step()
    except torch.AcceleratorError:
        raise
    except Exception as error:  # noqa: BLE001 - it is this run's own, and told to whoever asked for the run
        traceback.clear_frames(error.__traceback__)  # they hold the memory of half a step
        return error
