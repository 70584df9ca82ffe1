"""Damaged records of runs that something else in the folder can tell. Imports no torch, ray or optuna.

What a run of a grid is, the specification says: see `study.planned.mend_records`. What a search proposed stands in the
record of each of its replicates, and the rungs of a run stand among what it reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from study.planned import ADAPTIVE, CONFIRM_FIRST, PlannedRun
from study.records import RunFolder, StudyFolder, read_json, write_json
from study.run_log import read_log
from study.rungs import JUDGED, PREFIX, Rung, parse_rungs, write_rungs
from study.spec import StudySpec


def mend_from_replicates(spec: StudySpec, folder: StudyFolder) -> list[str]:
    """Write the `run.json` of proposed and of confirming runs anew that cannot be read, where another replicate can.

    Returns:
        A sentence for each.
    """
    done = []
    for run in _unreadable(folder):
        record = _from_replicate(spec, folder, run)
        if record is not None:
            write_json(run.run, record)
            done.append(f"Mended: {run.run} could not be read, and is written anew from another replicate.")
    return done


def advice(spec: StudySpec, folder: StudyFolder, problem: str) -> str:
    """Return what can be done about a record that keeps a study from being planned.

    Args:
        spec: The study.
        folder: Its folder.
        problem: What is wrong, with the record's path.
    """
    run = next((run for run in _unreadable(folder) if problem.startswith(f"{run.run} ")), None)
    if run is None:
        return "Remove it to have its run repeated."
    if _from_replicate(spec, folder, run) is not None:
        return "The next launch writes it anew from another replicate."
    return (
        f"It alone said what the run was: put a copy back, or remove the folder {run.root}, with its results, to go on "
        "without it. A search then proposes another configuration in its place."
    )


def mend_rungs(folder: StudyFolder, runs: Iterable[PlannedRun]) -> list[str]:
    """Write the `rungs.json` of runs anew that cannot be read, from what the runs reported; or remove them.

    Returns:
        A sentence for each.
    """
    torn = [folder.run(run.key) for run in runs if run.origin in JUDGED and _is_torn(folder.run(run.key))]
    if not torn:
        return []
    # Parquet takes a moment to import.
    from study.history import known_values

    known = known_values(folder.history, [run.key for run in torn])
    done = []
    for run in torn:
        reported = dict(known[run.key])
        for line in read_log(run)[1]:
            reported |= {(line.step, name): value for name, value in line.values.items()}
        rungs = _rungs_of(reported, is_over=run.result.is_file())
        if rungs:
            write_rungs(run, rungs)
            done.append(f"Mended: {run.rungs} could not be read, and is written anew from what the run reported.")
        else:
            run.rungs.unlink()
            done.append(
                f"Removed: {run.rungs} could not be read, and nothing else tells what it held; the scheduler judges "
                "other runs without it."
            )
    return done


def _is_torn(run: RunFolder) -> bool:
    try:
        parse_rungs(run)
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def _rungs_of(reported: Mapping[tuple[int, str], float], *, is_over: bool) -> list[Rung]:
    """Return the rungs among reported values; a run went on from those that it reported anything after."""
    values: dict[int, dict[str, float | None]] = {}
    for (step, name), value in sorted(reported.items()):
        if name.startswith(PREFIX):
            values.setdefault(step, {})[name.removeprefix(PREFIX)] = value
    last = max((step for step, _ in reported), default=0)
    return [Rung(step, own, judged=is_over or step < last) for step, own in values.items()]


def _unreadable(folder: StudyFolder) -> Iterator[RunFolder]:
    for run in folder.run_folders():
        try:
            read_json(run.run)
        except ValueError:
            yield run


def _from_replicate(spec: StudySpec, folder: StudyFolder, run: RunFolder) -> dict[str, Any] | None:
    """Return the record of a run by that of another replicate; None without one, and where the origin is not certain.

    A replicate below those that the block plans is one of these, and one that confirms has a number of its own kind.
    """
    name, _, number = run.key.rpartition("-")
    if not number.isdecimal():
        return None
    for other in folder.run_folders():
        if other.key.rpartition("-")[0] != name or other.key == run.key:
            continue
        try:
            record = read_json(other.run)
        except ValueError:
            continue
        block = next((block for block in spec.blocks if block.name == record.get("block")), None)
        if record.get("origin") in ADAPTIVE or block is None:
            continue
        record |= {"key": run.key, "replicate": int(number)}
        if int(number) < block.replicates:
            return record
        if int(number) >= CONFIRM_FIRST:
            return record | {"origin": "confirm", "adaptive": True}
    return None
