"""Runs that run out of memory on real workers: retried alone with a larger share, and in the end failed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.records import StudyFolder, read_json

ROOT = Path(__file__).parents[2]

HUNGRY = '''
import json
from pathlib import Path

import ray
import torch
from iae_models.variants import VARIANTS
from iae_models.variational import VariationalAutoencoder

class Hungry(VariationalAutoencoder):
    """Takes at its tenth step more than half the cores with 3 dimensions, and more than there are with 5."""

    info = VARIANTS["vae"]

    def tape(self, draws):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 10:
            cores = ray.get_runtime_context().get_assigned_resources()["CPU"]
            with (Path(__file__).parent / "asked").open("a") as file:
                file.write(json.dumps([self.code_dim, cores, torch.get_num_threads()]) + chr(10))
            if self.code_dim > 2 and cores <= CORES / 2:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            if self.code_dim == 5:
                raise MemoryError
        return super().tape(draws)
'''
STUDY = """
name: hungry
parameters:
  model.variant: hungry:Hungry
  model.latent_dim: {grid: [2, 3, 5]}
  model.width: 0.03
  train.steps: 20
  train.report_every: 4
  train.batch_size: 16
resources: {checkpoint_s: 0, device: cpu, cpus_per_lane: CORES}
"""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="a machine with one core has no larger share"),
]


def launch(place, **variables):
    command = [sys.executable, "-m", "study.launch", "hungry.yaml", "--out", "study"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | variables
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def test_out_of_memory_is_retried_alone_with_all_cores_and_then_fails_with_the_reason(tmp_path):
    cores = os.cpu_count()
    (tmp_path / "hungry.py").write_text(HUNGRY.replace("CORES", str(cores)))
    (tmp_path / "hungry.yaml").write_text(STUDY.replace("CORES", str(cores // 2)))
    done = launch(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    runs = {read_json(run.run)["all"]["model.latent_dim"]: run for run in StudyFolder(tmp_path / "study").run_folders()}
    assert (read_json(runs[2].result)["attempts"], read_json(runs[2].result)["resumed_from"]) == (1, [])
    assert (read_json(runs[3].result)["attempts"], read_json(runs[3].result)["resumed_from"]) == (2, [8])
    former = read_json(runs[3].root / "failure.1.json")
    assert (former["kind"], former["step"]) == ("memory", 8)
    assert former["reason"] == "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."
    reason = "MemoryError (alone, with the largest share of a machine)"
    assert (read_json(runs[5].failure)["kind"], read_json(runs[5].failure)["reason"]) == ("memory", reason)
    assert reason in done.stdout
    asked = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    half = max(1, cores // 2)
    assert sorted(asked) == [[2, half, half], [3, half, half], [3, cores, half], [5, half, half], [5, cores, half]]


@pytest.mark.fault
def test_runs_whose_workers_ray_kills_for_want_of_memory_are_retried_alone_and_then_fail(tmp_path):
    (tmp_path / "hungry.py").write_text(HUNGRY.replace("CORES", "1"))
    (tmp_path / "hungry.yaml").write_text(STUDY.replace("CORES", "1").replace("[2, 3, 5]", "[2, 4]"))
    done = launch(tmp_path, RAY_memory_usage_threshold="0.001")
    assert done.returncode == 1, done.stdout + done.stderr
    for run in StudyFolder(tmp_path / "study").run_folders():
        failure, former = read_json(run.failure), read_json(run.root / "failure.1.json")
        assert failure["kind"] == former["kind"] == "memory"
        assert "killed due to the node running low on memory" in former["reason"]
        assert failure["reason"].endswith("(alone, with the largest share of a machine)")
    assert "Traceback" not in done.stderr
