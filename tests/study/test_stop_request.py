from study.records import read_json
from study.stop_request import is_stop_requested, request_stop, stop_requester, withdraw_stop


def test_a_request_stands_until_it_is_withdrawn(folder):
    assert not is_stop_requested(folder)
    withdraw_stop(folder)
    request_stop(folder, "SIGTERM")
    assert is_stop_requested(folder)
    assert stop_requester(folder) == "SIGTERM"
    assert set(read_json(folder.stop)) == {"by", "at"}
    withdraw_stop(folder)
    assert not is_stop_requested(folder)
    assert stop_requester(folder) == ""


def test_a_file_made_by_hand_is_a_request_too(folder):
    folder.root.mkdir()
    folder.stop.touch()
    assert is_stop_requested(folder)
    assert stop_requester(folder) == "a file named stop"
