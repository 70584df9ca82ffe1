import pytest
from optuna.trial import TrialState

from iae_models.config import config_key
from study.block_search import MAX_ATTEMPTS, BlockSearch, Known, Repetition
from study.planned import grid_runs
from study.samplers import NUM_STARTUP_TRIALS, make_sampler
from study.scores import Score
from study.spec import SearchOptions

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

WIDE = """
name: wide
parameters: {model.latent_dim: {grid: [2], search: {low: 2, high: 20}}}
objectives: [{measure: critic_accuracy}]
budget: {runs: 99}
"""
PLANE = """
name: plane
parameters:
  model.latent_dim: {grid: [2], search: {low: 2, high: 20}}
  model.input_noise: {grid: [0.1], search: {low: 0.0, high: 1.0}}
objectives: [{measure: critic_accuracy}]
budget: {runs: 99}
"""


def known_cells(spec, block, values=None):
    cells = {run.config_key: run for run in grid_runs(spec) if run.block == block.name and run.replicate == 0}
    score = None if values is None else Score(values, 2)
    return [Known(run.config, run.label, score=score) for run in cells.values()]


def test_grid_is_history_and_proposals_follow_it(spec_of):
    spec = spec_of()
    block = spec.block("gaussian")
    search = BlockSearch(spec, block, [*known_cells(spec, block, (0.7, 1.0)), *known_cells(spec, spec.block("frozen"))])
    assert search.study.study_name == "small.gaussian"
    assert [trial.state for trial in search.study.trials] == [TrialState.COMPLETE] * 4
    assert search.study.trials[0].params == {"model.latent_dim": 2, "model.noise_dim=0": True}
    assert search.study.trials[1].params == {"model.latent_dim": 2, "model.noise_dim=0": False, "model.noise_dim": 10}
    assert search.study.trials[0].user_attrs["label"] == "z=2 n=0"
    runs = search.propose().runs
    assert [run.replicate for run in runs] == [0, 1]
    assert {run.trial for run in runs} == {4}
    assert {run.origin for run in runs} == {"search"}
    search.tell(runs[0].config_key, Score((0.5, 2.0), 2))
    assert search.study.trials[4].values == [0.5, 2.0]
    assert search.study.trials[4].user_attrs["config_key"] == runs[0].config_key


def next_new(search):
    """Return the first run of the next proposal that is no repetition."""
    while (proposal := search.propose()).duplicate_of is not None:
        pass
    return proposal.runs[0]


def test_a_repeated_proposal_fails_and_names_the_first(spec_of):
    spec = spec_of(WIDE, "search.sampler=random")
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block))
    proposals = []
    while (proposal := search.propose()) is not None and len(proposals) < 60:
        proposals.append(proposal)
    new = [proposal for proposal in proposals if proposal.duplicate_of is None]
    repeated = [proposal for proposal in proposals if proposal.duplicate_of is not None]
    assert len({proposal.runs[0].config_key for proposal in new}) == len(new)
    assert repeated
    for proposal in repeated:
        trial = search.study.trials[proposal.runs[0].trial]
        first = search.study.trials[proposal.duplicate_of]
        assert trial.state == TrialState.FAIL
        assert (trial.user_attrs["duplicate_of"], trial.params) == (first.number, first.params)
        assert first.user_attrs["config_key"] == proposal.runs[0].config_key


def test_a_search_that_repeats_itself_ends_at_this_launch_and_at_the_next(spec_of, monkeypatch):
    spec = spec_of(WIDE)
    (block,) = spec.blocks
    cells = known_cells(spec, block)
    monkeypatch.setattr("study.block_search.suggest", lambda *_: {"model.latent_dim": 2})
    search = BlockSearch(spec, block, cells)
    proposals = []
    while (proposal := search.propose()) is not None:
        proposals.append(proposal)
    assert len(proposals) == MAX_ATTEMPTS
    assert {proposal.duplicate_of for proposal in proposals} == {0}
    assert search.exhausted == f"{MAX_ATTEMPTS} proposals in a row were no new configurations"
    repetitions = [Repetition(item.runs[0].trial, item.runs[0].config_key) for item in proposals]
    again = BlockSearch(spec, block, cells, repetitions)
    assert again.propose() is None
    assert [trial.user_attrs.get("duplicate_of") for trial in again.study.trials] == [None] + [0] * MAX_ATTEMPTS
    later = BlockSearch(spec, block, cells, repetitions[:-1])
    assert later.propose() is not None
    assert later.propose() is None


