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


@pytest.mark.parametrize("with_grid", [False, True])
@pytest.mark.parametrize("arm", search_quality.ARMS.values(), ids=search_quality.ARMS)
def test_a_search_names_the_best_that_works_and_may_begin_with_a_grid(arm: search_quality.Arm, with_grid: bool) -> None:
    asked = []

    def measure(point: search_quality.Point) -> float:
        asked.append(point)
        return search_quality.measure_with(0, 0.0)(point)

    best = arm(0, 12, with_grid, measure)
    assert len(asked) == 12
    assert (asked[:6] == list(search_quality.GRID)) == with_grid
    assert search_quality.truth(best) == min(search_quality.truth(p) for p in asked if not search_quality.fails(p))


def test_a_comparison_has_the_same_runs_for_everyone() -> None:
    rows = search_quality.compare(with_grid=True, noise=0.0, runs=16, repeats=2)
    assert [row[2] for row in rows] == list(search_quality.ARMS)
    assert rows[0][4] == rows[0][6] == ""
    assert {len(row) for row in rows} == {8}
