"""Getting a connection: TCP, TLS, unix sockets, and every way in which it fails."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
import trustme

from tests.transport.client.upstreams import (
    OK,
    Line,
    answering,
    ask,
    full_backlog,
    pooled,
    serving,
    trusting,
    turns,
    upstream,
)
from weighbridge.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from weighbridge.transport.client import Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    async with upstream(answering(OK), path=tmp_path / "upstream") as server, pooled(server.origin) as pool:
        for _ in range(3):
            assert await ask(pool) == (200, b"ok")
        assert server.accepted == 1


async def test_over_tls_connections_are_kept_too(authority: trustme.CA) -> None:
    tls = serving(authority.issue_cert("localhost"))
    async with upstream(answering(OK), tls=tls) as server, pooled(server.origin, tls=trusting(authority)) as pool:
        for _ in range(3):
            assert await ask(pool) == (200, b"ok")
        assert server.accepted == 1


async def test_over_tls_large_answers_and_requests_pass_whole(authority: trustme.CA) -> None:
    body = bytes(range(256)) * 20_000

    async def script(line: Line) -> None:
        while (asked := await line.question()).endswith(body):
            await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), asked[-len(body) :])

    tls = serving(authority.issue_cert("localhost"))
    async with upstream(script, tls=tls) as server, pooled(server.origin, tls=trusting(authority)) as pool:
        for _ in range(3):
            head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
            assert await ask(pool, head, body) == (200, body)
        assert server.accepted == 1


async def test_over_tls_a_close_before_the_end_is_an_error(authority: trustme.CA) -> None:
    async def script(line: Line) -> None:
        await line.question()
        await line.say(OK[:-1])

    tls = serving(authority.issue_cert("localhost"))
    async with upstream(script, tls=tls) as server, pooled(server.origin, tls=trusting(authority)) as pool:
        with pytest.raises(UpstreamError, match="the upstream closed the connection in the middle of its answer"):
            await ask(pool)


@pytest.mark.parametrize(
    ("name", "trusted", "days", "reason"),
    [
        ("elsewhere.example", True, 1, "Hostname mismatch, certificate is not valid for 'localhost'"),
        ("localhost", True, -1, "certificate has expired"),
        ("localhost", False, 1, "unable to get local issuer certificate"),
    ],
)
async def test_a_certificate_that_proves_nothing_is_refused(
    authority: trustme.CA, name: str, trusted: bool, days: int, reason: str
) -> None:
    asked: list[bytes] = []

    async def script(line: Line) -> None:
        asked.append(await line.question())

    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    tls = serving(authority.issue_cert(name, not_after=until, not_before=until - datetime.timedelta(days=2)))
    context = trusting(authority) if trusted else None
    async with upstream(script, tls=tls) as server, pooled(server.origin, tls=context) as pool:
        with pytest.raises(UpstreamUnreachable, match=f"the upstream has a certificate not to be trusted: .*{reason}"):
            await ask(pool)
        assert pool._open == 0
    assert not asked


async def test_an_origin_with_tls_never_gets_plain_text() -> None:
    heard: list[bytes] = []

    async def script(line: Line) -> None:
        heard.append(await line.reader.read(5))
        line.writer.write(b"HTTP/1.1 400 TLS?\r\nContent-Length: 0\r\n\r\n")

    async with upstream(script) as server:
        origin = Origin("the upstream", "localhost", server.origin.port, tls=True)
        async with pooled(origin) as pool:
            with pytest.raises(UpstreamUnreachable, match="the upstream: TLS failed: WRONG_VERSION_NUMBER"):
                await ask(pool, b"GET / HTTP/1.1\r\nAuthorization: secret\r\n\r\n")
    assert [data[:1] for data in heard] == [b"\x16"]  # a TLS handshake


async def test_an_upstream_that_never_ends_the_handshake_is_left() -> None:
    async def script(line: Line) -> None:
        await line.left()

    async with upstream(script) as server:
        origin = Origin("the upstream", "localhost", server.origin.port, tls=True)
        async with pooled(origin, connect=0.1) as pool:
            with pytest.raises(UpstreamTimeout, match=r"the upstream did not accept a connection within 0\.1 s"):
                await ask(pool)
            await turns(10)
            assert (pool._open, server.abandoned) == (0, 1)


async def test_an_upstream_that_hangs_up_in_the_handshake_is_unreachable() -> None:
    async def script(line: Line) -> None:
        await line.reader.read(5)

    async with upstream(script) as server:
        origin = Origin("the upstream", "localhost", server.origin.port, tls=True)
        async with pooled(origin) as pool:
            with pytest.raises(UpstreamUnreachable, match="the upstream"):
                await ask(pool)


async def test_a_host_that_takes_no_packet_is_a_timeout() -> None:
    with full_backlog() as origin:
        async with pooled(origin, connect=0.1) as pool:
            start = asyncio.get_running_loop().time()
            with pytest.raises(UpstreamTimeout, match=r"the upstream did not accept a connection within 0\.1 s"):
                await ask(pool)
            assert asyncio.get_running_loop().time() - start < 1


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        (Origin("the upstream", "127.0.0.1", 1), "the upstream could not be reached: .*[Cc]onnect"),
        (Origin("the upstream", "upstream.invalid"), "the upstream could not be reached: .*[Nn]ame"),
        (Origin("the upstream", "up..stream"), r"the upstream has a host that is no name: 'up\.\.stream'"),
        (Origin("the upstream", "x" * 70), "the upstream has a host that is no name"),
        (Origin("the upstream", socket="/nowhere/at/all"), "the upstream could not be reached: No such file"),
        (Origin("the upstream", socket="/" + "long" * 99), "the upstream could not be reached: "),
    ],
    ids=["refused", "no such name", "empty label", "long label", "no such socket", "long path"],
)
async def test_an_address_where_nobody_listens_is_unreachable(origin: Origin, message: str) -> None:
    async with pooled(origin) as pool:
        for _ in range(2):
            with pytest.raises(UpstreamUnreachable, match=message):
                await ask(pool)
        assert pool._open == 0


async def test_an_upstream_that_closes_as_it_accepts_is_an_error_every_time() -> None:
    async def script(line: Line) -> None:
        pass

    async with upstream(script) as server, pooled(server.origin) as pool:
        for _ in range(20):
            with pytest.raises(UpstreamError, match="the upstream closed the connection without an answer"):
                await ask(pool)


async def test_without_a_context_tls_trusts_the_system_s_authorities_only() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    pool = Pool(Origin("the upstream", "localhost", tls=True), patience=Patience(), deadlines=deadlines)
    assert pool._tls is not None
    assert pool._tls.verify_mode is ssl.CERT_REQUIRED
    assert pool._tls.check_hostname
