"""The training step with kernels channels last against channels first, interleaved in one run.

    python -m benchmarks.memory_layout [--rounds N] [--device cuda] [--precision tf32] [--write docs/performance.md]

The networks are those of the paper's three tables and the residual ones between two domains, at reduced width, on
random images of the data's shape. The clock is that of `benchmarks.train_step`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.machine import conditions, interleaved, kind_of, show, spread, table
from benchmarks.train_step import our_steps
from iae_models.config import RunConfig, run_config
from iae_models.data import ImageData, Split
from iae_models.datasets import DATASETS

TRANSLATION = {"data.name": "edges_shoes_28", "model.variant": "cycleiae", "model.code": "image", "model.noise_dim": 20}
NETWORKS: dict[str, dict[str, Any]] = {
    "Table 1, MNIST": {"data.name": "mnist"},
    "Table 2, SVHN": {"data.name": "svhn"},
    "Table 3, CelebA": {"data.name": "celeba"},
    "CycleIAE, 28 x 28, 2 blocks": TRANSLATION | {"model.num_blocks": 2, "train.batch_size": 32},
}
WIDTHS = (0.125, 0.5)
IMAGES = 256
STEPS = 4
GPU_STEPS = 50


def main() -> int:
    """Measure, print and, if asked, publish; return the exit code."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_layout", description=summary)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(options.threads)
    lines = conditions(device)
    rows = []
    for name, values in NETWORKS.items():
        for width in WIDTHS:
            shared = values | {"model.width": width, "train.precision": options.precision}
            rows.append((f"{name}, width {width:g}", *measure(shared, options.rounds, device)))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    header = ("networks", "channels first, ms a step", "channels last, ms", "first / last")
    show("\n".join([*lines, "", table(header, rows)]), f"Channels last on a {kind_of(device)}", options.write, NOTE)
    return 0


NOTE = """Medians over rounds; a ratio is one of each round, with the smallest and the largest in brackets. Above 1
channels last is faster."""


def measure(values: dict[str, Any], rounds: int, device: torch.device) -> tuple[str, str, str]:
    """Return milliseconds a step in both layouts, and their ratio."""
    num = GPU_STEPS if device.type == "cuda" else STEPS
    arms: list[Callable[[], object]] = []
    for channels_last in (False, True):
        config = run_config(values | {"train.channels_last": channels_last})
        arms.append(our_steps(config, random_images(config).to(device), num))
    interleaved(arms, 1, device)
    first, last = interleaved(arms, rounds, device)
    ratios = [one / other for one, other in zip(first, last, strict=True)]
    return f"{1e3 * median(first) / num:.1f}", f"{1e3 * median(last) / num:.1f}", spread(ratios)


def random_images(config: RunConfig) -> ImageData:
    """Return random images of the shape of a configuration's data."""
    info, generator = DATASETS[config.data.name], torch.Generator().manual_seed(0)

    def draw(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randint(256, (IMAGES, *shape), generator=generator).to(torch.uint8)

    codes = draw(info.code_shape) if info.code_shape else None
    split = Split(draw(info.shape), torch.arange(IMAGES) % max(1, info.num_classes), codes=codes)
    return ImageData(config.data.name, "none", info.num_classes, split, split, split)


if __name__ == "__main__":
    sys.exit(main())
