"""edges2shoes: 50,025 photographs of shoes with their edge maps, as 64 x 64 images.

Read from `root`/edges2shoes, as published: folders `train` and `val` of pictures N_AB.jpg, 512 x 256, with the edges on
the left and the shoe on the right. Each half is averaged down to 64 x 64, and an edge map, black on white, becomes grey
levels with edges bright. For training, one half of the pictures gives the shoes and the other the edge maps, so nothing
is paired; a further 1,000 are the validation split, and `val` is the test split, both with the edge map of each shoe.
There are no labels. Decoding takes minutes, so the result is kept beside the files, as `edges2shoes_64x64.npy`.

References:
    Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks.
    https://arxiv.org/abs/1611.07004
    Yu and Grauman (2014), Fine-grained visual comparisons with local learning.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError

from iae_models.data.images import Split
from iae_models.data.kept import kept_array
from iae_models.data.missing import require_files

SOURCE = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz"
SIDE, PUBLISHED = 64, 256
NUM_VALIDATION = 1000
CHANNELS = 4
"""Three of the shoe and one of its edges."""


def read(root: Path) -> tuple[Split, ...]:
    """Read training, validation and test split.

    Raises:
        DataMissing: A folder is not there.
        ValueError: A picture cannot be read, or has another size.
    """
    folder = root / "edges2shoes"
    require_files(folder, ("train", "val"), SOURCE)
    names = [path for part in ("train", "val") for path in _pictures(folder / part)]
    shape = (len(names), CHANNELS, SIDE, SIDE)
    images = kept_array(
        folder / f"edges2shoes_{SIDE}x{SIDE}.npy", shape, lambda: np.stack([_picture(path) for path in names])
    )
    is_test = np.array([path.parent.name == "val" for path in names])
    # an order that does not follow the shop that took the photographs
    hashes = [hashlib.sha256(f"edges2shoes/{path.name}".encode()).digest() for path in names]
    order = sorted(range(len(names)), key=hashes.__getitem__)
    training = [index for index in order if not is_test[index]]
    validation, training = training[:NUM_VALIDATION], training[NUM_VALIDATION:]
    test = [index for index in range(len(names)) if is_test[index]]
    parts = (training[::2], training[1::2]), (validation, validation), (test, test)
    return tuple(_split(images[shoes, :3], images[edges, 3:]) for shoes, edges in parts)


def _split(x: npt.NDArray[np.uint8], codes: npt.NDArray[np.uint8]) -> Split:
    return Split(torch.from_numpy(x), torch.zeros(len(x), dtype=torch.int64), codes=torch.from_numpy(codes))


def _pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their numbers."""
    numbered = [(match, path) for path in folder.iterdir() if (match := re.fullmatch(r"(\d+)_AB\.jpg", path.name))]
    return [path for _, path in sorted(numbered, key=lambda item: int(item[0][1]))]


def _picture(path: Path) -> npt.NDArray[np.uint8]:
    """Return shoe and edges with shape (4, 64, 64)."""
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} must be a picture, but cannot be read: {error}.") from error
    if picture.size != (2 * PUBLISHED, PUBLISHED):
        size = f"{picture.width} x {picture.height}"
        raise ValueError(f"{path} must be {2 * PUBLISHED} x {PUBLISHED} pixels, but is {size}.")
    halves = [
        picture.crop((left, 0, left + PUBLISHED, PUBLISHED)).resize((SIDE, SIDE), Image.Resampling.BOX)
        for left in (0, PUBLISHED)
    ]
    edges, shoe = 255 - np.asarray(halves[0].convert("L"))[None], np.asarray(halves[1]).transpose(2, 0, 1)
    return np.concatenate([shoe, edges])
