import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from study.failures import BadInput
from study.folder_argument import study_folder
from study.plan import make_plan
from study.recorded import recorded_plan, recorded_study
from study.records import StudyFolder, write_json
from study.resolved import write_study
from study.spec import as_json, load_study

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def launched(folder):
    """Return a function that writes what a launch of a file writes."""

    def launch(path, overrides=(), smoke=False):
        spec = load_study(path, overrides, smoke)
        write_study(spec, folder, make_plan(spec, folder), NOW)
        return spec

    return launch


def same(first, second):
    return as_json(first) | {"warnings": ()} == as_json(second) | {"warnings": ()}


@pytest.mark.parametrize("smoke", [False, True])
@pytest.mark.parametrize("name", ["decomposition", "mnist_decomposition"])
def test_a_folder_gives_back_the_study_that_was_launched(launched, folder, tmp_path, name, smoke):
    spec = launched(Path(__file__).parents[2] / "search_spaces" / f"{name}.yaml", ["train.beta1=0.25"], smoke)
    elsewhere = StudyFolder(shutil.move(folder.root, tmp_path / "elsewhere"))
    found = recorded_study(elsewhere)
    assert same(found, spec)
    assert {run.config.train.beta1 for run in recorded_plan(found, elsewhere).todo} == {0.25}


def test_what_a_study_extends_comes_from_the_folder(launched, folder, tmp_path):
    (tmp_path / "far.yaml").write_text("name: far\nparameters: {train.steps: 70, model.width: 0.25}\n")
    (tmp_path / "base.yaml").write_text("extends: far.yaml\nparameters: {train.steps: 60}\nreplicates: 2\n")
    path = tmp_path / "own.yaml"
    path.write_text("extends: base.yaml\nparameters: {model.latent_dim: {grid: [2, 3]}}\n")
    launched(path)
    for name in ("far", "base", "own"):
        (tmp_path / f"{name}.yaml").unlink()
    found = recorded_study(folder)
    assert (found.name, found.blocks[0].name) == ("own", "own")  # although the copy is called study.yaml
    (run, *_) = recorded_plan(found, folder).todo
    assert (run.config.train.steps, run.config.model.width, found.blocks[0].replicates) == (60, 0.25, 2)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: folder.resolved.unlink(), r"study holds no study yet: there is no study\.json"),
        (lambda folder: folder.specification.unlink(), r"there is no study\.yaml"),
        (lambda folder: folder.resolved.write_text("{"), r"study\.json must be a JSON file"),
        (lambda folder: write_json(folder.resolved, {"spec": {}}), r"study\.json must be what a launch writes"),
        (lambda folder: folder.specification.write_text("a: [\n"), r"study\.yaml:"),
        (lambda folder: folder.specification.write_text("nmae: a\n"), r"study\.yaml:1:1: .*'name'"),
    ],
)
def test_what_is_damaged_is_named(spec_of, launched, folder, tmp_path, spoil, message):
    spec_of()
    launched(tmp_path / "spec.yaml")
    spoil(folder)
    with pytest.raises(BadInput, match=message):
        recorded_study(folder)


def test_a_file_is_said_to_be_one_and_is_not_proposed(tmp_path):
    (tmp_path / "study.yaml").touch()
    with pytest.raises(BadInput, match=r"study\.yaml is a file; a launch names its folder in the end") as error:
        study_folder(tmp_path / "study.yaml")
    assert "Did you mean" not in str(error.value)
    with pytest.raises(BadInput, match=r"there is no .*study\.yml\.$"):
        study_folder(tmp_path / "study.yml")


def test_a_folder_that_is_none_is_named_with_the_nearest(tmp_path):
    (tmp_path / "decomposition" / "runs").mkdir(parents=True)
    assert study_folder(tmp_path / "decomposition").root == tmp_path / "decomposition"
    with pytest.raises(BadInput, match=rf"there is no .+/decompositon\. Did you mean {tmp_path}/decomposition\?"):
        study_folder(tmp_path / "decompositon")
    with pytest.raises(BadInput, match=r"holds neither runs nor study\.json"):
        study_folder(tmp_path)
