"""How a run is trained again, and if it is the same. Imports no torch, ray or optuna.

    python -m study.reproduce RUN_FOLDER [--check] [--data-root DIR]

It lists what is not as it was: code, measures, versions, device, threads, data; and prints the command that trains the
run anew. With `--check` it trains the run in a temporary folder, measures it and compares. Where nothing differs the
numbers and weights must be bitwise the same; elsewhere each number must be within half its interval over images, or
within 1 %. The folder itself is only read.

Exit codes: 0 shown, or the same numbers; 1 other numbers; 2 bad input; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.again import (
    Comparison,
    Value,
    command_to_train,
    compare,
    maker_now,
    maker_of,
    outcome_of,
    recorded_run,
    train_again,
)
from study.failures import BadInput
from study.output import print_whole
from study.plan_text import aligned, duration
from study.planned import cell_called
from study.problems import nearest
from study.records import RunFolder, names_in, read_json, run_status

SAME, OTHER, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

SHOWN = 8
"""Most values that are listed."""

Differences = list[tuple[str, str, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser("python -m study.reproduce", description="Train one run again and compare.")
    parser.add_argument(
        "run", metavar="RUN_FOLDER", type=Path, help="a run's folder, such as runs/decomposition/runs/KEY"
    )
    parser.add_argument("--check", action="store_true", help="train it in a temporary folder and compare the numbers")
    parser.add_argument("--data-root", metavar="DIR", type=Path, help="folder of the data sets ($IAE_DATA_ROOT)")
    options = parser.parse_args(arguments)
    try:
        run = _run_folder(options.run)
        record, result = recorded_run(run), _result(run)
        differences = maker_of(result).differences(maker_now(record, result)) if result else []
        if not print_whole(_described(run, record, result, differences, options.data_root)):
            return OTHER
        return _check(run, result, differences, options.data_root) if options.check else SAME
    except BadInput as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


def _run_folder(path: Path) -> RunFolder:
    """Return the run folder of a command line.

    Raises:
        BadInput: It is none; the message names the nearest one.
    """
    run = RunFolder(path.absolute())
    if run.run.is_file():
        return run
    if path.is_dir():
        raise BadInput(f"RUN_FOLDER must be the folder of one run, but {path} holds no run.json.")
    near = nearest(path.name, names_in(path.parent))
    hint = f" Did you mean {path.with_name(near)}?" if near else ""
    raise BadInput(f"RUN_FOLDER must be the folder of one run, but there is no {path}.{hint}")


def _result(run: RunFolder) -> dict[str, Any]:
    """Return what `result.json` holds, nothing where the run is not finished.

    Raises:
        BadInput: It is damaged.
    """
    try:
        return read_json(run.result) if run_status(run) == "finished" else {}
    except ValueError as error:
        raise BadInput(str(error)) from error


def _described(
    run: RunFolder,
    record: Mapping[str, Any],
    result: Mapping[str, Any],
    differences: Differences,
    data_root: Path | None,
) -> str:
    title = f"{_name(record)} ({run.key}), {outcome_of(run)}"
    parts = [f"{title} in {duration(result['wall_time_s'])} at {result['finished_at']}" if result else title]
    if differences:
        parts.append(
            "Not as it was:\n" + aligned([("  ", "then", "now"), *((f"  {a}", b, c) for a, b, c in differences)])
        )
    elif result:
        parts.append("Code, measures, versions, device, threads and data are those of then.")
    command = command_to_train(run.key, record, result, data_root)
    parts.append(f"To train it anew, in a folder of its own:\n\n{command}")
    return "\n\n".join(parts)


def _name(record: Mapping[str, Any]) -> str:
    return f"{cell_called(str(record.get('block')), str(record.get('label')))}:{record['replicate']}"


def _check(run: RunFolder, result: Mapping[str, Any], differences: Differences, data_root: Path | None) -> int:
    """Train a run again and say how it compares.

    Raises:
        BadInput: There is nothing to compare with.
    """
    status = run_status(run)
    if status not in ("finished", "failed"):
        raise BadInput(f"--check needs a run that finished or failed, but {run.key} is {status}.")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="again-") as place:
        again = train_again(run, result, Path(place), data_root, _note)
        took = duration(time.monotonic() - begin)
        then, now = outcome_of(run), outcome_of(again)
        if status == "failed" or then != now:
            text, code = f"It {then} then, and {now} now", SAME if then == now else OTHER
        else:
            text, code = _verdict(compare(run, again), is_alike=not differences)
    print_whole(f"\n{text}\n\nTrained again in {took}.")
    return code


def _verdict(comparison: Comparison, *, is_alike: bool) -> tuple[str, int]:
    """Return what a comparison says, and the exit code."""
    values = comparison.values
    weights = {True: " and the weights", None: "; the weights of then are gone", False: ""}[comparison.has_same_weights]
    if comparison.is_same:
        return f"The same: all {len(values)} numbers{weights}, bitwise.", SAME
    others = [value for value in values if not value.is_same]
    far = [value for value in others if not value.is_close]
    counts = f"{len(values) - len(others)} of {len(values)} numbers are bitwise the same"
    tolerance = "half their interval over images or 1 %"
    if is_alike:
        text = f"Not the same, though nothing that is recorded differs: {counts}{weights}."
        return f"{text} Another kind of CPU does this too.\n{_table(others)}", OTHER
    if comparison.is_close:
        return f"Alike: {counts}{weights}, and the others within {tolerance}.\n{_table(others)}", SAME
    return f"Not the same: {counts}{weights}, and {len(far)} are further off than {tolerance}.\n{_table(far)}", OTHER


def _table(values: Sequence[Value]) -> str:
    """Return the values that are furthest off, relative to their tolerance."""
    if not values:
        return ""
    order = sorted(values, key=lambda value: -_distance(value))
    rows = [(value.name, _number(value.then), _number(value.now), _number(value.tolerance)) for value in order[:SHOWN]]
    more = f"\nand {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return "\n" + aligned([("", "then", "now", "tolerance"), *rows]) + more


def _distance(value: Value) -> float:
    if value.then is None or value.now is None:
        return float("inf")
    return abs(value.now - value.then) / max(value.tolerance, 1e-300)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"


def _note(step: int) -> None:
    if sys.stderr.isatty():
        print(f"\rstep {step} ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
