import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from iae_models.config import config_key
from study.block_search import BlockSearch, Known
from study.dispatch import Dispatcher
from study.optuna_store import OptunaStore
from study.plan import make_plan
from study.planned import grid_runs
from study.records import StudyFolder, read_json, write_json
from study.scores import Score
from study.spec import load_study

SEARCHED = """
name: searched
parameters: {model.latent_dim: {grid: [2, 4, 8, 16], search: {low: 2, high: 40, log: true}}}
objectives: [{measure: critic_accuracy}]
search: {sampler: random}
budget: {runs: 10}
"""


def read(path, what=lambda study: study.trials):
    """Return what a reader gets, by study, and leave no connection open."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    names = optuna.get_all_study_names(storage)
    found = {name: what(optuna.load_study(study_name=name, storage=storage)) for name in names}
    storage.remove_session()
    storage.engine.dispose()
    return found


def sketch(trials):
    return [
        (trial.number, trial.state, trial.values, trial.params, trial.distributions, trial.user_attrs)
        for trial in trials
    ]


def close_store(folder, dispatcher, **options):
    """Write the whole of a dispatcher's searches."""
    store = OptunaStore(folder, lambda: dispatcher.studies, **options)
    store.close()
    return store


def run_lanes(dispatcher, finish, num):
    for _ in range(num):
        (run,) = dispatcher.next_lane()
        finish(run.key, critic=0.5 + 0.01 * run.replicate)
        dispatcher.lane_ended([run.key])


