"""Run a study, or go on with it.

    python -m study.launch SPEC [--out DIR] [--set KEY=VALUE]… [--smoke]
                                [--only NAME]… [--dry-run | --list | --fresh]

The study folder is `runs/<name>` unless `--out` says otherwise. The same command again goes on where the last one
stopped: finished runs stay, failed and interrupted ones are repeated, and what the specification wants beyond them is
added. What the folder holds and what is to do is printed first. `--only` leaves all but the named cells, seeds or
blocks for later, and `--fresh` moves the folder aside.

Ctrl-C, SIGTERM or a terminal that closes (SIGHUP, unless `nohup` keeps it away) lets every run save a checkpoint and
then ends the launch; a second Ctrl-C ends it at once.

Exit codes: 0 all runs finished, 1 some failed or the budget's hours ended before they began, 2 bad input (nothing was
started), 3 the folder is in use, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from iae_models.config import default_values
from study.access import reading, writing
from study.address import check_address
from study.blocks import Block
from study.cell_list import listing
from study.difference import as_lines, difference, other_checkpoints
from study.failures import BadInput
from study.hours import hours_left, used_up
from study.launch_end import copy_note, end_launch
from study.launch_folder import begun_anew, check_folder, check_place, held, unless_refused
from study.launch_options import command_of, launch_parser
from study.lock import FolderInUse
from study.mending import advice, mend_from_replicates, mend_rungs
from study.output import columns, print_whole
from study.plan import Plan, make_plan, other_code
from study.plan_text import counted, describe
from study.planned import mend_records
from study.readiness import lacking
from study.records import StudyFolder, run_status
from study.resolved import last_launch, write_study
from study.selection import confined
from study.signals import heeded, ignore_signals, leave_closed_terminal, signals_given_back
from study.spec import SpecError, StudySpec, load_study
from study.trial import one_line

if TYPE_CHECKING:
    from study.session import Outcome

FINISHED, FAILED, BAD_INPUT, IN_USE, INTERRUPTED = 0, 1, 2, 3, 130

LOAD_DATA = """
import sys
from pathlib import Path
from iae_models.data import load

root = Path(sys.argv[1]) if sys.argv[1] else None
try:
    for name in sys.argv[2:]:
        load(name, root)
except (OSError, ValueError) as error:
    sys.exit(str(error).replace(chr(10), " "))
"""
"""Loads the data sets that are named on the command line, in a process of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    launched_at = datetime.now(UTC)
    options = launch_parser().parse_args(arguments)
    try:
        with signals_given_back():
            return _main(options, launched_at)
    except (SpecError, BadInput) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except FolderInUse as error:
        print(error, file=sys.stderr)
        return IN_USE
    except KeyboardInterrupt:
        return INTERRUPTED


def _main(options: argparse.Namespace, launched_at: datetime) -> int:
    spec = load_study(options.spec, options.set, smoke=options.smoke)
    folder = StudyFolder(options.out or Path("runs") / spec.folder_name)
    check_folder(folder, spec)
    if options.dry_run or options.list:
        return FINISHED if print_whole(_shown(spec, folder, options)) else FAILED
    if options.address is None:
        _check_cores(spec)
    else:
        check_address(options.address)
    with (
        begun_anew(folder) if options.fresh else contextlib.nullcontext(),
        unless_refused(folder),
        held(folder, command_of(options)),
    ):
        try:
            return _launch(spec, folder, options, launched_at)
        except KeyboardInterrupt:
            ignore_signals()  # what is left is short
            return _interrupted(spec, folder, options)


def _shown(spec: StudySpec, folder: StudyFolder, options: argparse.Namespace) -> str:
    """Return what a launch shows that starts nothing: the cells, or the plan and what it would lack."""
    plan = _plan(spec, folder, options.only)
    with reading(folder):
        if options.list:
            return listing(plan, folder)
        check_place(folder)
        described = describe(plan, spec, folder, columns(), is_local=options.address is None)
    return "\n\n".join(filter(None, [described, _not_ready(spec, plan, options)]))


def _not_ready(spec: StudySpec, plan: Plan, options: argparse.Namespace) -> str:
    """Return what a launch would lack on this machine."""
    names = _data_names(spec, plan)
    lines = lacking(spec.resources, names, options.data_root, is_local=options.address is None)
    return "\n".join(["Not ready on this machine:", *(f"  {line}" for line in lines)]) if lines else ""


