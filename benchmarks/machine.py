"""What a benchmark ran on, and what that machine can do at best: the first rows of every table of numbers."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import torch

from iae_models.precision import products_in

Rows = list[tuple[str, ...]]


def conditions(device: torch.device, packages: Iterable[str] = ("torch",)) -> list[str]:
    """Return when, with which command, on what and under which load the numbers below it were measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    arguments = " ".join(sys.argv[1:])
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"- command: `python -m {module_name()}{' ' + arguments if arguments else ''}`",
        f"- date: {datetime.now(UTC).isoformat(timespec='minutes')}",
        f"- device: {device_name(device)}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s) used",
        f"- versions: python {platform.python_version()}, {versions}",
        f"- load average over 1, 5 and 15 minutes: {load}",
    ]


def module_name() -> str:
    """Return the dotted name of the running command."""
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec is not None else Path(sys.argv[0]).name


def device_name(device: torch.device) -> str:
    """Return the name of the GPU, or the processor's model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} (cpu capability {torch.backends.cpu.get_cpu_capability()})"


def kind_of(device: torch.device) -> str:
    """Return "GPU" or "CPU"."""
    return "GPU" if device.type == "cuda" else "CPU"


def seconds(device: torch.device) -> float:
    """Return a clock that other processes disturb little: this process's CPU time, or on a GPU the time of day."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def interleaved(arms: Sequence[Callable[[], object]], rounds: int, device: torch.device) -> list[list[float]]:
    """Time arms against one another, and return for each its seconds in every round, by `seconds`."""
    times: list[list[float]] = [[] for _ in arms]
    for index in in_turns(len(arms), rounds):
        begin = seconds(device)
        arms[index]()
        times[index].append(seconds(device) - begin)
    return times


def in_turns(num: int, rounds: int) -> Iterator[int]:
    """Return whose turn it is: every round has each once, and starts with another one than the round before."""
    return ((turn + place) % num for turn in range(rounds) for place in range(num))


def peak_flops(device: torch.device, precision: str = "float32") -> float:
    """Return the fastest matrix product in a precision that this device was seen to do, in operations a second."""
    size = 8192 if device.type == "cuda" else 1024
    x, w = (torch.randn(size, size, device=device) for _ in range(2))
    arms: list[Callable[[], object]] = [lambda: x @ w]
    if device.type == "cpu" and precision == "float32" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        arms.append(lambda: torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], ""))
    if precision == "bfloat16":
        x, w = x.bfloat16(), w.bfloat16()
    with products_in(precision, device):
        times = interleaved(arms, 9, device)
    return 2 * size**3 / min(map(min, times))


def bandwidth(device: torch.device, num_bytes: int = 2**28) -> float:
    """Return the bytes a second, read and written, of copying memory that no cache holds."""
    source = torch.ones(num_bytes // 4, device=device)
    target = torch.empty_like(source)
    times = interleaved([lambda: target.copy_(source)], 5, device)
    return 2 * num_bytes / min(times[0][1:])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median of repeated values with the smallest and the largest."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def show(text: str, title: str, path: Path | None, note: str = "") -> None:
    """Print what was measured, and publish it with a note where a file is named.

    Args:
        text: Conditions and table.
        title: The section's heading.
        path: The Markdown file, or None.
        note: What a reader of the file must know beside them.
    """
    print(text)
    if path is not None:
        publish(path, title, f"{text}\n\n{note}")


def publish(path: Path, title: str, text: str) -> None:
    """Put a section of this title into a Markdown file, in the place of the one that is there.

    Args:
        path: The file; it is made where there is none.
        title: The section's heading, of the second level.
        text: What stands under it.
    """
    old = path.read_text(encoding="utf-8") if path.is_file() else "# Performance\n"
    head, *sections = old.split("\n## ")
    new = f"{title}\n\n{text.strip()}\n"
    titles = [section.partition("\n")[0] for section in sections]
    if title in titles:
        sections[titles.index(title)] = new
    else:
        sections.append(new)
    path.write_text("\n\n## ".join(part.strip("\n") for part in (head, *sections)) + "\n", encoding="utf-8")
