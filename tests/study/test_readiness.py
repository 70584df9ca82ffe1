"""What a dry run says of the machine, and that the readers of the data say the same of their files."""

import pytest

from iae_models.data import LOADERS
from iae_models.data.missing import DataMissing
from study import launch
from study.readiness import EMBEDDED, PUBLISHED, has_gpu, lacking
from study.spec import Resources


def test_every_data_set_is_known():
    assert {*PUBLISHED, *EMBEDDED, "seven_gaussians", "four_points"} == set(LOADERS)


@pytest.mark.parametrize("name", [name for name, files in PUBLISHED.items() if not files.is_downloaded])
def test_files_that_the_reader_wants_are_the_ones_that_are_missed(name, tmp_path):
    with pytest.raises(DataMissing) as error:
        LOADERS[name](tmp_path)
    published = PUBLISHED[name]
    assert f"{tmp_path / published.folder} must hold {', '.join(published.names)}, but " in str(error.value)
    (line,) = lacking(Resources(device="cpu"), [name], tmp_path, is_local=True)
    assert line == f"{name} needs {', '.join(published.names)} in {tmp_path / published.folder}."
    for file in published.names:
        (tmp_path / published.folder / file).mkdir(parents=True)
    assert lacking(Resources(device="cpu"), [name], tmp_path, is_local=True) == []


def test_what_is_downloaded_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("IAE_DATA_ROOT", str(tmp_path))
    (line,) = lacking(Resources(), ["mnist"], None, is_local=True)
    assert line.startswith("mnist needs train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-")
    assert line.endswith(f" in {tmp_path}/MNIST/raw; a launch tries to download what is missing.")


def test_gpus_are_seen_by_their_device_files(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidiactl").touch()
    assert not has_gpu(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert has_gpu(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not has_gpu(tmp_path)


def test_a_dry_run_says_what_the_machine_lacks(spec_of, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    spec_of("name: s\nparameters: {data.name: svhn}\nresources: {device: cuda, cpus_per_lane: 4096}\n")
    arguments = [str(tmp_path / "spec.yaml"), "--dry-run", "--data-root", str(tmp_path / "data")]
    assert launch.main([*arguments, "--out", str(tmp_path / "study")]) == 0
    lines = capsys.readouterr().out.partition("Not ready on this machine:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == ["resources.cpus_per_lane", "resources.device", "svhn"]
    assert launch.main([*arguments, "--out", str(tmp_path / "study"), "--address", "10.0.0.1:6379"]) == 0
    assert capsys.readouterr().out.partition("this machine:\n")[2].startswith("  svhn needs ")
    assert not (tmp_path / "study").exists()


def test_a_dry_run_refuses_a_folder_that_cannot_be(spec_of, tmp_path, monkeypatch, capsys):
    spec_of("name: s\nparameters: {model.latent_dim: 2}\n")
    arguments = [str(tmp_path / "spec.yaml"), "--dry-run", "--out"]
    assert launch.main([*arguments, str(tmp_path / "spec.yaml" / "below" / "it")]) == 2
    assert f"but {tmp_path}/spec.yaml is not a folder" in capsys.readouterr().err
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert launch.main([*arguments, str(tmp_path / "dangling")]) == 2
    assert "dangling is not a folder" in capsys.readouterr().err
    monkeypatch.setattr("study.launch_folder.os.access", lambda *_: False)
    assert launch.main([*arguments, str(tmp_path / "new" / "study")]) == 2
    assert f"must be writable, but {tmp_path} is not" in capsys.readouterr().err
