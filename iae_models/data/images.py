"""Examples and labels as they lie in memory, on the training device, in three splits: 8-bit images or points."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Split:
    """The examples and labels of one split.

    Attributes:
        x: Images with shape (N, C, H, W), uint8 in 0..255, or points with shape (N, D), float32.
        y: Class labels with shape (N,), int64; all 0 where there are none.
        factors: What is known of how each example was made, by name: int64 with shape (N,).
        codes: Images of a second domain with shape (M, C', H, W), uint8, where the data have two. In the training split
            nothing is paired; see `DatasetInfo.paired` for the others.
        code_y: Class labels of `codes` with shape (M,), int64, of the same classes as `y`; None where they have none.
            Measures alone use them, so they are no part of the fingerprint.
        code_factors: What is known of how each of `codes` was made, by name: int64 with shape (M,). As `code_y`, for
            measures alone.
    """

    x: Tensor
    y: Tensor
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    codes: Tensor | None = None
    code_y: Tensor | None = None
    code_factors: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.x.dtype, self.x.ndim) not in ((torch.uint8, 4), (torch.float32, 2)):
            raise ValueError(
                "x must be uint8 with shape (N, C, H, W) or float32 with shape (N, D), "
                f"but got {self.x.dtype} {tuple(self.x.shape)}."
            )
        if self.codes is not None and (self.codes.dtype, self.codes.ndim) != (torch.uint8, 4):
            raise ValueError(
                f"codes must be uint8 with shape (M, C, H, W), but got {self.codes.dtype} {tuple(self.codes.shape)}."
            )
        if self.code_y is not None and (self.codes is None or self.code_y.shape != self.codes.shape[:1]):
            raise ValueError(f"code_y must have a label for each of codes, but got shape {tuple(self.code_y.shape)}.")
        _check_classes({"y": self.y, **self.factors}, len(self.x))
        _check_classes(self.code_factors, 0 if self.codes is None else len(self.codes))

    def __len__(self) -> int:
        return len(self.y)

    def images(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return the examples at `index` as float32: images in [0, 1] with shape (n, C, H, W), or points (n, D)."""
        x = self.x[index]
        return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x

    def code_images(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return the images of the second domain at `index` as float32 in [0, 1], with shape (n, C', H, W)."""
        assert self.codes is not None
        return self.codes[index].to(torch.float32).div_(255)

    def mean(self) -> Tensor:
        """Return the mean example, float32 with shape (C, H, W) or (D,)."""
        scale = 255 if self.x.dtype == torch.uint8 else 1
        return (self.x.sum(0).double() / (scale * len(self))).float()

    def to(self, device: torch.device | str) -> Split:
        """Return the split on another device."""
        factors, code_factors = (
            {name: values.to(device) for name, values in known.items()} for known in (self.factors, self.code_factors)
        )
        codes = None if self.codes is None else self.codes.to(device)
        code_y = None if self.code_y is None else self.code_y.to(device)
        return Split(self.x.to(device), self.y.to(device), factors, codes, code_y, code_factors)


def _check_classes(known: Mapping[str, Tensor], num: int) -> None:
    for name, values in known.items():
        if values.dtype != torch.int64 or values.shape != (num,):
            raise ValueError(f"{name} must be int64 with shape ({num},), but got {values.dtype} {tuple(values.shape)}.")


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in memory.

    Attributes:
        name: A key of `iae_models.config.DATASETS`.
        fingerprint: SHA-256 of the splits, see `fingerprint`.
        num_classes: Number of label classes; 0 where there are no labels.
        train: Examples that networks, probes and measuring classifiers learn from.
        validation: Examples that objectives and fitted maps are computed on.
        test: Examples that are only reported on.
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
    """Return the SHA-256, in hexadecimal digits, of the shapes and bytes of examples, labels and codes."""
    digest = hashlib.sha256()
    for split in (train, validation, test):
        digest.update(str(tuple(split.x.shape)).encode())
        # Little-endian whatever the machine, so that the constants hold everywhere.
        x = split.x.cpu().numpy()
        digest.update(x.astype(x.dtype.newbyteorder("<")).tobytes())
        digest.update(split.y.cpu().numpy().astype("<i8").tobytes())
        if split.codes is not None:
            digest.update(str(tuple(split.codes.shape)).encode())
            digest.update(split.codes.cpu().numpy().tobytes())
    return digest.hexdigest()
