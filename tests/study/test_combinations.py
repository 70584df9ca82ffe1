"""What combines is one table; here every cell of it is tried on the installed Optuna."""

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import optuna
import pytest

from study.algorithms import EXCLUSIVE_OPTIONS, SAMPLER_OPTIONS, SCHEDULER_OPTIONS, Option, SamplerName, SchedulerName
from study.combinations import FEATURES, IMPOSSIBLE, table
from study.spec import SpecError, load_study

SAMPLERS = {
    "tpe": optuna.samplers.TPESampler,
    "gp": optuna.samplers.GPSampler,
    "nsga2": optuna.samplers.NSGAIISampler,
    "cmaes": optuna.samplers.CmaEsSampler,
    "qmc": optuna.samplers.QMCSampler,
    "random": optuna.samplers.RandomSampler,
}
PRUNERS = {
    "asha": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "median": optuna.pruners.MedianPruner,
}
PARAMETERS = {
    "plain": """
    model.latent_dim: {search: {low: 2, high: 40}}
    model.noise_dim: {search: {low: 1, high: 40}}""",
    "conditional": """
    model.latent_dim: {search: {low: 2, high: 40}}
    model.noise_dim: {search: {low: 1, high: 40}}
    model.input_noise: {search: {low: 0, high: 1}, when: {model.latent_dim: 2}}""",
    "include": """
    model.latent_dim: {search: {low: 2, high: 40}}
    model.noise_dim: {search: {low: 1, high: 40, include: 0}}""",
    "categorical": """
    model.latent_dim: {search: {low: 2, high: 40}}
    model.noise_dim: {search: {choices: [1, 10, 100]}}""",
    "ordered": """
    model.latent_dim: {search: {low: 2, high: 40}}
    model.noise_dim: {search: {choices: [1, 10, 100], ordered: true}}""",
    "grid": """
    model.latent_dim: {grid: [20], search: {low: 2, high: 40}}
    model.noise_dim: {grid: [1, 10]}
    model.code_noise: {grid: [0.1], search: {low: 0, high: 1}}""",
    "zip": """
    model.latent_dim: {grid: [20], search: {low: 2, high: 40}}
    model.width: {grid: [0.5], search: {low: 0.1, high: 1}}
    model.noise_dim: {grid: [1, 10], zip: a}
    model.code_noise: {grid: [0.1, 0.2], zip: a}""",
}
CELLS = [(name, feature) for name in get_args(SamplerName) for feature in FEATURES]


def problems_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_study(path)
    except SpecError as error:
        return [str(problem).replace(f"{tmp_path}/", "") for problem in error.problems]
    return []


def study_text(space: str, num_objectives: int = 1, more: str = "") -> str:
    objectives = [
        "{measure: rate, direction: maximize}",
        "{measure: critic_accuracy, direction: minimize}",
    ][:num_objectives]
    return (
        f"budget: {{runs: 200}}\nobjectives: [{', '.join(objectives)}]\n{more}\n"
        f"blocks:\n- name: a\n  parameters:{PARAMETERS[space]}\n"
    )


@pytest.mark.parametrize(("name", "feature"), CELLS)
def test_load_study_refuses_what_the_table_refuses_and_nothing_else(name: str, feature: str, tmp_path: Path) -> None:
    spaces = {
        "objectives": ["plain"],
        "conditional": ["conditional", "include"],
        "categorical": ["categorical", "grid", "zip"],
    }[feature]
    for space in spaces:
        text = study_text(space, 2 if feature == "objectives" else 1, f"search: {{sampler: {name}}}")
        problems = [item for item in problems_of(tmp_path, text) if "must not be used where" in item]
        reason = IMPOSSIBLE.get((name, feature))
        if reason is None:
            assert problems == []
        else:
            assert any(item.startswith("s.yaml:3:19: search.sampler: ") and item.endswith(reason) for item in problems)
    if name == "cmaes":
        assert problems_of(tmp_path, study_text("ordered", 1, "search: {sampler: cmaes}")) == []


def test_a_refusal_names_the_block_that_is_to_blame(tmp_path: Path) -> None:
    text = """budget: {runs: 20}
search: {sampler: gp}
blocks:
- {name: a, parameters: {model.latent_dim: {search: {low: 2, high: 9}}}}
- {name: b, parameters: {model.noise_dim: {search: {low: 1, high: 9, include: 0}}}}
- name: c
  parameters: {model.input_noise: {grid: [0, 1], when: {model.noise_dim: 1}}, model.noise_dim: {grid: [0, 1]}}
"""
    (problem,) = problems_of(tmp_path, text)  # block c searches nothing
    assert problem.startswith("s.yaml:2:19: search.sampler: gp must not be used where n of block 'b' has an include")


