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
    """

    shape: tuple[int, ...]
    num_classes: int
    sizes: tuple[int, int, int]
    fingerprint: str
    title: str

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