def test_a_search_ends_when_every_configuration_of_its_space_is_there(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block))
    found = set()
    while (proposal := search.propose()) is not None:
        found.add(proposal.runs[0].config.model.latent_dim)
    assert found | {2} == {2, 3, 4}
    assert search.exhausted == "all 3 configurations of its space have their runs"
    assert len(search.study.trials) < MAX_ATTEMPTS + 3


def test_an_aggregate_that_is_told_again_replaces_the_first(spec_of):
    spec = spec_of(WIDE)
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block))
    key = known_cells(spec, block)[0].config
    search.tell(config_key(key), Score((0.9,), 1, 1))
    run = next_new(search)
    search.tell(config_key(key), Score((0.4,), 3))
    assert search.study.best_trial.values == [0.4]
    first, second = search.study.trials[0], search.study.trials[run.trial]
    assert (first.number, first.values, first.user_attrs["num_seeds"]) == (0, [0.4], 3)
    assert "num_failed" not in first.user_attrs
    assert (second.state, second.user_attrs["config_key"]) == (TrialState.RUNNING, run.config_key)
    search.tell(run.config_key, Score((0.5,), 1))
    assert search.study.trials[run.trial].values == [0.5]
    search.tell(config_key(key), Score((0.6,), 4))
    assert search.study.best_trial.number == run.trial  # and not what was best once
    search.tell(run.config_key, Score(None, 0, 2, "loss became nan", "diverged"))
    second = search.study.trials[run.trial]
    assert (second.state, second.user_attrs["kind"]) == (TrialState.FAIL, "diverged")


def test_a_pruned_configuration_keeps_its_rungs(spec_of):
    spec = spec_of(WIDE)
    (block,) = spec.blocks
    cell = known_cells(spec, block)[0].config
    score = Score(None, 0, reason="asha at step 20", kind="pruned", rungs=((10, 0.8), (20, 0.7)))
    search = BlockSearch(spec, block, known_cells(spec, block))
    search.tell(config_key(cell), score)
    again = BlockSearch(spec, block, [Known(cell, score=score)])
    for study in (search.study, again.study):
        (trial,) = study.trials
        assert (trial.state, trial.intermediate_values) == (TrialState.PRUNED, {10: 0.8, 20: 0.7})
        assert trial.user_attrs["reason"] == "asha at step 20"


def test_a_configuration_without_values_fails_with_its_reason(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block))
    search.tell(config_key(known_cells(spec, block)[0].config), Score(None, 0, 2, "loss became nan", "diverged"))
    (trial,) = search.study.trials
    assert (trial.state, trial.values) == (TrialState.FAIL, None)
    assert (trial.user_attrs["reason"], trial.user_attrs["kind"]) == ("loss became nan", "diverged")


def test_a_region_that_fails_is_left_alone_and_stays_failed_to_readers(spec_of):
    # the values say "larger is better", and all that is larger than 12 fails
    spec = spec_of(WIDE.replace("grid: [2]", "grid: [2, 7, 12, 16, 20]"))
    (block,) = spec.blocks

    def score_of(run):
        size = run.config.model.latent_dim
        return Score(None, 0, 1, "loss became nan", "diverged") if size > 12 else Score((1 - size / 100,), 1)

    search = BlockSearch(spec, block, [Known(run.config, run.label, score=score_of(run)) for run in grid_runs(spec)])
    failed = []
    for _ in range(12):
        (run,) = search.propose().runs
        score = score_of(run)
        failed.append(score.values is None)
        search.tell(run.config_key, score)
    assert sum(failed) <= 6, failed
    trials = [trial for trial in search.study.trials if "duplicate_of" not in trial.user_attrs]
    assert {trial.state for trial in trials if trial.params["model.latent_dim"] > 12} == {TrialState.FAIL}
    assert {trial.state for trial in trials if trial.params["model.latent_dim"] <= 12} == {TrialState.COMPLETE}


def known_of(run, score=None):
    return Known(run.config, run.label, run.proposed_by, run.trial, score, run.sampler)


