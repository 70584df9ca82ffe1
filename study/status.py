"""How a study stands: who runs it, what is done, what is out. Imports no torch, ray or optuna.

    python -m study.status DIR [--watch | --json]

It reads the study's files and its lock alone, so it works from any machine that sees the folder, also after a crash,
and takes nothing from whoever runs the study. `--watch` draws it anew every few seconds, until nobody runs it any more
or Ctrl-C.

Exit codes: 0 printed, 1 the output could not be written, 2 the folder holds no study or a damaged record.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.live import Live as Screen
from rich.text import Text

from study.best import number_text, with_interval
from study.failures import BadInput
from study.folder_argument import study_folder
from study.hours import used_up
from study.observed import STATES, Live, Observation, observe
from study.output import print_whole
from study.plan_text import aligned, counted, duration
from study.planned import cell_name
from study.ranking import estimates
from study.records import StudyFolder

INTERVAL_S = 2.0
"""Shortest time between two frames; where looking takes long, a fifth of the time is spent on it."""

SHOWN = 8
"""Most running runs, and most reasons of failures, that are listed."""

BAR = 32
"""Columns of the bar."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser("python -m study.status", description="Show how a study stands.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a study folder, such as runs/decomposition")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--watch", action="store_true", help="show it again and again, as long as somebody runs it")
    ways.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(arguments)
    try:
        folder = study_folder(options.folder)
        if options.watch:
            return _watch(folder, Console())
        found = observe(folder)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        return 0 if print_whole(json.dumps(as_json(found, folder), indent=1)) else 1
    console = Console()
    text = as_text(found, folder, console.width)
    if not console.is_terminal:
        return 0 if print_whole(text.plain) else 1
    console.print(text)
    return 0


def as_json(found: Observation, folder: StudyFolder) -> dict[str, Any]:
    """Return how a study stands as JSON values."""
    best = found.best
    return {
        "study": None if found.spec is None else found.spec.name,
        "folder": str(folder.root),
        "running": found.is_running,
        "holder": None if found.holder is None else asdict(found.holder),
        "stop_requested_by": found.stop or None,
        "total": found.total,
        "ended": found.ended,
        "states": {state: found.totals[state] for state in STATES},
        "blocks": found.counts or {},
        "to_search": dict(found.to_search or {}),
        "to_confirm": found.to_confirm,
        "with_checkpoint": found.resumable,
        "not_wanted": found.extra,
        "runs": [asdict(run) for run in found.live],
        "failures": [asdict(failure) for failure in found.failures],
        "finished_since_start": found.finished_here,
        "running_s": found.running_s,
        "left_s": found.left_s,
        "hours_left": found.hours_left,
        "best": None
        if best is None or found.spec is None
        else {
            "key": best.run.config_key,
            "name": cell_name(best.run),
            "seeds": best.score.num_seeds,
            "objectives": {
                objective.measure: asdict(item)
                for objective, item in zip(found.spec.objectives, estimates(best.score), strict=True)
            },
        },
    }


def as_text(found: Observation, folder: StudyFolder, width: int) -> Text:
    """Return how a study stands as lines of at most `width` columns; colours say nothing that words do not."""
    lines = Text("\n").join(_cut(line, width) for line in _lines(found, folder, width))
    lines.no_wrap = True
    return lines


def _watch(folder: StudyFolder, console: Console) -> int:
    """Draw until nobody runs the study, or until Ctrl-C.

    Raises:
        BadInput: See `study.observed.observe`.
    """
    try:
        with Screen(console=console, auto_refresh=False, vertical_overflow="crop") as screen:
            while True:
                begin = time.monotonic()
                found = observe(folder)
                text = as_text(found, folder, console.width)
                if console.is_terminal:
                    screen.update(text, refresh=True)
                elif not print_whole(f"{text.plain}\n"):
                    return 1
                if not found.is_running:
                    break
                time.sleep(max(INTERVAL_S, 4 * (time.monotonic() - begin)))
    except KeyboardInterrupt:
        return 0
    end = f"Nobody runs it{'' if found.left else ', and it is finished'}: the watch ends."
    return 0 if print_whole(f"\n{end}" if console.is_terminal else end) else 1


def _lines(found: Observation, folder: StudyFolder, width: int) -> Iterator[Text]:
    name = "no study yet" if found.spec is None else f"{found.spec.name}{' (smoke)' if found.spec.smoke else ''}"
    yield Text.assemble((name, "bold"), f"  {folder.root}")
    yield from _who(found)
    if found.spec is None:
        return
    yield Text()
    yield _bar(found)
    yield from _table(found)
    yield from _running(found.live)
    yield Text()
    yield from _pace(found, width)
    yield from _best(found)
    yield from _failures(found)


def _who(found: Observation) -> Iterator[Text]:
    holder = found.holder
    if holder is None:
        yield Text("not running")
    elif holder.is_alive:
        since = "" if found.running_s is None else f" for {duration(found.running_s)}"
        yield Text.assemble(("running", "green"), f"{since}, process {holder.pid} on {holder.host}")
        yield Text(f"  {holder.command_from_here}", style="dim")
    else:
        yield Text.assemble(
            ("not running", "yellow"),
            f": process {holder.pid} on {holder.host}, since {_local(holder.since)}, ended without a word",
        )
        yield Text(f"  {holder.command_from_here}", style="dim")
    if found.stop:
        yield Text(f"asked to stop by {found.stop}", style="yellow")


