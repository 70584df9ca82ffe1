import inspect

import pytest
from ray._private import worker
from ray._private.node import Node
from ray.exceptions import OutOfMemoryError

from study import driver
from study.environment import REPOSITORY
from study.failures import BadInput
from study.lanes import Lanes, larger_shares
from study.spec import Resources


@pytest.fixture
def nodes(monkeypatch):
    """Return a function that puts nodes of (CPUs, GPUs) in the place of a cluster's."""

    def put(*sizes, dead=()):
        alive = [{"Alive": True, "Resources": {"CPU": cpus, "memory": 1e9} | _gpus(gpus)} for cpus, gpus in sizes]
        gone = [{"Alive": False, "Resources": {"CPU": cpus} | _gpus(gpus)} for cpus, gpus in dead]
        monkeypatch.setattr(driver.ray, "nodes", lambda: alive + gone)

    return put


def _gpus(number):
    return {"GPU": float(number)} if number else {}


@pytest.mark.parametrize(
    ("sizes", "cpus", "gpus", "number"),
    [
        ([(2, 0)], 1, 0.25, 2),
        ([(3, 0), (3, 0)], 2, 0.25, 2),
        ([(16, 2)], 1, 0.4, 4),
        ([(16, 1), (16, 1)], 1, 0.4, 4),
        ([(16, 2)], 1, 0.1, 16),
        ([(64, 3)], 1, 0.1, 30),
        ([(64, 3)], 1, 2, 1),
        ([(64, 3), (64, 3)], 1, 2, 2),
        ([(16, 2)], 1, 0, 16),
        ([(8, 0), (4, 1)], 1, 0.25, 4),
        ([(1, 0)], 0.1, 0, 10),
        ([(0.3, 0)], 0.1, 0, 3),
    ],
)
def test_a_lane_lies_on_one_node_and_its_share_on_one_gpu(nodes, sizes, cpus, gpus, number):
    nodes(*sizes)
    lanes = driver.lanes_of(Resources(cpus_per_lane=cpus, gpus_per_lane=gpus))
    assert lanes.number == number
    assert lanes.device == ("cuda" if gpus and any(size for _, size in sizes) else "cpu")


def test_on_a_gpu_replicates_may_train_together_and_alone_is_the_first_larger_share(nodes):
    nodes((8, 1))
    lanes = driver.lanes_of(Resources(gpus_per_lane=0.5))
    assert (lanes.together, lanes.larger) == (8, ((1.0, 0.5), (1.0, 1.0)))
    lanes = driver.lanes_of(Resources(gpus_per_lane=0.5, runs_together=1))
    assert (lanes.together, lanes.larger) == (1, ((1.0, 1.0),))
    lanes = driver.lanes_of(Resources(device="cpu", runs_together=3))
    assert (lanes.together, lanes.larger) == (3, ((1.0, 0.0), (8.0, 0.0)))
    assert driver.lanes_of(Resources(device="cpu")).together == 1


def test_nodes_that_are_gone_and_a_limit_count(nodes):
    nodes((4, 0), dead=[(64, 8)])
    assert driver.lanes_of(Resources()) == Lanes(4, 1.0, 0.0, ((4.0, 0.0),))
    assert driver.lanes_of(Resources(max_concurrent=3)).number == 3


@pytest.mark.parametrize(
    ("sizes", "cpus", "gpus", "message"),
    [
        ([(2, 0), (2, 0)], 4, 0.25, "asks for 4 CPU and 0 GPU, and a node of Ray's has 2 CPU and 0 GPU."),
        ([(8, 1), (8, 1)], 1, 2, "asks for 1 CPU and 2 GPU, and a node of Ray's has 8 CPU and 1 GPU."),
        ([(8, 0), (1, 1)], 2, 1, "a node of Ray's has 8 CPU and 0 GPU or 1 CPU and 1 GPU."),
    ],
)
def test_lanes_that_fit_on_no_single_node_are_refused(nodes, sizes, cpus, gpus, message):
    nodes(*sizes)
    with pytest.raises(BadInput) as error:
        driver.lanes_of(Resources(cpus_per_lane=cpus, gpus_per_lane=gpus))
    assert message in str(error.value)


