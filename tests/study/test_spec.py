import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.measure_info import UndefinedWhere
from analysis.measure_names import MEASURES
from iae_models.config import DATASETS, VARIANTS
from study.algorithms import SAMPLER_OPTIONS
from study.block_reader import MAX_CELLS
from study.search_space import Axis, Choices, FloatRange, IntegerRange, ZeroOrRange
from study.spec import SMOKE_KEYS, STUDY_KEYS, Budget, Resources, SpecError, as_json, load_study

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "search_spaces").glob("*.yaml"))

GAUSSIAN = """
name: study
question: why?
parameters: {model.width: 0.125, train.steps: 50}
blocks:
  - name: gaussian
    parameters:
      model.code: gaussian
      model.latent_dim: {grid: [2, 5], search: {low: 2, high: 40, log: true}}
      model.noise_dim: {grid: [0, 10], search: {low: 1, high: 200, log: true, include: 0}}
  - name: categorical
    parameters:
      model.code: categorical
      model.num_categories: {grid: [10], search: {choices: [5, 10, 20]}}
    replicates: 1
replicates: 3
budget: {runs: 20, hours: 2}
smoke: {parameters: {train.steps: 7, model.latent_dim: 5}, replicates: 1, budget: {runs: 5}}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "s.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def problems(write):
    """Return the lines of the error of a study, without the file's folder."""

    def problems(text, *overrides, smoke=False):
        path = write(text)
        with pytest.raises(SpecError) as error:
            load_study(path, overrides, smoke)
        return str(error.value).replace(str(path), "s.yaml").splitlines()

    return problems


def test_a_study_is_read_as_it_is_meant(write):
    spec = load_study(write(GAUSSIAN))
    gaussian, categorical = spec.blocks
    assert (spec.name, spec.question, spec.folder_name) == ("study", "why?", "study")
    assert gaussian.fixed == {"model.width": 0.125, "train.steps": 50, "model.code": "gaussian"}
    assert gaussian.axes == (
        Axis("model.latent_dim", (2, 5), IntegerRange(2, 40, log=True)),
        Axis("model.noise_dim", (0, 10), ZeroOrRange(IntegerRange(1, 200, log=True))),
    )
    assert categorical.axes == (Axis("model.num_categories", (10,), Choices((5, 10, 20))),)
    assert (gaussian.family, categorical.family) == ("gaussian", "categorical")
    assert (gaussian.replicates, categorical.replicates) == (3, 1)
    assert spec.budget == Budget(20, 2.0)
    assert spec.resources == Resources(1.0, 0.25, None, 1, None)
    assert [objective.measure for objective in spec.objectives] == ["critic_accuracy", "r2_mean"]
    assert not any(objective.uses_labels for objective in spec.objectives)
    assert spec.text == GAUSSIAN
    assert json.loads(json.dumps(as_json(spec), allow_nan=False))["blocks"][0]["axes"][1]["search"]["range"]["low"] == 1


def test_a_study_without_blocks_is_one_block(write):
    spec = load_study(write("parameters: {model.latent_dim: {grid: [2, 5]}}"))
    assert spec.name == "s"
    assert [block.name for block in spec.blocks] == ["s"]
    assert [values["model.latent_dim"] for values in spec.blocks[0].cells()] == [2, 5]


def test_values_take_the_type_of_their_field(write):
    text = "parameters: {model.width: {grid: [1, 0.5], search: {low: 0.1, high: 2}}, model.code: categorical,"
    text += " model.num_categories: 2, model.category_probabilities: {grid: [[0.25, 0.75]]}}\nbudget: {runs: 9}"
    (block,) = load_study(write(text)).blocks
    width, probabilities = block.axes
    assert all(isinstance(value, float) for value in width.grid)
    assert width.search == FloatRange(0.1, 2.0)
    assert probabilities.grid == ((0.25, 0.75),)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("smoke", [False, True])
def test_shipped_studies_load(path, smoke):
    spec = load_study(path, smoke=smoke)
    assert spec.name == path.stem
    assert not spec.oracle


def test_studies_ship():
    assert {"decomposition", "mnist_decomposition"} <= {path.stem for path in STUDIES}


