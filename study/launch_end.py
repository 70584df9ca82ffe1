"""The end of a launch: the report, and what a person may do next. Imports no torch, ray or optuna."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from study.output import columns
from study.records import StudyFolder

FAILED = 1
"""Exit code of a launch whose report could not be written."""

MAX_PROBLEMS = 5
"""Files that could not be used and are named in the end."""


def end_launch(folder: StudyFolder, storage: str | None, notes: Iterable[str], code: int) -> int:
    """Write the report, name the folder and the next commands, and return the exit code.

    Args:
        folder: The study folder.
        storage: Where Optuna's view of the study is kept, as the study states it.
        notes: What a person should know beyond the counts, one sentence each.
        code: The exit code unless the report fails.
    """
    for note in notes:
        print(note)
    try:
        report = f"Report  {_report(folder)}"
        _print_problems(folder)
    except Exception as error:  # noqa: BLE001 - the runs are safe, and the report can be written again
        report = f"No report: {type(error).__name__}: {error}"
        code = code or FAILED
    root = shlex.quote(str(folder.root))
    commands = {
        f"python -m study.best {root}": "the best configurations",
        f"python -m study.trials {root}": "every run with its measures",
        f"python -m analysis.report {root}": "write the report again",
        f"optuna-dashboard {shlex.quote(_address_of(folder, storage))}": "the searches",
        f"tensorboard --logdir {root}/runs": "the curves",
    }
    print(f"\nStudy   {folder.root}\n{report}\nNext")
    print("\n".join(_explained(commands)))
    return code


def copy_note(storage: str | None, problem: str) -> str:
    """Return what to say of a copy of the searches that is not up to date, or "" where nothing is wrong with it."""
    place = {None: "optuna.db", "journal": "optuna.journal"}.get(storage, "The copy of the searches in the database")
    return f"{place} is not up to date ({problem}); the next launch writes it anew." if problem else ""


def _address_of(folder: StudyFolder, storage: str | None) -> str:
    """Return what `optuna-dashboard` takes to show the searches; the password of a database is left to the reader."""
    if storage in (None, "journal"):
        return str(folder.journal) if storage else f"sqlite:///{folder.optuna}"
    password = urlsplit(storage).password
    return storage.replace(f":{password}@", ":PASSWORD@") if password else storage


def _explained(commands: Mapping[str, str]) -> Iterator[str]:
    """Yield commands with what they are for: behind them, or below where the terminal is too narrow."""
    width = max(map(len, commands))
    is_narrow = width + 4 + max(map(len, commands.values())) > columns()
    for command, what in commands.items():
        yield f"  {command}\n      {what}" if is_narrow else f"  {command:{width}}  {what}"


def _report(folder: StudyFolder) -> str:
    """Write the report unless it is that of what the folder holds now, and return what to say of it."""
    from analysis.current import is_current

    if is_current(folder):
        return f"{folder.report / 'index.html'}\n        left as it is: nothing has changed since it was written"
    print("Writing the report …", flush=True)
    from analysis.report import write_report

    return str(write_report(folder.root))


def _print_problems(folder: StudyFolder) -> None:
    """Print which files the report could not use, and how many more there are."""
    with (folder.report / "tables" / "problems.csv").open(newline="", encoding="utf-8") as file:
        problems = [row["problem"] for row in csv.DictReader(file)]
    for problem in problems[:MAX_PROBLEMS]:
        print(f"Problem: {problem}")
    if len(problems) > MAX_PROBLEMS:
        print(f"and {len(problems) - MAX_PROBLEMS} more problems, which the report lists")
