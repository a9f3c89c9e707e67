"""The sockets that workers serve."""

import socket

import pytest

from weighbridge.cli.failure import Failure
from weighbridge.cli.listening import bound, listen

HERE = "127.0.0.1"


def test_a_port_whose_connections_have_just_ended_can_be_served_again() -> None:
    with bound(HERE, 0, 1) as (listening,):
        listen([listening])
        port = listening.getsockname()[1]
        with socket.create_connection((HERE, port)) as client:
            listening.accept()[0].close()  # as a gateway that ends does: the kernel waits for late segments
            assert client.recv(1) == b""
    with bound(HERE, port, 2) as again:
        listen(again)
        socket.create_connection((HERE, port)).close()


@pytest.mark.parametrize("listens", [False, True])
def test_a_port_that_another_has_is_not_shared(listens: bool) -> None:
    with bound(HERE, 0, 1) as others:
        if listens:
            listen(others)
        with pytest.raises(Failure, match="in use"), bound(HERE, others[0].getsockname()[1], 1):
            pass