@pytest.mark.parametrize("address", [None, "auto"])
def test_workers_start_with_what_makes_them_repeatable(monkeypatch, address):
    started = []
    for name in (*driver.SWITCHES, "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "former")  # so that it is put back
    monkeypatch.setattr(driver.ray, "init", lambda **options: started.append(options))
    monkeypatch.setattr(driver.ray, "shutdown", lambda: None)
    with driver.cluster(address, threads=3):
        pass
    variables = started[0]["runtime_env"]["env_vars"]
    assert variables["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == "3"
    assert variables["PYTHONPATH"].startswith(str(REPOSITORY))


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (
            None,
            OSError(28, "No space left on device"),
            "Ray must be able to start on this machine, but cannot: .*left on",
        ),
        ("host:1", ConnectionError("nobody"), "--address must be that of a running Ray cluster, but at host:1: nobody"),
        ("host:1", OSError(113, "No route to host"), "but at host:1: .*No route to host"),
    ],
)
def test_a_ray_that_does_not_start_is_bad_input(monkeypatch, address, error, message):
    def fail(**_):
        raise error

    for name in (*driver.SWITCHES, "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "former")
    monkeypatch.setattr(driver.ray, "init", fail)
    with pytest.raises(BadInput, match=message), driver.cluster(address, threads=1):
        pass


def test_a_machine_that_does_not_reach_itself_is_bad_input(monkeypatch):
    for name in (*driver.SWITCHES, "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "former")
    monkeypatch.setattr(driver, "LOOPBACK", "192.0.2.1")  # an address that no machine has
    monkeypatch.setattr(driver.ray, "init", lambda **_: pytest.fail("Ray is not started in vain"))
    with pytest.raises(BadInput, match=r"do not reach one another at 192\.0\.2\.1"), driver.cluster(None, threads=1):
        pass


@pytest.mark.parametrize(
    ("sizes", "device", "message"),
    [
        ([(2, 0), (4, 0)], "cuda", "got cuda; a node has 2 CPU and 0 GPU or 4 CPU and 0 GPU."),
        ([], "auto", "a lane asks for 1 CPU and 0 GPU, and a node of Ray's has nothing."),
    ],
)
def test_a_device_that_is_not_there_is_refused(nodes, sizes, device, message):
    nodes(*sizes)
    with pytest.raises(BadInput) as error:
        driver.lanes_of(Resources(device=device))
    assert message in str(error.value)


def test_a_gpu_is_left_alone_where_the_study_asks_for_none(nodes):
    nodes((4, 1))
    lanes = driver.lanes_of(Resources(device="cpu"))
    assert (lanes.device, lanes.number, lanes.bundles) == ("cpu", 4, [{"CPU": 1.0}, {"CPU": 4.0}])


@pytest.mark.parametrize(
    ("cpus", "gpus", "sizes", "shares"),
    [
        (1, 0.25, [(8, 1)], [(1, 0.5), (1, 1.0)]),
        (1, 0.1, [(8, 2)], [(1, 0.2), (1, 0.4), (1, 0.8), (1, 1.0)]),
        (2, 0.4, [(8, 1)], [(2, 0.8)]),
        (1, 0.6, [(8, 1)], []),
        (1, 1, [(8, 4)], []),
        (1, 2, [(8, 4)], []),
        (1, 0, [(2, 0), (8, 0)], [(8, 0)]),
        (1.5, 0, [(2, 0)], []),
        (0.5, 0, [(1, 0)], [(1, 0)]),
    ],
)
def test_shares_grow_until_a_lane_is_alone(cpus, gpus, sizes, shares):
    assert [*larger_shares(cpus, gpus, sizes)] == shares


def test_ray_s_memory_monitor_is_found_behind_what_tune_raises():
    killed = OutOfMemoryError("2 worker(s) were killed due to the node running low on memory")
    error = RuntimeError("Caught unexpected exception")
    error.__cause__ = killed
    assert driver.memory_monitor_in(error) == str(killed)
    assert driver.memory_monitor_in(RuntimeError("other")) == ""


def test_ray_has_the_private_switch_with_which_it_ends_at_once():
    assert "allow_graceful" in inspect.signature(Node.kill_all_processes).parameters
    assert hasattr(worker, "_global_node")
