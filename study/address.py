"""The address of a running Ray cluster: whether it is one, and whether anybody answers. Imports no ray, no torch."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from study.failures import BadInput

ANSWER_S = 10.0
"""Longest wait for an answer; Ray itself would try for minutes."""


def check_address(address: str) -> None:
    """Knock at an address.

    Args:
        address: "HOST:PORT", or "auto" for the cluster of this machine, which Ray looks up.

    Raises:
        BadInput: It has another form, or nobody answers there.
    """
    if address == "auto":
        return
    host, port = _parts(address)
    try:
        socket.create_connection((host, port), timeout=ANSWER_S).close()
    except OSError as error:
        raise BadInput(
            f"--address must be that of a running Ray cluster, but nobody answers at {address}: {error}. "
            f"On its first node, `ray start --head --port={port}` starts one."
        ) from error


def _parts(address: str) -> tuple[str, int]:
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme == "ray":
        raise BadInput(
            f"--address must be HOST:PORT or auto, but got {address!r}, of Ray's client: a launch has to run on a node "
            "of the cluster, since it looks after its lanes from there. Launch on one, with --address auto."
        )
    if parts.scheme or not parts.hostname or not port or parts.path:
        raise BadInput(f"--address must be HOST:PORT or auto, but got {address!r}.")
    return parts.hostname, port
