"""One launch from the first lane to the last: who hands out, who writes, who shows."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from iae_models.config import VARIANTS, own_source
from study.access import writing
from study.dispatch import Dispatcher
from study.driver import cluster, lanes_of, run_lanes
from study.history import HistoryWriter
from study.hours import used_up
from study.lanes import Lanes
from study.launch_end import copy_note
from study.launches import LaunchClock
from study.optuna_store import OptunaStore
from study.plan import Plan
from study.plan_text import counted
from study.planned import name_of
from study.progress import DriverCallback, display_for
from study.records import StudyFolder
from study.recovery import recover
from study.search import problem_of
from study.spec import StudySpec
from study.trial import WorkerSettings

INTERRUPTED_S = 2.0
"""Longest time that a person who pressed Ctrl-C waits for the copy of the searches."""

MAX_FAILURES = 10
"""Failed runs that are named in the end."""


@dataclass(frozen=True)
class Outcome:
    """How a launch ended.

    Attributes:
        problem: An unexpected error of the driver, or what it could not write, or "".
        notes: What a person should know beyond the counts, one sentence each.
        num_missing: Runs that were wanted and have no result.
    """

    problem: str
    notes: tuple[str, ...]
    num_missing: int


def run_plan(
    spec: StudySpec,
    folder: StudyFolder,
    plan: Plan,
    *,
    address: str | None,
    data_root: Path | None,
    launched_at: datetime,
    ready: Callable[[], None],
    command: str,
) -> Outcome:
    """Run what a plan has to do on Ray.

    Args:
        spec: The study.
        folder: Its folder, under the driver's lock.
        plan: What is to do.
        address: Address of a Ray cluster; None starts Ray on this machine.
        data_root: Folder of the data sets; None stands for the loader's default.
        launched_at: When the command began.
        ready: Called when Ray runs and before anything is written; what it raises ends the launch.
        command: The command that goes on with this launch.

    Raises:
        BadInput: A lane asks for more than Ray has, or the folder cannot be written.
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP ended it.
    """
    console = Console()
    with cluster(address, spec.resources.threads, _own_paths(spec)):
        lanes = lanes_of(spec.resources)
        ready()
        place = WorkerSettings(
            study=str(folder.root.resolve()),
            data_root=None if data_root is None else str(data_root.resolve()),
            device=lanes.device,
            threads=spec.resources.threads,
            product=spec.resources.product,
            checkpoint_s=spec.resources.checkpoint_s,
            judge_every=None if spec.scheduler is None else spec.scheduler.every,
            judge_by=tuple(objective.measure for objective in spec.objectives),
            together=lanes.together,
        )
        with writing(folder):  # it may have to end runs early
            dispatcher = Dispatcher(
                spec, folder, plan, num_larger=len(lanes.larger), num_devices=lanes.num_devices, together=lanes.together
            )
        problems = _run(dispatcher, folder, lanes, place, console, launched_at)
    _print_failures(dispatcher, console, command)
    left = dispatcher.standing.left if dispatcher.out_of_time else len(dispatcher.unfinished())
    num_missing = len(dispatcher.standing.failed) + left
    history_problem, store_problem = problems
    lost = f"The history of losses is not complete: {history_problem}" if history_problem else ""
    problem = "\n".join(filter(None, (dispatcher.problem, lost)))
    return Outcome(problem, tuple(_notes(dispatcher, store_problem)), num_missing)


def _own_paths(spec: StudySpec) -> list[str]:
    """Return the folders that workers import the variants of a user's own from."""
    names = dict.fromkeys(name for block in spec.blocks for name in block.variants if name not in VARIANTS)
    return list(dict.fromkeys(str(own_source(name).parent) for name in names))


def _run(
    dispatcher: Dispatcher,
    folder: StudyFolder,
    lanes: Lanes,
    place: WorkerSettings,
    console: Console,
    launched_at: datetime,
) -> tuple[str, str]:
    """Run the lanes, and leave history and searches written whatever happens.

    Returns:
        Why the history and why the searches could not be written, or "" and "".
    """
    history = HistoryWriter(folder.history)
    store = OptunaStore(folder, lambda: dispatcher.studies, storage=dispatcher.spec.search.storage)
    display = display_for(console, dispatcher, lanes.number, launched_at)
    clock, limit_s = LaunchClock(folder), INTERRUPTED_S
    try:
        recover(folder, history)
        run_lanes(dispatcher, lanes, place, DriverCallback(dispatcher, history, store, display, clock), display.say)
        limit_s = math.inf
    except Exception as error:  # noqa: BLE001 - an error of Ray's; what is finished stays finished
        dispatcher.stop(problem_of(error))
    finally:
        for step in (clock.write, display.close, partial(recover, folder, history), partial(store.close, limit_s)):
            _attempt(step, dispatcher)
    return history.problem, store.problem


def _attempt(step: Callable[[], None], dispatcher: Dispatcher) -> None:
    """Take one of the last steps, each of which is taken whatever becomes of the others."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - what is finished stays finished
        dispatcher.stop(problem_of(error))


def _notes(dispatcher: Dispatcher, store_problem: str) -> list[str]:
    notes = [
        f"The search of block {search.block.name} ended early: {search.exhausted}."
        for search in dispatcher.searches.values()
        if search.exhausted
    ]
    if dispatcher.out_of_time:
        notes.append(f"{counted(dispatcher.standing.left, 'run')} not started. {used_up(dispatcher.spec)}")
    if note := copy_note(dispatcher.spec.search.storage, store_problem):
        notes.append(note)
    return notes


def _print_failures(dispatcher: Dispatcher, console: Console, command: str) -> None:
    """Print which runs failed and why, where to read more, and how to run them again."""
    failed = dispatcher.standing.failed
    for key, reason in list(failed.items())[:MAX_FAILURES]:
        text = f"failed: {name_of(dispatcher.runs[key])} ({key}): {reason}"
        console.print(text, style="red", soft_wrap=True, markup=False, highlight=False)
    if len(failed) > MAX_FAILURES:
        console.print(f"and {len(failed) - MAX_FAILURES} more failed; study.trials lists them", style="red")
    if failed:
        first = next(iter(failed))
        only = shlex.quote(name_of(dispatcher.runs[first]))
        text = f"""More of it, with the traceback: {dispatcher.folder.run(first).failure}
The same launch runs what failed again, and what is missing; these alone with --only, such as
  {command} --only {only}"""
        console.print(text, soft_wrap=True, markup=False, highlight=False)
