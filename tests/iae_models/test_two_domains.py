"""Data of two domains: unpaired for training, and made or read as their files say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from iae_models import data
from iae_models.config import DATASETS
from iae_models.data import ImageData, Split, edges2shoes, edges_shoes_28, fashion_mnist, fingerprint
from iae_models.data.digits_two_styles import MAX_SHEAR, restyled, styles
from iae_models.data.edge_maps import edge_maps
from iae_models.data.splits import halves


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return data.load("digits_two_styles", Path("/nonexistent"))


def test_halves_have_equal_classes() -> None:
    y = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1])
    first, second = halves(y)
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(11))
    assert (y[first].bincount() - y[second].bincount()).abs().max() <= 1


def test_the_domains_of_digits_share_no_digit(digits: ImageData) -> None:
    single = data.load("embedded_digits", Path("/nonexistent"))
    plain = {image.numpy().tobytes() for image in digits.train.x}
    assert len(plain) == 1750
    assert digits.train.y.bincount().tolist() == [175] * 10
    others = [image for image in single.train.x if image.numpy().tobytes() not in plain]
    assert digits.train.codes is not None
    assert len(digits.train.codes) == len(others)
    # the labels of the second domain are those of the digits that it was made of
    assert digits.train.code_y is not None
    whole = {image.numpy().tobytes(): int(label) for image, label in zip(single.train.x, single.train.y, strict=True)}
    assert digits.train.code_y.tolist() == [whole[image.numpy().tobytes()] for image in others]
    # ink is dark in the second domain and bright in the first
    assert digits.train.code_images().mean() > 0.7
    assert digits.train.images().mean() < 0.2


def test_labels_of_the_second_domain_are_one_for_each_image(digits: ImageData) -> None:
    moved = digits.test.to("cpu")
    assert moved.code_y is not None and torch.equal(moved.code_y, digits.test.code_y)
    with pytest.raises(ValueError, match="code_y must have a label for each of codes"):
        Split(digits.test.x, digits.test.y, codes=digits.test.codes, code_y=moved.code_y[:-1])


def test_restyling_shears_rows_and_thickens() -> None:
    x = np.zeros((400, 1, 28, 28), np.uint8)
    x[:, :, 4:24, 14] = 255
    ink = 255 - restyled(x, **styles("train", len(x)))
    counts = (ink[:, 0] > 0).sum(2)
    assert set(counts[:, 10].tolist()) == {1, 2}
    places = ink[:, 0].argmax(2)
    tilt = places[:, 23] - places[:, 4]
    assert tilt.min() < -MAX_SHEAR < MAX_SHEAR < tilt.max()
    assert abs(tilt.mean()) < 1


def test_styles_of_the_second_domain_are_known(digits: ImageData) -> None:
    for split in (digits.train, digits.test):
        factors = split.to("cpu").code_factors
        assert {name: int(values.max()) for name, values in factors.items()} == {"shear": 2 * MAX_SHEAR, "thick": 1}
        assert split.codes is not None
        ink = 255 - split.codes[:, 0].long()
        thick = factors["thick"] == 1
        assert ink[thick].sum((1, 2)).double().mean() > 1.4 * ink[~thick].sum((1, 2)).double().mean()
        # the mean column of the upper rows less that of the lower ones grows with the shear
        columns = (ink * torch.arange(28)).sum(2) / ink.sum(2).clamp_min(1)
        lean = torch.tensor(
            [
                (row[:14][mass[:14] > 0].mean() - row[14:][mass[14:] > 0].mean()).item()
                for row, mass in zip(columns, ink.sum(2), strict=True)
            ]
        )
        means = [lean[factors["shear"] == shear].mean().item() for shear in (0, MAX_SHEAR, 2 * MAX_SHEAR)]
        assert abs(means[2] - means[0]) > 4 and min(means[0], means[2]) < means[1] < max(means[0], means[2])
    assert digits.test.to("meta").code_factors["shear"].device.type == "meta"
    with pytest.raises(ValueError, match=r"thick must be int64 with shape \(500,\)"):
        Split(digits.test.x, digits.test.y, codes=digits.test.codes, code_factors={"thick": torch.zeros(3).long()})


def test_edges_are_where_brightness_changes() -> None:
    x = np.zeros((1, 1, 8, 8), np.uint8)
    x[:, :, :, 4:] = 255
    edges = edge_maps(x)
    assert set(np.unique(edges).tolist()) == {0, 255}
    assert (edges[0, 0, :, 3:5] == 255).all()
    assert (edges[0, 0, :, :3] == 0).all()
    assert (edges[0, 0, :, 5:] == 0).all()
    assert (edge_maps(np.full((1, 1, 8, 8), 200, np.uint8)) == 0).all()


def test_shoes_and_edges_are_unpaired_for_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (60, 1, 28, 28), generator=generator).to(torch.uint8)
    clothes = Split(x, torch.arange(60) % 10)
    monkeypatch.setattr(fashion_mnist, "read", lambda _: (clothes, clothes, clothes))
    train, validation, test = edges_shoes_28.read(tmp_path)
    assert [len(split) for split in (train, validation, test)] == [9, 18, 18]
    assert set(test.y.tolist()) == {0, 1, 2}
    assert torch.equal(x[7], test.x[1])
    assert np.array_equal(test.codes, edge_maps(test.x.numpy()))
    own = {image.tobytes() for image in edge_maps(train.x.numpy())}
    assert train.codes is not None
    assert not own & {image.numpy().tobytes() for image in train.codes}


def write_edges2shoes(folder: Path) -> None:
    for part, num in (("train", 7), ("val", 2)):
        (folder / part).mkdir(parents=True)
        for index in range(1, num + 1):
            pixels = np.full((256, 512, 3), 255, np.uint8)
            # edges on the left, white paper; a shoe of one colour on the right
            pixels[:128, :256], pixels[:, 256:] = 10 * index, (20 * index, 5, 90 if part == "train" else 0)
            Image.fromarray(pixels).save(folder / part / f"{index}_AB.jpg", quality=100)


def test_edges2shoes_is_read_in_its_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(edges2shoes, "NUM_VALIDATION", 3)
    folder = tmp_path / "edges2shoes"
    write_edges2shoes(folder)
    splits = data.LOADERS["edges2shoes"](tmp_path)
    assert [(len(split.x), tuple(split.x.shape[1:])) for split in splits] == [(n, (3, 64, 64)) for n in (2, 3, 2)]
    for split in splits[1:]:
        assert split.codes is not None
        number = (split.x[:, 0, 30, 30].double() / 20).round()
        # of the i-th shoe, edges bright
        assert (split.codes[:, 0, 5, 30].double() - (255 - 10 * number)).abs().max() <= 3
        assert split.codes[:, 0, 60, 30].max() <= 3
    train = splits[0]
    assert train.codes is not None
    shoes = set((train.x[:, 0, 30, 30].double() / 20).round().tolist())
    edges = set(((255 - train.codes[:, 0, 5, 30].double()) / 10).round().tolist())
    assert len(shoes) == len(edges) == 2
    assert not shoes & edges
    for path in (folder / "val").iterdir():
        path.write_bytes(b"")
    assert torch.equal(data.LOADERS["edges2shoes"](tmp_path)[2].x, splits[2].x)
    (folder / "edges2shoes_64x64.npy").unlink()
    with pytest.raises(ValueError, match=r"1_AB.jpg must be a picture, but cannot be read"):
        data.LOADERS["edges2shoes"](tmp_path)


def test_codes_travel_and_are_fingerprinted(digits: ImageData) -> None:
    moved = digits.to("meta").test.codes
    assert moved is not None
    assert moved.device.type == "meta"
    test = digits.test
    other = Split(test.x, test.y, codes=test.codes.flip(0) if test.codes is not None else None)
    assert fingerprint(test, test, test) != fingerprint(test, test, other)
    with pytest.raises(ValueError, match=r"codes must be uint8 with shape \(M, C, H, W\)"):
        Split(test.x, test.y, codes=torch.zeros(3, 1, 28, 28))


def test_two_domains_are_known_to_the_plan(digits: ImageData) -> None:
    for name, info in DATASETS.items():
        assert not info.paired or info.code_shape, name
    assert digits.test.codes is not None
    assert DATASETS["digits_two_styles"].code_shape == tuple(digits.test.codes.shape[1:])
