import optuna
import pytest

from iae_models.config import flatten
from study.encoding import encode, suggest
from study.space_size import num_configurations

CONDITIONAL = """
name: kinds
blocks:
  - name: all
    parameters:
      model.noise_dim: {grid: [0, 8], search: {low: 1, high: 64, log: true, include: 0}}
      model.latent_dim: {grid: [4], search: {low: 2, high: 8, step: 2}}
      model.r1_gamma: {search: {low: 0.01, high: 1.0, log: true, include: 0}}
      model.input_noise: {grid: [0.0], search: {low: 0.0, high: 0.5}}
      model.reconstruction_loss: {grid: [minimax, non_saturating], search: {choices: [minimax, non_saturating]}}
      model.instance_noise: {search: {low: 0.0, high: 0.3}, when: {model.reconstruction_loss: minimax}}
      model.code_gradient: {grid: [true, false]}
budget: {runs: 200}
"""
LINKED = """
name: linked
blocks:
  - name: all
    parameters:
      model.latent_dim: {grid: [2, 5, 20], zip: sizes}
      model.noise_dim: {grid: [100, 10, 1], zip: sizes}
      model.width: {grid: [0.5], search: {choices: [0.25, 0.5, 1.0], ordered: true}}
budget: {runs: 99}
"""


def test_every_proposal_is_encoded_as_what_the_sampler_chose(spec_of):
    spec = spec_of(CONDITIONAL)
    (block,) = spec.blocks
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = {name: set() for name in ("model.noise_dim=0", "model.reconstruction_loss", "model.code_gradient")}
    for _ in range(60):
        trial = study.ask()
        config = block.config(suggest(trial, block))
        parameters = encode(block, flatten(config))
        assert {name: value for name, (value, _) in parameters.items()} == trial.params
        assert {name: distribution for name, (_, distribution) in parameters.items()} == trial.distributions
        for name, values in seen.items():
            values.add(trial.params[name])
        assert ("model.instance_noise" in trial.params) == (config.model.reconstruction_loss == "minimax")
        assert ("model.noise_dim" in trial.params) == (config.model.noise_dim != 0)
    assert all(len(values) == 2 for values in seen.values())


def test_configurations_outside_the_space_are_not_encoded(spec_of):
    (block,) = spec_of(CONDITIONAL).blocks
    inside = flatten(block.config({axis.name: _any(axis) for axis in block.axes}))
    assert encode(block, inside) is not None
    for name, value in [("model.latent_dim", 3), ("model.noise_dim", 65), ("model.width", 0.5), ("train.steps", 1)]:
        assert encode(block, inside | {name: value}) is None


def _any(axis):
    return axis.space.corners[-1]


def test_a_zip_group_is_one_parameter_and_ordered_choices_are_a_place(spec_of):
    (block,) = spec_of(LINKED).blocks
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    pairs = set()
    for _ in range(60):
        trial = study.ask()
        config = block.config(suggest(trial, block))
        pairs.add((config.model.latent_dim, config.model.noise_dim, config.model.width))
        assert set(trial.params) == {"zip.sizes", "model.width.index"}
        parameters = encode(block, flatten(config))
        assert {name: value for name, (value, _) in parameters.items()} == trial.params
        assert {name: distribution for name, (_, distribution) in parameters.items()} == trial.distributions
    assert {pair[:2] for pair in pairs} == {(2, 100), (5, 10), (20, 1)}
    assert {pair[2] for pair in pairs} == {0.25, 0.5, 1.0}
    assert num_configurations(block) == len(pairs) == 9
    mixed = flatten(block.config({"model.latent_dim": 2, "model.noise_dim": 10, "model.width": 0.5}))
    assert encode(block, mixed) is None


@pytest.mark.parametrize(
    ("axes", "number"),
    [
        ("model.latent_dim: {grid: [2], search: {low: 2, high: 8, step: 2}}", 4),
        ("model.latent_dim: {grid: [2], search: {low: 2, high: 9}}", 8),
        ("model.noise_dim: {grid: [0], search: {low: 1, high: 8, log: true, include: 0}}", 9),
        ("model.input_noise: {grid: [0.0], search: {low: 0.0, high: 0.5, step: 0.25}}", 3),
        ("model.input_noise: {grid: [0.0], search: {low: 0.0, high: 0.5}}", None),
        ("model.latent_dim: {grid: [2], search: {low: 2, high: 20000}}", None),
    ],
)
def test_configurations_of_a_space_are_counted_where_they_are_few(spec_of, axes, number):
    (block,) = spec_of(f"parameters:\n  {axes}\nbudget: {{runs: 9}}\n").blocks
    assert num_configurations(block) == number


def test_a_group_whose_members_are_searched_is_counted_key_by_key(spec_of):
    text = """
parameters:
  model.latent_dim: {grid: [5, 20], search: {low: 5, high: 20}, zip: s}
  model.noise_dim: {grid: [200, 100], search: {choices: [100, 150, 200]}, zip: s}
budget: {runs: 9}
"""
    (block,) = spec_of(text).blocks
    assert num_configurations(block) == 16 * 3


def test_inactive_keys_are_not_counted(spec_of):
    text = """
parameters:
  model.reconstruction_loss: {grid: [minimax], search: {choices: [minimax, non_saturating]}}
  model.instance_noise:
    grid: [0.1]
    search: {choices: [0.1, 0.2, 0.3]}
    when: {model.reconstruction_loss: minimax}
budget: {runs: 9}
"""
    (block,) = spec_of(text).blocks
    assert num_configurations(block) == 4
