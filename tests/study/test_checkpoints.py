"""Checkpoints on disk: whole, few, and passed over where they are damaged or another's."""

import shutil
import subprocess
import sys
import time

import pytest
import torch

from iae_models import state as state_files
from iae_models.config import run_config
from iae_models.data import ImageData, Split
from iae_models.state import state_tensors
from iae_models.training import initial_state, train
from study.checkpoints import Checkpoints, is_whole
from study.records import run_status

SMALL = {"model.width": 0.03, "train.batch_size": 8, "train.steps": 6, "train.report_every": 1}
GAUSSIAN = SMALL | {"model.latent_dim": 3}
CATEGORICAL = SMALL | {"model.code": "categorical", "model.num_categories": 5}
CASES = {
    "iae": GAUSSIAN | {"model.noise_dim": 4, "model.encoder_noise_dim": 2, "model.input_noise": 0.1},
    "iae, categorical": CATEGORICAL | {"model.noise_dim": 4, "model.vat_weight": 1.0, "train.ema_decay": 0},
    "aae, semi-supervised": CATEGORICAL
    | {"model.num_categories": 10, "data.num_labels": 20, "model.variant": "aae", "model.infer_noise": True},
    "vae": GAUSSIAN | {"model.variant": "vae"},
    "avb": GAUSSIAN | {"model.variant": "avb", "model.encoder_noise_dim": 4, "model.r1_gamma": 0.1},
    "infogan": CATEGORICAL | {"model.variant": "infogan", "model.noise_dim": 4},
    "ali": GAUSSIAN | {"model.variant": "ali", "model.encoder_noise_dim": 2, "model.noise_dim": 4},
    "fiae": GAUSSIAN | {"model.variant": "fiae", "model.encoder_noise_dim": 2, "model.noise_dim": 4},
}
NOTES = {"key": "a-0", "code_hash": "c0de", "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    split = Split(torch.randint(256, (300, 1, 28, 28), generator=generator).to(torch.uint8), torch.arange(300) % 10)
    return ImageData("embedded_digits", "none", 10, split, split, split)


@pytest.fixture
def run(folder):
    run = folder.run("a-0")
    run.root.mkdir(parents=True)
    return run


def trained(values, data, checkpoints, *, until=6):
    """Train with a checkpoint at every report and return the state, all on from what the folder holds."""
    config = run_config(values)
    state = checkpoints.resume(lambda: initial_state(config, 0))
    begin = state.step
    for progress in train(state, data, config) if begin < until else ():
        checkpoints.save(state)
        if progress.step == until:
            break
    return begin, state


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_a_run_of_any_kind_goes_on_bitwise(run, data, values):
    whole = initial_state(run_config(values), 0)
    list(train(whole, data, run_config(values)))
    for begin, until in ((0, 2), (2, 5), (5, 6)):
        found, state = trained(values, data, Checkpoints(run, NOTES, 0), until=until)
        assert found == begin
    assert state_tensors(whole).keys() == state_tensors(state).keys()
    for name, value in state_tensors(whole).items():
        assert torch.equal(value, state_tensors(state)[name]), name


def test_the_newest_two_are_kept_until_the_run_ends(run, data):
    trained(CASES["vae"], data, Checkpoints(run, NOTES, 0))
    assert [path.name[11:19] for path in run.checkpoints()] == ["00000006", "00000005"]
    assert all(map(is_whole, run.checkpoints()))
    assert (run_status(run), run.newest_step()) == ("unfinished", 6)
    run.remove_checkpoints()
    assert (run_status(run), run.newest_step(), list(run.root.iterdir())) == ("planned", 0, [])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "renamed"])
