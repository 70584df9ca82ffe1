"""Every block of every study in `search_spaces/` builds its networks and takes a step, on random data of its shape."""

import math
from pathlib import Path

import pytest
import torch

from iae_models.config import DATASETS, changed_values, run_config
from iae_models.data import ImageData, Split
from iae_models.training import evaluation_model, initial_state, train
from study.spec import load_study

STUDIES = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))
TINY = {"model.width": 0.02, "train.batch_size": 4, "train.steps": 1, "train.report_every": 1}
NUM_IMAGES = 40

WITHOUT_DOWNLOADS = {"embedded_digits", "street_digits", "digits_two_styles", "seven_gaussians", "four_points"}


pytestmark = pytest.mark.usefixtures("one_thread")


def random_data(name):
    info = DATASETS[name]
    generator = torch.Generator().manual_seed(0)

    def examples(shape):
        return torch.randint(256, (NUM_IMAGES, *shape), generator=generator).to(torch.uint8)

    x = examples(info.shape) if info.holds_images else torch.randn(NUM_IMAGES, *info.shape, generator=generator)
    codes = examples(info.code_shape) if info.code_shape else None
    split = Split(x, torch.arange(NUM_IMAGES) % max(info.num_classes, 1), codes=codes)
    return ImageData(name, "none", info.num_classes, split, split, split)


def tiny(values):
    changed = TINY | ({"data.num_labels": 20} if values.get("data.num_labels") else {})
    return run_config(values | changed | ({"model.num_blocks": 1} if values.get("model.code") == "image" else {}))


def test_every_block_of_every_study_takes_a_step():
    """Cells that differ in width, steps and the like are one configuration here, which is built once."""
    configs = {}
    for path in STUDIES:
        for block in load_study(path).blocks:
            for cell in block.cells():
                config = tiny(cell)
                configs.setdefault(str(sorted(changed_values(config).items())), (path.stem, block.name, config))
    for name, block, config in configs.values():
        data, state = random_data(config.data.name), initial_state(config, 0)
        (progress,) = train(state, data, config)
        assert all(math.isfinite(value) for value in progress.values.values()), (name, block)
        drawn = evaluation_model(state, data).sample(data.test, 3, torch.Generator().manual_seed(0))
        assert drawn.shape == (3, *DATASETS[config.data.name].shape) and drawn.isfinite().all(), (name, block)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_smoke_runs_need_no_download_and_few_steps(path):
    spec = load_study(path, smoke=True)
    cells = [run_config(cell) for block in spec.blocks for cell in block.cells()]
    names = {config.data.name for config in cells}
    assert names <= WITHOUT_DOWNLOADS
    assert max(config.train.steps for config in cells) <= 200
