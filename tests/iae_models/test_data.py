import dataclasses
import gc
import gzip
import hashlib
import socket
import struct
import threading
import warnings
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from iae_models import config, data
from iae_models.data import DataMissing, ImageData, Split, fingerprint, idx_files
from iae_models.data.splits import stratified_order, stratified_splits

IDX_SETS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return data.load("embedded_digits", Path("/nonexistent"))


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the published format: magic number with 8 for uint8, the sizes, the values."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_small(folder: Path, num_train: int = 240, num_test: int = 60) -> dict[str, np.ndarray]:
    """Write a small data set of four files in which the first two pixels of an image spell its index."""
    arrays = {}
    for part, num in (("train", num_train), ("t10k", num_test)):
        images = np.random.default_rng(num).integers(0, 256, (num, 28, 28))
        images[:, 0, 0], images[:, 0, 1] = np.arange(num) // 256, np.arange(num) % 256
        arrays[f"{part}-images-idx3-ubyte"] = images
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(num) % 10
    for name, array in arrays.items():
        write_idx(folder / name, array)
    return arrays


def indices(split: Split) -> list[int]:
    return (split.x[:, 0, 0, 0].long() * 256 + split.x[:, 0, 0, 1].long()).tolist()


# Splits


def test_every_prefix_of_the_order_is_stratified() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])[np.random.default_rng(0).permutation(1000)]
    order = stratified_order(labels)
    assert sorted(order) == list(range(1000))
    for num in (10, 123, 500, 999):
        counts = np.bincount(labels[order[:num]], minlength=3)
        assert np.abs(counts - num * np.array([0.6, 0.3, 0.1])).max() <= 1


def test_the_order_is_the_published_one() -> None:
    # Worked out by hand from the definition: within a class by the hash of the index.
    ranked = sorted(range(50), key=lambda index: hashlib.sha256(f"split-1/{index}".encode()).digest())
    assert stratified_order(np.zeros(50, dtype=np.int64)).tolist() == ranked


def test_sizes_must_add_up() -> None:
    images, labels = np.zeros((10, 1, 2, 2), dtype=np.uint8), np.zeros(10, dtype=np.int64)
    with pytest.raises(ValueError, match=r"sizes must add up to the 10 images, but got \[5, 4\]"):
        stratified_splits(images, labels, (5, 4))


# The embedded digits


def test_embedded_digits_have_the_stated_sizes_and_classes(digits: ImageData) -> None:
    info = config.DATASETS["embedded_digits"]
    splits = (digits.train, digits.validation, digits.test)
    assert tuple(len(split) for split in splits) == info.sizes == (3500, 500, 1000)
    assert digits.num_classes == info.num_classes
    assert digits.fingerprint == info.fingerprint
    for split in splits:
        assert tuple(split.x.shape[1:]) == info.shape
        assert split.y.bincount().tolist() == [len(split) // 10] * 10


def test_embedded_digits_are_mnist(digits: ImageData) -> None:
    # The mean and standard deviation of MNIST's pixels, which every tutorial normalizes with: 0.1307 and 0.3081.
    x = torch.cat([digits.train.images(), digits.validation.images(), digits.test.images()])
    assert x.mean().item() == pytest.approx(0.1307, abs=0.02)
    assert x.std().item() == pytest.approx(0.3081, abs=0.02)
    # A 1 has the least ink and a 0 the most, which only holds if the labels belong to the images.
    ink = [digits.train.images(digits.train.y == label).mean().item() for label in range(10)]
    assert (int(np.argmin(ink)), int(np.argmax(ink))) == (1, 0)


def test_embedded_splits_are_disjoint(digits: ImageData) -> None:
    x = torch.cat([digits.train.x, digits.validation.x, digits.test.x]).flatten(1)
    assert len(x.unique(dim=0)) == 5000


def test_loading_twice_gives_the_same_within_the_budget(digits: ImageData) -> None:
    again = data.load("embedded_digits")
    assert torch.equal(again.train.x, digits.train.x)
    assert torch.equal(again.test.y, digits.test.y)


# Files in MNIST's format


@pytest.mark.parametrize("name", IDX_SETS)
def test_idx_files_are_read_and_split(name: str, tmp_path: Path) -> None:
    arrays = write_small(tmp_path / IDX_SETS[name] / "raw")
    train, validation, test = data.LOADERS[name](tmp_path)
    assert [len(split) for split in (train, validation, test)] == [220, 20, 60]
    assert sorted(indices(train) + indices(validation)) == list(range(240))
    assert sorted(indices(test)) == list(range(60))
    assert validation.y.bincount().tolist() == [2] * 10
    for part, split in (("train", train), ("train", validation), ("t10k", test)):
        rows = indices(split)
        np.testing.assert_array_equal(split.x[:, 0].numpy(), arrays[f"{part}-images-idx3-ubyte"][rows])
        np.testing.assert_array_equal(split.y.numpy(), arrays[f"{part}-labels-idx1-ubyte"][rows])


@pytest.mark.parametrize("name", IDX_SETS)
def test_the_shares_give_the_stated_sizes(name: str) -> None:
    train, validation, _ = config.DATASETS[name].sizes
    assert (train + validation) // idx_files.VALIDATION_SHARE == validation


def test_load_reads_the_named_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(tmp_path / "MNIST" / "raw")
    info = config.DATASETS["mnist"]
    found = fingerprint(*data.LOADERS["mnist"](tmp_path))
    monkeypatch.setitem(config.DATASETS, "mnist", dataclasses.replace(info, fingerprint=found))
    monkeypatch.setenv("IAE_DATA_ROOT", str(tmp_path))
    assert data.load("mnist").fingerprint == data.load("mnist", tmp_path).fingerprint == found


def test_root_is_the_environments_or_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAE_DATA_ROOT", "~/elsewhere")
    assert data.data_root() == Path.home() / "elsewhere"
    monkeypatch.setenv("IAE_DATA_ROOT", "")
    assert data.data_root() == Path.home() / ".cache" / "iae-data"


def test_other_images_are_refused(tmp_path: Path) -> None:
    write_small(tmp_path / "MNIST" / "raw")
    rule = (
        r"images of mnist must have the fingerprint 7d97914eb164, but got \w{12} for 220 training, 20 validation and 60"
    )
    with pytest.raises(ValueError, match=rule):
        data.load("mnist", tmp_path)


def test_a_changed_pixel_or_label_or_place_changes_the_fingerprint(digits: ImageData) -> None:
    train, validation, test = digits.train, digits.validation, digits.test
    x, y = test.x.clone(), test.y.clone()
    x[3, 0, 0, 0] ^= 1
    y[3] = (y[3] + 1) % 10
    others = {
        fingerprint(train, validation, Split(x, test.y)),
        fingerprint(train, validation, Split(test.x, y)),
        fingerprint(train, test, validation),
    }
    assert len(others - {digits.fingerprint}) == 3


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"name must be one of \[.*\], but got 'fashion'; did you mean 'fashion_mnist'"
    ):
        data.load("fashion")


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    write_small(folder)
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"raw must hold complete IDX files, but one cannot be read"):
        data.LOADERS["mnist"](tmp_path)