def test_a_damaged_one_is_passed_over_for_the_one_before_it(run, data, damage):
    trained(CASES["vae"], data, Checkpoints(run, NOTES, 0))
    newest, former = run.checkpoints()
    content = bytearray(newest.read_bytes())
    if damage == "cut":
        newest.write_bytes(content[: len(content) // 512 * 512 - 512])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
    elif damage == "empty":
        newest.write_bytes(b"")
    else:
        shutil.copy(former, newest)
    begin, _ = trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=5)
    assert begin == 5
    assert not newest.exists()


@pytest.mark.parametrize(
    "other", [{"code_hash": "edited"}, {"device": "cuda"}, {"key": "b-0"}, {"threads": "2"}, {"torch": "3.0"}]
)
def test_one_that_something_else_has_made_is_not_gone_on_from(run, data, other):
    trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=2)
    begin, _ = trained(CASES["vae"], data, Checkpoints(run, NOTES | other, 0), until=0)
    assert begin == 0
    assert run.checkpoints() == []
    assert sorted(path.name[:22] for path in run.former_checkpoints()) == [
        "former-checkpoint-0000",
        "former-checkpoint-0000",
    ]
    begin, _ = trained(CASES["vae"], data, Checkpoints(run, NOTES | other, 0), until=1)
    assert (begin, run.newest_step(), run.former_checkpoints()) == (0, 1, [])  # now there is one of its own


def test_one_that_lacks_a_part_costs_no_run(run, data):
    trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=2)
    begin, state = trained(CASES["aae, semi-supervised"], data, Checkpoints(run, NOTES, 0), until=0)
    assert begin == 0
    assert len(run.former_checkpoints()) == 2
    fresh = state_tensors(initial_state(run_config(CASES["aae, semi-supervised"]), 0))
    assert all(torch.equal(value, fresh[name]) for name, value in state_tensors(state).items())


def test_memory_that_is_short_costs_no_checkpoint(run, data, monkeypatch):
    def short(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=2)
    before = run.checkpoints()
    monkeypatch.setattr("study.checkpoints.load_state", short)
    with pytest.raises(torch.OutOfMemoryError):
        trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=2)
    assert run.checkpoints() == before


def test_one_of_a_machine_that_multiplied_otherwise_is_not_gone_on_from(run, data, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(state_files, "product_of", lambda _: "abacus")
        trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=2)
    assert trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=0)[0] == 0


def test_what_a_killed_worker_left_half_written_goes_away(run, data):
    half = run.root / ".checkpoint.0123456789ab.safetensors"
    half.write_bytes(b"half")
    (run.root / ".notes").touch()
    assert trained(CASES["vae"], data, Checkpoints(run, NOTES, 0), until=0)[0] == 0
    assert [path.name for path in run.root.iterdir()] == [".notes"]


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(run, data, monkeypatch):
    checkpoints = Checkpoints(run, NOTES, 0)
    trained(CASES["vae"], data, checkpoints, until=1)
    before = run.checkpoints()

    def full(_, path, **__):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state_files, "save_file", full)
        begin, state = trained(CASES["vae"], data, checkpoints, until=3)
    assert (begin, state.step) == (1, 3)
    assert checkpoints.problem == "OSError: [Errno 28] No space left on device"
    assert run.checkpoints() == before == list(run.root.iterdir())
    checkpoints.save(state)
    assert (checkpoints.problem, run.newest_step()) == ("", 3)


def test_they_come_at_the_stated_interval(run, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    checkpoints = Checkpoints(run, NOTES, 30.0)
    assert not checkpoints.is_due
    now[0] = 130.0
    assert checkpoints.is_due
    checkpoints.save(initial_state(run_config(CASES["vae"]), 0))
    assert not checkpoints.is_due
    assert Checkpoints(run, NOTES, 0.0).is_due


def test_a_disk_that_refuses_a_checkpoint_costs_the_checkpoint_alone(tmp_path):
    script = """
import resource, sys
from pathlib import Path
from iae_models.config import run_config
from iae_models.training import initial_state
from study.checkpoints import Checkpoints
from study.records import RunFolder

state = initial_state(run_config({"model.width": 0.03, "model.latent_dim": 2}), 0)
checkpoints = Checkpoints(RunFolder(Path(sys.argv[1]) / "run"), {}, 0.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
checkpoints.save(state)
print(checkpoints.problem)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "OSError" in done.stdout
    assert "cannot be written" in done.stdout
    assert list((tmp_path / "run").iterdir()) == []