def test_smoke_and_set_replace_what_is_stated(write):
    path = write(GAUSSIAN)
    spec = load_study(path, smoke=True)
    assert spec.folder_name == "study-smoke"
    assert [block.fixed["train.steps"] for block in spec.blocks] == [7, 7]
    assert spec.block("gaussian").fixed["model.latent_dim"] == 5
    assert "model.latent_dim" not in spec.block("categorical").fixed
    assert {block.replicates for block in spec.blocks} == {1}
    assert spec.budget == Budget(5, 2.0)
    spec = load_study(path, ["train.steps=1e1", "train.steps=9", "budget.runs=30", "replicates=2"], smoke=True)
    assert spec.blocks[0].fixed["train.steps"] == 9
    assert spec.budget.runs == 30
    assert [block.replicates for block in spec.blocks] == [2, 2]
    assert load_study(path, ["model.width={grid: [0.25, 1]}", "budget.runs=26"]).blocks[1].axes[0].grid == (0.25, 1.0)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.steps", "--set train.steps: must have the form key=value, but got 'train.steps'"),
        (
            "train.stpes=1",
            (
                "--set train.stpes=1: must name a configuration field or a key of the study, but got "
                "'train.stpes'; did you mean 'train.steps'?"
            ),
        ),
        (
            "latent_dim=3",
            (
                "--set latent_dim=3: must name a configuration field or a key of the study, but got "
                "'latent_dim'; did you mean 'model.latent_dim'?"
            ),
        ),
        (
            "budget.rns=1",
            (
                "--set budget.rns=1: must name a configuration field or a key of the study, but got "
                "'budget.rns'; did you mean 'budget.runs'?"
            ),
        ),
        ("train.steps=1.5", "--set train.steps=1.5: parameters.train.steps: steps must be an integer, but got 1.5"),
        (
            "model.train_encoder=off",
            (
                "--set model.train_encoder=off: parameters.model.train_encoder: train_encoder must "
                "be a boolean, but got 'off'; did you mean false?"
            ),
        ),
        ("model.width=", "--set model.width=: parameters.model.width: width must be a number, but got nothing"),
        (
            "model.width=[1",
            "--set model.width=[1: must be YAML, but is not: expected ',' or ']', but got '<stream end>'",
        ),
        (
            "budget.runs=12",
            ("--set budget.runs=12: budget.runs: must be at least the 13 runs that the grids take, but got 12"),
        ),
    ],
)
def test_bad_overrides_name_themselves(problems, override, line):
    assert problems(GAUSSIAN, override) == [line]


