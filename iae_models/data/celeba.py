"""CelebA: 202,599 aligned photographs of faces with 40 attributes, as 48 x 48 images.

Read from `root`/celeba, as published: the folder `img_align_celeba`, `list_attr_celeba.txt` and
`list_eval_partition.txt`, whose three parts are the splits. Of each photograph, 178 x 218, the middle 140 x 140 pixels
are averaged down to 48 x 48; the paper gives only that size. The label is the attribute "Male"; all attributes, 0 or 1,
are factors. Decoding takes minutes, so the result is kept beside the files, as `celeba_48x48.npy`.

Reference: Liu, Luo, Wang and Tang (2015), Deep learning face attributes in the wild. https://arxiv.org/abs/1411.7766
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError

from iae_models.data.images import Split
from iae_models.data.kept import kept_array
from iae_models.data.missing import require_files

SOURCE = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
CROP, SIDE = 140, 48
LABEL = "Male"
FILES = ("img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt")


def read(root: Path) -> tuple[Split, ...]:
    """Read training, validation and test split, in the published order.

    Raises:
        DataMissing: A file is not there.
        ValueError: A list or an image cannot be read.
    """
    folder = root / "celeba"
    require_files(folder, FILES, SOURCE)
    names, attributes = _attributes(folder / "list_attr_celeba.txt")
    parts = _partition(folder / "list_eval_partition.txt", names)
    images = _images(folder, names)
    splits = []
    for part in range(3):
        chosen = parts == part
        factors = {name: torch.from_numpy(values[chosen]) for name, values in attributes.items()}
        splits.append(Split(torch.from_numpy(images[chosen]), factors[LABEL], factors))
    return tuple(splits)


def _attributes(path: Path) -> tuple[list[str], dict[str, npt.NDArray[np.int64]]]:
    """Read the number of images, the names of the attributes, then for each image its name and 1 or −1 for each."""
    lines = path.read_text(encoding="utf-8").splitlines()
    titles, rows = lines[1].split() if len(lines) > 1 else [], [line.split() for line in lines[2:] if line.strip()]
    if LABEL not in titles or any(len(row) != len(titles) + 1 for row in rows) or len(rows) != int(lines[0]):
        raise ValueError(f"{path} must hold a count, the attributes' names and a row for each image, but does not.")
    values = (np.array([row[1:] for row in rows], dtype=np.int64) > 0).astype(np.int64)
    return [row[0] for row in rows], {title: values[:, place] for place, title in enumerate(titles)}


def _partition(path: Path, names: list[str]) -> npt.NDArray[np.int64]:
    part = dict(line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    missing = [name for name in names if name not in part]
    if missing:
        raise ValueError(f"{path} must name the part of every image, but {missing[0]} is not in it.")
    return np.array([int(part[name]) for name in names])


def _images(folder: Path, names: list[str]) -> npt.NDArray[np.uint8]:
    def read_all() -> npt.NDArray[np.uint8]:
        return np.stack([_image(folder / "img_align_celeba" / name) for name in names])

    return kept_array(folder / f"celeba_{SIDE}x{SIDE}.npy", (len(names), 3, SIDE, SIDE), read_all)


def _image(path: Path) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(path) as file:
            left, top = (file.width - CROP) // 2, (file.height - CROP) // 2
            image = file.convert("RGB").crop((left, top, left + CROP, top + CROP))
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} must be an image, but cannot be read: {error}.") from error
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)).transpose(2, 0, 1)
