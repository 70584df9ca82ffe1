from datetime import UTC, datetime, timedelta

import pytest

from study import launches
from study.launches import LaunchClock, hours_used, launches_of
from study.plan import make_plan
from study.records import read_json, write_json
from study.results import read_result

NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)


def test_hours_count_once_where_launches_and_runs_overlap(folder, finish):
    finish("a-0", started="2026-01-01T09:00:00", ended="2026-01-01T10:00:00")
    finish("a-1", started="2026-01-01T09:30:00", ended="2026-01-01T10:30:00")
    finish("a-2", started="2026-01-01T15:00:00", ended="2026-01-01T15:30:00")
    results = [read_result(folder.run(f"a-{number}"), ()) for number in range(3)]
    assert hours_used([], results) == pytest.approx(2.0)
    assert hours_used([(NINE, NINE + timedelta(hours=2))], results) == pytest.approx(2.5)
    assert hours_used([], []) == 0


def test_a_launch_whose_runs_all_failed_has_used_its_hours(spec_of, folder, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, zone):  # noqa: ARG003
            return next(times)

    times = iter([NINE, NINE, NINE + timedelta(hours=1), NINE + timedelta(hours=5), NINE + timedelta(hours=5)])
    monkeypatch.setattr(launches, "datetime", Clock)
    LaunchClock(folder).write()
    LaunchClock(folder)
    assert launches_of(folder) == [(NINE, NINE + timedelta(hours=1)), (NINE + timedelta(hours=5),) * 2]
    assert make_plan(spec_of(), folder).hours_used == pytest.approx(1.0)


def test_signs_of_life_are_written_now_and_then(folder, monkeypatch):
    clock = LaunchClock(folder)
    monkeypatch.setattr(launches, "EVERY_S", 1e9)
    folder.launches.unlink()
    clock.write_if_due()
    assert not folder.launches.exists()
    monkeypatch.setattr(launches, "EVERY_S", 0.0)
    clock.write_if_due()
    assert len(read_json(folder.launches)["launches"]) == 1


@pytest.mark.parametrize("torn", [{}, {"launches": [{}]}, {"launches": [{"began_at": "2026-01-01", "seen_at": "x"}]}])
def test_a_damaged_file_is_no_launch(folder, torn):
    write_json(folder.launches, torn)
    assert launches_of(folder) == []