def test_all_problems_are_reported_at_once_with_their_places(problems):
    text = """nam: x
parameters:
  model.latnet_dim: 3
  latent_dim: 3
  model.width: wide
  model.noise_dim: {gird: [1], grid: []}
  model: {width: 1}
blocks:
  - {name: a, paramters: {}}
  - {name: a, replicates: 0}
  - {parameters: {data.name: mnits}}
objectives: [{measure: critic_acuracy}, {measure: r2_mean, direction: up}, {measure: r2_mean, split: test}]
oracle: yes
budget: {run: 1, hours: .nan}
search: {sampler: tp, seed: -1}
resources: {gpus_per_lane: 1.5, lane_size: true, max_concurrent: 0}
smoke: {step: 1}
name: b
name: c
"""
    assert problems(text) == [
        "s.yaml:1:1: there must be no key 'nam' here; did you mean 'name'?",
        "s.yaml:3:3: parameters: there must be no parameter 'model.latnet_dim'; did you mean 'model.latent_dim'?",
        "s.yaml:4:3: parameters: there must be no parameter 'latent_dim'; did you mean 'model.latent_dim'?",
        "s.yaml:5:16: parameters.model.width: width must be a number, but got 'wide'",
        "s.yaml:6:21: parameters.model.noise_dim: there must be no key 'gird' here; did you mean 'grid'?",
        "s.yaml:6:38: parameters.model.noise_dim.grid: must hold at least one value, but got []",
        "s.yaml:7:3: parameters: there must be no parameter 'model'; write dotted names, such as model.width",
        "s.yaml:9:15: blocks[0]: there must be no key 'paramters' here; did you mean 'parameters'?",
        "s.yaml:10:12: blocks[1].name: must be a name of its own, but 'a' also stands in line 9",
        "s.yaml:10:27: blocks[1].replicates: must be an integer of at least 1, but got 0",
        "s.yaml:11:5: blocks[2]: must have a name",
        (
            f"s.yaml:11:30: blocks[2].parameters.data.name: name must be one of {list(DATASETS)}, but got 'mnits'; "
            "did you mean 'mnist'?"
        ),
        (
            "s.yaml:12:24: objectives[0].measure: must be a known measure, but got 'critic_acuracy'; "
            "did you mean 'critic_accuracy'?"
        ),
        "s.yaml:12:71: objectives[1].direction: must be one of minimize, maximize, but got 'up'",
        "s.yaml:12:86: objectives[2].measure: must be a measure of its own, but 'r2_mean' is an objective already",
        "s.yaml:12:102: objectives[2].split: must be validation, but got 'test': test images report, they never select",
        "s.yaml:13:9: oracle: must be true or false, but got 'yes'",
        "s.yaml:14:10: budget: there must be no key 'run' here; did you mean 'runs'?",
        "s.yaml:14:25: budget.hours: must be a number above 0, but got nan",
        f"s.yaml:15:19: search.sampler: must be one of {', '.join(SAMPLER_OPTIONS)}, but got 'tp'; did you mean 'tpe'?",
        "s.yaml:15:29: search.seed: must be an integer of at least 0, but got -1",
        "s.yaml:16:28: resources.gpus_per_lane: must be at most 1 or a whole number, but got 1.5",
        "s.yaml:16:44: resources.lane_size: must be an integer of at least 1, but got true",
        "s.yaml:16:66: resources.max_concurrent: must be an integer of at least 1, but got 0",
        f"s.yaml:17:9: smoke: there must be no key 'step' here; known: {', '.join(SMOKE_KEYS)}",
        "s.yaml:19:1: name: a key must be given once, but 'name' was already given in line 18",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("confirm: {top: 1, seed: 5}", ["1:19: confirm: there must be no key 'seed' here; did you mean 'seeds'?"]),
        (
            "scheduler: {name: ash, evry: 9, options: {popsize: 3}}",
            [
                "1:19: scheduler.name: must be one of asha, hyperband, median, but got 'ash'; did you mean 'asha'?",
                "1:24: scheduler: there must be no key 'evry' here; did you mean 'every'?",
            ],
        ),
        (
            "scheduler: asha",
            [
                (
                    "1:12: scheduler: must be a mapping with the keys name, every, options, but got 'asha'; write "
                    "{name: asha, every: 100}, with the steps between two judgements"
                )
            ],
        ),
        ("search: gp", ["1:9: search: must be a mapping, but got 'gp'; write {sampler: gp}"]),
        ("budget: 40", ["1:9: budget: must be a mapping, but got 40; write {runs: 40}"]),
        ("objectives: rate", ["1:13: objectives: must be a list, but got 'rate'; write [{measure: rate}]"]),
        (
            "search: {sampler: TPE, options: {popsize: 3}}",
            ["1:19: search.sampler: must be one of tpe, gp, nsga2, cmaes, qmc, random, but got 'TPE'; did you mean"],
        ),
        (
            "search: {sampler: gp, options: {popsize: 3}}",
            ["1:42: search.options.popsize: popsize is an option of cmaes, and not of gp"],
        ),
        ("objectives: [{}]", ["1:14: objectives[0]: must have a measure"]),
        (
            "objectives: [{mesure: rate}]",
            ["1:15: objectives[0]: there must be no key 'mesure' here; did you mean 'meas"],
        ),
        ("objectives: [rate]", ["1:14: objectives[0]: must be a mapping; write {measure: rate}"]),
        ("replicates: 2.0", ["1:13: replicates: must be an integer of at least 1, but got 2.0; did you mean 2?"]),
        ("replicates: 99999999999999999999", ["1:13: replicates: an integer must have at most 64 bits, but got '999"]),
        ("blocks: [{}]", ["1:10: blocks[0]: must have a name"]),
        ("blocks: [{nmae: a}]", ["1:11: blocks[0]: there must be no key 'nmae' here; did you mean 'name'?"]),
        ("parameters: " + "{a: " * 50 + "1" + "}" * 50, ["1:173: values must be nested at most 40 deep"]),
        ("name: x\nquestion: caf\xe9", ["2:14: must be UTF-8 text, but is not: the byte 0xe9 is no part of it"]),
        ("resources: {cpus: 2}", ["1:13: resources: there must be no key 'cpus' here; did you mean 'cpus_per_lane'?"]),
    ],
)
def test_a_mistake_is_said_once_with_its_place(tmp_path, text, lines):
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SpecError) as error:
        load_study(path)
    found = [line.removeprefix(f"{path}:") for line in str(error.value).splitlines()]
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True)), found


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("model.noise_dim: {search: {low: 5, high: 2}}", "low must be less than high, but got low 5 and high 2"),
        ("model.noise_dim: {search: {low: 5, high: 5}}", "write one value as a fixed value"),
        (
            "model.noise_dim: {search: {low: 0, high: 5, log: true}}",
            "low must be positive where log is true, but got 0",
        ),
        ("model.noise_dim: {search: {low: 1, high: 10, step: 2}}", "multiple of step, but got 10; did you mean 9?"),
        ("model.noise_dim: {search: {low: 1, high: 9, step: 2, log: true}}", "step must be left out where log is true"),
        ("model.noise_dim: {search: {low: 1, high: 9, step: 0}}", "step must be positive, but got 0"),
        (
            "model.noise_dim: {search: {low: 0, high: 9, include: 0}}",
            "include must be left out where low is not positive",
        ),
        ("model.noise_dim: {search: {low: 1, high: 9, include: 5}}", "include must be 0, but got 5"),
        ("model.noise_dim: {search: {low: 1.5, high: 9}}", "low must be an integer, but got 1.5"),
        ("model.noise_dim: {search: {low: -1, high: 200}}", "noise_dim must be at least 0, but got -1"),
        ("model.input_noise: {search: {low: .nan, high: 9}}", "low must be finite, but got nan"),
        ("model.input_noise: {search: {low: 0, high: 1e999}}", "high must be finite, but got inf"),
        ("model.noise_dim: {search: {high: 9}}", "must have low, but has high"),
        ("model.noise_dim: {search: 5}", "must be a mapping with the keys low"),
        ("model.noise_dim: {search: {choices: []}}", "must hold at least one value"),
        ("model.noise_dim: {search: {choices: [1, a]}}", "noise_dim must be an integer, but got 'a'"),
        ("model.noise_dim: {search: {choices: [1, 2], low: 1}}", "low must be left out beside choices"),
        ("model.train_encoder: {search: {low: 0, high: 1}}", "must be {choices: [false, true]}"),
        (
            "model.conditioning: {search: {low: 0, high: 1}}",
            "{choices: [auto, location_dependent, location_invariant]}",
        ),
        ("model.code: {search: {choices: [gaussian, categorical]}}", "make a block for each"),
        ("model.code: {grid: [gaussian, categorical]}", "must be one value in a block"),
        ("data.name: {search: {choices: [mnist]}}", "values measured on different images are not comparable"),
        ("model.category_probabilities: {search: {choices: [[1]]}}", "give its values in grid"),
        ("model.noise_dim: {grid: 5}", "must be a list, but got 5"),
        ("model.noise_dim: {grid: [5, 5]}", "must hold each value once, but got 5 again"),
        ("model.noise_dim: {grid: [5, true]}", "noise_dim must be an integer, but got true"),
        ("train.steps: 1e3", "steps must be an integer, but got 1000.0; did you mean 1000?"),
        ("train.steps: 1_000", "steps must be an integer, but got '1_000'; did you mean 1000?"),
        ("train.generator_lr: '1e-3'", "generator_lr must be a number, but got '1e-3'; did you mean 0.001?"),
        ("model.noise_dim: [5, 50]", "must be an integer, but got [5, 50]; write {grid: [5, 50]} for several values"),
        ("model.noise_dim: {low: 1, high: 9}", "must have grid, search or both; write {search: {low: 1, high: 9}}"),
        ("model.width: {grid: [1, 1.0]}", "must hold each value once, but got 1.0 again"),
        ("model.noise_dim: {search: {choices: [5, 7, 5]}}", "must hold each value once, but got 5 again"),
        ("model.noise_dim: {grid: [1], when: {model.latent_dim: []}}", "must hold at least one value, but got []"),
        ("model.noise_dim: {grid: [1, 2], zip: 3}", "zip: must be a text, but got 3"),
        ("lr: 1e-3", "there must be no parameter 'lr'; did you mean 'train.generator_lr'?"),
        ("Model.Width: 1", "there must be no parameter 'Model.Width'; did you mean 'model.width'?"),
        ("<<: {model.width: 1}", "there must be no merge key, which YAML 1.2 does not have"),
        ("model.width: !!float 1", "a value must have no tag of its own, but got 'tag:yaml.org,2002:float'"),
        ("train.steps: 99999999999999999999", "an integer must have at most 64 bits"),
        (
            "model.noise_dim: {grid: [5, 50], search: {low: 1, high: 9}}",
            "must lie in the searched range 1 to 9, but got 50",
        ),
        ("model.noise_dim: {grid: [6], search: {choices: [5, 7]}}", "must lie in the searched choices 5, 7, but got 6"),
        (
            "model.noise_dim: {grid: [1]}, model.latent_dim: {search: {low: 1, high: 9}}",
            "since the default 20 does not lie",
        ),
        ("model.noise_dim: {when: {model.latent_dim: 1}}", "must have grid, search or both"),
        ("model.noise_dim: {grid: [1], when: {model.ltent_dim: 1}}", "did you mean 'model.latent_dim'?"),
        ("model.noise_dim: {grid: [1], when: {model.latent_dim: a}}", "latent_dim must be an integer, but got 'a'"),
        ("model.noise_dim: {grid: [1], when: {model.noise_dim: 1}}", "must name another field"),
        ("model.noise_dim: {grid: [1], when: 3}", "when: must be a mapping, but got 3"),
        ("model.variant: aie", f"variant must be one of {list(VARIANTS)}, or a class of your own"),
        ("model.code: gausian", "did you mean 'gaussian'?"),
        ("model.num_categories: 10", "num_categories must be left out where code is 'gaussian', but got 10"),
        ("train.batch_size: 99999", "s.yaml:1:32: parameters.train.batch_size: train.batch_size must be at most"),
        ("model.discriminator_norm: paper", "discriminator_norm must not be 'paper' where discriminator_batching"),
    ],
)
def test_bad_parameters_are_refused(problems, parameters, message):
    (line,) = problems(f"parameters: {{{parameters}}}\nbudget: {{runs: 50}}")
    assert line.startswith("s.yaml:1:")
    assert message in line


