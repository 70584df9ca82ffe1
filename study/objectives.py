"""What a search tries to improve, and whether it can be computed everywhere. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.measure_info import MeasureInfo
from analysis.measure_names import MEASURES
from study.blocks import Block
from study.fields import Fields
from study.problems import did_you_mean, shown

OBJECTIVE_KEYS = ("measure", "direction", "split")


@dataclass(frozen=True)
class Objective:
    """A measure that a search makes small or large.

    Attributes:
        measure: A key of `analysis.measure_names.MEASURES`.
        direction: Which way is better here.
        split: The images that it is computed on; test images only ever report.
    """

    measure: str
    direction: Literal["minimize", "maximize"]
    split: Literal["validation"] = "validation"

    @property
    def uses_labels(self) -> bool:
        """Whether a search for it selects configurations by labels."""
        return MEASURES[self.measure].uses_labels


ACROSS_K = (
    "Fix model.num_categories, or take an objective that compares: critic_accuracy, or with oracle: true "
    "label_information_gain."
)
"""What to do where a search over the number of categories has an objective that does not compare."""

DEFAULT_OBJECTIVES = (Objective("critic_accuracy", "minimize"), Objective("r2_mean", "maximize"))
"""Label-free and not degenerate: a decoder that ignores the code may be calibrated too, so what the decoder makes of
the code stands beside. How much the code could say, the rate, does not: a code that follows its prior has the same
whether the decoder uses it or not."""


def read_objectives(fields: Fields, blocks: Sequence[Block]) -> tuple[Objective, ...]:
    """Read the objectives of a study and check them against its blocks."""
    if fields.problems:
        blocks = ()  # after another fault it is not known what they reach
    if "objectives" not in fields:
        for default in DEFAULT_OBJECTIVES:
            _check_defined(default, blocks, fields, "objectives")
        return DEFAULT_OBJECTIVES
    items = fields.items("objectives", "[{measure: …}]")
    if isinstance(fields.values["objectives"].value, list) and not items:
        fields.report("must hold at least one objective, but got []", "objectives")
    oracle = "oracle" in fields and fields.values["oracle"].plain is True
    objectives: list[Objective] = []
    for index, item in enumerate(items):
        if isinstance(item.value, str) and item.value in MEASURES:
            fields.report(f"must be a mapping; write {{measure: {item.value}}}", f"objectives[{index}]", item.mark)
            continue
        own = Fields(item, f"objectives[{index}]", OBJECTIVE_KEYS, fields.problems)
        objective = _read_objective(own)
        if objective is None:
            continue
        if any(objective.measure == other.measure for other in objectives):
            own.report(f"must be a measure of its own, but {objective.measure!r} is an objective already", "measure")
            continue
        _check_labels(objective, oracle, own)
        _check_defined(objective, blocks, own, "measure")
        objectives.append(objective)
    return tuple(objectives)


def warnings_of(objectives: Sequence[Objective], blocks: Sequence[Block]) -> tuple[str, ...]:
    """Return what is allowed but misleading in the objectives of a study that searches, one sentence each."""
    searching = [block for block in blocks if block.searched]
    warnings = [
        f"The search over model.num_categories {objective.direction}s {objective.measure}, which "
        f"{MEASURES[objective.measure].across_k}: values at different numbers do not compare. {ACROSS_K}"
        for objective in objectives
        if _misleads_across_k(objective, len(objectives)) and any(map(_compares_k, searching))
    ]
    warnings += [
        f"{objective.measure} is best at 1, so neither direction is a goal of its own: read the search's result beside "
        "critic_accuracy."
        for objective in objectives
        if searching and MEASURES[objective.measure].better == "one"
    ]
    return tuple(warnings)


def _read_objective(fields: Fields) -> Objective | None:
    measure = fields.text("measure")
    if measure not in MEASURES:
        if "measure" in fields and isinstance(fields.values["measure"].value, str):
            hint = did_you_mean(measure, list(MEASURES))
            fields.report(f"must be a known measure, but got {shown(measure)}{hint}", "measure")
        elif fields.lacks("measure"):
            fields.report("must have a measure")
        return None
    split = fields.text("split", "validation")
    if split != "validation":
        reason = "" if split != "test" else ": test images report, they never select"
        fields.report(f"must be validation, but got {shown(split)}{reason}", "split")
    return Objective(measure, _read_direction(fields, MEASURES[measure]))


def _read_direction(fields: Fields, info: MeasureInfo) -> Literal["minimize", "maximize"]:
    natural = {"lower": "minimize", "higher": "maximize"}.get(info.better, "")
    if not natural and "direction" not in fields:
        fields.report("must have a direction, minimize or maximize, since neither is better by nature")
    direction = fields.text("direction", natural or "minimize", options=("minimize", "maximize"))
    return "maximize" if direction == "maximize" else "minimize"


def _check_labels(objective: Objective, oracle: bool, fields: Fields) -> None:
    if objective.uses_labels and not oracle:
        fields.report(
            f"{objective.measure} uses labels, so the study must say oracle: true, and its results are marked as "
            "selected by labels; critic_accuracy uses none",
            "measure",
        )


def _check_defined(objective: Objective, blocks: Sequence[Block], fields: Fields, key: str) -> None:
    for block in blocks:
        for rule in MEASURES[objective.measure].undefined if block.searched else ():
            if block.reaches(rule.field, rule.value):
                fields.report(
                    f"{objective.measure} must be defined everywhere in a block that searches, but block "
                    f"{block.name!r} reaches {rule.field}={rule.value}, where it is undefined, because {rule.reason}",
                    key,
                )


def _misleads_across_k(objective: Objective, num_objectives: int) -> bool:
    """Return whether an objective is better at some numbers of categories whatever is learnt.

    Beside another objective one without labels is not misleading, but one end of a trade-off: how much the code holds.
    """
    info = MEASURES[objective.measure]
    natural = {"lower": "minimize", "higher": "maximize"}.get(info.better)
    is_easier = natural is None or objective.direction == natural
    return bool(info.across_k) and is_easier and (info.uses_labels or num_objectives == 1)


def _compares_k(block: Block) -> bool:
    """Return whether a searching block proposes several numbers of categories; it searches over its grids too."""
    sizes = (axis for axis in block.axes if axis.name == "model.num_categories")
    return any(axis.search is not None or len(axis.grid) > 1 for axis in sizes)
