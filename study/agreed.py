"""What the runs of a study do alike on one kind of processor although a clock chooses it: the first who asks decides.

Two workers that time the same thing could come to different answers, and their runs would differ in the last bits.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import torch

from analysis.whole_files import settle
from iae_models.products import fastest_product
from study.records import StudyFolder, json_text, read_json


def agreed_product(folder: StudyFolder) -> str:
    """Return the library that new runs of a study multiply with on this machine's CPU: see `iae_models.products`.

    Raises:
        ValueError: What the study has settled on cannot be read.
    """
    name = processor()
    path = folder.choices / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.json"
    if not path.is_file():
        settle(path, json_text({"processor": name, "product": fastest_product()}).encode())
    try:
        return str(read_json(path)["product"])
    except KeyError as error:
        raise ValueError(f"{path} must name a product, but has none. Remove it to have one chosen.") from error


def processor() -> str:
    """Return the kind of this machine's processor, and the PyTorch that computes on it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}, PyTorch {torch.__version__}"