# Downloads, from a server of our own


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Serve a small MNIST over HTTP and make torchvision's class look for it there."""
    source = tmp_path / "mirror"
    write_small(source)
    resources = []
    for name in idx_files.FILES:
        packed = gzip.compress((source / name).read_bytes(), mtime=0)
        (source / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: QuietHandler(*args, directory=str(source)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield source
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("mirror")
def test_missing_files_are_downloaded(tmp_path: Path) -> None:
    root = tmp_path / "cache" / "data"
    train, _, _ = data.LOADERS["mnist"](root)
    assert len(train) == 220
    # All of it is in place and nothing else is left behind.
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == sorted(idx_files.FILES)
    assert [path.name for path in root.iterdir()] == ["MNIST"]


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_failed_download_leaves_nothing(mirror: Path, tmp_path: Path, damage: str) -> None:
    file = mirror / "t10k-images-idx3-ubyte.gz"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.unlink()
    root = tmp_path / "data"
    with pytest.raises(DataMissing, match="none of them is there and could not be downloaded"):
        data.LOADERS["mnist"](root)
    assert not [path for path in root.rglob("*") if path.is_file()]
    # torchvision leaves the answer of a refused request open, to be found by the collector at some later time.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_missing_data_names_folder_files_and_alternative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.MNIST, "mirrors", [])
    folder = tmp_path / "MNIST" / "raw"
    write_small(folder)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as raised:
        data.load("mnist", tmp_path)
    message = str(raised.value)
    assert isinstance(raised.value, DataMissing)
    assert message.startswith(f"{folder} must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, ")
    for part in ("t10k-labels-idx1-ubyte is missing", "--data-root", "IAE_DATA_ROOT", "embedded_digits"):
        assert part in message


def test_a_silent_mirror_does_not_hold_anyone_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx_files, "PROBE_S", 0.3)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(datasets.MNIST, "mirrors", [url, url])
        with pytest.raises(DataMissing, match="no mirror answered"):
            data.LOADERS["mnist"](tmp_path / "none")
    assert not (tmp_path / "none").exists()


# Splits in memory


def test_images_are_floats_between_zero_and_one() -> None:
    x = torch.tensor([0, 51, 255, 102], dtype=torch.uint8).reshape(2, 1, 1, 2)
    split = Split(x, torch.tensor([3, 4]))
    assert len(split) == 2
    assert split.images().dtype == torch.float32
    torch.testing.assert_close(split.images().flatten(), torch.tensor([0, 0.2, 1, 0.4]))
    torch.testing.assert_close(split.images(torch.tensor([1, 1])), split.images()[[1, 1]])
    assert split.images(slice(0, 1)).shape == (1, 1, 1, 2)
    assert x.max() == 255  # the stored images stay as they are


def test_a_split_refuses_other_types_and_lengths() -> None:
    x = torch.zeros(2, 1, 1, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="x must be uint8"):
        Split(x.float(), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"y must be int64 with shape \(2,\)"):
        Split(x, torch.zeros(3, dtype=torch.int64))


def test_data_moves_to_a_device(digits: ImageData) -> None:
    moved = digits.to("meta")
    assert moved.test.x.device.type == moved.train.y.device.type == "meta"
    assert (moved.name, moved.fingerprint) == (digits.name, digits.fingerprint)