@pytest.mark.parametrize("name", get_args(SchedulerName))
def test_schedulers_judge_by_one_objective(name: str, tmp_path: Path) -> None:
    scheduler = f"scheduler: {{name: {name}, every: 100}}"
    assert problems_of(tmp_path, study_text("conditional", 1, scheduler)) == []
    (problem,) = problems_of(tmp_path, study_text("plain", 2, scheduler))
    assert problem == (
        f"s.yaml:3:19: scheduler.name: {name} must not be used where there are 2 objectives: a run is judged against "
        "others by one number while it trains; state one objective"
    )
    study = optuna.create_study(directions=["minimize", "minimize"], pruner=PRUNERS[name]())
    with pytest.raises(NotImplementedError):
        study.ask().report(1.0, 1)


def test_a_scheduler_that_never_judges_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, study_text("plain", 1, "scheduler: {name: asha, every: 2000}"))
    assert "must be less than the 2000 steps of the longest run" in problem


@pytest.mark.parametrize(
    ("constructor", "options"),
    [
        *((SAMPLERS[name], options) for name, options in SAMPLER_OPTIONS.items()),
        *((PRUNERS[name], options) for name, options in SCHEDULER_OPTIONS.items()),
    ],
)
def test_options_are_those_of_the_installed_optuna(constructor: Any, options: dict[str, Option]) -> None:
    signature = inspect.signature(constructor.__init__).parameters
    for name, option in options.items():
        assert name in signature
        hint = str(signature[name].annotation)
        assert option.kind.__name__ in hint or (option.kind is float and "float" in hint)
    # every one of them is taken without a warning that it will be dropped
    values = {
        name: option.choices[0] if option.choices else option.kind(max(option.low, 1))
        for name, option in options.items()
    }
    for first, second, value, _ in EXCLUSIVE_OPTIONS:
        if first in values and values[second] is value:
            del values[first]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        constructor(**values)


@pytest.mark.parametrize(("first", "second", "value"), [item[:3] for item in EXCLUSIVE_OPTIONS])
def test_optuna_refuses_options_that_exclude_one_another(first: str, second: str, value: bool, tmp_path: Path) -> None:
    name = next(name for name, options in SAMPLER_OPTIONS.items() if first in options)
    with warnings.catch_warnings(), pytest.raises(ValueError, match=r"."):
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        SAMPLERS[name](**{first: True, second: value})
    options = f"search: {{sampler: {name}, options: {{{first}: true, {second}: {str(value).lower()}}}}}"
    (problem,) = problems_of(tmp_path, study_text("plain", 1, options))
    assert f"search.options.{first}: must not be true where {second}" in problem


def test_the_documented_table_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "study_files.md").read_text(encoding="utf-8")
    assert table() in text


def plain(trial: optuna.Trial) -> None:
    trial.suggest_int("a", 1, 40)
    trial.suggest_float("b", 0, 1)


def conditional(trial: optuna.Trial) -> None:
    plain(trial)
    if trial.number % 2:
        trial.suggest_int("c", 1, 40)


def include(trial: optuna.Trial) -> None:
    trial.suggest_int("a", 1, 40)
    trial.suggest_categorical("b=0", [False, True])
    if trial.number % 2:
        trial.suggest_int("b", 1, 40)


def categorical(trial: optuna.Trial) -> None:
    plain(trial)
    trial.suggest_categorical("c", ["x", "y", "z"])


def num_random(name: str, space: Callable[[optuna.Trial], None], num_objectives: int) -> int:
    """Return how many values a sampler left to chance after its start."""
    options: dict[str, Any] = {} if name in ("nsga2", "qmc", "random") else {"n_startup_trials": 4}
    if name == "nsga2":
        options = {"population_size": 4, "mutation_prob": 0.0}
    if name == "qmc":
        options = {"warn_asynchronous_seeding": False, "warn_independent_sampling": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = SAMPLERS[name](seed=0, **options)
    calls = 0
    inner = getattr(sampler, "_independent_sampler", None) or getattr(sampler, "_random_sampler", None)
    started = False

    def counted(*arguments: Any) -> Any:
        nonlocal calls
        calls += started
        return original(*arguments)

    if inner is not None:
        original = inner.sample_independent
        inner.sample_independent = counted
    study = optuna.create_study(directions=["minimize"] * num_objectives, sampler=sampler)
    for number in range(16):
        started = number >= 8
        trial = study.ask()
        space(trial)
        distance = abs(trial.params["a"] - 20)
        study.tell(trial, [distance, 40 - distance][:num_objectives])
    return calls


@pytest.mark.slow
@pytest.mark.parametrize(("name", "feature"), CELLS)
def test_the_table_is_what_optuna_does(name: str, feature: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {
        "objectives": [plain],
        "conditional": [conditional, include],
        "categorical": [categorical],
    }
    for space in spaces[feature]:
        number = 2 if feature == "objectives" else 1
        if (name, feature) == ("cmaes", "objectives"):
            with pytest.raises(ValueError, match="multi-objective"):
                num_random(name, space, number)
        elif (name, feature) in IMPOSSIBLE:
            assert num_random(name, space, number) > 0
        elif name != "random":
            assert num_random(name, space, number) == 0