def test_two_broken_rules_of_one_configuration_are_both_found(problems):
    lines = problems("parameters: {model.noise_dim: -1, model.width: 9, train.beta1: 1, train.batch_size: 4000}")
    assert [line.split(": ")[1] for line in lines] == [
        "parameters.model.noise_dim",
        "parameters.model.width",
        "parameters.train.beta1",
        "parameters.train.batch_size",
    ]


def test_a_rule_broken_in_one_cell_names_its_value(problems):
    lines = problems(
        "parameters:\n  model.discriminator_norm: {grid: [none, paper]}\n"
        "  model.discriminator_batching: {grid: [joint, separate]}\n"
    )
    assert len(lines) == 1
    assert lines[0].startswith("s.yaml:2:43: parameters.model.discriminator_norm.grid[1]: ")


def test_a_corner_of_the_search_that_cannot_be_is_refused(problems):
    text = "parameters: {model.discriminator_norm: {search: {choices: [none, paper]}}}\nbudget: {runs: 5}"
    assert "must not be 'paper'" in problems(text)[0]


def test_cycles_of_conditions_are_refused(problems):
    text = "parameters: {model.noise_dim: {grid: [1, 3], when: {model.latent_dim: 2}}, "
    text += "model.latent_dim: {grid: [2, 3], when: {model.noise_dim: 3}}}"
    assert "goes round through model.noise_dim, model.latent_dim" in problems(text)[0]


