"""The JSON Schema says what `load_study` says, as far as the form goes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from iae_models.config import default_values, field_types
from study.algorithms import SAMPLER_OPTIONS, SCHEDULER_OPTIONS
from study.schema import study_schema
from study.spec import SpecError, load_study
from study.yaml_source import parse_document

ROOT = Path(__file__).parents[2]
SCHEMA = study_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

EVERYTHING = """
name: everything
question: Does the schema know every key?
parameters: {model.width: 0.125, train.steps: 2000, model.category_probabilities: []}
blocks:
- name: gaussian
  replicates: {number: 4, until: null}
  parameters:
    model.code: gaussian
    model.latent_dim: {grid: [2, 5], zip: sizes}
    model.noise_dim: {grid: [100, 10], zip: sizes}
    model.input_noise: {grid: [0, 0.3], when: {model.noise_dim: [10]}}
    model.reconstruction_loss: {search: {choices: [minimax, non_saturating]}}
    train.batch_size: {grid: [64], search: {choices: [32, 64, 128], ordered: true}}
    train.generator_lr: {search: {low: 1e-4, high: 1e-2, log: true}}
    model.r1_gamma: {search: {low: 0.1, high: 1, log: true, include: 0}}
replicates: {number: 3, aggregate: median, until: {half_width: 0.02, max: 8}}
objectives: [{measure: critic_accuracy, direction: minimize, split: validation}]
oracle: false
budget: {runs: 45, hours: null}
search: {sampler: tpe, seed: 0, options: {multivariate: true}, storage: null}
scheduler: {name: asha, every: 200, options: {reduction_factor: 3}}
confirm: {top: 3, seeds: 5}
resources:
  {cpus_per_lane: 1, gpus_per_lane: 0.25, max_concurrent: null, lane_size: 1, device: auto, checkpoint_s: 30,
   product: torch}
smoke: {parameters: {train.steps: 100}, replicates: 2, budget: {runs: 20}, confirm: null, scheduler: null}
"""


def is_valid(text: str) -> bool:
    return VALIDATOR.is_valid(parse_document(text, "s.yaml").root.plain)


def is_loaded(text: str, tmp_path: Path) -> bool:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_study(path)
    except SpecError:
        return False
    return True


def test_it_is_a_schema_and_every_shipped_study_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    paths = sorted((ROOT / "search_spaces").glob("*.yaml"))
    assert len(paths) >= 3
    for path in paths:
        assert is_valid(path.read_text(encoding="utf-8")), path


def test_it_knows_every_key(tmp_path: Path) -> None:
    assert is_loaded(EVERYTHING, tmp_path)
    assert is_valid(EVERYTHING)
    assert is_valid("extends: other.yaml\n")
    assert is_valid("parameters: {model.variant: my_package.my_module:MyVariant}")
    assert not is_valid("parameters: {model.variant: my_module}")
    assert set(SCHEMA["$defs"]["parameters"]["properties"]) == set(field_types())
    for name, value in default_values().items():
        plain = list(value) if isinstance(value, tuple) else value
        assert VALIDATOR.is_valid({"parameters": {name: plain}}), name
    descriptions = [entry["description"] for entry in SCHEMA["$defs"]["parameters"]["properties"].values()]
    assert all(len(text) > 10 for text in descriptions)


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("name: everything", "name: a/b"),
        ("oracle: false", "oracle: no"),
        ("oracle: false", "orcale: false"),
        ("model.width: 0.125", "model.width: 5"),
        ("model.width: 0.125", "model.width: 0"),
        ("model.width: 0.125", "model.width: wide"),
        ("model.width: 0.125", "model.widht: 1"),
        ("model.code: gaussian", "model.code: gauss"),
        ("train.steps: 2000", "train.steps: 0"),
        ("train.steps: 2000", "train.steps: 1.5"),
        ("grid: [2, 5]", "grid: []"),
        ("grid: [2, 5]", "grid: [2, five]"),
        ("grid: [2, 5]", "gird: [2, 5]"),
        ("grid: [0, 0.3], ", ""),
        ("when: {model.noise_dim: [10]}", "when: {model.noise: [10]}"),
        ("low: 1e-4, high", "low: 1e-4, hihg"),
        ("low: 1e-4, ", ""),
        ("include: 0", "include: 1"),
        ("choices: [minimax, non_saturating]", "choices: [minmax]"),
        ("choices: [32, 64, 128], ordered: true", "choices: [32, 64, 128], low: 3"),
        ("number: 3, aggregate: median", "number: 3, aggregate: best"),
        ("number: 4, until: null", "number: 4, aggregate: mean"),
        ("half_width: 0.02, max: 8", "half_width: 0.02"),
        ("measure: critic_accuracy", "measure: criticaccuracy"),
        ("split: validation", "split: test"),
        ("runs: 45", "runs: 0"),
        ("sampler: tpe", "sampler: bayes"),
        ("options: {multivariate: true}", "options: {multivariate: 1}"),
        ("options: {multivariate: true}", "options: {population_size: 10}"),
        ("sampler: tpe, seed: 0, options: {multivariate: true}", "options: {popsize: 10}"),
        ("options: {reduction_factor: 3}", "options: {reduction_factor: 1}"),
        ("name: asha, every: 200", "name: asha"),
        ("name: asha", "name: pbt"),
        ("confirm: {top: 3, seeds: 5}", "confirm: {top: 3}"),
        ("device: auto", "device: tpu"),
        ("checkpoint_s: 30", "checkpoint_s: -1"),
        ("smoke: {parameters", "smoke: {parameter"),
    ],
)
def test_both_refuse_what_is_broken(line: str, broken: str, tmp_path: Path) -> None:
    assert line in EVERYTHING
    text = EVERYTHING.replace(line, broken, 1)
    assert not is_loaded(text, tmp_path)
    assert not is_valid(text)


def test_options_follow_the_sampler_and_the_scheduler() -> None:
    for name, options in SAMPLER_OPTIONS.items():
        for other, more in SAMPLER_OPTIONS.items():
            for option, info in more.items():
                value = info.choices[0] if info.choices else info.kind(max(info.low, 1))
                assert VALIDATOR.is_valid({"search": {"sampler": name, "options": {option: value}}}) == (
                    option in options
                ), (name, other, option)
    for name, options in SCHEDULER_OPTIONS.items():
        for option in ("n_min_trials", "min_resource", "max_resource"):
            scheduler = {"name": name, "every": 5, "options": {option: 3}}
            assert VALIDATOR.is_valid({"scheduler": scheduler}) == (option in options)


def test_the_command_prints_it_without_heavy_libraries() -> None:
    code = "import runpy, sys; runpy.run_module('study.schema', run_name='__main__'); "
    code += "assert not {'torch', 'ray', 'optuna'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == SCHEMA
