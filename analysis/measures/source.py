"""Which source measured: values of two versions are told apart by its hash."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from iae_models.config import source_hash


@cache
def measures_hash() -> str:
    """Return twelve hexadecimal digits for the source of all measures."""
    return source_hash(Path(__file__).parent)
