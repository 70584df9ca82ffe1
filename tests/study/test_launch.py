import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from analysis.current import digest_of, keep_digest
from study import launch, launch_folder
from study.failures import BadInput
from study.launch_options import command_of, launch_parser
from study.lock import hold, holder_of
from study.plan import make_plan
from study.planned import record_run
from study.records import StudyFolder, read_json, run_status, write_json
from study.selection import confined
from study.stop_request import request_stop

ROOT = Path(__file__).parents[2]

WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ray", "torch", "optuna", "pandas"):
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)

sys.meta_path.insert(0, Blocked())
from study.launch import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line where nothing heavy can be imported."""

STUDY = """
name: endtoend
parameters:
  model.width: 0.03
  model.latent_dim: 2
  model.reconstruction_loss: forward_kl
  model.discriminator_norm: none
  train.steps: 200
  train.report_every: 50
  train.batch_size: 16
blocks:
  - name: rates
    parameters: {train.discriminator_lr: {grid: [0.0002, 0.99]}}
  - name: noise
    parameters: {model.noise_dim: {grid: [4], search: {low: 1, high: 8}}}
budget: {runs: 5}
"""
"""Two runs of a grid, one of which diverges at once, one of another, and two that are searched."""


GRID_OF_DATA = """
parameters:
  data.name: {grid: [mnist, fashion_mnist]}
  model.latent_dim: {grid: [2], search: {low: 2, high: 40}}
budget: {runs: 5}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def report(monkeypatch):
    """Put a recorder in the place of the report; return the folders that it was asked for."""
    written = []

    def write(root):
        written.append(root)
        tables = root / "report" / "tables"
        tables.mkdir(parents=True, exist_ok=True)
        (tables / "problems.csv").write_text("problem\n" + "runs/a-0/measures.json: is torn\n" * 7)
        return root / "report" / "index.html"

    module = types.ModuleType("analysis.report")
    module.write_report = write
    monkeypatch.setitem(sys.modules, "analysis.report", module)
    return written


@pytest.fixture
def no_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "study.session", None)


def files_of(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(("flags", "name"), [((), "small"), (("--smoke",), "small-smoke")])
def test_dry_run_needs_nothing_heavy_and_writes_nothing(spec_of, tmp_path, flags, name):
    spec_of()
    command = [sys.executable, "-c", WITHOUT, str(tmp_path / "spec.yaml"), "--dry-run", *flags]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    counts = "4 +1 +4 " if flags else "4 +2 +8 "
    assert re.search(rf"^gaussian +gaussian +{counts}", done.stdout, re.MULTILINE)
    assert f"folder: runs/{name}\n" in done.stdout
    assert ("smoke" in done.stdout) == name.endswith("smoke")
    assert files_of(tmp_path) == ["spec.yaml"]


@pytest.mark.usefixtures("no_ray")
def test_bad_specifications_exit_with_2_and_start_nothing(write, tmp_path, capsys):
    spec = write("parameters: {model.latent_dmi: 3}\n")
    assert launch.main([spec, "--out", str(tmp_path / "study")]) == 2
    assert re.search(r"spec\.yaml:1:14: .*did you mean 'model\.latent_dim'\?", capsys.readouterr().err)
    assert launch.main([str(tmp_path / "absent.yaml")]) == 2
    assert "absent.yaml" in capsys.readouterr().err
    assert launch.main([write(STUDY), "--set", "train.steps=many"]) == 2
    assert "train.steps" in capsys.readouterr().err
    assert files_of(tmp_path) == ["spec.yaml"]


@pytest.mark.usefixtures("no_ray")
def test_a_folder_of_something_else_is_refused(write, tmp_path, capsys):
    spec = write(STUDY)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    assert launch.main([spec, "--out", str(tmp_path / "thesis")]) == 2
    assert "thesis holds other files and no study.json" in capsys.readouterr().err
    assert launch.main([spec, "--out", spec]) == 2
    assert "spec.yaml is a file" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.json").write_text('{"name": "other", "smoke": false}')
    assert launch.main([spec, "--out", str(tmp_path / "other")]) == 2
    assert "must hold the study 'endtoend', but holds the study 'other'" in capsys.readouterr().err
    (tmp_path / "other" / "study.json").write_text('{"name": "endtoend", "smoke": true}')
    assert launch.main([spec, "--out", str(tmp_path / "other")]) == 2
    assert "but holds the smoke test of the study 'endtoend'" in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray")
def test_a_damaged_record_is_named(spec_of, folder, dispatch, tmp_path, capsys):
    (run,) = dispatch(spec_of("parameters: {model.latent_dim: 2}\n")).next_lane()
    folder.run(run.key).result.write_text('{"key": ')
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 2
    assert f"{folder.run(run.key).result} must be a JSON file" in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize("text", ["{}", "[]", '{"values": "oops"}', "WITH_VALUES"])
def test_a_malformed_result_is_named(spec_of, folder, dispatch, finish, tmp_path, capsys, text):
    (run,) = dispatch(spec_of("parameters: {model.latent_dim: 2}\n")).next_lane()
    finish(run.key)
    result = folder.run(run.key).result
    if text == "WITH_VALUES":
        write_json(result, read_json(result) | {"values": "oops"})
    else:
        result.write_text(text)
    for flags in ([], ["--dry-run"]):
        assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root), *flags]) == 2
        assert str(result) in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray")
