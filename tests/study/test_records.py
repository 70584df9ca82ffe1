import os

import pytest

from study.records import atomic_path, run_status


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_has_the_mode_of_the_umask_whatever_its_writer_does(tmp_path, mask):
    former = os.umask(mask)
    try:
        with atomic_path(tmp_path / "a.bin") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(former)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_run_stands_as_its_files_say(folder):
    run = folder.run("a-0")
    assert run_status(run) == "planned"
    run.root.mkdir(parents=True)
    run.checkpoint(7, "0" * 64).touch()
    (run.root / ".checkpoint-00000009-0000000000000000.abc.safetensors").touch()
    assert run_status(run) == "unfinished"
    for name in ("failure", "pruned", "result"):
        getattr(run, name).touch()
        assert run_status(run) == {"failure": "failed", "pruned": "pruned", "result": "finished"}[name]


def test_checkpoints_come_with_the_most_steps_first(folder):
    run = folder.run("a-0")
    assert run.checkpoints() == []
    run.root.mkdir(parents=True)
    paths = [run.checkpoint(step, "ab" * 32) for step in (99_999_999, 100_000_000, 20)]
    for path in paths:
        path.touch()
    (run.root / "checkpoint-final.safetensors").touch()
    assert run.checkpoints() == [paths[1], paths[0], paths[2]]
    assert paths[2].name == "checkpoint-00000020-abababababababab.safetensors"