@pytest.mark.parametrize("name", ["../x", ".hidden", "a/b", "a b", "größe", "日本", "a" * 65, "''", "-x"])
def test_names_that_are_no_folder_names_are_refused(problems, name):
    lines = problems(f"name: {name}\nblocks: [{{name: {name}}}]")
    assert [line.split(": ")[1] for line in lines] == ["name", "blocks[0].name"]
    assert all("since it names a folder" in line for line in lines)


def test_huge_grids_are_refused_without_being_built(problems):
    values = [(index + 1) / 20 for index in range(10)]
    names = ["input_noise", "instance_noise", "code_noise", "r1_gamma", "width", "reconstruction_weight"]
    names.append("regularization_weight")
    entries = ", ".join(f"model.{name}: {{grid: {values}}}" for name in names)
    assert problems(f"parameters: {{{entries}}}") == [
        f"s.yaml:1:1: the grids must have at most {MAX_CELLS} cells together, but have 10000000"
    ]
    assert "at most 100000 runs, but has 1000000" in problems("replicates: 1000000")[0]
    assert (
        "at most 50 blocks, but got 60" in problems("blocks:\n" + "".join(f"- {{name: b{i}}}\n" for i in range(60)))[0]
    )


def test_the_largest_grid_loads_in_time(write):
    entries = ", ".join(f"model.{name}: {{grid: {list(range(1, 11))}}}" for name in ("latent_dim", "noise_dim"))
    entries += f", train.steps: {{grid: {list(range(1, 51))}}}"
    path = write(f"parameters: {{{entries}}}")
    spec = load_study(path)
    assert spec.blocks[0].max_cells == MAX_CELLS


def test_a_block_that_searches_needs_a_budget(problems, write):
    text = "parameters: {model.noise_dim: {grid: [1, 5], search: {low: 1, high: 9}}}\nreplicates: 2\n"
    assert problems(text) == [
        "s.yaml:1:1: budget: must state runs where a block searches, and the grids take 4 of them"
    ]
    assert "at least the 4 runs" in problems(text + "budget: {runs: 3}")[0]
    assert load_study(write(text + "budget: {runs: 4}")).budget.runs == 4


SEARCH = "parameters: {{{0}}}\nobjectives: [{{measure: {1}, direction: {2}}}]\noracle: {3}\nbudget: {{runs: 99}}"


