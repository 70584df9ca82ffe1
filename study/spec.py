"""A study as its YAML file describes it, checked and frozen. Imports no torch, ray or optuna.

    name: decomposition               # names the folder; the file's name if left out
    question: What does the code keep, and what does the noise invent?
    parameters:                       # dotted configuration fields that all blocks share
      model.width: 0.125              # a value is fixed
      train.steps: 2000
    blocks:                           # the study is the union of its blocks; without blocks there is one
      - name: gaussian
        parameters:                   # an entry here replaces the shared one
          model.code: gaussian        # one kind of code in a block
          model.latent_dim: {grid: [2, 5, 20], search: {low: 2, high: 40, log: true}}
          model.noise_dim: {grid: [10, 100], search: {low: 1, high: 200, log: true, include: 0}}
          model.input_noise: {grid: [0, 0.3], when: {model.noise_dim: 10}}
        replicates: 5
    replicates: 3                     # runs of each configuration, 1 if left out
    objectives:                       # of the search; critic_accuracy and r2_mean if left out
      - {measure: critic_accuracy, direction: minimize}
    oracle: false                     # an objective that uses labels needs true
    budget: {runs: 45, hours: 2}      # totals; what the grids leave of the runs is searched
    search: {sampler: tpe, seed: 0}
    resources: {cpus_per_lane: 1, gpus_per_lane: 0.25, max_concurrent: null, lane_size: 1}
    smoke: {parameters: {train.steps: 100}, replicates: 1, budget: {runs: 16}}   # what --smoke changes

`grid` lists values that the cells of the block take; `search` says where a sampler may go on from there
(`study.search_space`), and a key may have both if the grid's values lie in the searched space. A key with `search`
alone stands at its default in the grid's cells; a block without any grid is searched only. A key with `when` is active
where the other keys have one of the stated values, and else stands at its default.

`--set key=value` replaces a configuration field wherever the file states it, be it fixed, a grid or a search, or one of
the keys below (`replicates`, `budget.runs`, …). `--smoke` applies the `smoke` section first, in the same way; without
one it takes `study.overrides.SMOKE_PARAMETERS`, one replicate, and the grids' runs with one more for each search.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from study.algorithms import Scheduler, SearchOptions, read_scheduler, read_search
from study.block_reader import read_blocks, read_name
from study.blocks import Block, num_grid_runs
from study.combinations import check_combinations, misleading
from study.extends import Source, read_study
from study.fields import Fields
from study.objectives import Objective, read_objectives, warnings_of
from study.overrides import apply_override, apply_smoke
from study.parameters import read_parameters
from study.problems import Problem, SpecError
from study.replicates import (
    Aggregate,
    Confirm,
    Replicates,
    Until,
    read_confirm,
    read_replicates,
)
from study.yaml_source import Document

__all__ = [
    "Block",
    "Budget",
    "Confirm",
    "Objective",
    "Resources",
    "Scheduler",
    "SearchOptions",
    "SpecError",
    "StudySpec",
    "Until",
    "as_json",
    "load_study",
]

MAX_RUNS = 100_000
"""Largest number of runs in a study."""

STUDY_KEYS = (
    "extends",
    "name",
    "question",
    "parameters",
    "blocks",
    "replicates",
    "objectives",
    "oracle",
    "budget",
    "search",
    "scheduler",
    "confirm",
    "resources",
    "smoke",
)
SMOKE_KEYS = ("parameters", "replicates", "budget", "confirm", "scheduler")
BUDGET_KEYS = ("runs", "hours")

Device = Literal["auto", "cpu", "cuda"]
Product = Literal["torch", "onednn"]


@dataclass(frozen=True)
class Budget:
    """What a study may spend in total, over all times that it is launched.

    Attributes:
        runs: Number of runs, those of the grids included; None is the grids alone.
        hours: Hours of wall time after which no run is started; None is no limit.
    """

    runs: int | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Resources:
    """What each lane of runs takes.

    Attributes:
        cpus_per_lane: CPU cores.
        gpus_per_lane: Share of a GPU, or several whole ones; it counts only where a GPU is visible.
        max_concurrent: Most lanes at a time, or None for as many as fit.
        lane_size: Runs that one lane trains.
        runs_together: How many runs one lane trains side by side; None is 8 on a GPU, and 1 on a CPU.
        device: Where runs are trained; "auto" is a GPU where one is visible.
        checkpoint_s: Seconds between two checkpoints of a run, about; 0 is every point at which it reports.
        product: The library that multiplies on a CPU, or None to let timing choose the fastest, once for each kind.
    """

    cpus_per_lane: float = 1.0
    gpus_per_lane: float = 0.25
    max_concurrent: int | None = None
    lane_size: int = 1
    runs_together: int | None = None
    device: Device = "auto"
    checkpoint_s: float = 30.0
    product: Product | None = None

    @property
    def threads(self) -> int:
        """Threads of one lane's process."""
        return max(1, int(self.cpus_per_lane))


