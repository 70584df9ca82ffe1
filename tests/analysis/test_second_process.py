import os

import pytest

from analysis.second_process import import_modules, second_process


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr("analysis.second_process.num_cores", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_work_is_done_in_another_process_that_can_print_and_lack_modules():
    with second_process(wanted=True) as start:
        other = start(os.getpid)()
        assert other not in (os.getpid(), None)
        imported = start(import_modules, ["no_such_module", "colorsys"])
        assert start(print, "not the answer")() is None and start(os.getpid)() == other
        assert imported() is None


@pytest.mark.usefixtures("two_cores")
def test_results_are_those_of_their_work_in_whatever_order_they_are_asked_for():
    with second_process(wanted=True) as start:
        waiting = [start(pow, 2, number) for number in range(3)]
        assert [waiting[number]() for number in (2, 0, 1)] == [4, 1, 2]


@pytest.mark.usefixtures("two_cores")
def test_the_work_of_a_killed_process_is_done_here_and_it_is_said(capsys):
    with second_process(wanted=True) as start:
        start.__self__.process.kill()
        start.__self__.process.wait()
        large = start(len, bytes(10**6))
        assert start(os.getpid)() == os.getpid() and large() == 10**6
    assert "exit code -9" in capsys.readouterr().err


@pytest.mark.parametrize(("cores", "wanted"), [(1, True), (2, False)])
def test_without_a_second_core_or_need_there_is_no_second_process(cores, wanted, monkeypatch):
    monkeypatch.setattr("analysis.second_process.num_cores", lambda: cores)
    with second_process(wanted=wanted) as start:
        assert start(os.getpid)() == os.getpid()


@pytest.mark.usefixtures("two_cores")
def test_a_process_that_is_not_needed_any_more_is_ended():
    with pytest.raises(KeyError), second_process(wanted=True) as start:
        child = start.__self__.process
        raise KeyError
    assert child.poll() is not None
