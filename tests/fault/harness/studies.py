"""The studies that faults happen to, and what is true of them however often they were disturbed."""

import shutil
from dataclasses import dataclass

from study.plan import make_plan
from study.records import StudyFolder, names_in, read_json, run_status
from study.spec import load_study

INTERVAL = 10
"""Training steps between two checkpoints."""

STEPS = 100

STUDY = f"""
name: faults
parameters:
  model.width: 0.03
  model.latent_dim: 2
  train.steps: {STEPS}
  train.report_every: {INTERVAL}
  train.batch_size: 16
blocks:
  - name: noise
    parameters: {{model.noise_dim: {{grid: [2, 4], search: {{low: 1, high: 1000, log: true}}}}}}
replicates: 2
budget: {{runs: 8}}
resources: {{checkpoint_s: 0.001, device: cpu}}
"""
"""Two cells and two proposals of a search, each with two seeds; a checkpoint at every report."""


SMALL = STUDY.replace("replicates: 2\nbudget: {runs: 8}", "replicates: 1\nbudget: {runs: 3}").replace("[2, 4]", "[2]")
"""One run of a grid and two proposals."""


@dataclass(frozen=True)
class Study:
    """A specification file with the folder that it is run in."""

    path: object
    folder: StudyFolder

    @property
    def spec(self):
        return load_study(self.path, ())

    def plan(self):
        return make_plan(self.spec, self.folder)

    def finished(self):
        return {run.key for run in self.folder.run_folders() if run_status(run) == "finished"}

    def origins(self):
        """Return the configurations in the folder by where they come from."""
        records = [read_json(run.run) for run in self.folder.run_folders()]
        return {
            origin: {item["config_key"] for item in records if item["origin"] == origin}
            for origin in ("grid", "search")
        }


def write_study(root, text=STUDY):
    root.mkdir(parents=True, exist_ok=True)
    path = root / "spec.yaml"
    path.write_text(text)
    return Study(path, StudyFolder(root / "study"))


def copy_study(study, root):
    """Return a copy of a study, folder and all."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(study.path, root)
    shutil.copytree(study.folder.root, root / "study")
    return Study(root / "spec.yaml", StudyFolder(root / "study"))


class Ledger:
    """Remembers what a study folder promised, and complains when a later launch breaks a promise.

    A run that is written down is never forgotten or changed, and one that is finished is never run again.
    """

    def __init__(self, folder):
        self._folder = folder
        self._runs = {}
        self._results = {}

    def moved_to(self, folder):
        """Look at another folder from now on, which was this one."""
        self._folder = folder

    def check(self):
        """Compare the folder with what was there at the last check, and remember what is new."""
        for run in self._folder.run_folders():
            text = run.run.read_bytes()
            assert self._runs.setdefault(run.key, text) == text, f"{run.key} was changed"
            if "result.json" in names_in(run.root):
                mark = (run.result.stat().st_mtime_ns, run.result.read_bytes(), run.measures.read_bytes())
                assert self._results.setdefault(run.key, mark) == mark, f"{run.key} was run again"
        there = {run.key for run in self._folder.run_folders()}
        assert self._runs.keys() <= there, f"{self._runs.keys() - there} are lost"
        assert all(run_status(self._folder.run(key)) == "finished" for key in self._results)
        return len(self._results)


def check_complete(study, reference, *, same_tail=False):
    """Check that a study has become what the undisturbed one is.

    Every configuration of the grid, and every proposal that both have, is bitwise the same; the search made as many
    proposals, and the same ones if `same_tail`; nothing is left over.
    """
    plan = study.plan()
    assert plan.is_done
    assert not plan.failed
    assert not plan.extra
    assert len(plan.finished) == len(reference.plan().finished)
    origins, expected = study.origins(), reference.origins()
    assert origins["grid"] == expected["grid"]
    assert len(origins["search"]) == len(expected["search"])
    if same_tail:
        assert origins["search"] == expected["search"]
    for run in study.folder.run_folders():
        other = reference.folder.run(run.key)
        if other.measures.is_file():
            assert run.measures.read_bytes() == other.measures.read_bytes(), run.key
            assert run.weights.read_bytes() == other.weights.read_bytes(), run.key
        names = names_in(run.root)
        assert not [name for name in names if name.startswith((".", "checkpoint"))], f"{run.key} has leftovers: {names}"
    check_searches(study)


def check_searches(study):
    """Check that Optuna's copy holds each configuration once and none that runs."""
    import optuna

    storage = optuna.storages.RDBStorage(f"sqlite:///{study.folder.optuna}")
    try:
        trials = [trial for item in storage.get_all_studies() for trial in storage.get_all_trials(item._study_id)]
    finally:
        storage.remove_session()
        storage.engine.dispose()
    states = [trial.state.name for trial in trials]
    complete = [tuple(sorted(trial.params.items())) for trial in trials if trial.state.name == "COMPLETE"]
    origins = study.origins()
    assert len(complete) == len(set(complete)) == len(origins["grid"] | origins["search"])
    assert "RUNNING" not in states
    assert "WAITING" not in states
