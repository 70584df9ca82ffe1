"""Notices that a cluster has lost all nodes on which a lane fits; Ray would wait for ever that one comes back."""
# ruff: noqa: ARG002 - the signatures are Ray's

from __future__ import annotations

import time
from collections.abc import Mapping

import ray
from ray.tune.stopper import Stopper

CHECK_S = 5.0
"""Seconds between two looks at the nodes."""


class NoNodeLeft(RuntimeError):
    """No living node fits a lane; the message says so to a person."""


class NodeWatch(Stopper):
    """Ends a Tune experiment that no node can go on with. Ray asks it between two steps of the experiment.

    Args:
        bundle: What a lane takes of a node, by resource.
    """

    def __init__(self, bundle: Mapping[str, float]) -> None:
        self._bundle = dict(bundle)
        self._last_check = time.monotonic()

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:
        """Stop no single lane."""
        return False

    def stop_all(self) -> bool:
        """Look at the nodes if it is time, and return False.

        Raises:
            NoNodeLeft: None of them can hold a lane.
        """
        if time.monotonic() - self._last_check >= CHECK_S:
            self._last_check = time.monotonic()
            if not any(self._fits(node) for node in ray.nodes()):  # type: ignore[no-untyped-call]
                taken = " and ".join(f"{number:g} {name}" for name, number in self._bundle.items())
                raise NoNodeLeft(f"The study was stopped: Ray has lost all nodes that have {taken} for a lane.")
        return False

    def _fits(self, node: Mapping[str, Mapping[str, float]]) -> bool:
        resources = node["Resources"]
        return bool(node["Alive"]) and all(resources.get(name, 0.0) >= need for name, need in self._bundle.items())
