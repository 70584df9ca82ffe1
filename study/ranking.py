"""The configurations of a folder from best to worst, with intervals. Imports no torch, ray or optuna.

How replicates become one number is `study.scores`, and what is better `study.configurations`, as for the search itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from study.configurations import Configurations, front
from study.plan import Plan
from study.planned import PlannedRun
from study.records import StudyFolder, run_status
from study.scores import Score, half_width
from study.spec import StudySpec


@dataclass(frozen=True)
class Estimate:
    """One objective of a configuration over its replicates.

    Attributes:
        value: The study's aggregate, by which configurations are ranked.
        mean: The mean.
        half_width: Half the width of the mean's 95 % interval by Student's t; None for a single replicate.
    """

    value: float
    mean: float
    half_width: float | None


@dataclass(frozen=True)
class Ranked:
    """A configuration and its place.

    Attributes:
        rank: Its place, from 1.
        run: Its first run.
        score: Its objectives over the replicates by which it was chosen.
        on_front: Whether no other one beats it; with one objective, whether it is the best.
        confirmed: Its objectives over fresh seeds that it was not chosen by, or None.
    """

    rank: int
    run: PlannedRun
    score: Score
    on_front: bool
    confirmed: Score | None


@dataclass(frozen=True)
class Ranking:
    """The configurations of a study that can be ranked.

    Attributes:
        ranked: The best first.
        num_open: Configurations without a value.
        num_waiting: Those of them whose planned runs have not all ended.
        num_controls: Those with a value that are only there to compare with.
    """

    ranked: tuple[Ranked, ...]
    num_open: int
    num_waiting: int
    num_controls: int


def ranking(spec: StudySpec, folder: StudyFolder, plan: Plan) -> Ranking:
    """Rank what a folder holds.

    Args:
        spec: The study.
        folder: Its folder.
        plan: What is done and to do in it.
    """
    configurations = _configurations(spec, folder, plan)
    found = {key: score for key in configurations if (score := configurations.score(key)) is not None}
    values = {key: score.values for key, score in found.items() if score.values is not None}
    winners = configurations.winners()
    best = front({key: values[key] for key in winners}, spec.objectives)
    ranked = []
    for rank, key in enumerate(winners, 1):
        confirmed = configurations.confirmed(key)
        known = None if confirmed.values is None else confirmed
        ranked.append(Ranked(rank, configurations.first_run(key), found[key], key in best, known))
    number = len(list(configurations))
    return Ranking(tuple(ranked), number - len(values), number - len(found), len(values) - len(winners))


def estimates(score: Score) -> tuple[Estimate, ...]:
    """Return each objective of a configuration that has values."""
    columns = zip(*score.rows, strict=True)
    return tuple(
        Estimate(value, fmean(column), half_width(column) if len(column) > 1 else None)
        for value, column in zip(score.values or (), columns, strict=True)
    )


def _configurations(spec: StudySpec, folder: StudyFolder, plan: Plan) -> Configurations:
    configurations = Configurations(spec, folder, plan.results)
    # a failed run is to be tried again, and until then it counts as the failure that it is
    is_open = {run.key for run in plan.todo} - plan.failed
    for run in plan.wanted:
        configurations.add(run, is_open=run.key in is_open)
    for run in plan.wanted:
        if run.key in plan.pruned and run_status(folder.run(run.key)) == "pruned":
            configurations.prune(run)
    return configurations
