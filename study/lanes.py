"""How many lanes fit into a cluster, and what each takes of a node. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from study.failures import BadInput
from study.spec import Resources

TOGETHER_ON_A_GPU = 8
"""Runs that a lane trains side by side on a GPU, where a study does not say it. On a CPU nothing is won by it."""


@dataclass(frozen=True)
class Lanes:
    """How many lanes run side by side, and what each takes.

    Attributes:
        number: Lanes at a time.
        cpus: CPU cores of each.
        gpus: GPUs of each; 0 where none is used.
        larger: CPU cores and GPUs of a lane for a run that ran out of memory, for each further time that it did.
        together: How many runs a lane trains side by side.
    """

    number: int
    cpus: float
    gpus: float
    larger: tuple[tuple[float, float], ...] = ()
    together: int = 1

    @property
    def num_devices(self) -> int:
        """GPUs that the lanes lie on, or their number where they use none."""
        return max(1, round(self.number * min(1.0, self.gpus))) if self.gpus else self.number

    @property
    def device(self) -> str:
        """The torch device that a lane trains on."""
        return "cuda" if self.gpus else "cpu"

    @property
    def bundles(self) -> list[Mapping[str, float]]:
        """What Ray reserves for a lane, and then for one with each larger share."""
        shares = ((self.cpus, self.gpus), *self.larger)
        return [{"CPU": cpus} | ({"GPU": gpus} if gpus else {}) for cpus, gpus in shares]


def fit_lanes(resources: Resources, nodes: Sequence[tuple[float, float]]) -> Lanes:
    """Fit a study's lanes into nodes: a lane lies on one node, and a share on one GPU.

    Args:
        resources: What a lane takes.
        nodes: CPU cores and GPUs of each node.

    Raises:
        BadInput: Not even one lane fits.
    """
    found = " or ".join(f"{cpus:g} CPU and {gpus:g} GPU" for cpus, gpus in dict.fromkeys(nodes)) or "nothing"
    has_gpu = any(gpus for _, gpus in nodes)
    if resources.device == "cuda" and not has_gpu:
        raise BadInput(f"resources.device must be cpu or auto where Ray has no GPU, but got cuda; a node has {found}.")
    cpus, gpus = resources.cpus_per_lane, resources.gpus_per_lane if has_gpu and resources.device != "cpu" else 0.0
    number = sum(lanes_on(*node, cpus, gpus) for node in nodes)
    if number < 1:
        raise BadInput(
            f"resources must fit at least one lane on a node, but a lane asks for {cpus:g} CPU and {gpus:g} GPU, and a "
            f"node of Ray's has {found}."
        )
    number = min(number, resources.max_concurrent or number)
    larger = tuple(larger_shares(cpus, gpus, nodes))
    together = resources.runs_together or (TOGETHER_ON_A_GPU if gpus else 1)
    if together > 1:
        larger = ((cpus, gpus), *larger)  # without its neighbours a run has more of the same share
    return Lanes(number, cpus, gpus, larger, together)


def larger_shares(cpus: float, gpus: float, nodes: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield larger shares of a node, until no other lane can lie beside one and take the memory that it needs.

    A share of a GPU is doubled, up to the whole. Where there is no GPU the next share is all cores of the largest node.
    """
    if gpus:
        share = gpus
        while share < 1 and _times(1 - share, gpus):
            share = min(1.0, 2 * share)
            yield cpus, share
    else:
        largest = max(own for own, _ in nodes)
        if _times(largest, cpus) > 1:
            yield largest, 0.0


def lanes_on(cpus: float, gpus: float, cpus_per_lane: float, gpus_per_lane: float) -> int:
    """Return how many lanes fit on one node side by side."""
    number = _times(cpus, cpus_per_lane)
    if gpus_per_lane > 1:
        return min(number, _times(gpus, gpus_per_lane))
    return min(number, int(gpus) * _times(1, gpus_per_lane)) if gpus_per_lane else number


def _times(whole: float, part: float) -> int:
    """Return how often a part fits into a whole; ten tenths do, whatever floating point says."""
    return int(whole / part + 1e-9)
