"""House numbers made of MNIST digits, 32 x 32 in colour, whose factors are known: Figure 3's claim made measurable.

Three digits stand in a row, 15 pixels apart, so that of the left and the right one a half is seen. All have one ink on
one background; the row is moved by up to two pixels each way. The label is the middle digit. Factors: `left`, `middle`,
`right` (the digits), `background` and `ink` (one of six colours each, of different brightness), `shift_x`, `shift_y`
(0..4 for −2..2). All are independent, drawn from SHA-256; background, ink and shifts uniform, the digits as frequent
as where they are from. A split is made of the digits of the same split.

`street_digits` is made of the digits that come with a package, as many of each; `street_digits_mnist` of the whole of
MNIST, whose digits are not uniform: 9 % are a 5, 11 % a 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from iae_models.data import embedded_digits, hashed, mnist
from iae_models.data.images import Split

SIDE, DISTANCE, SHIFT = 32, 15, 2
BACKGROUNDS = ((20, 30, 70), (80, 20, 30), (15, 70, 40), (60, 50, 20), (50, 25, 75), (45, 45, 45))
INKS = ((250, 235, 120), (150, 220, 250), (245, 165, 160), (170, 245, 160), (240, 240, 240), (230, 170, 245))
SIZES = (10500, 1000, 2000)
MNIST_SIZES = (55000, 5000, 10000)


def read(
    root: Path, digits: Callable[[Path], tuple[Split, ...]] = embedded_digits.read, sizes: tuple[int, ...] = SIZES
) -> tuple[Split, ...]:
    """Make training, validation and test split from those of `digits`."""
    names = ("train", "validation", "test")
    return tuple(_compose(name, part, num) for name, part, num in zip(names, digits(root), sizes, strict=True))


read_mnist = partial(read, digits=mnist.read, sizes=MNIST_SIZES)
"""The same from the whole of MNIST."""


def _compose(name: str, digits: Split, num: int) -> Split:
    def draw(factor: str, high: int) -> npt.NDArray[np.int64]:
        return hashed.integers(f"street_digits/{name}/{factor}", num, high)

    background, ink = draw("background", len(BACKGROUNDS)), draw("ink", len(INKS))
    shift_x, shift_y = draw("shift_x", 2 * SHIFT + 1), draw("shift_y", 2 * SHIFT + 1)
    places = {side: draw(side, len(digits)) for side in ("left", "middle", "right")}
    masks, y = digits.x[:, 0].numpy(), digits.y.numpy()
    # wide enough for all three digits wherever they are moved to; the window is cut out of it
    margin = DISTANCE + SHIFT + 1
    strip = np.zeros((num, SIDE + 2 * margin, SIDE + 2 * margin), dtype=np.uint8)
    corner = margin + (SIDE - 28) // 2
    rows = np.arange(num)[:, None, None]
    down = (corner + shift_y - SHIFT)[:, None, None] + np.arange(28)[None, :, None]
    for side, offset in (("left", -DISTANCE), ("middle", 0), ("right", DISTANCE)):
        across = (corner + offset + shift_x - SHIFT)[:, None, None] + np.arange(28)[None, None, :]
        strip[rows, down, across] = np.maximum(strip[rows, down, across], masks[places[side]])
    mask = strip[:, None, margin : margin + SIDE, margin : margin + SIDE].astype(np.uint16)
    # a weighted mean of two bytes fits into 16 bits before it is divided
    dark, light = (
        np.array(colours, np.uint16)[index][:, :, None, None]
        for colours, index in ((BACKGROUNDS, background), (INKS, ink))
    )
    x = ((255 - mask) * dark + mask * light) // 255
    factors = {side: y[place] for side, place in places.items()}
    factors |= {"background": background, "ink": ink, "shift_x": shift_x, "shift_y": shift_y}
    tensors = {factor: torch.from_numpy(values) for factor, values in factors.items()}
    return Split(torch.from_numpy(x.astype(np.uint8)), tensors["middle"], tensors)
