"""Addresses of shared servers: what a URL means, and that no password of it is shown."""

from pathlib import Path

import pytest

from weighbridge.shared.address import Address, address


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("valkey://cache.example.org", Address("cache.example.org", 6379, 0)),
        ("redis://127.0.0.1:7000/3", Address("127.0.0.1", 7000, 3)),
        ("redis://[::1]:7000", Address("::1", 7000, 0)),
        ("rediss://:pass%20word@h/1", Address("h", 6379, 1, is_tls=True, password="pass word")),
        ("valkeys://me:p@h:1", Address("h", 1, 0, is_tls=True, user="me", password="p")),
        ("unix:///run/valkey.sock", Address("", 6379, 0, socket=Path("/run/valkey.sock"))),
        ("unix:///run/valkey.sock?db=2", Address("", 6379, 2, socket=Path("/run/valkey.sock"))),
        ("valkey://h?db=4", Address("h", 6379, 4)),
    ],
)
def test_a_url_means_a_server_and_a_database(url: str, meant: Address) -> None:
    assert address(url) == meant


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hidden@h",
        "valkey://",
        "valkey:///3",
        "valkey://me:hidden@h/three",
        "valkey://me:hidden@h:port",
        "valkey://me:hidden@h?timeout=3",
        "valkey://me:hidden@h/1#x",
        "unix://",
        "hidden",
    ],
)
def test_another_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="expected valkey://user:password@host") as refused:
        address(url)
    assert "hidden" not in str(refused.value)


def test_no_password_shows() -> None:
    where = address("valkey://me:hidden@h:7000/1")
    assert str(where) == "h:7000/1"
    assert "hidden" not in repr(where)