@pytest.mark.parametrize(
    ("parameters", "measure", "reason"),
    [
        ("model.noise_dim: {grid: [0, 9], search: {low: 1, high: 9, include: 0}}", "dispersion_ratio", "noise_dim=0"),
        (
            "model.noise_dim: {search: {low: 0, high: 9}}",
            "dispersion_ratio",
            "all reconstructions of one code are the same",
        ),
        ("model.noise_dim: 0, model.width: {search: {low: 0.1, high: 1}}", "dispersion_ratio", "noise_dim=0"),
        ("model.noise_dim: {search: {low: 1, high: 9}}", "clustering_error", "a measure of categorical codes"),
        (
            "model.code: categorical, model.noise_dim: {search: {low: 1, high: 9}}",
            "prior_moment_kl",
            "of Gaussian codes",
        ),
        ("model.latent_dim: {search: {low: 0, high: 9}}", "rate", "there is no code"),
        ("model.code: categorical, model.width: {search: {low: 0.1, high: 1}}", "information_low", "of Gaussian codes"),
    ],
)
def test_objectives_must_be_defined_wherever_a_block_searches(problems, write, parameters, measure, reason):
    (line,) = problems(SEARCH.format(parameters, measure, "minimize", "true"))
    assert line.startswith("s.yaml:2:24: objectives[0].measure: ")
    assert f"{measure} must be defined everywhere" in line
    assert reason in line
    # a grid alone may hold such a configuration: the measure is then recorded as undefined
    grid = "model.noise_dim: {grid: [0, 9]}"
    load_study(write(SEARCH.format(grid, measure, "minimize", "true")))


def test_default_objectives_are_checked_too(problems, monkeypatch):
    text = "parameters: {model.latent_dim: {search: {low: 0, high: 9}}}\nbudget: {runs: 9}"
    undefined = (*MEASURES["r2_mean"].undefined, UndefinedWhere("model.latent_dim", 0, "it is a test"))
    monkeypatch.setitem(MEASURES, "r2_mean", replace(MEASURES["r2_mean"], undefined=undefined))
    assert [line.partition("objectives: ")[2].split()[0] for line in problems(text)] == ["r2_mean"]


@pytest.mark.parametrize("measure", [name for name, info in MEASURES.items() if info.uses_labels])
def test_objectives_that_use_labels_need_oracle(problems, measure):
    text = SEARCH.format("model.code: categorical", measure, "maximize", "false")
    assert problems(text) == [
        (
            f"s.yaml:2:24: objectives[0].measure: {measure} uses labels, so the study must say oracle: true, and its "
            "results are marked as selected by labels; critic_accuracy uses none"
        )
    ]


@pytest.mark.parametrize("sizes", ["{search: {low: 5, high: 50}}", "{grid: [5, 50]}, model.width: {search: WIDTHS}"])
@pytest.mark.parametrize(
    ("measure", "direction", "reason"),
    [
        ("clustering_error", "minimize", "falls as the number of categories grows"),
        ("clustering_error_exemplar", "minimize", "falls as the number of categories grows"),
        ("ami", "maximize", "favours as many categories as classes"),
        ("label_information", "maximize", "rises with the number of categories"),
        ("rate", "maximize", "at most the logarithm of the number of categories"),
        ("label_information_gain", "maximize", ""),
        ("critic_accuracy", "minimize", ""),
        ("energy_score_pixel", "minimize", ""),
    ],
)
def test_a_search_over_categories_warns_where_its_objective_does_not_compare(write, sizes, measure, direction, reason):
    sizes = sizes.replace("WIDTHS", "{low: 0.1, high: 1}")
    text = SEARCH.format(f"model.code: categorical, model.num_categories: {sizes}", measure, direction, "true")
    found = load_study(write(text)).warnings
    assert len(found) == bool(reason)
    assert all(f"{direction}s {measure}, which" in item and reason in item for item in found)
    assert all("critic_accuracy, or with oracle: true label_information_gain" in item for item in found)


def test_what_rises_with_the_categories_may_stand_beside_what_does_not(write):
    searched = (
        "parameters: {model.code: categorical, model.num_categories: {search: {low: 5, high: 50}}}\nbudget: {runs: 9}"
    )
    assert [item.measure for item in load_study(write(searched)).objectives] == ["critic_accuracy", "r2_mean"]
    assert load_study(write(searched)).warnings == ()
    labelled = "\noracle: true\nobjectives: [{measure: critic_accuracy}, {measure: clustering_error}]"
    assert len(load_study(write(searched + labelled)).warnings) == 1


