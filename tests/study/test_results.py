import pytest

from study.failures import record_failure
from study.objectives import DEFAULT_OBJECTIVES
from study.records import read_json, write_json
from study.results import Mean, hours_used, mean_over_replicates, read_result


@pytest.fixture
def mean(folder):
    """Return a function from keys to the mean over those runs."""

    def mean_of(*keys):
        runs = [folder.run(key) for key in keys]
        results = {run.key: read_result(run, DEFAULT_OBJECTIVES) for run in runs if run.result.is_file()}
        return mean_over_replicates(runs, results, DEFAULT_OBJECTIVES)

    return mean_of


def test_a_result_holds_the_validation_values_of_the_objectives(folder, finish):
    finish("a-0", critic=0.5, rate=None, seconds=5.0)
    result = read_result(folder.run("a-0"), DEFAULT_OBJECTIVES)
    assert result.objectives == (0.5, None)
    assert (result.run_time_s, result.wall_time_s) == (5.0, 5.0)
    assert (result.finished_at - result.started_at).total_seconds() == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": None}, "must be what a finished run writes"),
        ({"values": {}}, "must have the key 'validation'"),
        ({"values": {"validation": {"rate": "much"}}}, "much"),
        ({"wall_time_s": None}, "must be what a finished run writes"),
        ({"started_at": "2026-01-01T00:00:00"}, "must have its zone"),
        ({"finished_at": "yesterday"}, "yesterday"),
    ],
)
def test_a_damaged_result_names_its_file(folder, finish, change, message):
    finish("a-0")
    run = folder.run("a-0")
    write_json(run.result, read_json(run.result) | change)
    with pytest.raises(ValueError, match=message) as error:
        read_result(run, DEFAULT_OBJECTIVES)
    assert str(error.value).startswith(str(run.result))


def test_means_are_over_the_replicates_that_have_all_objectives(folder, finish, mean):
    finish("a-0", critic=0.5, rate=1.0)
    finish("a-1", critic=0.7, rate=2.0)
    finish("a-2", critic=0.9, rate=None)
    record_failure(folder.run("a-3"), "diverged", "loss became nan")
    assert mean("a-0", "a-1") == Mean((pytest.approx(0.6), 1.5), 2)
    assert mean("a-0", "a-2", "a-3") == Mean((0.5, 1.0), 1, 2)
    assert mean("a-2", "a-3") == Mean(None, 0, 2, "rate was not measured; loss became nan")
    assert mean() == Mean(None, 0, 0, "no run")


def test_hours_count_once_where_runs_overlap(folder, finish):
    finish("a-0", started="2026-01-01T00:00:00", ended="2026-01-01T01:00:00")
    finish("a-1", started="2026-01-01T00:30:00", ended="2026-01-01T01:30:00")
    finish("a-2", started="2026-01-01T05:00:00", ended="2026-01-01T05:30:00")
    results = [read_result(folder.run(f"a-{number}"), ()) for number in range(3)]
    assert hours_used(results) == pytest.approx(2.0)
    assert hours_used([]) == 0
