from study.records import run_status


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
