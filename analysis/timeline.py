"""Which run was in which lane when: the numbers of a timeline, and how busy the lanes were."""

from __future__ import annotations

import heapq
import math
from typing import Any

import pandas as pd

COLUMNS = ("key", "block", "worker", "lane", "start_h", "end_h")


def lane_timeline(runs: pd.DataFrame) -> pd.DataFrame:
    """Place every finished run in a lane.

    A lane is a row of runs of one worker that did not overlap: the worker itself, or one place in it where it trains
    several runs at once. Where workers are not recorded, lanes are as many as runs were at work at once.

    Args:
        runs: Rows with `key`, `block`, `worker`, and `started_at` and `finished_at` in ISO format, of the attempt that
            finished; rows without two readable times in their order are left out.

    Returns:
        One row a run, in the order of their starts: the columns above, with lanes numbered from 0 in the order of their
        first runs, and hours since the first start.
    """
    times = {name: _times(runs[name]) for name in _TIMES}
    workers = runs["worker"].map(lambda worker: worker if isinstance(worker, str) else "").astype(str)
    table = runs[["key", "block"]].assign(worker=workers, **times)
    table = table[table["finished_at"] >= table["started_at"]]
    if table.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    begin = table["started_at"].min()
    for name, of in zip(("start_h", "end_h"), _TIMES, strict=True):
        table[name] = (table[of] - begin).dt.total_seconds() / 3600
    table = table.sort_values(["start_h", "end_h", "key"], ignore_index=True)
    table["lane"] = _lanes(table["worker"].tolist(), table["start_h"].tolist(), table["end_h"].tolist())
    return table[list(COLUMNS)]


def busy_share(timeline: pd.DataFrame) -> float:
    """Return the share of the lanes' time, from the first start to the last end, in which a run was at work."""
    span = timeline["end_h"].max() * timeline["lane"].nunique() if len(timeline) else 0.0
    return float((timeline["end_h"] - timeline["start_h"]).sum() / span) if span > 0 else math.nan


_TIMES = ("started_at", "finished_at")


def _times(column: pd.Series[Any]) -> pd.Series[Any]:
    texts = [item if isinstance(item, str) else "" for item in column]
    return pd.Series(pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601"), index=column.index)


def _lanes(workers: list[str], starts: list[float], ends: list[float]) -> list[int]:
    """Give each run, in the order of starts, the first lane of its worker that is free, or a new one."""
    free: dict[str, list[int]] = {}
    busy: dict[str, list[tuple[float, int]]] = {}
    lanes, count = [], 0
    for worker, start, end in zip(workers, starts, ends, strict=True):
        waiting, working = free.setdefault(worker, []), busy.setdefault(worker, [])
        while working and working[0][0] <= start:
            heapq.heappush(waiting, heapq.heappop(working)[1])
        if waiting:
            lane = heapq.heappop(waiting)
        else:
            lane, count = count, count + 1
        heapq.heappush(working, (end, lane))
        lanes.append(lane)
    return lanes