def test_numbers_stay_the_same_at_the_next_launch(spec_of):
    spec = spec_of(WIDE)
    (block,) = spec.blocks
    cells = known_cells(spec, block, (0.5,))
    before = BlockSearch(spec, block, cells)
    proposed = [next_new(before) for _ in range(4)]
    pending = [known_of(run) for run in proposed]
    # a cell more in the grid, and one that another block's search has proposed under a number of its own
    used = {run.config.model.latent_dim for run in proposed}
    first, second, *_ = (size for size in range(3, 20) if size not in used)
    more = [
        Known(block.config({"model.latent_dim": first})),
        Known(block.config({"model.latent_dim": second}), "", "b", 1),
    ]
    after = BlockSearch(spec, block, [*pending[::-1], *cells, *more])
    for run in proposed:
        after.tell(run.config_key, Score((0.25,), 1))
        assert after.study.trials[run.trial].user_attrs["config_key"] == run.config_key
        assert after.study.trials[run.trial].values == [0.25]
    assert after.study.trials[0].user_attrs["config_key"] == config_key(cells[0].config)
    numbers = [after.number_of(config_key(item.config)) for item in (*cells, *pending, *more)]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "cmaes", "qmc", "random"])
def test_a_search_goes_on_as_if_it_had_not_been_interrupted(spec_of, sampler):
    options = {"nsga2": "population_size: 3", "cmaes": "popsize: 4"}.get(sampler, "")
    spec = spec_of(PLANE + f"search: {{sampler: {sampler}, options: {{{options}}}}}\n")
    (block,) = spec.blocks

    def score_of(run):
        return Score(((run.config.model.input_noise - 0.3) ** 2 + run.config.model.latent_dim / 100,), 1)

    def step(search):
        proposal = search.propose()
        search.tell(proposal.runs[0].config_key, score_of(proposal.runs[0]))
        return proposal

    cells = [Known(item.config, score=score_of(item)) for item in grid_runs(spec)]
    search = BlockSearch(spec, block, cells)
    whole = [step(search) for _ in range(12)]
    runs = [(proposal.runs[0], proposal.duplicate_of) for proposal in whole[:7]]
    known = [*cells, *(known_of(run, score_of(run)) for run, first in runs if first is None)]
    repetitions = [Repetition(run.trial, run.config_key, run.sampler) for run, first in runs if first is not None]
    after = BlockSearch(spec, block, known, repetitions)
    assert [step(after) for _ in range(5)] == whole[7:]
    assert [trial.state for trial in after.study.trials] == [trial.state for trial in search.study.trials]
    assert [trial.values for trial in after.study.trials] == [trial.values for trial in search.study.trials]


def test_a_trial_says_over_how_many_seeds_its_aggregates_are(spec_of):
    spec = spec_of(ONE)
    (block,) = spec.blocks
    (cell,) = known_cells(spec, block)
    search = BlockSearch(spec, block, [cell])
    search.tell(config_key(cell.config), Score((0.5,), 2, 1))
    again = BlockSearch(spec, block, [Known(cell.config, score=Score((0.5,), 2, 1))])
    for study in (search.study, again.study):
        attributes = study.trials[0].user_attrs
        assert (attributes["num_seeds"], attributes["num_failed"]) == (2, 1)
    whole = BlockSearch(spec, block, [Known(cell.config, score=Score((0.5,), 3))]).study.trials[0]
    assert whole.user_attrs["num_seeds"] == 3
    assert not {"num_failed", "reason"} & set(whole.user_attrs)


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_samplers_learn_from_two_objectives(spec_of, sampler):
    text = CONDITIONAL if sampler == "tpe" else PLANE.replace("objectives: [{measure: critic_accuracy}]\n", "")
    spec = spec_of(text, f"search.sampler={sampler}")
    (block,) = spec.blocks
    search = BlockSearch(spec, block, known_cells(spec, block, (0.5, 1.0)))
    for _ in range(15):
        run = search.propose().runs[0]
        search.tell(run.config_key, Score((run.config.model.latent_dim / 8, float(run.config.model.noise_dim)), 1))
    assert len(search.study.best_trials) >= 1
    assert search.study.metric_names == ["critic_accuracy", "r2_mean"]


def test_the_estimator_takes_over_early_and_options_reach_it():
    assert make_sampler(SearchOptions(), 0)._n_startup_trials == NUM_STARTUP_TRIALS < 10
    chosen = make_sampler(SearchOptions(options={"n_startup_trials": 2, "multivariate": True}), 0)
    assert (chosen._n_startup_trials, chosen._multivariate) == (2, True)
