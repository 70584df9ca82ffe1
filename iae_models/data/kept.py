"""Decoded images that are kept beside the published files, because decoding them takes minutes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt


def kept_array(path: Path, shape: tuple[int, ...], make: Callable[[], npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Return the array kept at `path` if it has this shape, else make it and keep it there where that is possible."""
    if path.is_file():
        images: npt.NDArray[np.uint8] = np.load(path)
        if images.shape == shape:
            return images
    images = make()
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.npy")
    try:
        np.save(temporary, images)
        temporary.replace(path)
    except OSError:
        # a folder that cannot be written costs the time again, and nothing else
        temporary.unlink(missing_ok=True)
    return images
