import json
import random
import re
from types import SimpleNamespace

import pytest

from iae_models.config import DATASETS, changed_values, flatten, run_key
from study.plan import grid_runs, make_plan, searched_runs, shares
from study.plan_text import aligned, describe, duration
from study.problems import SpecError
from study.records import StudyFolder, write_json
from study.selection import confined
from study.spec import load_study

STUDY = """
name: study
question: why?
parameters: {model.width: 0.125, train.steps: 50}
blocks:
  - name: gaussian
    parameters:
      model.latent_dim: {grid: [2, 5], search: {low: 2, high: 40, log: true}}
      model.noise_dim: {grid: [0, 10], search: {low: 1, high: 200, log: true, include: 0}}
  - name: categorical
    parameters:
      model.code: categorical
      model.num_categories: {grid: [10], search: {choices: [5, 10, 20]}}
    replicates: 1
  - name: again
    parameters: {model.latent_dim: 2, model.noise_dim: {grid: [10, 100]}}
    replicates: 3
replicates: 2
budget: {runs: 20}
"""

RESULT = {
    "code_hash": "abc",
    "train_time_s": 2.0,
    "measure_time_s": 1.0,
    "wall_time_s": 3.0,
    "started_at": "2026-01-01T00:00:00+00:00",
    "finished_at": "2026-01-01T00:00:03+00:00",
    "values": {"validation": {}, "test": {}},
}


@pytest.fixture
def load(tmp_path):
    def load(*overrides, text=STUDY):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return load_study(path, overrides)

    return load


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "study")


def record(folder, run, status="planned", seconds=2.0):
    """Write what a launch leaves of a run."""
    place = folder.run(run.key)
    write_json(
        place.run,
        {
            "key": run.key,
            "config_key": run.config_key,
            "replicate": run.replicate,
            "block": run.block,
            "origin": run.origin,
            "label": run.label,
            "trial": run.trial,
            "config": changed_values(run.config),
            "all": flatten(run.config),
        },
    )
    if status == "finished":
        write_json(place.result, RESULT | {"train_time_s": seconds, "measure_time_s": seconds / 2})
    elif status == "failed":
        write_json(place.failure, {"reason": "loss became nan"})


def keys(runs):
    return [run.key for run in runs]


def test_grid_runs_take_every_cell_once_and_replicate_0_first(load):
    runs = grid_runs(load())
    labels = ["z=2 n=0", "z=2 n=10", "z=5 n=0", "z=5 n=10"]
    expected = [(0, "gaussian", label) for label in labels]
    expected += [(0, "categorical", "K=10"), (0, "again", "n=100")]
    expected += [(1, "gaussian", label) for label in labels]
    expected += [(1, "again", "n=100"), (2, "again", "n=10"), (2, "again", "n=100")]
    assert [(run.replicate, run.block, run.label) for run in runs] == expected
    assert len(set(keys(runs))) == len(runs)
    assert all(run.key == run_key(run.config, run.replicate) for run in runs)
    assert all(run.key == f"{run.config_key}-{run.replicate}" and run.origin == "grid" for run in runs)
    assert runs[1].config.model.noise_dim == 10
    assert runs[1].config.train.steps == 50


def test_the_plan_of_an_empty_folder_is_everything(load, folder):
    spec = load()
    plan = make_plan(spec, folder)
    assert plan.wanted == plan.todo == tuple(grid_runs(spec))
    assert plan.finished == plan.failed == frozenset()
    assert plan.extra == ()
    assert plan.run_time_s is None
    assert not folder.root.exists()
    # 20 runs less 13 of the grids leave 7: the pairs of one block and the single runs of the other, as even as they go
    assert plan.search_runs == {"gaussian": 4, "categorical": 3}


def test_finished_runs_are_subtracted_and_failed_ones_repeated(load, folder):
    spec = load()
    runs = grid_runs(spec)
    record(folder, runs[0], "finished", 2.0)
    record(folder, runs[1], "failed")
    record(folder, runs[2], "planned")
    record(folder, runs[3], "finished", 4.0)
    plan = make_plan(spec, folder)
    assert plan.finished == {runs[0].key, runs[3].key}
    assert plan.failed == {runs[1].key}
    assert keys(plan.todo) == keys([*runs[1:3], *runs[4:]])
    assert plan.run_time_s == 4.5


