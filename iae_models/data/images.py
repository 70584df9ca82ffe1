"""Images and labels as they lie in memory: 8-bit, on the training device, in three splits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Split:
    """The images and labels of one split.

    Attributes:
        x: Images with shape (N, C, H, W), uint8 in 0..255.
        y: Class labels with shape (N,), int64.
    """

    x: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if self.x.dtype != torch.uint8 or self.x.ndim != 4:
            raise ValueError(f"x must be uint8 with shape (N, C, H, W), but got {self.x.dtype} {tuple(self.x.shape)}.")
        if self.y.dtype != torch.int64 or self.y.shape != self.x.shape[:1]:
            raise ValueError(
                f"y must be int64 with shape ({len(self.x)},), but got {self.y.dtype} {tuple(self.y.shape)}."
            )

    def __len__(self) -> int:
        return len(self.y)

    def images(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return the images at `index` as float32 in [0, 1], with shape (n, C, H, W)."""
        return self.x[index].to(torch.float32).div_(255)

    def to(self, device: torch.device | str) -> Split:
        """Return the split on another device."""
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in memory.

    Attributes:
        name: A key of `iae_models.config.DATASETS`.
        fingerprint: SHA-256 of the splits, see `fingerprint`.
        num_classes: Number of label classes.
        train: Images that networks, probes and measuring classifiers learn from.
        validation: Images that objectives and fitted maps are computed on.
        test: Images that are only reported on.
    """

    name: str
    fingerprint: str
    num_classes: int
    train: Split
    validation: Split
    test: Split

    def to(self, device: torch.device | str) -> ImageData:
        """Return the data set on another device."""
        splits = (split.to(device) for split in (self.train, self.validation, self.test))
        return ImageData(self.name, self.fingerprint, self.num_classes, *splits)


def fingerprint(train: Split, validation: Split, test: Split) -> str:
    """Return the SHA-256, in hexadecimal digits, of the shapes and bytes of the images and labels, in their order."""
    digest = hashlib.sha256()
    for split in (train, validation, test):
        digest.update(str(tuple(split.x.shape)).encode())
        digest.update(split.x.cpu().numpy().tobytes())
        # Little-endian whatever the machine, so that the constants hold everywhere.
        digest.update(split.y.cpu().numpy().astype("<i8").tobytes())
    return digest.hexdigest()
