"""Readers of published formats, on small files written in exactly those formats."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from iae_models import data
from iae_models.config import DATASETS, data_identity, run_config, run_key
from iae_models.data import DataMissing


def write_svhn(folder: Path, name: str, num: int) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(num).integers(0, 256, (32, 32, 3, num)).astype(np.uint8)
    savemat(folder / f"{name}_32x32.mat", {"X": x, "y": (np.arange(num) % 10 + 1).astype(np.uint8)[:, None]})
    return x


def test_svhn_counts_zero_as_zero_and_keeps_colours(tmp_path: Path) -> None:
    x = write_svhn(tmp_path / "SVHN", "train", 120)
    write_svhn(tmp_path / "SVHN", "test", 30)
    train, validation, test = data.LOADERS["svhn"](tmp_path)
    assert [len(split) for split in (train, validation, test)] == [110, 10, 30]
    assert train.x.shape[1:] == (3, 32, 32)
    published = {x[..., index].transpose(2, 0, 1).tobytes(): (index % 10 + 1) % 10 for index in range(120)}
    for split in (train, validation):
        assert [published[image.numpy().tobytes()] for image in split.x] == split.y.tolist()


def test_extra_images_are_for_training_alone(tmp_path: Path) -> None:
    for name, num in (("train", 120), ("test", 30), ("extra", 50)):
        write_svhn(tmp_path / "SVHN", name, num)
    without, extra = data.LOADERS["svhn"](tmp_path), data.LOADERS["svhn_extra"](tmp_path)
    assert [len(split) for split in extra] == [160, 10, 30]
    for one, other in zip(without[1:], extra[1:], strict=True):
        assert torch.equal(one.x, other.x)
    assert torch.equal(extra[0].x[:110], without[0].x)


ATTRIBUTES = ("Eyeglasses", "Male", "Smiling")


def write_celeba(folder: Path, num: int = 8) -> None:
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, parts = [str(num), " ".join(ATTRIBUTES)], []
    for index in range(num):
        pixels = np.zeros((218, 178, 3), dtype=np.uint8)
        # grey in the crop, white around it
        pixels[:], pixels[39:179, 19:159] = 255, 20 * index
        Image.fromarray(pixels).save(folder / "img_align_celeba" / f"{index + 1:06d}.jpg", quality=100)
        rows.append(f"{index + 1:06d}.jpg " + " ".join(str(2 * (index >> bit & 1) - 1) for bit in range(3)))
        parts.append(f"{index + 1:06d}.jpg {(0, 0, 0, 0, 1, 1, 2, 2)[index]}")
    (folder / "list_attr_celeba.txt").write_text("\n".join(rows) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")


def test_celeba_is_cropped_labelled_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "celeba"
    write_celeba(folder)
    train, validation, test = data.LOADERS["celeba"](tmp_path)
    assert [len(split) for split in (train, validation, test)] == [4, 2, 2]
    assert train.x.shape[1:] == (3, 48, 48)
    assert (train.x[:, :, 2:-2, 2:-2].float().mean((1, 2, 3)) - torch.tensor([0, 20, 40, 60])).abs().max() < 2
    assert train.y.tolist() == train.factors["Male"].tolist() == [0, 0, 1, 1]
    assert train.factors["Eyeglasses"].tolist() == [0, 1, 0, 1]
    assert test.factors["Smiling"].tolist() == [1, 1]
    for image in (folder / "img_align_celeba").iterdir():
        image.unlink()
    assert torch.equal(data.LOADERS["celeba"](tmp_path)[2].x, test.x)


def test_women_and_men_are_two_domains(tmp_path: Path) -> None:
    write_celeba(tmp_path / "celeba")
    train, validation, test = data.LOADERS["celeba_female_male"](tmp_path)
    assert [(len(split), len(split.codes)) for split in (train, validation)] == [(2, 2), (2, 0)]
    assert (len(test), len(test.codes)) == (0, 2)
    assert (train.x[:, 0, 20, 20].float() - torch.tensor([0, 20])).abs().max() < 2
    assert (train.codes[:, 0, 20, 20].float() - torch.tensor([40, 60])).abs().max() < 2
    assert train.factors["Eyeglasses"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "folder", "files"),
    [
        ("svhn", "SVHN", "train_32x32.mat, test_32x32.mat is missing"),
        ("svhn_extra", "SVHN", "extra_32x32.mat is missing"),
        ("celeba", "celeba", "list_eval_partition.txt is missing"),
        ("celeba_female_male", "celeba", "list_eval_partition.txt is missing"),
        ("edges2shoes", "edges2shoes", "train, val is missing"),
    ],
)
def test_absent_files_are_named_with_their_source(name: str, folder: str, files: str, tmp_path: Path) -> None:
    with pytest.raises(DataMissing) as raised:
        data.load(name, tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / folder} must hold ")
    assert files in message
    assert "published at http" in message
    assert "--data-root" in message


def test_damaged_files_are_named(tmp_path: Path) -> None:
    write_svhn(tmp_path / "SVHN", "test", 30)
    path = tmp_path / "SVHN" / "train_32x32.mat"
    path.write_bytes(b"nothing" * 100)
    with pytest.raises(ValueError, match=r"train_32x32.mat must be a complete MATLAB file"):
        data.LOADERS["svhn"](tmp_path)
    savemat(path, {"X": np.zeros((32, 32, 3, 5), np.uint8), "y": np.ones((4, 1))})
    with pytest.raises(ValueError, match=r"must hold X with shape \(32, 32, 3, N\) and N labels y, but holds"):
        data.LOADERS["svhn"](tmp_path)
    write_celeba(tmp_path / "celeba")
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_text("8\nMale\n000001.jpg\n")
    with pytest.raises(ValueError, match="must hold a count, the attributes' names and a row for each image"):
        data.LOADERS["celeba"](tmp_path)


def test_files_of_another_size_are_not_the_published_ones(tmp_path: Path) -> None:
    write_svhn(tmp_path / "SVHN", "train", 120)
    write_svhn(tmp_path / "SVHN", "test", 30)
    with pytest.raises(ValueError, match=r"svhn must have 67153, 6104 and 26032 .* hold 110, 10 and 30"):
        data.load("svhn", tmp_path)


def test_data_without_a_fingerprint_are_named_after_themselves() -> None:
    assert DATASETS["svhn"].fingerprint == ""
    assert data_identity("svhn") == "unverified/svhn"
    keys = {run_key(run_config({"data.name": name}), 0) for name in ("svhn", "svhn_extra", "celeba")}
    assert len(keys) == 3
