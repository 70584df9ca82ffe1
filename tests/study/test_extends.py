"""A study file that goes on from another: what merges, what is replaced, and where problems are said to be."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from study.extends import MAX_FILES
from study.plan import make_plan
from study.records import StudyFolder, read_json
from study.resolved import write_study
from study.spec import SpecError, StudySpec, load_study

BASE = """name: base
question: What?
parameters: {model.width: 0.5, train.steps: 100}
blocks:
- name: a
  replicates: 2
  parameters: {model.latent_dim: {grid: [2, 5]}, model.noise_dim: 10}
- {name: b, parameters: {model.latent_dim: 3}}
replicates: 3
resources: {cpus_per_lane: 2}
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_files(**texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "own.yaml"

    return write_files


def problems_of(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_study(path, overrides)
    return [str(problem).replace(f"{path.parent}/", "") for problem in caught.value.problems]


def without_origin(spec: StudySpec) -> dict[str, object]:
    return {key: value for key, value in vars(spec).items() if key not in ("text", "path", "sources")}


def test_it_merges_parameters_by_key_and_blocks_by_name_and_replaces_the_rest(write: Write) -> None:
    path = write(
        common__base=BASE,
        own="""extends: common/base.yaml
parameters: {train.steps: 400}
resources: {lane_size: 2}
blocks:
- name: c
  parameters: {model.latent_dim: 7}
- name: a
  parameters: {model.noise_dim: {grid: [0, 1]}}
""",
    )
    by_hand = write(
        own_by_hand="""name: own
question: What?
parameters: {model.width: 0.5, train.steps: 400}
blocks:
- name: a
  replicates: 2
  parameters: {model.latent_dim: {grid: [2, 5]}, model.noise_dim: {grid: [0, 1]}}
- {name: b, parameters: {model.latent_dim: 3}}
- {name: c, parameters: {model.latent_dim: 7}}
replicates: 3
resources: {lane_size: 2}
"""
    ).with_name("own_by_hand.yaml")
    assert without_origin(load_study(path)) == without_origin(load_study(by_hand))


def test_chains_set_and_smoke_act_on_the_result(write: Write) -> None:
    path = write(
        base=BASE,
        middle="extends: base.yaml\nquestion: Why?\nsmoke: {parameters: {train.steps: 7}}\n",
        own="extends: middle.yaml\nname: leaf\n",
    )
    spec = load_study(path, ["model.width=0.25", "replicates=1"], smoke=True)
    assert (spec.name, spec.question, spec.folder_name) == ("leaf", "Why?", "leaf-smoke")
    assert [block.fixed["train.steps"] for block in spec.blocks] == [7, 7]
    assert [block.fixed["model.width"] for block in spec.blocks] == [0.25, 0.25]
    assert [block.replicates for block in spec.blocks] == [1, 1]
    assert [Path(source.path).name for source in spec.sources] == ["middle.yaml", "base.yaml"]
    assert spec.text == "extends: middle.yaml\nname: leaf\n"
    assert spec.sources[1].text == BASE


def test_problems_name_the_file_that_they_stand_in(write: Write) -> None:
    path = write(
        base=BASE.replace("model.noise_dim: 10", "model.noise_dim: -1").replace("cpus_per_lane", "cpu_per_lane"),
        own="extends: base.yaml\nreplicates: 0\n",
    )
    problems = problems_of(path)
    assert [problem.split(": ")[0] for problem in problems] == ["base.yaml:7:67", "base.yaml:10:13", "own.yaml:2:13"]
    assert "noise_dim must be at least 0, but got -1" in problems[0]


def test_circles_and_wrong_paths_are_refused_where_they_are_named(write: Write) -> None:
    path = write(base="extends: own.yaml\n", own="name: x\nextends: base.yaml\n")
    (problem,) = problems_of(path)
    assert problem == "base.yaml:1:10: extends: must not go round in a circle, but got own.yaml → base.yaml → own.yaml"
    for text, message in {
        "bas.yaml": "must be a YAML file, but there is no such file: bas.yaml; did you mean",
        "[base.yaml]": "must be the path of a study file, but got ['base.yaml']",
        "null": "must be the path of a study file, but got nothing",
        ".": "must be a YAML file, but is a directory",
        "own.yaml": "must not go round in a circle",
    }.items():
        write(own=f"name: x\nextends: {text}\n")
        (problem,) = problems_of(path)
        assert problem.startswith(f"own.yaml:2:10: extends: {message}")
    write(own="extends: 0.yaml\n", **{str(index): f"extends: {index + 1}.yaml" for index in range(MAX_FILES)})
    (problem,) = problems_of(path)
    assert "must be a chain of at most 10 files" in problem


def test_the_folder_keeps_what_was_extended_even_when_only_that_changes(write: Write, tmp_path: Path) -> None:
    path = write(base=BASE, own="extends: base.yaml\n")
    folder = StudyFolder(tmp_path / "folder")
    for _ in range(2):
        spec = load_study(path)
        write_study(spec, folder, make_plan(spec, folder), datetime.now(UTC))
    assert folder.specification.read_text(encoding="utf-8") == "extends: base.yaml\n"
    assert [item["text"] for item in read_json(folder.resolved)["spec"]["sources"]] == [BASE]
    assert not list(folder.root.glob("study.*.*"))
    write(base=BASE.replace("replicates: 3", "replicates: 4"))
    spec = load_study(path)
    write_study(spec, folder, make_plan(spec, folder), datetime.now(UTC))
    assert [item["text"] for item in read_json(folder.root / "study.1.json")["spec"]["sources"]] == [BASE]
    assert "replicates: 4" in read_json(folder.resolved)["spec"]["sources"][0]["text"]
