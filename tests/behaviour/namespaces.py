"""Hosts on one machine: network namespaces, each with a link to where the database is and one to the providers.

    host-1 ─┬─ database ─┬─ services: PostgreSQL, and what a test listens with there
            └─ providers ┘
    host-2 …

Clients are where the test is and reach a worker over a socket that was made there: what is cut off is the worker, from
what it needs.
"""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pytest

Net = Literal["database", "providers"]
SUBNETS: Final[dict[Net, str]] = {"database": "10.231.0", "providers": "10.231.1"}
_NEWNET: Final = 0x40000000
_OWN: Final = Path("/proc/thread-self/ns/net")


@dataclass(frozen=True)
class Hosts:
    """So many, from 1 on; addresses end in their number, those of the services in 254."""

    prefix: str
    count: int

    def within(self, host: int) -> tuple[str, ...]:
        """A command that becomes what follows it, on a host."""
        return ("ip", "netns", "exec", f"{self.prefix}{host}")

    def link(self, host: int, net: Net, state: Literal["up", "down"]) -> None:
        """Pull the plug of a host, or put it in again."""
        _ip("-n", f"{self.prefix}0", "link", "set", f"{net[:4]}{host}", state)

    @contextmanager
    def services(self) -> Iterator[None]:
        """What is opened or started in the block is where the services are."""
        libc = ctypes.CDLL(None, use_errno=True)
        with _OWN.open("rb") as here, Path(f"/run/netns/{self.prefix}0").open("rb") as there:
            _enter(libc, there.fileno())
            try:
                yield
            finally:
                _enter(libc, here.fileno())

    def listen(self) -> socket.socket:
        """A socket that providers' answers can come from."""
        with self.services():
            return socket.create_server((f"{SUBNETS['providers']}.254", 0), backlog=512)


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """So many while the block runs; the test is skipped where there can be none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the program ip (Debian: apt install iproute2)")
    made = Hosts(f"wb{os.getpid()}-", count)
    try:
        try:
            _wire(made)
        except (OSError, subprocess.CalledProcessError) as exc:
            pytest.skip(f"network namespaces are not permitted here: {exc}")
        yield made
    finally:
        for number in range(count + 1):
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", f"{made.prefix}{number}")


def _wire(made: Hosts) -> None:
    services = f"{made.prefix}0"
    for number in range(made.count + 1):
        _ip("netns", "add", f"{made.prefix}{number}")
        _ip("-n", f"{made.prefix}{number}", "link", "set", "lo", "up")
    for net, subnet in SUBNETS.items():
        _ip("-n", services, "link", "add", net, "type", "bridge")
        _ip("-n", services, "addr", "add", f"{subnet}.254/24", "dev", net)
        _ip("-n", services, "link", "set", net, "up")
        for number in range(1, made.count + 1):
            host, plug = f"{made.prefix}{number}", f"{net[:4]}{number}"
            _ip("-n", services, "link", "add", plug, "type", "veth", "peer", "name", net, "netns", host)
            _ip("-n", services, "link", "set", plug, "master", net, "up")
            _ip("-n", host, "addr", "add", f"{subnet}.{number}/24", "dev", net)
            _ip("-n", host, "link", "set", net, "up")
    with made.services():
        pass


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _enter(libc: ctypes.CDLL, file: int) -> None:
    if libc.setns(file, _NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