def test_misleading_objectives_warn_elsewhere_too(write):
    fixed = "model.code: categorical, model.noise_dim: {search: {low: 5, high: 50}}"
    assert load_study(write(SEARCH.format(fixed, "clustering_error", "minimize", "true"))).warnings == ()
    ratio = load_study(write(SEARCH.format(fixed, "dispersion_ratio", "minimize", "false")))
    assert "best at 1" in ratio.warnings[0]


def test_direction_follows_the_measure_where_it_has_one(write, problems):
    text = "objectives: [{measure: prior_accuracy}, {measure: r2_mean}]"
    assert [item.direction for item in load_study(write(text)).objectives] == ["minimize", "maximize"]
    assert "must have a direction" in problems("objectives: [{measure: share_z_pixel}]")[0]


def test_a_broken_smoke_section_is_noticed_in_time(problems):
    (line,) = problems("smoke: {parameters: {model.width: 9}}")
    assert line == "s.yaml:1:35: parameters.model.width: width must be in (0, 4], but got 9.0"


def test_conditions_that_hold_or_fail_in_a_whole_block_vanish(write):
    text = """
parameters: {model.num_categories: {grid: [10, 30], when: {model.code: categorical}}}
blocks: [{name: g, parameters: {model.code: gaussian}}, {name: c, parameters: {model.code: categorical}}]
"""
    gaussian, categorical = load_study(write(text)).blocks
    assert gaussian.axes == ()
    assert categorical.axes == (Axis("model.num_categories", (10, 30)),)


def test_a_key_that_is_active_nowhere_is_said(write):
    text = """
parameters:
  model.latent_dim: {grid: [2, 5], when: {model.noise_dim: [7, 8]}}
  model.noise_dim: {grid: [1, 2]}
  model.input_noise: {grid: [0.1, 0.2], when: {model.latent_dim: 5}}
  model.r1_gamma: {grid: [0.1], when: {model.width: 0.5}}
"""
    spec = load_study(write(text))
    assert spec.blocks[0].idle == ("model.latent_dim", "model.input_noise", "model.r1_gamma")
    assert [warning.split()[0] for warning in spec.warnings] == list(spec.blocks[0].idle)
    wide = text + "blocks: [{name: a}, {name: b, parameters: {model.width: 0.5, model.noise_dim: 7}}]"
    spec = load_study(write(wide))
    assert [axis.name for axis in spec.blocks[1].axes] == ["model.latent_dim", "model.input_noise", "model.r1_gamma"]
    assert spec.warnings == ()


def test_a_budget_that_nothing_can_use_is_said(write):
    text = "parameters: {model.latent_dim: {grid: [2, 5]}}\nbudget: {runs: %d}\nreplicates: %s"
    assert load_study(write(text % (4, 2))).warnings == ()
    assert load_study(write(text % (9, "{number: 2, until: {half_width: 0.1, max: 3}}"))).warnings == ()
    assert "room for 5 runs beyond the grids, but no block searches" in load_study(write(text % (9, 2))).warnings[0]


def test_inactive_keys_stand_at_their_default_and_equal_cells_merge(write):
    text = """
parameters:
  model.r1_gamma: {grid: [0.1, 0.5], when: {model.latent_dim: [2, 5]}}
  model.latent_dim: {grid: [2, 9]}
"""
    (block,) = load_study(write(text)).blocks
    assert [axis.name for axis in block.axes] == ["model.latent_dim", "model.r1_gamma"]
    assert list(block.cells()) == [
        {"model.latent_dim": 2, "model.r1_gamma": 0.1},
        {"model.latent_dim": 2, "model.r1_gamma": 0.5},
        {"model.latent_dim": 9},
    ]


def test_search_alone_takes_its_default_beside_a_grid_and_no_cell_without(write):
    text = "parameters: {model.noise_dim: {search: {low: 1, high: 200}}, model.latent_dim: {grid: [2, 5]}}\n"
    (block,) = load_study(write(text + "budget: {runs: 9}")).blocks
    assert [cell["model.noise_dim"] for cell in block.cells()] == [100, 100]
    (block,) = load_study(write("parameters: {model.noise_dim: {search: {low: 1, high: 9}}}\nbudget: {runs: 9}")).blocks
    assert list(block.cells()) == []


@pytest.mark.parametrize(
    ("space", "inside", "outside"),
    [
        (IntegerRange(2, 8, step=2), (2, 4, 8), (3, 10, 0, 2.5, True, "2", None)),
        (FloatRange(0.0, 1.0), (0, 0.3, 1), (-0.1, 1.1, float("nan"), True, "x")),
        (FloatRange(0.1, 0.7, step=0.2), (0.1, 0.3, 0.7), (0.2,)),
        (ZeroOrRange(IntegerRange(1, 5, log=True)), (0, 1, 5), (6, -1, False)),
        (Choices((1, 2.5, "a", True)), (2.5, "a", True), (3, "b", False, 0)),
    ],
)
def test_spaces_hold_exactly_their_values(space, inside, outside):
    assert all(value in space for value in (*inside, *space.corners))
    assert not any(value in space for value in outside)


