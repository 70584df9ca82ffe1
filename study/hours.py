"""What the hours of a budget leave: a total over all launches. Imports no torch, ray or optuna."""

from __future__ import annotations

from study.plan import Plan
from study.spec import StudySpec


def hours_left(spec: StudySpec, plan: Plan) -> float | None:
    """Return the hours in which runs may still be started, 0 where they are used up, None where there is no limit."""
    if spec.budget.hours is None:
        return None
    return max(0.0, spec.budget.hours - plan.hours_used)


def used_up(spec: StudySpec) -> str:
    """Return what to say where the hours are used up, and what to do about it."""
    hours = spec.budget.hours
    unit = "hour" if hours == 1 else "hours"
    return (
        f"The {hours:g} {unit} of budget.hours are used up, a total over all launches: to go on, raise budget.hours in "
        "the study file."
    )