def _check_cores(spec: StudySpec) -> None:
    """Refuse lanes that this machine has too few cores for.

    Raises:
        BadInput: A lane takes more.
    """
    wanted, cores = spec.resources.cpus_per_lane, os.cpu_count() or 1
    if wanted > cores:
        raise BadInput(
            f"resources.cpus_per_lane must be at most the {cores} CPU cores of this machine, but got {wanted:g}; "
            "--address names a larger cluster."
        )


def _plan(spec: StudySpec, folder: StudyFolder, only: Sequence[str]) -> Plan:
    """Plan a study, or the named cells of it.

    Raises:
        BadInput: A record in the folder is damaged or cannot be read; the message names it. Or a name is unknown.
    """
    with reading(folder):
        try:
            plan = make_plan(spec, folder)
        except ValueError as error:
            raise BadInput(f"{error} {advice(spec, folder, str(error))}") from error
    return confined(plan, only)


def _mended_plan(spec: StudySpec, folder: StudyFolder, only: Sequence[str]) -> tuple[Plan, list[str]]:
    """Plan a study after the records are mended that something else can tell; return what was, a sentence each.

    Raises:
        BadInput: See `_plan`. Or the folder cannot be written.
    """
    mended: list[str] = []
    try:
        plan = _plan(spec, folder, only)
    except BadInput as error:
        if isinstance(error.__cause__, OSError):
            raise
        with writing(folder):
            mended += mend_from_replicates(spec, folder)
        if not mended:
            raise
        plan = _plan(spec, folder, only)
    with writing(folder):
        for path in mend_records(folder, plan.wanted):
            mended.append(f"Mended: {path} could not be read, and is written anew.")
        if spec.scheduler is not None:
            mended += mend_rungs(folder, plan.wanted)
    return plan, mended


def _refuse_other_code(plan: Plan, folder: StudyFolder) -> None:
    """Refuse finished runs, and checkpoints to go on from, that other model code has made.

    Raises:
        BadInput: There are some.
    """
    for (name, now), count in other_code(plan).items():
        found = f"{count} of the {len(plan.finished)} finished runs in {folder.root} were made by other model code"
        raise BadInput(
            f"--same-code wants runs of the model code {now} alone, but {found} ({name}): choose another folder with "
            "--out, begin anew with --fresh, or leave --same-code out to use them, marked in the report."
        )
    with reading(folder):
        others = other_checkpoints(plan, folder)
    for (name, now), count in others.items():
        raise BadInput(
            f"--same-code wants runs of the model code {now} alone, but the checkpoints of {counted(count, 'run')} in "
            f"{folder.root} were made by other model code ({name}): go on with that code, or leave --same-code out to "
            "have them begin anew."
        )


def _launch(spec: StudySpec, folder: StudyFolder, options: argparse.Namespace, launched_at: datetime) -> int:
    """Run what is to do in a folder that is held, then write the report."""
    for number in heeded():
        signal.signal(number, _as_keyboard_interrupt)
    plan, mended = _mended_plan(spec, folder, options.only)
    if options.same_code:
        _refuse_other_code(plan, folder)
    for warning in spec.warnings:
        print(f"Warning: {warning}")
    for sentence in mended:
        print(sentence)
    print(f"{spec.name} in {folder.root}, {counted(len(plan.wanted), 'run')}:")
    with reading(folder):
        rows = difference(plan, folder, spec.resources, is_local=options.address is None)
    print(as_lines(rows, columns()), flush=True)
    if plan.is_done:
        print("Nothing to do: " + _all_ended(plan, spec))
        return _brought_up_to_date(spec, folder, plan, launched_at, FINISHED)
    if hours_left(spec, plan) == 0:
        left = len(plan.todo) + sum(plan.search_runs.values()) + plan.confirm_runs
        print(f"Nothing is started, {counted(left, 'run')} left. {used_up(spec)}")
        return _brought_up_to_date(spec, folder, plan, launched_at, FAILED)
    print("Starting Ray …", flush=True)
    outcome = _run(spec, folder, plan, options, launched_at)
    if outcome.problem:
        print(outcome.problem, file=sys.stderr)
    return end_launch(
        folder, spec.search.storage, outcome.notes, FAILED if outcome.problem or outcome.num_missing else FINISHED
    )


