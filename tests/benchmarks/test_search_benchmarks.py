"""The benchmarks of the search run, and say what they claim to say."""

import pytest

from benchmarks import orchestrator_scale, search_quality


@pytest.mark.parametrize("space", orchestrator_scale.SPACES)
def test_every_run_of_a_study_is_handed_out_and_found_again(space: str) -> None:
    rows = orchestrator_scale.measure(space, "random", num_runs=100, num_plain=1)
    assert [(row[1], row[2].partition(" ")[0]) for row in rows] == [
        ("runs of a study", "100"),
        ("next launch: plan", "100"),
        ("next launch: searches from their history", "100"),
        ("next launch: optuna.db written anew", "100"),
        ("next launch: `--dry-run`, the whole command", "100"),
        ("trials of plain Optuna, SQLite", "1"),
        ("trials of plain Optuna, in memory", "100"),
    ]
    assert {len(row) for row in rows} == {9}


@pytest.mark.parametrize("arm", search_quality.ARMS.values(), ids=search_quality.ARMS)
def test_a_search_names_a_configuration_that_works(arm) -> None:  # type: ignore[no-untyped-def]
    asked = []

    def measure(point: search_quality.Point) -> float | None:
        asked.append(point)
        return search_quality.measure_with(0, 0.0)(point)

    best, distinct = arm(0, 12, measure)
    assert len(asked) == 12
    assert distinct == len(set(asked))
    assert search_quality.truth(best) == min(search_quality.truth(p) for p in asked if not search_quality.fails(p))
