"""Notices that a cluster has lost all nodes on which a lane fits; Ray would wait for ever that one comes back."""
# ruff: noqa: ARG002 - the signatures are Ray's

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import ray
from ray.tune.stopper import Stopper

CHECK_S = 5.0
"""Seconds between two looks at the nodes."""


class NoNodeLeft(RuntimeError):
    """No living node fits a lane; the message says so to a person."""


class NodeWatch(Stopper):
    """Ends a Tune experiment that no node can go on with. Ray asks it between two steps of the experiment.

    Args:
        wanted: Returns what the largest lane that is out takes of a node, by resource.
    """

    def __init__(self, wanted: Callable[[], Mapping[str, float]]) -> None:
        self._wanted = wanted
        self._last_check = time.monotonic()

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:
        """Stop no single lane."""
        return False

    def stop_all(self) -> bool:
        """Look at the nodes if it is time, and return False.

        Raises:
            NoNodeLeft: None of them can hold such a lane.
        """
        if time.monotonic() - self._last_check >= CHECK_S:
            self._last_check = time.monotonic()
            wanted = self._wanted()
            if not any(_fits(wanted, node) for node in ray.nodes()):  # type: ignore[no-untyped-call]
                taken = " and ".join(f"{number:g} {name}" for name, number in wanted.items())
                raise NoNodeLeft(f"The study was stopped: Ray has lost all nodes that have {taken} for a lane.")
        return False


def _fits(wanted: Mapping[str, float], node: Mapping[str, Mapping[str, float]]) -> bool:
    resources = node["Resources"]
    return bool(node["Alive"]) and all(resources.get(name, 0.0) >= need for name, need in wanted.items())