def _brought_up_to_date(spec: StudySpec, folder: StudyFolder, plan: Plan, launched_at: datetime, code: int) -> int:
    """Write what is derived of a study of which nothing is run, and return the exit code."""
    with writing(folder):
        write_study(spec, folder, plan, last_launch(folder) or launched_at)
    note = copy_note(spec.search.storage, _rebuild(spec, folder, plan))
    return end_launch(folder, spec.search.storage, filter(None, [note]), code)


def _run(
    spec: StudySpec, folder: StudyFolder, plan: Plan, options: argparse.Namespace, launched_at: datetime
) -> Outcome:
    """Run a plan on Ray, after the data sets were found.

    Raises:
        BadInput: They were not, or Ray cannot be used.
    """
    with _data_check(_data_names(spec, plan), options.data_root) as check:

        def ready() -> None:
            _, errors = check.communicate()
            if check.returncode:
                lines = errors.strip().splitlines()
                raise BadInput(lines[-1] if lines else "the data sets could not be loaded.")
            with writing(folder):
                write_study(spec, folder, plan, launched_at)

        # Ray takes seconds to import, which a dry run and a bad specification should not pay.
        try:
            from study.session import run_plan
        except ImportError as error:
            raise BadInput(f"Ray Tune must be importable, but is not: {one_line(error)}") from error
        return run_plan(
            spec,
            folder,
            plan,
            address=options.address,
            data_root=options.data_root,
            launched_at=launched_at,
            ready=ready,
            command=command_of(options),
        )


def _data_names(spec: StudySpec, plan: Plan) -> set[str]:
    """Return the data sets that runs of this launch may need: those to do, and those that may be added to them."""
    todo = {run.config.data.name for run in plan.todo}
    if plan.chosen is not None:
        return todo
    searched = {
        str(name) for block in spec.blocks if plan.search_runs.get(block.name) for name in _data_names_of(block)
    }
    seeded = {
        run.config.data.name
        for run in plan.wanted
        if plan.confirm_runs or (spec.block(run.block).until is not None and plan.room != 0)
    }
    return todo | searched | seeded


def _data_names_of(block: Block) -> Sequence[Any]:
    """Return the data sets of a block, which no search chooses."""
    fixed = block.fixed.get("data.name", default_values()["data.name"])
    return next((axis.grid for axis in block.axes if axis.name == "data.name"), (fixed,))


def _rebuild(spec: StudySpec, folder: StudyFolder, plan: Plan) -> str:
    """Write history and searches as a launch does that runs something; return why the searches could not be written."""
    from study.dispatch import Dispatcher
    from study.history import HistoryWriter
    from study.optuna_store import OptunaStore
    from study.recovery import recover

    with writing(folder):
        recover(folder, HistoryWriter(folder.history))
        dispatcher = Dispatcher(spec, folder, plan)
    store = OptunaStore(folder, lambda: dispatcher.studies, storage=spec.search.storage)
    store.close()
    return store.problem


@contextlib.contextmanager
def _data_check(names: Iterable[str], root: Path | None) -> Iterator[subprocess.Popen[str]]:
    """Load each data set in another process while Ray starts: that downloads it, or says why it cannot."""
    command = [sys.executable, "-c", LOAD_DATA, str(root or ""), *sorted(names)]
    path = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def _all_ended(plan: Plan, spec: StudySpec) -> str:
    number = len(plan.wanted if plan.chosen is None else plan.chosen)
    whose = f"of {spec.name}" if plan.chosen is None else "that --only names"
    which, have = ("the run", "has") if number == 1 else (f"all {number} runs", "have")
    is_whole = plan.chosen is None and not plan.pruned
    return f"{which} {whose} {('is' if number == 1 else 'are') + ' finished' if is_whole else f'{have} ended'}."


def _interrupted(spec: StudySpec, folder: StudyFolder, options: argparse.Namespace) -> int:
    plan = _plan(spec, folder, options.only)
    left = len(plan.todo) + sum(plan.search_runs.values()) + plan.confirm_runs
    begun = sum(run_status(folder.run(run.key)) == "unfinished" for run in plan.todo)
    going_on = f" ({begun} from a checkpoint)" if begun else ""
    print(f"\nInterrupted: {counted(len(plan.finished), 'run')} finished and {left}{going_on} left.")
    if hours_left(spec, plan) == 0:
        print(used_up(spec))
    print(f"To go on from here:\n  {command_of(options)}")
    return INTERRUPTED


def _as_keyboard_interrupt(number: int, _: FrameType | None) -> None:
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)  # the shell passes on what the terminal has sent already
        leave_closed_terminal()
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
