import optuna
import pytest
from optuna.trial import TrialState

from iae_models.config import config_key, flatten
from study import block_search
from study.block_search import MAX_ATTEMPTS, BlockSearch, Known, encode, suggest
from study.plan import grid_runs
from study.results import Mean
from study.search_space import Choices

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
ONE = """
name: one
parameters: {model.latent_dim: {grid: [2], search: {choices: [2, 3, 4]}}}
objectives: [{measure: critic_accuracy}]
budget: {runs: 9}
"""


def known_cells(spec, block, values=None):
    cells = {run.config_key: run for run in grid_runs(spec) if run.block == block.name and run.replicate == 0}
    mean = None if values is None else Mean(values, 2)
    return [Known(run.config, run.label, mean=mean) for run in cells.values()]


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
    return (axis.search or Choices(axis.grid)).corners[-1]


def test_grid_is_history_and_proposals_follow_it(spec_of):
    spec = spec_of()
    block = spec.block("gaussian")
    search = BlockSearch(spec, block, [*known_cells(spec, block, (0.7, 1.0)), *known_cells(spec, spec.block("frozen"))])
    assert search.study.study_name == "small.gaussian"
    assert [trial.state for trial in search.study.trials] == [TrialState.COMPLETE] * 4
    assert search.study.trials[0].params == {"model.latent_dim": 2, "model.noise_dim=0": True}
    assert search.study.trials[1].params == {"model.latent_dim": 2, "model.noise_dim=0": False, "model.noise_dim": 10}
    assert search.study.trials[0].user_attrs["label"] == "z=2 n=0"
    runs = search.propose()
    assert [run.replicate for run in runs] == [0, 1]
    assert {run.trial for run in runs} == {4}
    assert {run.origin for run in runs} == {"search"}
    search.tell(runs[0].config_key, Mean((0.5, 2.0), 2))
    assert search.study.trials[4].values == [0.5, 2.0]
    assert search.study.trials[4].user_attrs["config_key"] == runs[0].config_key


def test_proposals_are_new_until_none_is_left(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block))
    first, second = search.propose(), search.propose()
    assert sorted(runs[0].config.model.latent_dim for runs in (first, second)) == [3, 4]
    assert search.propose() == []
    assert search.exhausted == f"{MAX_ATTEMPTS} proposals in a row were no new configurations"
    duplicates = [trial for trial in search.study.trials if "duplicate_of" in trial.user_attrs]
    assert len(duplicates) >= MAX_ATTEMPTS
    assert {trial.state for trial in duplicates} == {TrialState.FAIL}
    assert {trial.user_attrs["duplicate_of"] for trial in duplicates} <= {0, first[0].trial, second[0].trial}


def test_a_configuration_without_values_fails_with_its_reason(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block))
    search.tell(config_key(known_cells(spec, block)[0].config), Mean(None, 0, 2, "loss became nan"))
    (trial,) = search.study.trials
    assert (trial.state, trial.values, trial.user_attrs["reason"]) == (TrialState.FAIL, None, "loss became nan")


def test_numbers_stay_the_same_at_the_next_launch(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    cells = known_cells(spec, block, (0.5,))
    before = BlockSearch(spec, block, cells)
    proposed = [run for _ in range(2) for run in before.propose()]
    pending = [Known(run.config, run.label, run.trial) for run in proposed]
    after = BlockSearch(spec, block, [*pending[::-1], *cells])
    for run in proposed:
        assert run.config_key in after
        after.tell(run.config_key, Mean((0.25,), 1))
        assert after.study.trials[run.trial].user_attrs["config_key"] == run.config_key
        assert after.study.trials[run.trial].values == [0.25]
    assert all(trial.state.is_finished() for trial in after.study.trials)


def test_a_later_launch_does_not_repeat_the_first_proposals(spec_of):
    spec = spec_of(CONDITIONAL, "search.sampler=random")
    (block,) = spec.blocks
    known = known_cells(spec, block)
    before = BlockSearch(spec, block, known)
    first = before.propose()[0]
    again = BlockSearch(spec, block, known).propose()[0]
    assert first.config_key == again.config_key  # the seed decides
    later = BlockSearch(spec, block, [*known, Known(first.config, first.label, first.trial)]).propose()[0]
    assert later.config_key != first.config_key


def test_a_trial_says_over_how_many_seeds_its_means_are_where_replicates_failed(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    (cell,) = known_cells(spec, block)
    search = BlockSearch(spec, block, [cell])
    search.tell(config_key(cell.config), Mean((0.5,), 2, 1))
    again = BlockSearch(spec, block, [Known(cell.config, mean=Mean((0.5,), 2, 1))])
    for study in (search.study, again.study):
        attributes = study.trials[0].user_attrs
        assert (attributes["num_seeds"], attributes["num_failed"]) == (2, 1)
    whole = BlockSearch(spec, block, [Known(cell.config, mean=Mean((0.5,), 3))]).study.trials[0]
    assert not {"num_seeds", "num_failed", "reason"} & set(whole.user_attrs)


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_samplers_learn_from_two_objectives(spec_of, sampler):
    spec = spec_of(CONDITIONAL, f"search.sampler={sampler}")
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block, (0.5, 1.0)))
    for _ in range(15):
        (run,) = search.propose()
        search.tell(run.config_key, Mean((run.config.model.latent_dim / 8, float(run.config.model.noise_dim)), 1))
    assert len(search.study.best_trials) >= 1
    assert search.study.metric_names == ["critic_accuracy", "rate"]


def test_the_estimator_takes_over_early():
    assert block_search._sampler("tpe", 0)._n_startup_trials == block_search.NUM_STARTUP_TRIALS < 10
