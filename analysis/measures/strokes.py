"""Style of a drawn digit: how far it leans, and how thick its strokes are.

They are scalars of an image, so variance splits of them say who decides style. For clusters, S_n is style that the
noise carries across all columns of Figure 6 alike, and S_zn what it does in one column and not in another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.measures.draws import in_chunks
from analysis.measures.measurement import Estimate
from analysis.measures.variance_split import variance_shares

STROKE_DATA = ("embedded_digits", "mnist")
"""Data sets of bright strokes on a black ground."""

STROKES = tuple(f"share_{part}_{style}" for style in ("slant", "thickness") for part in ("z", "n", "zn"))
"""The names of the shares of both styles, of codes drawn from q(z); those of the prior end in `_prior`."""


def stroke_shares(x_hat: Tensor, suffix: str = "") -> dict[str, Estimate]:
    """Return the shares of slant and thickness, for decodes (N, 4, 1, H, W) in the design of `draws`.

    Args:
        x_hat: The decodes.
        suffix: What the names end in: "_prior" for codes drawn from the prior.
    """
    shares: dict[str, Estimate] = {}
    for name, style in (("slant", slant), ("thickness", thickness)):
        values = in_chunks(style, x_hat.flatten(0, 1))
        shares |= variance_shares(values.view(*x_hat.shape[:2], 1), f"{name}{suffix}")
    return shares


def slant(x: Tensor) -> Tensor:
    """Return columns to the right for each row up, with shape (N,): the regression of column on row, weighted by ink.

    Args:
        x: Images with shape (N, 1, H, W). One without ink leans 0.
    """
    ink = x[:, 0].double()
    rows, columns = (torch.arange(size, dtype=ink.dtype, device=x.device) for size in ink.shape[1:])
    mass = ink.sum((1, 2)).clamp_min(1e-9)
    row = (ink.sum(2) * rows).sum(1) / mass
    column = (ink.sum(1) * columns).sum(1) / mass
    down, across = rows[None, :] - row[:, None], columns[None, :] - column[:, None]
    joint = torch.einsum("nhw,nh,nw->n", ink, down, across) / mass
    spread = torch.einsum("nhw,nh->n", ink, down.square()) / mass
    return -joint / spread.clamp_min(1e-9)


def thickness(x: Tensor) -> Tensor:
    """Return twice the ink over the length of its outline, in pixels, with shape (N,): a long stroke's width.

    Args:
        x: Images with shape (N, 1, H, W). One without ink has 0.
    """
    ink = torch.nn.functional.pad(x[:, 0].double(), (1, 1, 1, 1))
    # half the differences across each corner of a pixel, for an outline that may turn
    right = (ink[:, :, 1:] - ink[:, :, :-1])[:, :-1]
    down = (ink[:, 1:] - ink[:, :-1])[:, :, :-1]
    outline = (right.square() + down.square()).sqrt().sum((1, 2))
    return 2 * ink.sum((1, 2)) / outline.clamp_min(1e-9)
