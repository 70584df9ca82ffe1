"""The arms of the training benchmark train the same thing, and a difference is noticed."""

import dataclasses
from pathlib import Path

import pytest
import torch

from benchmarks.machine import publish
from benchmarks.train_step import compare, script
from iae_models.config import run_config
from iae_models.data import ImageData, Split

CONFIG = run_config({"model.width": 0.03, "model.latent_dim": 3, "model.noise_dim": 4, "train.batch_size": 8})


@pytest.fixture
def data() -> ImageData:
    generator = torch.Generator().manual_seed(0)
    split = Split(torch.randint(256, (300, 1, 28, 28), generator=generator).to(torch.uint8), torch.arange(300) % 10)
    return ImageData("embedded_digits", "none", 10, split, split, split)


def test_training_is_what_a_plain_script_does(data: ImageData) -> None:
    compare(CONFIG, data)
    assert torch.get_default_dtype() == torch.float32


def test_another_training_is_refused(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, discriminator_lr=2e-3))
    monkeypatch.setattr("benchmarks.train_step.script", lambda _, data, tuned: script(other, data, tuned=tuned))
    with pytest.raises(ValueError, match=r"losses must agree within 0\.005"):
        compare(CONFIG, data)


def test_a_table_takes_the_place_of_its_former_self(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    for title, text in (("One", "first"), ("Two", "second"), ("One", "third")):
        publish(path, title, text)
    assert path.read_text() == "# Performance\n\n## One\n\nthird\n\n## Two\n\nsecond\n"
