"""Pruning: decisions are Optuna's, and stay so when a judge is rebuilt from what the run folders hold."""

import random
from collections import Counter

import optuna
import pytest

from study.judge import Judge, bracket_of
from study.planned import grid_runs
from study.rungs import Rung

MEASURE = "critic_accuracy"
TEXT = f"""
parameters: {{model.latent_dim: {{grid: {list(range(2, 42))}}}, train.steps: 90, train.report_every: 10}}
objectives: [{{measure: {MEASURE}}}]
scheduler: {{name: NAME, every: 10, options: {{OPTIONS}}}}
"""
CASES = {
    "asha": ("reduction_factor: 3", lambda: optuna.pruners.SuccessiveHalvingPruner(10, 3)),
    "hyperband": ("reduction_factor: 3", None),
    "median": (
        "n_startup_trials: 4, n_warmup_steps: 20",
        lambda: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=20),
    ),
}


class Course:
    """Runs that train side by side, a random one reaching its next rung at each moment."""

    def __init__(self, runs, seed):
        self.random = random.Random(seed)
        self.runs = {run.key: run for run in runs}
        self.rungs = {run.key: [] for run in runs}
        self.status = dict.fromkeys(self.runs, "planned")
        self.quality = {key: self.random.random() for key in self.runs}

    def decisions(self, judge_of, stops, end, decide=lambda: None):
        """Return each rung's run, step and verdict, in their order."""
        made = []
        while open_keys := [key for key, status in self.status.items() if status == "planned"]:
            key = self.random.choice(open_keys[:8])
            step = 10 * (len(self.rungs[key]) + 1)
            if step == 90:
                self.status[key] = "finished"
                end(judge_of(), self.runs[key], "finished", self.quality[key])
                continue
            value = self.quality[key] + self.random.gauss(0, 0.2)
            rung = Rung(step, {MEASURE: value})
            self.rungs[key].append(rung)
            decide()
            verdict = stops(judge_of(), self.runs[key], rung)
            made.append((key, step, verdict))
            if verdict:
                self.status[key] = "pruned"
                end(judge_of(), self.runs[key], "pruned", None)
            else:
                self.rungs[key][-1] = Rung(step, rung.values, judged=True)
        return made


def optunas(pruner, runs, seed):
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    trials, order = {}, []

    def stops(_, run, rung):
        if run.key not in trials:
            order.append(run.key)
            trials[run.key] = study.ask()
        trials[run.key].report(rung.values[MEASURE], rung.step)
        return trials[run.key].should_prune()

    def end(_, run, status, value):
        state = optuna.trial.TrialState.PRUNED if status == "pruned" else None
        study.tell(trials[run.key], value, state=state)

    pruner.key_of = lambda number: order[number]
    return Course(runs, seed).decisions(lambda: None, stops, end)


def hyperband(spec, runs):
    """Return Optuna's Hyperband with our brackets in the place of its own, which go by the number of a trial."""
    by_key = {run.key: run for run in runs}

    class Fixed(optuna.pruners.HyperbandPruner):
        def _get_bracket_id(self, _, trial):
            return bracket_of(spec.scheduler, by_key[self.key_of(trial.number)])

    return Fixed(min_resource=10, max_resource=90, reduction_factor=3)


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("seed", [0, 1])
def test_decisions_are_optunas_with_and_without_interruptions(spec_of, name, seed):
    options, make = CASES[name]
    spec = spec_of(TEXT.replace("NAME", name).replace("OPTIONS", options))
    runs = grid_runs(spec)
    expected = optunas(make() if make else hyperband(spec, runs), runs, seed)
    assert {verdict for _, _, verdict in expected} == {False, True}

    course, kills = Course(runs, seed), random.Random(seed)
    judges = [Judge(spec)]

    def rebuild():
        """Take the judge's place from the folders, before it has judged the rung that was just written."""
        if kills.random() < 0.3:
            judge = Judge(spec)
            for key, run in course.runs.items():
                judge.replay(run, course.rungs[key], course.status[key], course.quality[key])
            judges.append(judge)

    found = course.decisions(lambda: judges[-1], Judge.stops, Judge.end, rebuild)
    assert len(judges) > 10
    assert found == expected


def test_brackets_have_hyperbands_shares(spec_of):
    spec = spec_of(
        TEXT.replace("NAME", "hyperband").replace("OPTIONS", "").replace("list(range(2, 42))", "[2]"),
    )
    counts = Counter(bracket_of(spec.scheduler, run) for run in grid_runs(spec))
    assert set(counts) == {0, 1, 2}  # 10, 30 and 90 steps
    assert counts[0] > counts[1] >= counts[2] > 0


def test_a_rung_without_a_value_and_one_that_was_judged_let_a_run_go_on(spec_of):
    spec = spec_of(TEXT.replace("NAME", "asha").replace("OPTIONS", "reduction_factor: 2"))
    good, bad = grid_runs(spec)[:2]
    judge = Judge(spec)
    assert not judge.stops(good, Rung(10, {MEASURE: 0.5}))
    assert not judge.stops(bad, Rung(10, {MEASURE: None}))
    assert judge.stops(bad, Rung(20, {MEASURE: 0.9}))
    assert not judge.stops(bad, Rung(20, {MEASURE: 0.9}))


def test_runs_are_compared_within_their_block(spec_of):
    text = f"""
blocks:
  - name: trained
    parameters: {{model.latent_dim: {{grid: [2, 3]}}}}
  - name: control
    parameters: {{model.latent_dim: {{grid: [2]}}, model.train_encoder: false}}
objectives: [{{measure: {MEASURE}}}]
scheduler: {{name: asha, every: 10, options: {{reduction_factor: 2}}}}
"""
    first, second, control = grid_runs(spec_of(text))
    judge = Judge(spec_of(text))
    assert not judge.stops(first, Rung(10, {MEASURE: 0.5}))
    assert not judge.stops(control, Rung(10, {MEASURE: 0.9}))
    assert judge.stops(second, Rung(10, {MEASURE: 0.9}))
