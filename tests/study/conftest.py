"""Studies and runs of a few kilobytes, for tests of what happens around training."""

import pytest

from iae_models.config import code_hash
from study.dispatch import Dispatcher
from study.plan import make_plan
from study.records import StudyFolder, write_json
from study.spec import load_study

SEARCHING = """
name: small
parameters: {model.width: 0.03, train.steps: 40, train.report_every: 10, train.batch_size: 16}
blocks:
  - name: gaussian
    parameters:
      model.latent_dim: {grid: [2, 5], search: {low: 2, high: 40, log: true}}
      model.noise_dim: {grid: [0, 10], search: {low: 1, high: 200, log: true, include: 0}}
  - name: frozen
    control: true
    parameters: {model.train_encoder: false, model.latent_dim: {grid: [2]}}
replicates: 2
budget: {runs: 16}
"""


@pytest.fixture
def spec_of(tmp_path):
    """Return a function from YAML text and overrides to a study."""

    def load(text=SEARCHING, *overrides):
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return load_study(path, overrides)

    return load


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "study")


@pytest.fixture
def dispatch(folder):
    """Return a function from a study to its dispatcher, as at a launch on what the folder holds."""
    return lambda spec, **options: Dispatcher(spec, folder, make_plan(spec, folder), **options)


@pytest.fixture
def finish(folder):
    """Return a function that writes what a finished run leaves."""

    def write(key, critic=0.6, rate=2.0, seconds=3.0, started="2026-01-01T00:00:00", ended="2026-01-01T00:00:03"):
        values = {"critic_accuracy": critic, "rate": rate, "r2_mean": rate}
        result = {
            "key": key,
            "status": "finished",
            "code_hash": code_hash(),
            "train_time_s": seconds - 1,
            "measure_time_s": 1.0,
            "wall_time_s": seconds,
            "started_at": f"{started}+00:00",
            "finished_at": f"{ended}+00:00",
            "values": {
                "validation": values,
                "test": {name: None if value is None else value + 7 for name, value in values.items()},
            },
        }
        write_json(folder.run(key).result, result)

    return write


@pytest.fixture(scope="module")
def torch_settings():
    """Give other tests back what a worker sets for its process."""
    import torch

    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.set_num_threads(threads)
