"""Pictures of one run, as arrays of bytes.

Three panels, each with rows first:

    originals        (8, C, H, W)           test images of as many classes as there are
    reconstructions  (8, 5, C, H, W)        five draws of the noise for the code of each (Figure 2 of the paper)
    generated        (8, columns, C, H, W)  a row shares its noise, a column its code: eight codes drawn from the prior,
                                            or up to 20 clusters (Figure 6); where nothing pulls codes to the prior
                                            (Case 3), the codes of the originals
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from analysis.measures.draws import Model, generate, in_chunks, infer, own_codes
from iae_models.config import stream_seed

if TYPE_CHECKING:
    from iae_models.data import ImageData, Split

NUM_ROWS = 8
NUM_RECONSTRUCTIONS = 5
MAX_CLUSTERS = 20


def sample_panels(model: Model, data: ImageData, replicate: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the three panels as uint8; those that need what the model cannot do are left out."""
    generator = torch.Generator(data.test.x.device).manual_seed(stream_seed(replicate, "measure/samples"))
    with torch.inference_mode():
        originals = data.test.x[_one_of_each(data.test)]
        panels = {"originals": originals.cpu().numpy()}
        if {"infer", "generate"} <= model.capabilities:
            panels["reconstructions"] = _bytes(_reconstructions(model, originals.float() / 255, generator))
        if "generate" in model.capabilities:
            panels["generated"] = _bytes(_generated(model, originals.float() / 255, generator))
    return panels


def _one_of_each(split: Split) -> Tensor:
    """Return the places of the first image of each class, then of the second, and so on: eight in all."""
    rank = torch.zeros_like(split.y)
    for label in range(int(split.y.max()) + 1):
        members = split.y == label
        rank[members] = torch.arange(int(members.sum()), device=rank.device)
    return (rank * (int(split.y.max()) + 1) + split.y).argsort(stable=True)[:NUM_ROWS]


def _reconstructions(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    z = infer(model, x, generator)
    return torch.stack([generate(model, z, generator) for _ in range(NUM_RECONSTRUCTIONS)], 1)


def _generated(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    codes = _columns(model, x, generator)
    columns = len(codes)
    noise = model.sample_noise(NUM_ROWS, generator).repeat_interleave(columns, 0)
    if model.code_dim == 0:
        # without a code, columns that shared the noise would all be one image
        noise = model.sample_noise(NUM_ROWS * columns, generator)
    images = in_chunks(model.generate, codes.repeat(NUM_ROWS, 1), noise)
    return images.view(NUM_ROWS, columns, *images.shape[1:])


def _columns(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    if model.code == "categorical":
        return torch.eye(model.code_dim, device=generator.device)[:MAX_CLUSTERS]
    return own_codes(model, x, generator)


def _bytes(x: Tensor) -> npt.NDArray[np.uint8]:
    array: npt.NDArray[np.uint8] = (x.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    return array