def test_a_folder_that_cannot_be_written_exits_with_2_in_one_line(write, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").touch()
    assert launch.main([write(STUDY), "--out", str(tmp_path / "file" / "new")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "must be writable, but" in line
    assert str(tmp_path / "file") in line

    def fail(*_):
        raise OSError(28, "No space left on device", "study.yaml")

    monkeypatch.setattr("study.launch_folder.hold", fail)
    assert launch.main([write(STUDY), "--out", str(tmp_path / "full")]) == 2
    assert "study.yaml is not: No space left on device" in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray")
def test_an_address_that_is_none_leaves_nothing_behind(write, tmp_path, capsys):
    path = write(STUDY)
    assert launch.main([path, "--out", str(tmp_path / "study"), "--address", "foo"]) == 2
    assert "--address must be HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


@pytest.mark.usefixtures("no_ray")
def test_more_cores_than_there_are_leave_nothing_behind(write, tmp_path, capsys):
    arguments = [write(STUDY), "--out", str(tmp_path / "new" / "study"), "--set", "resources.cpus_per_lane=4096"]
    assert launch.main(arguments) == 2
    assert "resources.cpus_per_lane must be at most the" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("no_ray")
def test_refused_input_leaves_no_new_folder(write, tmp_path, monkeypatch):
    def refuse(*_):
        raise BadInput("no data")

    monkeypatch.setattr(launch, "_launch", refuse)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "study.yaml").touch()
    for name in ("new/study", "old"):
        assert launch.main([write(STUDY), "--out", str(tmp_path / name)]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "spec.yaml"]


@pytest.mark.parametrize(("target", "code", "message"), [("closed", 0, ""), ("/dev/full", 1, "No space left")])
def test_an_output_that_ends_gives_no_traceback(spec_of, tmp_path, target, code, message):
    spec_of()
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "study.launch", str(tmp_path / "spec.yaml"), "--dry-run"]
    with os.fdopen(writer, "w") as closed, Path("/dev/full").open("w") as full:
        output = closed if target == "closed" else full
        done = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == bool(message)


@pytest.mark.usefixtures("no_ray")
def test_a_folder_in_use_exits_with_3_and_says_by_whom(write, folder, capsys):
    with hold(folder.lock):
        assert launch.main([write(STUDY), "--out", str(folder.root)]) == 3
    assert f"{folder.root} is in use by process {os.getpid()}" in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray")
def test_the_lock_names_the_command_that_goes_on_and_does_not_begin_anew(write, folder, monkeypatch):
    found = []

    def look(*_):
        found.append(holder_of(folder.lock))
        return 0

    monkeypatch.setattr(launch, "_launch", look)
    folder.runs.mkdir(parents=True)
    assert launch.main([spec := write(STUDY), "--out", str(folder.root), "--fresh"]) == 0
    assert found[0].command == f"python -m study.launch {spec} --out {folder.root}"
    assert found[0].folder == str(Path.cwd())


def test_a_new_folder_loses_its_lock_while_it_is_held(folder, monkeypatch):
    left = []

    @contextlib.contextmanager
    def watched(path, command):
        with hold(path, command):
            try:
                yield
            finally:
                left.append(path.exists())

    monkeypatch.setattr(launch_folder, "hold", watched)
    with pytest.raises(BadInput), launch_folder.unless_refused(folder), launch_folder.held(folder, ""):
        raise BadInput("no such data")
    assert left == [False]
    assert not folder.root.exists()
    folder.root.mkdir()  # one that was there keeps its lock
    with pytest.raises(BadInput), launch_folder.unless_refused(folder), launch_folder.held(folder, ""):
        raise BadInput("no such data")
    assert left == [False, True]


@pytest.mark.usefixtures("no_ray")
def test_nothing_to_do_starts_no_ray_and_writes_a_report_that_is_out_of_date(
    spec_of, folder, dispatch, finish, report, tmp_path, capsys
):
    dispatcher = dispatch(spec_of())
    while lane := dispatcher.next_lane():
        finish(lane[0].key)
        dispatcher.lane_ended([lane[0].key])
    (folder.root / "study.yaml").write_text("former: text\n")
    request_stop(folder, "a launch that was killed")
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 0
    out = capsys.readouterr().out
    assert "Nothing to do: all 16 runs of small are finished." in out
    assert report == [folder.root]
    assert not folder.stop.exists()
    for command in ("study.trials", "analysis.report", "optuna-dashboard sqlite:///", "tensorboard --logdir"):
        assert command in out
    assert folder.optuna.is_file()
    assert folder.specification.read_text() == (tmp_path / "spec.yaml").read_text()
    assert (folder.root / "study.1.yaml").read_text() == "former: text\n"
    study = read_json(folder.resolved)
    assert (study["name"], study["smoke"], study["oracle"], len(study["runs"])) == ("small", False, False, 10)
    assert (set(study["runs"][0]), study["extra"]) == ({"key", "block", "label"}, [])
    assert [block["name"] for block in study["blocks"]] == ["gaussian", "frozen"]
    (folder.report / "index.html").touch()
    keep_digest(folder, digest_of(folder))
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 0
    assert "left as it is: nothing has changed since it was written" in capsys.readouterr().out
    assert report == [folder.root]
    assert read_json(folder.resolved)["launched_at"] == study["launched_at"]
    run = folder.run_folders()[0]
    write_json(run.result, read_json(run.result))
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 0
    assert report == [folder.root] * 2


@pytest.mark.usefixtures("no_ray", "report")
def test_runs_of_other_code_are_used_and_said_or_refused(spec_of, folder, dispatch, finish, tmp_path, capsys):
    (run,) = dispatch(spec_of("parameters: {model.latent_dim: 2}\n")).next_lane()
    finish(run.key)
    arguments = [str(tmp_path / "spec.yaml"), "--out", str(folder.root)]
    assert launch.main([*arguments, "--same-code"]) == 0
    assert "other model code" not in capsys.readouterr().out
    result = folder.run(run.key).result
    write_json(result, read_json(result) | {"code_hash": "0ld"})
    assert launch.main(arguments) == 0
    assert "1 of them by other model code (0ld, now " in capsys.readouterr().out
    assert launch.main([*arguments, "--same-code"]) == 2
    assert "were made by other model code (0ld)" in capsys.readouterr().err
    result.unlink()
    header = b'{"__metadata__": {"code_hash": "0ld"}}'
    folder.run(run.key).checkpoint(30, "0123456789abcdef").write_bytes(len(header).to_bytes(8, "little") + header)
    assert launch.main([*arguments, "--same-code"]) == 2
    assert "the checkpoints of 1 run in" in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray", "report")
def test_a_record_that_the_study_can_tell_is_mended_and_problems_are_shown(
    spec_of, folder, dispatch, finish, tmp_path, capsys
):
    (run,) = dispatch(spec_of("parameters: {model.latent_dim: 2}\n")).next_lane()
    finish(run.key)
    path = folder.run(run.key).run
    former = read_json(path)
    path.write_text("")
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 0
    out = capsys.readouterr().out
    assert f"Mended: {path} could not be read" in out
    assert read_json(path) | {"created_at": ""} == former | {"created_at": ""}
    assert out.count("Problem: runs/a-0/measures.json: is torn") == 5
    assert "and 2 more problems" in out


@pytest.mark.usefixtures("no_ray", "report")
def test_a_report_that_fails_does_not_lose_the_study(spec_of, folder, dispatch, finish, tmp_path, capsys):
    def fail(_):
        raise RuntimeError("no fonts")

    sys.modules["analysis.report"].write_report = fail
    spec = spec_of("parameters: {model.latent_dim: 2}\n")
    dispatcher = dispatch(spec)
    (run,) = dispatcher.next_lane()
    finish(run.key)
    assert launch.main([str(tmp_path / "spec.yaml"), "--out", str(folder.root)]) == 1
    assert "No report: RuntimeError: no fonts" in capsys.readouterr().out


def test_data_that_cannot_be_read_are_noticed_before_the_start(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (raw / f"{part}-{kind}").write_bytes(b"damaged")
    with launch._data_check(["mnist"], tmp_path) as check:
        _, errors = check.communicate(timeout=60)
    assert check.returncode == 1
    assert f"{raw} must hold complete IDX files" in errors.splitlines()[-1]


def test_data_of_a_search_without_a_grid_are_checked_too(spec_of, folder):
    text = """
parameters: {data.name: mnist, model.latent_dim: {search: {low: 2, high: 40}}}
budget: {runs: 3}
"""
    spec = spec_of(text)
    plan = make_plan(spec, folder)
    assert plan.wanted == ()
    assert launch._data_names(spec, plan) == {"mnist"}
    spec = spec_of(GRID_OF_DATA)
    assert launch._data_names(spec, make_plan(spec, folder)) == {"mnist", "fashion_mnist"}


def test_only_data_of_what_may_run_are_asked_for(spec_of, folder, finish):
    blocks = """
blocks:
  - {name: digits, parameters: {data.name: mnist, model.latent_dim: {grid: [2, 3]}}}
  - {name: clothes, parameters: {data.name: fashion_mnist, model.latent_dim: {grid: [2]%s}}}
"""
    spec = spec_of(blocks % "")
    plan = make_plan(spec, folder)
    assert launch._data_names(spec, plan) == {"mnist", "fashion_mnist"}
    assert launch._data_names(spec, confined(plan, ["digits"])) == {"mnist"}
    for text, names in [
        ("", {"mnist"}),
        ("confirm: {top: 1, seeds: 2}", {"mnist", "fashion_mnist"}),
        ("replicates: {number: 2, until: {half_width: 0.1, max: 4}}", {"mnist", "fashion_mnist"}),
    ]:
        spec = spec_of(blocks % "" + text)
        for run in make_plan(spec, folder).todo:
            if run.block == "clothes":
                record_run(folder, run)
                finish(run.key)
        assert launch._data_names(spec, make_plan(spec, folder)) == names, text
    spec = spec_of(blocks % ", search: {low: 2, high: 9}" + "budget: {runs: 9}")
    assert launch._data_names(spec, make_plan(spec, folder)) == {"mnist", "fashion_mnist"}
    assert launch._data_names(spec, confined(make_plan(spec, folder), ["digits"])) == {"mnist"}


def test_command_to_go_on_is_the_one_that_was_typed():
    words = ["spec.yaml", "--out", "my folder", "--set", "replicates=3", "--set", "budget.runs=9"]
    words += ["--smoke", "--only", "gaussian:z=2 n=0:1", "--only", "1f3c9a", "--same-code"]
    command = command_of(launch_parser().parse_args(words))
    assert command == shlex.join(["python", "-m", "study.launch", *words])
    assert "--fresh" not in command_of(launch_parser().parse_args([*words, "--fresh"]))  # it would move what is there


@pytest.mark.usefixtures("no_ray", "report")
def test_only_leaves_the_rest_for_later(spec_of, folder, dispatch, finish, tmp_path, capsys):
    dispatcher = dispatch(spec_of())
    done = [dispatcher.next_lane()[0] for _ in range(2)]
    for run in done:
        finish(run.key)
    arguments = [str(tmp_path / "spec.yaml"), "--out", str(folder.root), "--only"]
    assert launch.main([*arguments, done[0].key]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ +for later +8 ", out, re.MULTILINE)
    assert "Nothing to do: the run that --only names has ended." in out
    assert launch.main([*arguments, "gausian:z=2 n=0"]) == 2
    assert "did you mean 'gaussian:z=2 n=0'?" in capsys.readouterr().err


@pytest.mark.usefixtures("no_ray", "report")
def test_hours_that_are_used_up_start_nothing_and_say_what_to_raise(
    spec_of, folder, dispatch, finish, tmp_path, capsys
):
    spec = [str(tmp_path / "spec.yaml"), "--out", str(folder.root), "--set"]
    (run,) = dispatch(spec_of()).next_lane()
    finish(run.key, seconds=7200.0, ended="2026-01-01T02:00:00")
    assert launch.main([*spec, "budget.hours=2"]) == 1
    out = capsys.readouterr().out
    assert "Nothing is started, 15 runs left. The 2 hours of budget.hours are used up, a total" in out
    assert "raise budget.hours" in out
    assert launch.main([*spec, "budget.hours=3"]) == 2
    assert "Ray Tune must be importable" in capsys.readouterr().err  # so it would have started it


@pytest.mark.usefixtures("no_ray")
def test_the_list_names_every_cell(spec_of, folder, dispatch, finish, tmp_path, capsys):
    dispatcher = dispatch(spec_of())
    (run,) = dispatcher.next_lane()
    finish(run.key)
    arguments = [str(tmp_path / "spec.yaml"), "--out", str(folder.root), "--list"]
    assert launch.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.split("  +", lines[1]) == ["gaussian:z=2 n=0", run.config_key, "0 finished, 1 to do"]
    assert len(lines) == 7
    assert launch.main([*arguments, "--only", f"{run.config_key[:6]}:1"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [f"gaussian:z=2 n=0  {run.config_key}  1 to do"]


@pytest.mark.usefixtures("no_ray", "report")
def test_fresh_moves_the_folder_aside_and_back_if_it_is_refused(
    spec_of, folder, dispatch, finish, tmp_path, capsys, monkeypatch
):
    dispatcher = dispatch(spec_of("parameters: {model.latent_dim: 2}\n"))
    (run,) = dispatcher.next_lane()
    finish(run.key)
    before = files_of(folder.root)
    arguments = [str(tmp_path / "spec.yaml"), "--out", str(folder.root), "--fresh"]
    for refused in ([*arguments, "--only", "nothing"], arguments):  # the second because Ray is not there
        assert launch.main(refused) == 2
        assert files_of(folder.root) == sorted([*before, "lock"])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["spec.yaml", "study"]

    def run(*_):
        raise RuntimeError("left out here")

    monkeypatch.setattr(launch, "_run", run)
    with pytest.raises(RuntimeError, match="left out here"):
        launch.main(arguments)
    assert files_of(folder.root) == ["lock"]
    (aside,) = (path for path in tmp_path.iterdir() if path.name.startswith("study."))
    assert f"The former folder is now {aside}." in capsys.readouterr().out
    assert files_of(aside) == sorted([*before, "lock"])


class Driver:
    """A launch in a process of its own."""

    def __init__(self, spec, folder, log):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        command = [sys.executable, "-m", "study.launch", spec, "--out", str(folder.root)]
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(command, cwd=log.parent, env=environment, stdout=file, stderr=file)

    def wait_for(self, condition, limit_s=100):
        end = time.monotonic() + limit_s
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def end(self, number=None):
        """Send a signal, if any, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(timeout=150)

    def first_report(self):
        self.wait_for(lambda: "first report" in self.log.read_text())

    def workers(self):
        """Return the processes of this launch that train."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
                title = (stat.parent / "cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[pid] = (int(rest[1]), title)
        return [pid for pid, (_, title) in parents.items() if "Trainable" in title and self._is_mine(pid, parents)]

    def _is_mine(self, pid, parents):
        while pid in parents:
            pid = parents[pid][0]
            if pid == self.process.pid:
                return True
        return False


def status_of(folder):
    return {run.key: run_status(run) for run in folder.run_folders()}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_study_survives_kills_and_interrupts_and_loses_and_repeats_nothing(spec_of, folder, tmp_path):
    spec, path = spec_of(STUDY), str(tmp_path / "spec.yaml")

    # the driver is killed as soon as something is finished
    driver = Driver(path, folder, tmp_path / "1.log")
    driver.wait_for(lambda: "finished" in status_of(folder).values())
    assert driver.end(signal.SIGKILL) == -signal.SIGKILL
    done = {key for key, status in status_of(folder).items() if status == "finished"}
    before = {key: folder.run(key).result.stat().st_mtime_ns for key in done}
    assert len(done) < 5

    # the same command again, and Ctrl-C
    driver = Driver(path, folder, tmp_path / "2.log")
    driver.first_report()
    pressed = time.monotonic()
    assert driver.end(signal.SIGINT) == 130
    assert time.monotonic() - pressed < 30
    text = driver.log.read_text()
    assert re.search(r"Interrupted: \d runs? finished and \d(?: \(\d from a checkpoint\))? left\.", text)
    assert "Stopping (Ctrl-C): runs save a checkpoint" in text
    assert not folder.stop.exists()
    assert f"python -m study.launch {path} --out {folder.root}" in text

    # again; a worker is killed, and the study goes to its end
    driver = Driver(path, folder, tmp_path / "3.log")
    driver.first_report()
    os.kill(driver.workers()[0], signal.SIGKILL)
    assert driver.end() == 1, driver.log.read_text()
    text = driver.log.read_text()
    assert f"Study   {folder.root}" in text

    plan = make_plan(spec, folder)
    assert (len(plan.wanted), len(plan.finished), sum(plan.search_runs.values())) == (5, 4, 0)
    assert {key: folder.run(key).result.stat().st_mtime_ns for key in done} == before
    (diverged,) = plan.failed
    failure = read_json(folder.run(diverged).failure)
    assert failure["kind"] == "diverged"
    assert re.fullmatch(r"loss/\S+ became (nan|inf|-inf) between steps 1 and 50", failure["reason"])
    assert f"failed: rates:discriminator_lr=0.99:0 ({diverged}): {failure['reason']}" in text
    check_records(folder, plan)
    check_searches(folder, {run.config_key for run in plan.wanted if run.block == "noise"})
    check_alone(folder, min(plan.finished - done), tmp_path)


def check_alone(folder, key, tmp_path):
    """Check that a run beside other lanes, in a worker of Ray's, is bitwise the run alone in a process."""
    alone = StudyFolder(tmp_path / "alone")
    alone.run(key).root.mkdir(parents=True)
    shutil.copy(folder.run(key).run, alone.run(key).run)
    shutil.copytree(folder.classifiers, alone.classifiers)
    code = "import sys; from study.trial import *; list(perform(sys.argv[1], WorkerSettings(sys.argv[2], threads=1)))"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, key, str(alone.root)], check=True, cwd=ROOT, env=environment)
    assert alone.run(key).measures.read_bytes() == folder.run(key).measures.read_bytes()
    assert alone.run(key).weights.read_bytes() == folder.run(key).weights.read_bytes()


def check_records(folder, plan):
    """Check what the folder says of its runs, without the code that wrote it."""
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(folder.history).to_pylist()
    for key in plan.finished:
        run = folder.run(key)
        result = read_json(run.result)
        assert (result["key"], result["steps"], result["device"].split()[0], result["threads"]) == (key, 200, "cpu", 1)
        measures = read_json(run.measures)["measures"]
        assert set(measures[0]) >= {"name", "split", "subject", "value", "status"}
        assert {row["step"] for row in rows if row["run"] == key} == {50, 100, 150, 200}
        names = {path.name.partition(".out.tfevents")[0] for path in run.root.iterdir()}
        assert names >= {
            "run.json",
            "result.json",
            "measures.json",
            "samples.npz",
            "samples.png",
            "weights.safetensors",
            "events",
        }
        assert len(list(run.root.glob("events.out.tfevents.*"))) == 1
    assert len({run.key for run in plan.wanted}) == 5
    for path in folder.root.rglob("*.json"):
        assert str(folder.root) not in path.read_text()
    assert not list(folder.root.rglob("*.pkl"))
    assert (folder.report / "index.html").stat().st_size > 1000


def check_searches(folder, configurations):
    optuna = pytest.importorskip("optuna")
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.optuna}")
    states = {
        name: [trial.state.name for trial in optuna.load_study(study_name=name, storage=storage).trials]
        for name in optuna.get_all_study_names(storage)
    }
    storage.remove_session()
    storage.engine.dispose()
    assert sorted(states["endtoend.rates"]) == ["COMPLETE", "FAIL"]
    assert states["endtoend.noise"].count("COMPLETE") == len(configurations)
    assert set(states["endtoend.noise"]) <= {"COMPLETE", "FAIL"}


@pytest.mark.usefixtures("no_ray")
def test_a_ray_that_lacks_a_package_is_told_in_words(tmp_path, capsys):
    path = tmp_path / "study.yaml"
    path.write_text("parameters: {model.latent_dim: 2}\n")
    assert launch.main([str(path), "--out", str(tmp_path / "study")]) == 2
    error = capsys.readouterr().err
    assert "Ray Tune must be importable, but is not: ModuleNotFoundError: import of study.session halted" in error
    assert "Traceback" not in error
