"""What a launch finds and what it will do, in a few lines. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from iae_models.config import code_hash_of
from study.checkpoint_notes import notes_in, obstacle, to_be_made_by
from study.failures import failure_reason
from study.plan import Plan, other_code
from study.planned import PlannedRun, name_of
from study.records import RunFolder, StudyFolder, run_status
from study.spec import Resources

Row = tuple[str, str, str]
"""A word for what is counted, the count, and what there is to say about it; the count or the rest may be empty."""


def difference(plan: Plan, folder: StudyFolder, resources: Resources, *, is_local: bool = True) -> list[Row]:
    """Compare what a study wants with what its folder holds; what there is none of has no row, but for new runs.

    Args:
        plan: What the study wants.
        folder: Its folder.
        resources: What a lane takes, which decides whether checkpoints can be gone on from.
        is_local: Whether the runs would be on this machine.
    """
    obstacles = {
        run.key: obstacle(folder.run(run.key), to_be_made_by(run, resources, is_local=is_local))
        for run in plan.todo
        if run.key in plan.unfinished
    }
    return [row for row in _rows(plan, folder, obstacles) if row[1] not in ("0", "+0") or row[0] == "new"]


def other_checkpoints(plan: Plan, folder: StudyFolder) -> dict[tuple[str, str], int]:
    """Count the runs to do whose newest checkpoint other model code than today's has made, by both hashes."""
    hashes: Counter[tuple[str, str]] = Counter()
    for run in plan.todo:
        notes = next(filter(None, map(notes_in, folder.run(run.key).checkpoints())), None)
        if notes is not None:
            hashes[notes.get("code_hash", "unknown"), code_hash_of(run.config.model.variant)] += 1
    return {(made_by, now): count for (made_by, now), count in hashes.items() if made_by != now}


def as_lines(rows: Sequence[Row], width: int) -> str:
    """Return rows as aligned lines, each cut where it would be wider than `width` columns."""
    words, numbers = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"  {word:{words}}  {number:>{numbers}}  {rest}".rstrip() for word, number, rest in rows]
    return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in lines)


def progress_of(run: PlannedRun, folder: RunFolder) -> str:
    """Return how far the newest checkpoint of a run is, such as "step 400 of 1300", or ""."""
    step = folder.newest_step()
    return f"step {step} of {run.config.train.steps}" if step else ""


def _rows(plan: Plan, folder: StudyFolder, obstacles: Mapping[str, str]) -> Iterator[Row]:
    failed = [run for run in plan.todo if run.key in plan.failed]
    unfinished = [run for run in plan.todo if obstacles.get(run.key) == ""]
    anew = Counter(filter(None, obstacles.values()))
    yield "done", str(len(plan.finished)), ""
    for (name, now), count in other_code(plan).items():
        yield "", "", f"{count} of them by other model code ({name}, now {now}): used, and marked in the report"
    yield "ended early", str(len(plan.pruned)), "by a scheduler"
    progress = (f"{name_of(run)} at {progress_of(run, folder.run(run.key))}" for run in unfinished)
    yield "to go on with", str(len(unfinished)), _first(progress, len(unfinished), "from a checkpoint: ")
    for reason, count in anew.items():
        yield "to begin anew", str(count), f"checkpoints {reason}"
    reasons = (f"{name_of(run)}, {failure_reason(folder.run(run.key))}" for run in failed)
    yield "to run again", str(len(failed)), _first(reasons, len(failed), "failed: ")
    yield "new", str(len(plan.todo) - len(failed) - len(obstacles)), ""
    yield "to search", f"+{sum(plan.search_runs.values())}", ""
    yield "to confirm", f"+{plan.confirm_runs}", "the best, on fresh seeds"
    yield "for later", str(len(plan.later)), "not named by --only, like all searching and confirming"
    yield "not wanted", str(len(plan.extra)), _extra(plan, folder)


def _first(texts: Iterable[str], number: int, before: str) -> str:
    """Return the first of some texts and how many more there are; none for none."""
    more = f" and {number - 1} more" if number > 1 else ""
    return f"{before}{next(iter(texts))}{more}" if number else ""


def _extra(plan: Plan, folder: StudyFolder) -> str:
    states = Counter(run_status(folder.run(key)) for key in plan.extra)
    found = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"({found}) kept in the folder, no part of the study any more"