def test_replicates_grid_values_and_budget_add_only_what_is_new(load, folder):
    for run in grid_runs(load()):
        record(folder, run, "finished")
    assert make_plan(load(), folder).todo == ()
    more = make_plan(load("replicates=3", "budget.runs=40"), folder)
    assert {run.replicate for run in more.todo} == {1, 2}
    assert len(more.todo) == 5
    wider = load("budget.runs=40", text=STUDY.replace("grid: [2, 5]", "grid: [2, 5, 7]"))
    assert {run.label for run in make_plan(wider, folder).todo} == {"z=7 n=0", "z=7 n=10"}
    narrower = make_plan(load(text=STUDY.replace("grid: [2, 5]", "grid: [2]")), folder)
    assert len(narrower.extra) == 4
    assert narrower.todo == ()


def test_proposed_runs_are_wanted_and_use_the_budget(load, folder):
    spec = load()
    proposed = searched_runs(spec.block("gaussian"), {"model.latent_dim": 7, "model.noise_dim": 0}, 3)
    assert [(run.label, run.origin, run.trial) for run in proposed] == [("z=7 n=0", "search", 3)] * 2
    assert proposed[0].parameters == {"model.latent_dim": 7, "model.noise_dim": 0}
    record(folder, proposed[0], "finished")
    plan = make_plan(spec, folder)
    assert plan.wanted[-2:] == tuple(proposed)
    assert plan.todo[-1] == proposed[1], "a kill between two replicates loses neither"
    assert plan.search_runs == {"gaussian": 2, "categorical": 3}


def test_more_replicates_reach_proposed_configurations_too(load, folder):
    spec = load()
    for run in searched_runs(spec.block("gaussian"), {"model.latent_dim": 7, "model.noise_dim": 1}, 0):
        record(folder, run, "finished")
    plan = make_plan(load("replicates=3", "budget.runs=40"), folder)
    assert [run.key[-1] for run in plan.todo if run.label == "z=7 n=1"] == ["2"]


def test_a_smaller_budget_keeps_what_is_finished_and_drops_the_latest_proposals(load, folder):
    spec = load()
    block = spec.block("gaussian")
    first, second, third = (
        searched_runs(block, {"model.latent_dim": 7 + trial, "model.noise_dim": 1}, trial) for trial in range(3)
    )
    for run in (*first, *second):
        record(folder, run, "planned")
    for run in third:
        record(folder, run, "finished")
    plan = make_plan(load("budget.runs=17"), folder)
    assert set(keys(plan.wanted[-4:])) == {run.key for run in (*first, *third)}
    assert set(plan.extra) == {run.key for run in second}
    assert plan.search_runs == {"gaussian": 0, "categorical": 0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"config": {"model.latent_dim": 99}}, "outside the range"),
        ({"config": {"model.latent_dim": 7, "model.input_noise": 0.1}}, "another fixed value"),
        ({"config": {"model.latent_dm": 7}}, "an unknown field"),
        ({"config": {"model.latent_dim": -7}}, "a value that breaks a rule"),
        ({"config": None}, "no configuration"),
        ({"block": "gone"}, "an unknown block"),
        ({"block": "again"}, "a block that does not search"),
        ({"block": None}, "no block"),
        ({"origin": "grid"}, "a cell that left the grid"),
    ],
)
def test_runs_that_the_study_would_not_propose_today_are_extra(load, folder, change, reason):
    spec = load()
    run = searched_runs(spec.block("gaussian"), {"model.latent_dim": 7, "model.noise_dim": 1}, 0)[0]
    record(folder, run)
    path = folder.run(run.key).run
    write_json(
        path, {"block": "gaussian", "origin": "search", "config": changed_values(run.config), "trial": 0} | change
    )
    plan = make_plan(spec, folder)
    assert plan.extra == (run.key,), reason
    assert plan.todo == tuple(grid_runs(spec))


