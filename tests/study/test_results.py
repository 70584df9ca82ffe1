import pytest

from study.objectives import DEFAULT_OBJECTIVES
from study.records import read_json, write_json
from study.results import read_result


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
        ({"values": {"validation": {"critic_accuracy": "much"}}}, "much"),
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
