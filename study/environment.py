"""The environment that processes which train are started with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
"""The folder that holds the packages, which workers import as well."""


def worker_variables(threads: int, paths: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment variables that workers need from their first moment, before torch is imported.

    Args:
        threads: Threads that a worker computes with.
        paths: Folders that it imports from, beside this process's own.
    """
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # threads that wait for one another would keep the cores of a busy machine from those that they wait for
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "10000"),
        # glibc would give a step's memory back to the kernel and ask for it again, a fifteenth of a wide network's step
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**30),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS has no deterministic matrix product
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), *paths, os.environ.get("PYTHONPATH")))),
    }