def test_a_proposed_configuration_that_enters_the_grid_is_not_run_again(load, folder):
    spec = load()
    for run in searched_runs(spec.block("gaussian"), {"model.latent_dim": 7, "model.noise_dim": 0}, 0):
        record(folder, run, "finished")
    plan = make_plan(load("budget.runs=40", text=STUDY.replace("grid: [2, 5]", "grid: [2, 5, 7]")), folder)
    assert "z=7 n=0" not in {run.label for run in plan.todo}
    assert {run.origin for run in plan.wanted} == {"grid"}


def test_other_data_are_other_runs(load, monkeypatch):
    before = keys(grid_runs(load()))
    info = DATASETS["embedded_digits"]
    changed = type(info)(info.shape, info.num_classes, info.sizes, "another", info.title)
    monkeypatch.setitem(DATASETS, "embedded_digits", changed)
    assert not set(before) & set(keys(grid_runs(load())))


def test_a_damaged_record_names_its_file(load, folder):
    path = folder.runs / "0123456789-0" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"0123456789-0/run\.json must be a JSON file"):
        make_plan(load(), folder)


def test_the_plan_says_what_will_run(load, folder):
    spec = load()
    runs = grid_runs(spec)
    record(folder, runs[0], "finished", 40.0)
    record(folder, runs[1], "failed")
    text = describe(make_plan(spec, folder), spec, folder)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["study:", "why?"]
    assert ["gaussian", "gaussian", "4", "2", "8", "1", "1", "7", "+4"] in lines
    assert ["categorical", "categorical", "1", "1", "1", "0", "0", "1", "+3"] in lines
    assert ["again", "gaussian", "2", "3", "4", "0", "0", "4"] in lines
    assert ["total", "13", "1", "1", "12", "+7"] in lines
    other = load(text="parameters: {model.latent_dim: {grid: [2, 5]}}")
    assert "+0" not in describe(make_plan(other, StudyFolder(folder.root / "o")), other, folder)
    assert "z = 2, 5 × n = 0, 10; searched: z range 2 to 40 (log), n range 1 to 200 (log) or 0" in text
    assert "minimize critic_accuracy, maximize r2_mean, on validation images" in text
    # 12 runs and 7 that the search may add, 60 s each
    assert "about 19 min for 19 runs one after the other (1 min 0 s each" in text
    assert "600 steps" in text
    assert "million parameters" in text
    other = StudyFolder(folder.root / "other")
    assert "unknown until the first run finishes" in describe(make_plan(spec, other), spec, other)


def test_the_plan_says_where_on_what_and_with_which_fixed_values(load, folder):
    text = """
parameters: {model.width: 0.125, train.steps: 30}
blocks:
  - {name: a, parameters: {model.latent_dim: {grid: [2, 5]}}}
  - {name: b, parameters: {model.latent_dim: {grid: [2]}, model.noise_dim: 7}}
"""
    spec = load(text=text)
    lines = describe(make_plan(spec, folder), spec, folder).splitlines()
    assert lines[1] == f"folder: {folder.root}"
    assert "fixed: embedded_digits, width 0.125, 30 steps, batch_size 64; n = 7 in b" in lines
    assert not any("about 0 " in line for line in lines)


def test_the_plan_of_some_cells_says_nothing_of_what_it_leaves_out(load, folder):
    text = """
replicates: {number: 2, until: {half_width: 0.1, max: 4}}
parameters: {model.latent_dim: {grid: [2, 5], search: {low: 2, high: 40}}}
objectives: [{measure: critic_accuracy}]
scheduler: {name: asha, every: 100}
confirm: {top: 1, seeds: 2}
budget: {runs: 9, hours: 1}
"""
    spec = load(text=text)
    plan = make_plan(spec, folder)
    whole, part = (describe(item, spec, folder) for item in (plan, confined(plan, ["z=2"])))
    for line in ("Search: ", "Confirm: ", "Replicates in ", "more than 2"):
        assert line in whole
        assert line not in part
    for line in ("Scheduler: ", "Budget: 9 runs in total, 1 hour."):
        assert line in whole
        assert line in part
    assert ["total", "4", "0", "0", "0", "2"] in [line.split() for line in part.splitlines()]
    assert re.search(r"^ +for later +2 ", part, re.MULTILINE)