@dataclass(frozen=True)
class StudySpec:
    """A study: what is run, how often, and what a search tries to improve.

    Attributes:
        name: Name of the study and of its folder.
        question: What it is to answer, in a sentence; may be empty.
        blocks: Grids and searches; the study is their union.
        objectives: What the searches improve, most important first.
        oracle: Whether objectives may use labels.
        budget: Totals of runs and time.
        search: How configurations are proposed.
        resources: What each lane takes.
        aggregate: What the runs of a configuration are judged by, for every objective: their mean or median, the worst
            of them, or the 95 % one-sided t bound of their mean on the bad side.
        confirm: How the best configurations are run again on fresh seeds in the end, or None.
        scheduler: When a run is given up early, or None for never.
        smoke: Whether this is the tiny version that `--smoke` asks for.
        text: The YAML file, word for word.
        sources: The files that it extends, the nearest first.
        path: The file, as it was named.
        overrides: The `--set` arguments.
        warnings: What is allowed but may mislead, one sentence each.
    """

    name: str
    question: str
    blocks: tuple[Block, ...]
    objectives: tuple[Objective, ...]
    oracle: bool
    budget: Budget
    search: SearchOptions
    resources: Resources
    aggregate: Aggregate
    confirm: Confirm | None
    scheduler: Scheduler | None
    smoke: bool
    text: str
    sources: tuple[Source, ...]
    path: str
    overrides: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def folder_name(self) -> str:
        """Name of the study's folder; a smoke test has one of its own, so that it never mixes with the real study."""
        return f"{self.name}-smoke" if self.smoke else self.name

    def block(self, name: str) -> Block:
        """Return the block of that name.

        Raises:
            KeyError: There is none.
        """
        return {block.name: block for block in self.blocks}[name]


def load_study(path: Path | str, overrides: Sequence[str] = (), smoke: bool = False) -> StudySpec:
    """Read and check a study file.

    Args:
        path: The YAML file.
        overrides: `--set` arguments, `key=value`, applied in their order after everything else.
        smoke: Whether to make it tiny, by the file's `smoke` section or, without one, by built-in values.

    Raises:
        SpecError: The file, or an override, breaks a rule; the message lists all problems with their places.
    """
    document, sources = read_study(Path(path))
    stem = Path(path).stem
    spec, problems = read_spec(document, sources, overrides, smoke, stem)
    if not smoke and not overrides and isinstance(document.root.value, dict) and "smoke" in document.root.value:
        # a fault in the smoke section is reported now, and not on the day when it is needed
        problems += read_spec(document, sources, (), True, stem)[1]
    if problems:
        # what else is said of a value that is no YAML as it must be says it again
        unread = {problem.mark for problem in document.problems}
        raise SpecError([*document.problems, *(problem for problem in problems if problem.mark not in unread)])
    return spec


def as_json(spec: StudySpec) -> dict[str, Any]:
    """Return the resolved study as JSON values: every default filled in, search spaces with their kind."""
    return {
        "name": spec.name,
        "question": spec.question,
        "blocks": [_block_as_json(block) for block in spec.blocks],
        "objectives": [dataclasses.asdict(objective) for objective in spec.objectives],
        "oracle": spec.oracle,
        "budget": dataclasses.asdict(spec.budget),
        "search": dataclasses.asdict(spec.search),
        "resources": dataclasses.asdict(spec.resources),
        "aggregate": spec.aggregate,
        "confirm": None if spec.confirm is None else dataclasses.asdict(spec.confirm),
        "scheduler": None if spec.scheduler is None else dataclasses.asdict(spec.scheduler),
        "smoke": spec.smoke,
        "sources": [dataclasses.asdict(source) for source in spec.sources],
        "overrides": list(spec.overrides),
        "warnings": list(spec.warnings),
    }


def _block_as_json(block: Block) -> dict[str, Any]:
    axes = [
        {
            "name": axis.name,
            "grid": list(axis.grid),
            "search": None
            if axis.search is None
            else {"kind": type(axis.search).__name__, **dataclasses.asdict(axis.search)},
            "when": {name: list(values) for name, values in axis.when.items()},
            "zip": axis.zip,
        }
        for axis in block.axes
    ]
    return {
        "name": block.name,
        "family": block.family,
        "fixed": dict(block.fixed),
        "axes": axes,
        "replicates": block.replicates,
        "until": None if block.until is None else dataclasses.asdict(block.until),
        "control": block.control,
    }


