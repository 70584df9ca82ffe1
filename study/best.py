"""The best configurations of a study, from its records alone. Imports no torch, ray or optuna.

    python -m study.best DIR [--top N] [--json]

Configurations are ranked by the objective over their replicates, with several objectives by the Pareto front. The best
of many was also the luckiest, so what was run again on fresh seeds (`confirm` in the study) is stated apart.

Exit codes: 0 printed, 1 the output could not be written, 2 the folder holds no study.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iae_models.config import changed_values
from study.access import reading
from study.failures import BadInput
from study.folder_argument import study_folder
from study.output import print_whole
from study.plan_text import counted
from study.planned import cell_name
from study.ranking import Estimate, Ranked, Ranking, estimates, ranking
from study.recorded import recorded_plan, recorded_study
from study.scores import Score
from study.spec import StudySpec

TOP = 10
"""Configurations that are shown unless `--top` says otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser("python -m study.best", description="Show the best configurations of a study.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a study folder, such as runs/decomposition")
    parser.add_argument("--top", metavar="N", type=_positive, default=TOP, help=f"show at most N of them ({TOP})")
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    options = parser.parse_args(arguments)
    try:
        folder = study_folder(options.folder)
        spec = recorded_study(folder)
        with reading(folder):
            found = ranking(spec, folder, recorded_plan(spec, folder))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    text = (
        json.dumps(as_json(spec, found, options.top), indent=1) if options.json else as_text(spec, found, options.top)
    )
    return 0 if print_whole(text) else 1


def as_json(spec: StudySpec, found: Ranking, top: int) -> dict[str, Any]:
    """Return the best configurations as JSON values."""
    return {
        "study": spec.name,
        "objectives": [{"measure": item.measure, "direction": item.direction} for item in spec.objectives],
        "aggregate": spec.aggregate,
        "configurations_without_value": found.num_open,
        "configurations_waiting": found.num_waiting,
        "controls_not_ranked": found.num_controls,
        "best": [
            {
                "rank": item.rank,
                "key": item.run.config_key,
                "name": cell_name(item.run),
                "origin": item.run.origin,
                "on_front": item.on_front,
                "chosen_by": _score_as_json(spec, item.score),
                "confirmed": None if item.confirmed is None else _score_as_json(spec, item.confirmed),
                "config": changed_values(item.run.config),
            }
            for item in shown(spec, found, top)
        ],
    }


def as_text(spec: StudySpec, found: Ranking, top: int) -> str:
    """Return the best configurations as text for a terminal."""
    goals = " and ".join(
        f"{item.direction} {item.measure}{' (chosen by labels)' if item.uses_labels else ''}"
        for item in spec.objectives
    )
    number = len(found.ranked)
    parts = [f"{spec.name}: {goals}; {number} of {counted(number + found.num_open, 'configuration')} with a value."]
    parts[0] += _without_value(found)
    if found.num_controls:
        controls = ", ".join(block.name for block in spec.blocks if block.control)
        parts[0] += f"\nThe controls ({controls}: {found.num_controls} of these) are not ranked."
    items = shown(spec, found, top)
    if not items:
        return parts[0]
    if len(spec.objectives) > 1:
        size = sum(item.on_front for item in found.ranked)
        parts.append(f"Pareto front: {size} that no other configuration beats in all objectives.")
    parts.append(_table(spec, [(item, item.score) for item in items]))
    confirmed = [(item, item.confirmed) for item in found.ranked if item.confirmed is not None]
    if confirmed:
        parts.append(
            "Confirmed on fresh seeds, which no choice has seen: the numbers to report.\n" + _table(spec, confirmed)
        )
    elif number > 1:
        parts.append(
            f"These values chose the best of {number}, so its own is partly luck: on fresh seeds\n"
            "it would be worse. `confirm: {top: 3, seeds: 5}` in the study tells by how much."
        )
    parts.append("± is half the 95 % interval of the mean over seeds, by Student's t.")
    return "\n\n".join(parts)


def _without_value(found: Ranking) -> str:
    """Return why configurations have no value, a line for each reason."""
    waiting, failed = found.num_waiting, found.num_open - found.num_waiting
    lines = [f"{waiting} must wait: a value is there once all planned seeds of a configuration have ended."] * (
        waiting > 0
    )
    lines += [f"{failed} have none: all their seeds failed, or a scheduler ended them early."] * (failed > 0)
    return "".join(f"\n{line}" for line in lines)


def shown(spec: StudySpec, found: Ranking, top: int) -> list[Ranked]:
    """Return the best ones, with several objectives those of the front."""
    return [item for item in found.ranked if item.on_front or len(spec.objectives) == 1][:top]


def with_interval(estimate: Estimate) -> str:
    """Return a mean as "0.712 ± 0.012", and "0.712 ± ?" where there is but one replicate."""
    return f"{number_text(estimate.mean)} ± {'?' if estimate.half_width is None else number_text(estimate.half_width)}"


def number_text(value: float) -> str:
    """Return a value with three digits behind the point, or with four in all where it is large."""
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def _table(spec: StudySpec, rows: Sequence[tuple[Ranked, Score]]) -> str:
    head = ["", *(name for objective in spec.objectives for name in _columns(spec, objective.measure)), "seeds", "key"]
    cells = [head]
    for item, score in rows:
        values = [text for estimate in estimates(score) for text in _values(spec, estimate)]
        seeds = (
            f"{score.num_seeds} of {score.num_seeds + score.num_failed}" if score.num_failed else str(score.num_seeds)
        )
        cells.append([str(item.rank), *values, seeds, item.run.config_key])
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    names = ["configuration", *(cell_name(item.run) for item, _ in rows)]
    lines = [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), name])
        for row, name in zip(cells, names, strict=True)
    ]
    return "\n".join(lines)


def _columns(spec: StudySpec, measure: str) -> list[str]:
    return [measure] if spec.aggregate == "mean" else [f"{spec.aggregate} {measure}", "mean"]


def _values(spec: StudySpec, estimate: Estimate) -> list[str]:
    mean = with_interval(estimate)
    return [mean] if spec.aggregate == "mean" else [number_text(estimate.value), mean]


def _score_as_json(spec: StudySpec, score: Score) -> dict[str, Any]:
    values = {
        objective.measure: {
            "value": item.value,
            "mean": item.mean,
            "low": None if item.half_width is None else item.mean - item.half_width,
            "high": None if item.half_width is None else item.mean + item.half_width,
        }
        for objective, item in zip(spec.objectives, estimates(score), strict=True)
    }
    return {"objectives": values, "seeds": score.num_seeds, "failed": score.num_failed}


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number of at least 1, but got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