def test_random_nonsense_never_escapes_as_another_error(write):
    values = ["5", "[]", "{}", "null", "[1, [2]]", "{a: {b: c}}", "x", ".nan", "true", "[{name: 3}]", "'", "[null]"]
    keys = list(STUDY_KEYS)
    inner = [
        "{model.latent_dim: %s}",
        "{model.latent_dim: {grid: %s}}",
        "{model.latent_dim: {search: %s}}",
        "{data.name: %s}",
        "{model.latent_dim: {search: {low: %s, high: 5}}}",
        "{model.width: {grid: [1], when: %s}}",
        "{model.category_probabilities: {grid: %s}}",
        "{model.width: {search: {choices: %s}}}",
    ]
    texts = [f"{key}: {value}" for key, value in itertools.product(keys, values)]
    texts += [
        f"parameters: {form % value}\nblocks: [{{name: a}}, {value}]"
        for form, value in itertools.product(inner, values)
    ]
    texts += [f"smoke: {{parameters: {value}, budget: {value}, replicates: {value}}}" for value in values]
    texts += [f"objectives: [{{measure: {value}, direction: {value}}}]" for value in values]
    refused = 0
    for text in texts:
        path = write(text)
        for smoke in (False, True):
            try:
                load_study(path, [f"replicates={text[:4]}"] if smoke else [], smoke)
            except SpecError as error:
                refused += 1
                assert all(str(problem) for problem in error.problems)
    assert refused > len(texts)


def test_loading_costs_no_heavy_import():
    code = """
import sys
for name in ("torch", "ray", "optuna", "numpy", "pandas"):
    sys.modules[name] = None
from pathlib import Path
from study.plan import make_plan
from study.plan_text import describe
from study.records import StudyFolder
from study.spec import load_study
spec = load_study("search_spaces/decomposition.yaml")
nowhere = StudyFolder(Path("nowhere"))
print(describe(make_plan(spec, nowhere), spec, nowhere))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Time: unknown until the first run finishes." in done.stdout


def test_smoke_without_a_section_is_tiny(write):
    text = GAUSSIAN.replace("width: 0.125, train.steps: 50", "width: 0.5, train.steps: 5000")
    path = write(text[: text.index("smoke:")])
    spec = load_study(path, smoke=True)
    # 4 cells and one, and one more for each of the two blocks that search
    assert spec.budget == Budget(7, 2)
    assert [block.replicates for block in spec.blocks] == [1, 1]
    for block in spec.blocks:
        assert [block.fixed[name] for name in ("train.steps", "train.report_every", "model.width")] == [100, 20, 0.125]
    assert load_study(path, ["budget.runs=9", "train.steps=7"], smoke=True).budget.runs == 9


def test_smoke_without_a_section_keeps_what_is_smaller(write):
    path = write("parameters: {model.width: 0.03, train.steps: 40, model.latent_dim: {grid: [2, 3]}}\n")
    spec = load_study(path, smoke=True)
    (block,) = spec.blocks
    assert (block.fixed["model.width"], block.fixed["train.steps"]) == (0.03, 40)
    assert spec.budget.runs == 2


def test_places_of_grid_values_count_the_unreadable_ones(problems):
    lines = problems("parameters: {model.latent_dim: {grid: [2.5, -3, 4]}}")
    assert [line.partition(": ")[0] for line in lines] == ["s.yaml:1:40", "s.yaml:1:45"]
    assert "grid[0]" in lines[0]
    assert "grid[1]" in lines[1]


def test_too_many_replicates_are_reported_where_they_stand(problems):
    (line,) = problems("replicates: 1000000000\nparameters: {model.latent_dim: {grid: [2]}}")
    assert line.startswith("s.yaml:1:13: replicates: a study must have at most")


def test_messages_show_values_as_yaml_does(problems):
    (line,) = problems("blocks: {a: [true, null, 1]}")
    assert line.endswith("but got {a: [true, null, 1]}")


@pytest.mark.parametrize(("text", "number"), [("auto", None), ("null", None), ("3", 3)])
def test_how_many_replicates_train_together(spec_of, text, number):
    spec = spec_of(f"resources: {{runs_together: {text}}}\n")
    assert spec.resources.runs_together == number
