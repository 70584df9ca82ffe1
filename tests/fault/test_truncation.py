"""Every record file of a study, cut off at every boundary of 512 bytes.

The study is half done: runs that finished, one that failed, some that wait, proposals of a search. A launch on it must
either refuse, naming the file, or complete the study; and it never runs a finished run again by itself.
"""

import re

import pytest
from harness.in_process import launched, replayed, without_ray, write_problems
from harness.studies import copy_study, write_study

from study.records import names_in, read_json, run_status

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

BLOCK = 512


JUDGED = """
name: judged
parameters:
  model.width: 0.03
  model.latent_dim: 2
  train.steps: 100
  train.report_every: 25
  train.batch_size: 16
blocks:
  - name: noise
    parameters: {model.noise_dim: {grid: [2, 4, 6], search: {low: 1, high: 1000, log: true}}}
objectives: [{measure: critic_accuracy}]
scheduler: {name: median, every: 25, options: {n_startup_trials: 1}}
budget: {runs: 8}
"""


class Diverged(ArithmeticError):
    """What training raises when a loss leaves the finite numbers."""


@pytest.fixture(scope="session")
def half_done(template, tmp_path_factory):
    """A study that was interrupted when four runs had finished and one had failed; copy it first."""
    study = write_study(tmp_path_factory.mktemp("half"))
    begun = []

    def before(run, _):
        if run.key not in begun:
            begun.append(run.key)
        if begun.index(run.key) == 1:
            raise Diverged("loss became nan")
        if len(begun) == 7:
            raise KeyboardInterrupt

    with without_ray(replayed(template, before)):
        assert launched(study)[0] == 130
        write_problems(study.folder.root)
    statuses = [run_status(run) for run in study.folder.run_folders()]
    assert statuses.count("finished") == 4
    assert statuses.count("failed") == 1
    return study


def first(study, origin, status):
    """Return the folder of a run of an origin that stands so."""
    return next(
        run
        for run in study.folder.run_folders()
        if run_status(run) == status and read_json(run.run)["origin"] == origin
    )


FILES = {
    "result.json, of a grid": lambda study: first(study, "grid", "finished").result,
    "result.json, of a search": lambda study: first(study, "search", "finished").result,
    "measures.json": lambda study: first(study, "grid", "finished").measures,
    "run.json, of a grid and finished": lambda study: first(study, "grid", "finished").run,
    "run.json, of a grid and failed": lambda study: first(study, "grid", "failed").run,
    "run.json, of a search and finished": lambda study: first(study, "search", "finished").run,
    "run.json, of a search and waiting": lambda study: first(study, "search", "planned").run,
    "failure.json": lambda study: first(study, "grid", "failed").failure,
    "study.json": lambda study: study.folder.resolved,
    "study.yaml": lambda study: study.folder.specification,
    "history": lambda study: min(study.folder.history.iterdir()),
    "optuna.db": lambda study: study.folder.optuna,
    "progress.jsonl": lambda study: next(run.log for run in study.folder.run_folders() if run.log.is_file()),
    "lock": lambda study: study.folder.lock,
    "table of the report": lambda study: study.folder.report / "tables" / "problems.csv",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off(name, half_done, template, tmp_path, note):
    whole = FILES[name](half_done).read_bytes()
    sizes = range(0, max(1, len(whole)), BLOCK)
    outcomes = []
    with without_ray(replayed(template)):
        for size in sizes:
            study = copy_study(half_done, tmp_path / str(size))
            outcomes.append(launch_on(study, FILES[name](study), whole[:size]))
    said = sorted(set(outcomes))
    note(
        f"{name} cut off at every {BLOCK} bytes",
        len(sizes),
        "; ".join(f"{outcomes.count(item)} {item}" for item in said),
    )


@pytest.fixture(scope="session")
def judged(template, tmp_path_factory):
    """A study with a scheduler that was interrupted after it had ended a run early; copy it first."""
    study = write_study(tmp_path_factory.mktemp("judged"), JUDGED)
    begun = []

    def before(run, _):
        begun.append(run.key)
        if len(set(begun)) == 6:
            raise KeyboardInterrupt

    with without_ray(replayed(template, before)):
        assert launched(study)[0] == 130
    assert "pruned" in [run_status(run) for run in study.folder.run_folders()]
    return study


@pytest.mark.parametrize("name", ["pruned", "rungs"])
def test_a_file_of_a_scheduler_that_is_cut_off(name, judged, template, tmp_path, note):
    key = next(run.key for run in judged.folder.run_folders() if run_status(run) == "pruned")
    whole = getattr(judged.folder.run(key), name).read_bytes()
    sizes = range(0, len(whole), BLOCK)
    with without_ray(replayed(template)):
        for size in sizes:
            study = copy_study(judged, tmp_path / str(size))
            path = getattr(study.folder.run(key), name)
            before = {key: marks_of(study.folder.run(key)) for key in study.finished()}
            path.write_bytes(whole[:size])
            code, text = launched(study)
            if name == "rungs":
                assert re.search(rf"(Mended|Removed): {path} could not be read", text)
            if name == "pruned":
                assert code == 2
                assert str(path) in text
                path.unlink()
                code, text = launched(study)
            assert code == 0, text
            assert study.plan().is_done
            assert {key: marks_of(study.folder.run(key)) for key in before} == before
    outcome = (
        "refused by name, and completed once the file is removed"
        if name == "pruned"
        else "repaired, or named and removed"
    )
    note(f"{name}.json cut off at every {BLOCK} bytes", len(sizes), outcome)


def launch_on(study, path, content):
    """Launch on a study with a damaged file; return what came of it."""
    path.write_bytes(content)
    finished = study.finished()
    before = {key: marks_of(study.folder.run(key)) for key in finished if study.folder.run(key).result != path}
    code, text = launched(study)
    assert "Traceback" not in text
    outcome = "repaired"
    if code == 2:
        assert str(path) in text
        assert path.read_bytes() == content
        assert study.finished() == finished
        assert re.search(r"Remove it to have (its run repeated|it written again)\.", text)
        path.unlink()
        code, text = launched(study)
        outcome = "refused by name, and completed once the file is removed"
    elif any(f"Problem: {path.relative_to(study.folder.root)}" in line for line in text.splitlines()):
        outcome = "named, and completed"
    else:
        assert is_whole(path, content)
    assert code == 0, text
    plan = study.plan()
    assert plan.is_done
    assert len(plan.finished) == 8
    assert {key: marks_of(study.folder.run(key)) for key in before} == before
    return outcome


def marks_of(run):
    return run.result.stat().st_mtime_ns, run.result.read_bytes()


def is_whole(path, content):
    """Return whether a file is what it should be again, or set aside, or gone with the end of its run."""
    if not path.exists():
        return path.name == "progress.jsonl" or (path.stem == "failure" and "failure.1.json" in names_in(path.parent))
    if path.suffix == ".json":
        return bool(read_json(path))
    return path.read_bytes() != content or path.name in ("lock", "problems.csv")
