import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import plots
from analysis.timeline import busy_share, lane_timeline

HOUR = "2026-01-01T{:02d}:{:02d}:00+00:00"


def runs(rows):
    """Rows of key, worker, and start and end in minutes."""
    table = pd.DataFrame(rows, columns=["key", "worker", "start", "end"])
    for name, of in (("started_at", "start"), ("finished_at", "end")):
        table[name] = [HOUR.format(*divmod(int(at), 60)) if at == at else None for at in table[of]]
    return table.assign(block="b")


def test_runs_of_one_worker_follow_one_another_in_its_lane():
    found = lane_timeline(runs([("a", "w:1", 0, 60), ("b", "w:2", 0, 30), ("c", "w:2", 30, 60), ("d", "w:1", 90, 120)]))
    assert dict(zip(found["key"], found["lane"], strict=True)) == {"b": 0, "a": 1, "c": 0, "d": 1}
    assert found.set_index("key").loc["d", ["start_h", "end_h"]].tolist() == [1.5, 2.0]
    # 60 + 30 + 30 + 30 minutes of two lanes' 120 each
    assert busy_share(found) == pytest.approx(150 / 240)


def test_a_worker_of_several_runs_at_once_has_several_lanes_that_no_other_enters():
    found = lane_timeline(runs([("a", "w:1", 0, 60), ("b", "w:1", 0, 60), ("c", "w:2", 0, 10), ("d", "w:1", 70, 80)]))
    lane = dict(zip(found["key"], found["lane"], strict=True))
    assert len({lane["a"], lane["b"], lane["c"]}) == 3 and lane["d"] == min(lane["a"], lane["b"])


def test_without_workers_there_are_as_many_lanes_as_runs_at_once():
    found = lane_timeline(runs([(str(at), None, at, at + 10) for at in (0, 5, 10, 15, 40)]))
    assert found["lane"].tolist() == [0, 1, 0, 1, 0]


def test_times_that_cannot_be_read_are_left_out():
    table = runs([("a", "w", 0, 60), ("late", "w", 60, 0), ("none", "w", None, 10)])
    odd = [table.iloc[:1].assign(key="odd", started_at=value) for value in ("yesterday", 7, [[]], None)]
    found = lane_timeline(pd.concat([table, *odd], ignore_index=True))
    assert found["key"].tolist() == ["a"]
    nothing = lane_timeline(table.iloc[1:])
    assert nothing.empty and math.isnan(busy_share(nothing))


def test_the_timeline_draws_every_run_where_it_was():
    bars = lane_timeline(runs([("a", "w:1", 0, 60), ("b", "w:2", 30, 60)]))
    axes = Figure().subplots()
    plots.timeline(bars, axes, {"b": "#0072B2"})
    (drawn,) = axes.collections
    boxes = [path.get_extents() for path in drawn.get_paths()]
    assert np.allclose([(box.x0, box.x1, (box.y0 + box.y1) / 2) for box in boxes], [(0, 1, 0), (0.5, 1, 1)])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "2"]
