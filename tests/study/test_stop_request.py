import pytest

from study.records import read_json
from study.stop_request import is_stop_requested, request_stop, requested_stop, withdraw_stop


def test_a_request_stands_until_it_is_withdrawn(folder):
    assert not is_stop_requested(folder)
    assert requested_stop(folder) is None
    withdraw_stop(folder)
    request_stop(folder, "SIGTERM")
    assert is_stop_requested(folder)
    assert requested_stop(folder) == ("checkpoint", "SIGTERM")
    request_stop(folder, "study.stop", "now")
    assert requested_stop(folder) == ("now", "study.stop")
    assert set(read_json(folder.stop)) == {"how", "by", "at"}
    withdraw_stop(folder)
    assert not is_stop_requested(folder)
    assert requested_stop(folder) is None


@pytest.mark.parametrize(
    ("text", "how"), [("", "checkpoint"), ("now\n", "now"), ("checkpoint", "checkpoint"), ("{", "checkpoint")]
)
def test_a_file_made_by_hand_is_a_request_too(folder, text, how):
    folder.root.mkdir()
    folder.stop.write_text(text)
    assert is_stop_requested(folder)
    assert requested_stop(folder) == (how, "a file named stop")
