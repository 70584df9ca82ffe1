import socket

import pytest

from study.address import check_address
from study.failures import BadInput


@pytest.fixture
def port():
    """Return a port of this machine where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:{}", "localhost:{}"])
def test_an_address_where_somebody_answers_is_taken(address, port):
    check_address(address.format(port))


def test_nobody_at_the_address_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(BadInput, match=rf"nobody answers at 127\.0\.0\.1:{port}: .*`ray start --head --port={port}`"):
        check_address(f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["foo", "", "localhost", ":6379", "host:port", "host:99999", "http://a:1", "a:1/b"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(BadInput, match="--address must be HOST:PORT or auto, but got"):
        check_address(address)


def test_ray_s_client_is_refused_with_the_reason(port):
    with pytest.raises(BadInput, match=r"of Ray's client: a launch has to run on a node of the cluster.*auto"):
        check_address(f"ray://127.0.0.1:{port}")
