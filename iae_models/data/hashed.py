"""Draws from SHA-256: data that are made, not downloaded, must be the same for ever.

A library's random generator may change its stream with a version; a hash does not.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt


def uniform(name: str, num: int) -> npt.NDArray[np.float64]:
    """Return `num` numbers in (0, 1), each decided by a name and its own index."""
    digests = (hashlib.sha256(f"{name}/{index}".encode()).digest() for index in range(num))
    integers = np.frombuffer(b"".join(digest[:8] for digest in digests), dtype=">u8").astype(np.uint64)
    return ((integers >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def integers(name: str, num: int, high: int) -> npt.NDArray[np.int64]:
    """Return `num` integers in 0..high − 1, each decided by a name and its own index."""
    return (uniform(name, num) * high).astype(np.int64)


def normal(name: str, num: int) -> npt.NDArray[np.float64]:
    """Return `num` standard normal numbers, by Box and Muller's transform."""
    radius = np.sqrt(-2 * np.log(uniform(f"{name}/radius", num)))
    values: npt.NDArray[np.float64] = radius * np.cos(2 * np.pi * uniform(f"{name}/angle", num))
    return values
