"""Run the fault tests, and write the table of faults, counts and outcomes that they recorded.

    python -m benchmarks.fault_table [TESTS …] [--out docs/fault_tests.md]

TESTS are files or folders for pytest, all of `tests/fault` if left out. Every row comes from this one run.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analysis.whole_files import atomic_path

PACKAGES = ("torch", "ray", "optuna")

INTRODUCTION = """# What survives what

Each row is a fault that really happened to a study, how often, and what the tests found then. They compare with the
same study undisturbed: every cell of the grid and every proposal bitwise the same, none lost, none run twice, nothing
left that runs. `python -m benchmarks.fault_table` ran the tests and wrote this page.
"""


class Recorder:
    """A pytest plugin that keeps what tests record about faults, and how each test ended."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()
        self.troubles: list[tuple[str, str]] = []
        self.num_passed = 0
        self.seconds = 0.0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take the report of looking for tests in one place."""
        if report.failed:
            self.troubles.append((report.nodeid, "**failed** before its tests were found"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the report of one phase of one test."""
        self.seconds += report.duration
        if report.failed:
            self.troubles.append((report.nodeid, f"**failed** in its {report.when}"))
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.troubles.append((report.nodeid, f"not tried: {reason.removeprefix('Skipped: ')}"))
        elif report.when == "call":
            self.num_passed += 1
            for name, value in report.user_properties:
                if name == "fault":
                    self._add(value)

    def _add(self, fault: Any) -> None:
        self.rows[fault["fault"], fault["outcome"]] += fault["count"]


def main(arguments: list[str] | None = None) -> int:
    """Run the tests, write the page, and return pytest's exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.fault_table", description="Run the fault tests.")
    parser.add_argument(
        "tests", metavar="TESTS", nargs="*", default=["tests/fault"], help="files or folders for pytest"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, default=Path("docs/fault_tests.md"), help="the page")
    options = parser.parse_args(arguments)
    recorder = Recorder()
    begun = datetime.now(UTC)
    code = pytest.main(["-m", "fault", *options.tests], plugins=[recorder])
    with atomic_path(options.out) as temporary:
        temporary.write_text(page(recorder, begun), encoding="utf-8")
    return int(code)


def page(recorder: Recorder, begun: datetime) -> str:
    """Return the page as Markdown."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    summary = (
        f"{begun:%Y-%m-%d}; {machine}, {versions}. {recorder.num_passed} tests passed in {recorder.seconds / 60:.0f} "
        f"minutes, {len(recorder.troubles)} did not; {sum(recorder.rows.values())} faults."
    )
    rows = [(fault, str(count), outcome) for (fault, outcome), count in recorder.rows.items()]
    rows += [(f"`{name}`", "", outcome) for name, outcome in recorder.troubles]
    return f"{INTRODUCTION}\n{summary}\n\n{_table(('fault', 'times', 'outcome'), rows)}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ("---", "---:", "---"), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '¦') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