def _bar(found: Observation) -> Text:
    full = round(BAR * found.ended / max(1, found.total))
    runs = f"  {found.ended} of {counted(found.total, 'run')}"
    return Text.assemble(("━" * full, "green"), ("╌" * (BAR - full), "dim"), runs)


def _table(found: Observation) -> Iterator[Text]:
    counts = found.counts or {}
    states = [state for state in STATES if found.totals[state] or state in ("done", "waiting")]
    searches = found.to_search if found.to_search and any(found.to_search.values()) else {}
    head = ["block", "", *states, *(["to search"] if searches else [])]
    rows = [head]
    for block, own in counts.items():
        search = [f"+{searches[block]}" if searches.get(block) else ""] if searches else []
        rows.append([block, "", *(str(own[state] or "") for state in states), *search])
    if len(counts) > 1:
        search = [f"+{sum(searches.values())}"] if searches else []
        rows.append(["total", "", *(str(found.totals[state]) for state in states), *search])
    for line in aligned(rows).splitlines():
        yield Text(line)
    if found.to_confirm:
        yield Text(f"and {found.to_confirm} to confirm the best on fresh seeds")
    if found.extra:
        yield Text(f"and {found.extra} in the folder that are no part of the study any more")


def _running(live: Sequence[Live]) -> Iterator[Text]:
    if not live:
        return
    yield Text()
    rows = [
        (
            run.name,
            "",
            "measuring" if run.step >= run.steps else f"{run.step}/{run.steps}",
            f"{duration(run.silent_s)} ago",
        )
        for run in sorted(live, key=lambda run: -run.step / run.steps)[:SHOWN]
    ]
    first, *others = aligned([("running", "", "step", "last sign"), *rows]).splitlines()
    yield Text(first)
    for line in others:
        yield Text(line, style="cyan")
    if len(live) > SHOWN:
        yield Text(f"and {len(live) - SHOWN} more", style="dim")


def _pace(found: Observation, width: int) -> Iterator[Text]:
    if found.running_s is None:
        yield from map(Text, _left(found, width))
        return
    rate = ""
    if found.finished_here and found.running_s > 0:
        rate = f"{_rate(found.finished_here / found.running_s)} since the launch; "
    if found.left_s is None:
        yield Text(f"pace    {rate}time left unknown")
    else:
        end = datetime.now().astimezone() + timedelta(seconds=found.left_s)
        yield Text(f"pace    {rate}about {duration(found.left_s)} left, until {end:%a %H:%M}")


def _left(found: Observation, width: int) -> list[str]:
    """Return what is left for another launch, and whether there will be one."""
    if found.spec is None or not found.left:
        return []
    failed = found.totals["failed"]
    again = f" and {failed} failed" if failed else ""
    saved = f", {found.resumable} of them from a checkpoint" if found.resumable else ""
    text = f"{counted(found.left - failed, 'run')}{again}{saved}; "
    them = "it" if found.left == 1 else "them"
    if found.hours_left == 0:
        text += f"no launch begins {them}. {used_up(found.spec)}"
    else:
        text += f"the same launch goes on with {them}"
        if found.hours_left is not None:
            text += f", for the {duration(3600 * found.hours_left)} that budget.hours leaves"
    return wrap(text, max(40, width), initial_indent="left    ", subsequent_indent=" " * 8)


def _rate(per_s: float) -> str:
    """Return "4.1 runs a minute", in the unit in which it is at least one."""
    for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600)):
        if per_s * seconds >= 1:
            return f"{per_s * seconds:.3g} runs a {unit}"
    return f"{per_s * 86400:.3g} runs a day"


def _best(found: Observation) -> Iterator[Text]:
    if found.best is None or found.spec is None:
        return
    score = found.best.score
    texts = [
        f"{objective.measure} {with_interval(item)}"
        if found.spec.aggregate == "mean"
        else f"{found.spec.aggregate} {objective.measure} {number_text(item.value)}"
        for objective, item in zip(found.spec.objectives, estimates(score), strict=True)
    ]
    yield Text(f"best    {', '.join(texts)} over {counted(score.num_seeds, 'seed')}")
    front = " (on the Pareto front)" if len(texts) > 1 else ""
    yield Text(f"        at {cell_name(found.best.run)}{front}")


def _failures(found: Observation) -> Iterator[Text]:
    names: dict[str, list[str]] = {}
    for failure in found.failures:
        names.setdefault(failure.reason, []).append(failure.name)
    for reason, own in list(names.items())[:SHOWN]:
        yield Text.assemble(("failed  ", "red"), f"{len(own)} × {reason}")
        yield Text(f"        {', '.join(own[:SHOWN])}", style="dim")
    if len(names) > SHOWN:
        yield Text(f"        and for {len(names) - SHOWN} more reasons; study.trials lists them")


def _cut(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    return line


def _local(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%d %b %H:%M}"


if __name__ == "__main__":
    sys.exit(main())
