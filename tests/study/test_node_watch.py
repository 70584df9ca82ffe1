import pytest

from study import node_watch
from study.node_watch import NodeWatch, NoNodeLeft
from study.search import problem_of


@pytest.fixture
def watch(monkeypatch):
    """Return a function that lets a watch look at nodes, each a tuple of CPUs, GPUs and whether it lives."""

    def look(*nodes):
        found = [{"Alive": lives, "Resources": {"CPU": cpus, "GPU": gpus}} for cpus, gpus, lives in nodes]
        monkeypatch.setattr(node_watch.ray, "nodes", lambda: found)
        monkeypatch.setattr(node_watch, "CHECK_S", 0.0)
        return NodeWatch(lambda: {"CPU": 2.0, "GPU": 0.5}).stop_all()

    return look


def test_one_node_on_which_a_lane_fits_is_enough(watch):
    assert watch((8, 4, False), (2, 1, True)) is False


@pytest.mark.parametrize("nodes", [[], [(8, 4, False)], [(1, 4, True)], [(8, 0, True), (2, 1, False)]])
def test_without_such_a_node_the_study_ends_in_one_line(watch, nodes):
    with pytest.raises(NoNodeLeft) as error:
        watch(*nodes)
    assert problem_of(error.value) == (
        "The study was stopped: Ray has lost all nodes that have 2 CPU and 0.5 GPU for a lane."
    )


def test_the_nodes_are_looked_at_now_and_then(monkeypatch):
    monkeypatch.setattr(node_watch.ray, "nodes", lambda: pytest.fail("too early"))
    assert NodeWatch(lambda: {"CPU": 1.0}).stop_all() is False
