"""The sockets that workers serve: made and kept by the parent, so that a worker's end loses no waiting connection."""

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator

from weighbridge.cli.failure import Failure

_BACKLOG = 4096


@contextlib.contextmanager
def bound(host: str, port: int, count: int) -> Iterator[list[socket.socket]]:
    """`count` sockets on one address, among which the kernel shares connections out once they listen.

    Until then clients are refused, not kept waiting. Port 0 takes a free one. Raises Failure where the address cannot
    be had.
    """
    with contextlib.ExitStack() as stack:
        sockets: list[socket.socket] = []
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            port = _free(family, address)
            for _ in range(count):
                sockets.append(stack.enter_context(socket.socket(family, kind, protocol)))
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sockets[-1].bind((address[0], port, *address[2:]))
        except OSError as error:
            raise _failure(error, host, port) from error
        yield sockets


@contextlib.contextmanager
def bound_window(host: str, port: int | None, gateway: int) -> Iterator[socket.socket]:
    """The window's socket: of its port, else of the one after the gateway's, or of any. Raises Failure."""
    with contextlib.ExitStack() as stack:
        if port is not None:
            (found,) = stack.enter_context(bound(host, port, 1))
        else:
            try:
                (found,) = stack.enter_context(bound(host, gateway + 1 if gateway < 65535 else 0, 1))
            except Failure:
                (found,) = stack.enter_context(bound(host, 0, 1))
        yield found


def listen(sockets: Iterable[socket.socket]) -> None:
    """Let connections queue; a worker takes them up."""
    for each in sockets:
        # so that connections which have just ended do not keep the next start from the port; set where it is bound, it
        # would let another gateway have the port before this one listens
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.listen(_BACKLOG)


def _free(family: socket.AddressFamily, address: tuple[object, ...]) -> int:
    """The port, known to be free. SO_REUSEPORT alone would share it with a gateway that runs already."""
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        found: int = probe.getsockname()[1]
        return found


def _failure(error: OSError, host: str, port: int) -> Failure:
    if error.errno == errno.EADDRINUSE:
        return Failure(f"port {port} on {host} is in use", next_step=f"weighbridge up --port {port + 1}")
    if error.errno == errno.EACCES:
        return Failure(f"port {port} needs privileges", next_step="weighbridge up --port 8080")
    return Failure(
        f"cannot listen on {host} port {port}: {error.strerror}", next_step="weighbridge up --host 127.0.0.1"
    )
