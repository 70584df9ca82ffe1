"""Stratified splits that stay the same for ever.

The order of the images is drawn from SHA-256 and not from a random generator, whose stream a new version of a library
may change: every published number depends on which images were held out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from iae_models.data.images import Split

SPLIT_VERSION = "split-1"
"""Salt of the order. Another salt is another split, and so another fingerprint and other run keys."""


def stratified_order(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return a fixed permutation in which every stretch of images has the classes in nearly equal proportion.

    Within a class the images are ordered by the hash of their index. The r-th of n images of a class then stands at
    place (r + 1/2) / n of the whole, so the first m of N images hold a class m·n/N times, give or take one. A prefix of
    a split is therefore a fair sample of it, which is not so in the published order of MNIST's test set: its first half
    is the easier one.

    Args:
        labels: Class labels with shape (N,).

    Returns:
        Indices with shape (N,), each of 0..N-1 once.
    """
    hashes = _hashes(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        ranked = members[np.argsort(hashes[members], kind="stable")]
        place[ranked] = (np.arange(len(ranked)) + 0.5) / len(ranked)
    return np.lexsort((hashes, place))


def stratified_splits(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], sizes: Sequence[int]
) -> tuple[Split, ...]:
    """Cut images and labels into stratified parts of the given sizes.

    Args:
        images: Images with shape (N, C, H, W).
        labels: Class labels with shape (N,).
        sizes: Number of images of each part; together all N.

    Returns:
        One split for each size, on the CPU.

    Raises:
        ValueError: The sizes do not add up to N.
    """
    if sum(sizes) != len(labels):
        raise ValueError(f"sizes must add up to the {len(labels)} images, but got {list(sizes)}.")
    order = stratified_order(labels)
    parts = (order[start:stop] for start, stop in pairwise(accumulate(sizes, initial=0)))
    return tuple(
        Split(torch.from_numpy(images[part]), torch.from_numpy(labels[part].astype(np.int64))) for part in parts
    )


def halves(y: Tensor) -> tuple[Tensor, Tensor]:
    """Return two sets of indices, each with every second example of every class, for labels with shape (N,).

    A stratified order takes the classes in turn, so every second example of the whole would be of half of the classes.
    """
    rank = torch.zeros_like(y)
    for label in range(int(y.max()) + 1):
        members = y == label
        rank[members] = torch.arange(int(members.sum()))
    return (rank % 2 == 0).nonzero().flatten(), (rank % 2 == 1).nonzero().flatten()


def _hashes(num: int) -> npt.NDArray[np.uint64]:
    digests = (hashlib.sha256(f"{SPLIT_VERSION}/{index}".encode()).digest() for index in range(num))
    return np.frombuffer(b"".join(digest[:8] for digest in digests), dtype=">u8").astype(np.uint64)