@pytest.mark.parametrize("width", [80, 120])
def test_the_plan_fits_into_the_terminal(load, folder, width):
    text = """
question: What does the code keep of an image, what does the noise invent, and who decides about the two?
parameters: {model.width: 0.125, train.steps: 30, train.beta1: 0.4, train.batch_size: 32, train.report_every: 15}
blocks:
  - {name: gaussian, parameters: {model.latent_dim: {grid: [2, 5], search: {low: 2, high: 40}}}}
  - {name: categorical, parameters: {model.code: categorical, model.num_categories: {grid: [10, 30]}}}
scheduler: {name: hyperband, every: 10, options: {min_resource: 10, reduction_factor: 3}}
objectives: [{measure: critic_accuracy}]
confirm: {top: 3, seeds: 5}
budget: {runs: 20, hours: 2}
"""
    spec = load(text=text)
    lines = describe(make_plan(spec, folder), spec, StudyFolder("runs/s"), width).splitlines()
    assert max(map(len, lines)) <= width
    assert any(len(line) > 70 for line in lines)


def test_a_search_without_a_grid_has_something_to_run(load, folder):
    spec = load(text="parameters: {model.latent_dim: {search: {low: 2, high: 40}}}\nbudget: {runs: 4}\n")
    text = describe(make_plan(spec, folder), spec, folder)
    assert "Nothing to run" not in text
    assert "+4" in text
    assert "unknown until the first run finishes" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.456, "0.46 s"), (9.99, "10 s"), (59, "59 s"), (90, "1 min 30 s"), (3540, "59 min"), (3900, "1 h 5 min")],
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


def test_tables_are_aligned():
    assert aligned([("a", "b", "num"), ("long", "", "1")]) == "a     b  num\nlong       1"


def test_large_plans_are_quick(load, folder):
    text = "replicates: 2\nparameters: {{train.steps: {{grid: [{}]}}}}".format(", ".join(map(str, range(1, 1001))))
    spec = load(text=text)
    plan = make_plan(spec, folder)
    assert len(plan.todo) == 2000
    for run in plan.todo:
        place = folder.run(run.key)
        place.root.mkdir(parents=True)
        place.run.write_text("{}")
        place.result.write_text(json.dumps(RESULT))
    assert make_plan(spec, folder).todo == ()


def one_by_one(sizes, used, room):
    """Return the shares as they are defined: a configuration at a time, to whoever has had the fewest."""
    given = dict.fromkeys(sizes, 0)
    while fitting := [name for name in sizes if sizes[name] <= room]:
        name = min(fitting, key=lambda item: used[item] + given[item])
        given[name] += sizes[name]
        room -= sizes[name]
    return given


@pytest.mark.parametrize("seed", range(50))
def test_shares_go_to_whoever_has_had_the_fewest(seed):
    chance = random.Random(seed)
    sizes = {f"block {index}": chance.randint(1, 5) for index in range(chance.randint(1, 4))}
    used = {name: chance.randint(0, 30) for name in sizes}
    room = chance.choice([0, 1, 7, 40, 200])
    blocks = tuple(SimpleNamespace(name=name, replicates=size) for name, size in sizes.items())
    spec = SimpleNamespace(blocks=(*blocks, SimpleNamespace(name="a grid alone", replicates=1)))
    assert shares(spec, room, used) == one_by_one(sizes, used, room)


def test_without_a_search_there_are_no_shares():
    assert shares(SimpleNamespace(blocks=()), 10, {}) == {}


SHARED_CELL = """
name: shared
blocks:
  - {name: baseline, control: true, parameters: {model.latent_dim: {grid: [2, 7]}}}
  - {name: main, parameters: {model.latent_dim: {grid: [2]}}}
"""


def test_a_cell_that_a_control_shares_belongs_to_the_other_block_and_controls_come_last(spec_of):
    assert [(run.block, run.label) for run in grid_runs(spec_of(SHARED_CELL))] == [
        ("main", "z=2"),
        ("baseline", "z=7"),
    ]


def test_a_control_does_not_search(spec_of):
    text = SHARED_CELL.replace("{grid: [2, 7]}", "{search: {low: 2, high: 7}}") + "budget: {runs: 4}\n"
    with pytest.raises(SpecError, match=r"blocks\[0\]\.control: must be false in a block that searches"):
        spec_of(text)
