"""What a run was made with: versions and device. Imports torch only where a GPU is named."""

from __future__ import annotations

import importlib.metadata
import platform

PACKAGES = ("torch", "numpy", "ray", "optuna")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results may depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def device_name(device: str) -> str:
    """Return a torch device with the kind of its processor, such as "cpu (x86_64)"."""
    if device == "cpu":
        return f"cpu ({platform.machine()})"
    import torch

    return f"cuda ({torch.cuda.get_device_name()})"