def read_spec(
    document: Document, sources: tuple[Source, ...], overrides: Sequence[str], smoke: bool, stem: str
) -> tuple[StudySpec, list[Problem]]:
    """Read a study from its document, else as `load_study`. Where there are problems, the study is not to be used.

    Args:
        document: The study file, merged with what it extends.
        sources: What it extends.
        overrides: `--set` arguments.
        smoke: Whether to make it tiny.
        stem: Its name where it states none.
    """
    problems = list(document.problems)
    root = document.root
    if smoke:
        root = apply_smoke(root)
    for argument in overrides:
        root = apply_override(root, argument, problems)
    file = document.root.mark.file
    fields = Fields(root, "", STUDY_KEYS, problems)
    name = read_name(fields, stem)
    replicates = read_replicates(fields, Replicates())
    blocks = read_blocks(fields, name, replicates)
    objectives = read_objectives(fields, blocks)
    budget = _read_budget(fields, blocks, is_tiny=smoke and "smoke" not in fields)
    search, scheduler = read_search(fields), read_scheduler(fields)
    check_combinations(fields, search, scheduler, objectives, blocks)
    warnings: list[str] = []
    if not problems:
        warnings += [*warnings_of(objectives, blocks), *misleading(search, scheduler, blocks, budget.runs)]
    spec = StudySpec(
        name=name,
        question=fields.text("question"),
        blocks=blocks,
        objectives=objectives,
        oracle=fields.boolean("oracle", False),
        budget=budget,
        search=search,
        resources=_read_resources(fields),
        aggregate=replicates.aggregate,
        confirm=read_confirm(fields, replicates.aggregate),
        scheduler=scheduler,
        smoke=smoke,
        text=document.text,
        sources=sources,
        path=file,
        overrides=tuple(overrides),
        warnings=tuple(warnings),
    )
    _check_smoke(fields)
    return spec, problems


def _read_budget(fields: Fields, blocks: Sequence[Block], *, is_tiny: bool) -> Budget:
    """Read the budget; where `is_tiny` and it states no runs, each search has one beyond the grids'."""
    own = Fields(fields.mapping("budget", "{runs: …}"), "budget", BUDGET_KEYS, fields.problems)
    runs = own.integer("runs", 0, 1) if own.stated("runs") else None
    hours = own.number("hours", 1, 0, above=True) if own.stated("hours") else None
    if fields.problems:
        return Budget(runs, hours)  # what the grids want is not known yet
    wanted = num_grid_runs(blocks)
    if is_tiny and runs is None:
        runs = wanted + sum(bool(block.searched) for block in blocks)
    if max(wanted, runs or 0) > MAX_RUNS:
        message = f"a study must have at most {MAX_RUNS} runs, but has {max(wanted, runs or 0)}"
        if wanted > MAX_RUNS and fields.stated("replicates"):
            fields.report(message, "replicates")
        else:
            own.report(message, "runs")
    elif runs is None and any(block.searched for block in blocks):
        own.report(f"must state runs where a block searches, and the grids take {wanted} of them")
    elif runs is not None and runs < wanted:
        own.report(f"must be at least the {wanted} runs that the grids take, but got {runs}", "runs")
    return Budget(runs, hours)


def _read_resources(fields: Fields) -> Resources:
    names = tuple(item.name for item in dataclasses.fields(Resources))
    own = Fields(fields.mapping("resources"), "resources", names, fields.problems)
    gpus = own.number("gpus_per_lane", 0.25, 0)
    if gpus > 1 and gpus != int(gpus):
        own.report(f"must be at most 1 or a whole number, but got {gpus:g}", "gpus_per_lane")
    devices: dict[str, Device] = {name: name for name in typing.get_args(Device)}
    device = devices[own.text("device", "auto", options=tuple(devices))]
    products: dict[str, Product] = {name: name for name in typing.get_args(Product)}
    if device == "cuda" and gpus == 0:
        own.report("must be above 0 where device is cuda, but got 0", "gpus_per_lane")
    return Resources(
        cpus_per_lane=own.number("cpus_per_lane", 1, 0, above=True),
        gpus_per_lane=gpus,
        max_concurrent=own.integer("max_concurrent", 1, 1) if own.stated("max_concurrent") else None,
        lane_size=own.integer("lane_size", 1, 1),
        runs_together=_read_together(own),
        device=device,
        checkpoint_s=own.number("checkpoint_s", 30, 0),
        product=products[own.text("product", "torch", options=tuple(products))] if own.stated("product") else None,
    )


def _read_together(own: Fields) -> int | None:
    is_stated = own.stated("runs_together") and own.values["runs_together"].plain != "auto"
    return own.integer("runs_together", 1, 1) if is_stated else None


def _check_smoke(fields: Fields) -> None:
    """Check the keys of the `smoke` section; what its values do to the study is checked where they are applied."""
    own = Fields(fields.mapping("smoke"), "smoke", SMOKE_KEYS, fields.problems)
    Fields(own.mapping("budget"), "smoke.budget", BUDGET_KEYS, fields.problems)
    read_parameters(own.mapping("parameters"), "smoke.parameters", fields.problems)
