"""What is known of every data set before it is loaded. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set before it is loaded.

    Attributes:
        shape: Shape of one example: (channels, height, width) of images, with values in [0, 1], or (D,) of points.
        num_classes: Number of label classes; 0 where there are no labels.
        sizes: Number of training, validation and test examples.
        fingerprint: SHA-256 of the splits (see `iae_models.data.fingerprint`), checked when they are loaded. Empty
            where the published files were never at hand: what was loaded is then recorded with each run, and checked
            against nothing.
        title: The name that a reader of a report sees.
        code_shape: Shape of the images of a second domain (channels, height, width), where the data have two.
        paired: Whether the i-th image of the second domain belongs to the i-th example, on validation and test split.
    """

    shape: tuple[int, ...]
    num_classes: int
    sizes: tuple[int, int, int]
    fingerprint: str
    title: str
    code_shape: tuple[int, ...] = ()
    paired: bool = False

    @property
    def holds_images(self) -> bool:
        """Whether the examples are images; else they are points."""
        return len(self.shape) == 3


DATASETS: dict[str, DatasetInfo] = {
    "embedded_digits": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(3500, 500, 1000),
        fingerprint="3e8a9f13724e12b001b0af851d210c4986428574ef0282177705ea63306ecfa9",
        title="5,000 MNIST digits (embedded)",
    ),
    "mnist": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(55000, 5000, 10000),
        fingerprint="7d97914eb164568e3b6ec32a5a09fb06d5343d1857313419d069a03a4ca57b14",
        title="MNIST",
    ),
    "fashion_mnist": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(55000, 5000, 10000),
        fingerprint="0521eb65a9949b3b97243369452a0acca71b8d1eca760ffea18f0b95f98559a3",
        title="Fashion-MNIST",
    ),
    "street_digits": DatasetInfo(
        shape=(3, 32, 32),
        num_classes=10,
        sizes=(10500, 1000, 2000),
        fingerprint="b8c2c9c839f616df5ba1ebc5d6995f38a19c05f7071d1229193f1cc7481a29d0",
        title="street digits (embedded)",
    ),
    "street_digits_mnist": DatasetInfo(
        shape=(3, 32, 32),
        num_classes=10,
        sizes=(55000, 5000, 10000),
        fingerprint="ec48fc5d53c6ea941173bd7038023cce73a8c541eb08b4206faa2ee53cceeb04",
        title="street digits (MNIST)",
    ),
    "svhn": DatasetInfo(shape=(3, 32, 32), num_classes=10, sizes=(67153, 6104, 26032), fingerprint="", title="SVHN"),
    "svhn_extra": DatasetInfo(
        shape=(3, 32, 32), num_classes=10, sizes=(598284, 6104, 26032), fingerprint="", title="SVHN with extra images"
    ),
    "celeba": DatasetInfo(
        shape=(3, 48, 48), num_classes=2, sizes=(162770, 19867, 19962), fingerprint="", title="CelebA, 48 x 48"
    ),
    "digits_two_styles": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(1750, 250, 500),
        fingerprint="90a85e7aedae89c427ce835e0bba3b4182323f87fada4ea19d2a1c2e9b1d776f",
        title="digits in two styles (embedded)",
        code_shape=(1, 28, 28),
    ),
    "digits_two_styles_mnist": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(27503, 2502, 5001),
        fingerprint="d8824925c91d62242a0cc4ecbfbc5f83c5349fcb035210cf78084f2dc2f9ad37",
        title="digits in two styles (MNIST)",
        code_shape=(1, 28, 28),
    ),
    "edges_shoes_28": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=3,
        sizes=(8250, 1500, 3000),
        fingerprint="29454df1a96a4deef4ee848fa7b455f01e90b9f7e758054ba8b46f0c666ccb63",
        title="Fashion-MNIST footwear and edges",
        code_shape=(1, 28, 28),
        paired=True,
    ),
    "edges2shoes": DatasetInfo(
        shape=(3, 64, 64),
        num_classes=0,
        sizes=(24413, 1000, 200),
        fingerprint="",
        title="edges2shoes, 64 x 64",
        code_shape=(1, 64, 64),
        paired=True,
    ),
    "celeba_female_male": DatasetInfo(
        shape=(3, 48, 48),
        num_classes=0,
        sizes=(94509, 11409, 12247),
        fingerprint="",
        title="CelebA, women and men, 48 x 48",
        code_shape=(3, 48, 48),
    ),
    "seven_gaussians": DatasetInfo(
        shape=(2,),
        num_classes=7,
        sizes=(8400, 1050, 2100),
        fingerprint="0edf593bbe8e9c2591ab3a7147416603af035b0238fe45b7f7434f151150e697",
        title="mixture of seven Gaussians",
    ),
    "four_points": DatasetInfo(
        shape=(2,),
        num_classes=4,
        sizes=(4000, 1000, 2000),
        fingerprint="12aa35d6426c120e2a6e2d40fba6034561103b2952ae7d714ff9c8567624c994",
        title="four points",
    ),
}
"""Every data set by name; `iae_models.data.load` reads them."""


def data_identity(name: str) -> str:
    """Return what names the images in a run's key: their fingerprint, or the data set's name where none is known."""
    return DATASETS[name].fingerprint or f"unverified/{name}"