def test_file_mirrors_the_studies_while_they_go_on(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    store = OptunaStore(folder, lambda: dispatcher.studies, interval_s=0)
    store.copy()
    assert {name: {trial.state for trial in trials} for name, trials in read(folder.optuna).items()} == {
        "small.gaussian": {TrialState.RUNNING},
        "small.frozen": {TrialState.RUNNING},
    }
    run_lanes(dispatcher, finish, 12)
    store.copy_if_due()
    trials = read(folder.optuna)["small.gaussian"]
    assert sketch(trials) == sketch(dispatcher.searches["gaussian"].study.trials)
    assert len(trials) == 5
    run_lanes(dispatcher, finish, 1)
    store.close()
    trials = read(folder.optuna)["small.gaussian"]
    # what did not end waits for the next launch, and nothing says that it runs
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 5 + [TrialState.WAITING]
    assert read(folder.optuna, lambda study: study.metric_names)["small.gaussian"] == ["critic_accuracy", "r2_mean"]
    assert not list(folder.root.glob("optuna*-wal"))


def test_copies_wait_for_their_time(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    store = OptunaStore(folder, lambda: dispatcher.studies, interval_s=3600)
    store.copy()
    run_lanes(dispatcher, finish, 10)
    store.copy_if_due()
    assert {trial.state for trial in read(folder.optuna)["small.gaussian"]} == {TrialState.RUNNING}
    store.close()


def test_it_is_rebuilt_from_the_run_folders_with_means_that_changed(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    store = OptunaStore(folder, lambda: dispatcher.studies)
    run_lanes(dispatcher, finish, 16)
    store.close()
    before = read(folder.optuna)
    result = folder.run(dispatcher.searches["gaussian"].study.trials[0].user_attrs["config_key"] + "-0").result
    value = read_json(result)
    validation = {name: number + 0.2 for name, number in value["values"]["validation"].items()}
    write_json(result, value | {"values": {"validation": validation, "test": {}}})
    close_store(folder, dispatch(spec_of()))
    after = read(folder.optuna)
    assert after["small.gaussian"][0].values == pytest.approx(
        [value + 0.1 for value in before["small.gaussian"][0].values]
    )
    assert sketch(after["small.gaussian"][1:]) == sketch(before["small.gaussian"][1:])
    assert sketch(read(folder.root / "optuna.previous.db")["small.gaussian"]) == sketch(before["small.gaussian"])
    folder.optuna.unlink()
    close_store(folder, dispatch(spec_of()))
    assert sketch(read(folder.optuna)["small.gaussian"]) == sketch(after["small.gaussian"])


@pytest.mark.parametrize("storage", [None, "journal", "sqlite"])
def test_any_place_holds_what_was_told_last(spec_of, folder, storage, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}" if storage == "sqlite" else storage
    spec = spec_of(SEARCHED)
    (block,) = spec.blocks
    cells = [Known(run.config, run.label) for run in grid_runs(spec)]
    search = BlockSearch(spec, block, cells)
    store = OptunaStore(folder, lambda: [search.study], storage=url)
    store.copy()
    first, second, third, fourth = [config_key(item.config) for item in cells]
    search.tell(first, Score((0.5,), 1))
    search.tell(second, Score(None, 0, 1, "loss became nan", "diverged"))
    search.tell(third, Score(None, 0, reason="asha", kind="pruned", rungs=((10, 0.8), (20, float("inf")))))
    store.copy()
    proposed = search.propose().runs[0].config_key
    store.copy()
    search.tell(first, Score(None, 0, 2, "loss became nan", "diverged"))  # and another seed takes the value away
    search.tell(second, Score((0.7,), 1, 1))
    search.tell(proposed, Score((0.6,), 1))
    search.tell(fourth, Score((0.9,), 1))
    store.close()
    assert not store.problem
    place = {"journal": lambda: JournalStorage(JournalFileBackend(str(folder.journal)))}.get(
        storage, lambda: f"sqlite:///{folder.optuna}" if storage is None else url
    )()
    study = optuna.load_study(study_name=search.name, storage=place)
    assert sketch(study.trials) == sketch(search.study.trials)
    assert [trial.intermediate_values for trial in study.trials] == [
        trial.intermediate_values for trial in search.study.trials
    ]
    assert [trial.system_attrs for trial in study.trials] == [trial.system_attrs for trial in search.study.trials]
    assert study.best_trial.number == search.study.best_trial.number == 4
    times = [(trial.datetime_start, trial.datetime_complete) for trial in study.trials]
    assert times == [(trial.datetime_start, trial.datetime_complete) for trial in search.study.trials]
    if storage != "journal":
        study._storage.remove_session()
        study._storage._backend.engine.dispose()


def test_a_moved_folder_opens(spec_of, folder, dispatch, finish, tmp_path):
    dispatcher = dispatch(spec_of())
    store = OptunaStore(folder, lambda: dispatcher.studies)
    run_lanes(dispatcher, finish, 16)
    store.close()
    shutil.copytree(folder.root, tmp_path / "elsewhere")
    shutil.rmtree(folder.root)
    assert len(read(tmp_path / "elsewhere" / "optuna.db")["small.gaussian"]) == 7


def test_a_crash_leaves_no_log_that_meets_another_file(spec_of, folder, dispatch):
    code = """
import os, signal, sys
import optuna
from pathlib import Path
from study.optuna_store import OptunaStore
from study.records import StudyFolder
study = optuna.create_study(study_name="crashed")
store = OptunaStore(StudyFolder(Path(sys.argv[1])), lambda: [study])
store.copy()
for number in range(50):
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study.tell(trial, float(number))
store.copy()
os.kill(os.getpid(), signal.SIGKILL)
"""
    folder.root.mkdir()
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.root)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (folder.root / "optuna.db-wal").stat().st_size > 0
    close_store(folder, dispatch(spec_of()))
    assert set(read(folder.optuna)) == {"small.gaussian", "small.frozen"}
    assert [trial.value for trial in read(folder.root / "optuna.previous.db")["crashed"]] == list(range(50))


def test_a_reader_that_is_open_sees_the_next_launch(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    run_lanes(dispatcher, finish, 10)
    OptunaStore(folder, lambda: dispatcher.studies).close()
    inode = folder.optuna.stat().st_ino
    reader = optuna.storages.RDBStorage(f"sqlite:///{folder.optuna}")  # as the dashboard has it
    study_id = reader.get_study_id_from_name("small.gaussian")
    assert len(reader.get_all_trials(study_id)) == 4
    dispatcher = dispatch(spec_of())
    store = OptunaStore(folder, lambda: dispatcher.studies, interval_s=0)
    run_lanes(dispatcher, finish, 2)
    store.copy()
    assert len(reader.get_all_trials(study_id)) == 5
    run_lanes(dispatcher, finish, 4)
    store.close()
    assert sketch(reader.get_all_trials(study_id)) == sketch(read(folder.optuna)["small.gaussian"])
    assert len(reader.get_all_trials(study_id)) == 7
    assert folder.optuna.stat().st_ino == inode
    reader.remove_session()
    reader.engine.dispose()


def test_a_reader_that_holds_the_file_is_left_with_the_former(spec_of, folder, dispatch, finish, monkeypatch):
    monkeypatch.setattr("study.optuna_places.PATIENCE_S", 0.1)
    dispatcher = dispatch(spec_of())
    run_lanes(dispatcher, finish, 10)
    OptunaStore(folder, lambda: dispatcher.studies).close()
    with contextlib.closing(sqlite3.connect(folder.optuna, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        count = reader.execute("SELECT count(*) FROM trials").fetchone()
        store = close_store(folder, dispatch(spec_of()))
        assert reader.execute("SELECT count(*) FROM trials").fetchone() == count
    assert store.problem == ""
    assert len(read(folder.optuna)["small.gaussian"]) == 4


KILLED_IN_BACKUP = """
import os, signal, sqlite3, sys
from pathlib import Path
from study import optuna_places

connect, number = sqlite3.connect, 0

class Killing(sqlite3.Connection):
    def backup(self, target):
        global number
        number += 1
        kills = number == int(sys.argv[3])
        halfway = lambda _, left, whole: kills and left < whole / 2 and os.kill(os.getpid(), signal.SIGKILL)
        super().backup(target, pages=1, progress=halfway)

sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Killing, **options)
optuna_places._is_content_replaced(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [1, 2])
def test_a_kill_while_the_content_is_replaced_leaves_the_former(spec_of, folder, dispatch, finish, tmp_path, number):
    dispatcher = dispatch(spec_of())
    run_lanes(dispatcher, finish, 10)
    close_store(folder, dispatcher)
    before = sketch(read(folder.optuna)["small.gaussian"])
    fresh = shutil.copy(folder.optuna, tmp_path / "fresh.db")
    with contextlib.closing(sqlite3.connect(fresh)) as connection:
        connection.execute("DELETE FROM trials")
        connection.commit()
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", KILLED_IN_BACKUP, str(folder.optuna), str(fresh), str(number)]
    done = subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": str(root)})
    assert done.returncode == -signal.SIGKILL
    assert sketch(read(folder.optuna)["small.gaussian"]) == before
    close_store(folder, dispatch(spec_of()))
    assert {path.name for path in folder.root.glob("optuna*")} == {"optuna.db", "optuna.previous.db"}
    assert sketch(read(folder.root / "optuna.previous.db")["small.gaussian"]) == before


def test_a_broken_file_is_kept_and_replaced(spec_of, folder, dispatch):
    folder.root.mkdir()
    folder.optuna.write_bytes(b"no database" * 1000)
    close_store(folder, dispatch(spec_of()))
    with sqlite3.connect(folder.optuna) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (folder.root / "optuna.previous.db").read_bytes().startswith(b"no database")


def test_a_large_study_is_copied_in_slices_and_appears_when_it_is_whole(spec_of, folder, dispatch, finish):
    dispatcher = dispatch(spec_of())
    run_lanes(dispatcher, finish, 10)
    OptunaStore(folder, lambda: dispatcher.studies).close()
    former = folder.optuna.read_bytes()
    store = OptunaStore(folder, lambda: dispatcher.studies)
    store.copy(limit_s=0)
    assert folder.optuna.read_bytes() == former
    store.close(limit_s=0)  # given up: the former file stays, and nothing else
    assert folder.optuna.read_bytes() == former
    assert [path.name for path in folder.root.glob("optuna*")] == ["optuna.db"]
    store = OptunaStore(folder, lambda: dispatcher.studies)
    store.copy(limit_s=0)
    store.close()
    assert len(read(folder.optuna)["small.gaussian"]) == 4


def test_a_disk_that_refuses_the_file_does_not_stop_the_study(spec_of, folder, dispatch, finish, monkeypatch):
    dispatcher = dispatch(spec_of())
    store = OptunaStore(folder, lambda: dispatcher.studies, interval_s=0)
    store.copy()

    def refuse(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("study.optuna_places.write_trials", refuse)
    run_lanes(dispatcher, finish, 10)
    store.copy_if_due()
    assert store.problem == "OperationalError: database or disk is full"
    store.copy_if_due()
    store.close()
    (folder.root / "file").touch()
    other = OptunaStore(type(folder)(folder.root / "file"), lambda: dispatcher.studies)
    other.copy()
    other.close()
    assert "Error" in other.problem


OTHERS = """
import sys
import optuna
optuna.create_study(study_name=sys.argv[2], storage=sys.argv[1]).enqueue_trial({"x": 1})
"""


@pytest.fixture
def shared(tmp_path):
    """Return a database outside the study folder, for others as well."""
    return tmp_path / "shared.db"


def copied(folder, dispatcher, shared):
    """Copy the searches to a database, and return what keeps the copy from being up to date."""
    return close_store(folder, dispatcher, storage=f"sqlite:///{shared}").problem


def test_a_study_of_the_same_name_that_is_somebody_else_s_is_left_alone(spec_of, folder, dispatch, shared):
    subprocess.run([sys.executable, "-c", OTHERS, f"sqlite:///{shared}", "small.frozen"], check=True)
    problem = copied(folder, dispatch(spec_of()), shared)
    assert problem.startswith("ForeignStudy: the database has a study 'small.frozen' that is no copy of this folder's")
    assert {name: len(trials) for name, trials in read(shared).items()} == {"small.frozen": 1}


def test_two_folders_of_one_study_do_not_delete_each_other(spec_of, folder, dispatch, finish, shared, tmp_path):
    dispatcher = dispatch(spec_of())
    run_lanes(dispatcher, finish, 10)
    assert copied(folder, dispatcher, shared) == ""
    before = sketch(read(shared)["small.gaussian"])
    spec, other = spec_of(), StudyFolder(tmp_path / "other")
    assert "ForeignStudy" in copied(other, Dispatcher(spec, other, make_plan(spec, other)), shared)
    assert sketch(read(shared)["small.gaussian"]) == before
    run_lanes(dispatcher, finish, 6)
    assert copied(folder, dispatcher, shared) == ""  # its own is replaced
    assert len(read(shared)["small.gaussian"]) == 7


def test_a_smoke_test_has_names_of_its_own(spec_of, folder, dispatch, shared, tmp_path):
    assert copied(folder, dispatch(spec_of()), shared) == ""
    smoke, other = load_study(tmp_path / "spec.yaml", smoke=True), StudyFolder(tmp_path / "other")
    assert copied(other, Dispatcher(smoke, other, make_plan(smoke, other)), shared) == ""
    assert set(read(shared)) == {f"small{word}.{block}" for word in ("", "-smoke") for block in ("gaussian", "frozen")}


def test_what_a_killed_launch_left_before_its_mark_is_removed(spec_of, folder, dispatch, shared, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(optuna.storages.RDBStorage, "set_study_user_attr", killed)
        copied(folder, dispatch(spec_of()), shared)
    assert "small.gaussian" not in read(shared)
    assert copied(folder, dispatch(spec_of()), shared) == ""
    assert set(read(shared)) == {"small.gaussian", "small.frozen"}


def test_an_older_schema_costs_the_copy_alone(spec_of, folder, dispatch, shared):
    assert copied(folder, dispatch(spec_of()), shared) == ""
    with contextlib.closing(sqlite3.connect(shared)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v2.6.0.a'")
        connection.execute("UPDATE version_info SET library_version = '2.6.0'")
        connection.commit()
    dispatcher = dispatch(spec_of())
    assert copied(folder, dispatcher, shared).startswith("RuntimeError: The runtime optuna version")
    assert not dispatcher.is_stopped


def test_a_study_that_another_writer_deletes_meanwhile_costs_the_copy_alone(
    spec_of, folder, dispatch, shared, monkeypatch
):
    assert copied(folder, dispatch(spec_of()), shared) == ""
    delete = optuna.storages.RDBStorage.delete_study

    def too_late(storage, study_id):
        delete(storage, study_id)
        delete(storage, study_id)

    monkeypatch.setattr(optuna.storages.RDBStorage, "delete_study", too_late)
    assert "KeyError" in copied(folder, dispatch(spec_of()), shared)
