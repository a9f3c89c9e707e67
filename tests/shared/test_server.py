"""A shared server that is slow, full, held, killed or wants to know us: nobody waits, and it is found again."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import trustme

from tests.valkey import PATIENCE, valkey
from weighbridge.shared.address import address, tls
from weighbridge.shared.server import SharedServer, Unavailable
from weighbridge.shared.visit import visit

WAIT = 0.1


@asynccontextmanager
async def used(url: str, *, wait: float = WAIT, context: ssl.SSLContext | None = None) -> AsyncIterator[SharedServer]:
    """One that is used while the block runs."""
    server = SharedServer(address(url), context, wait=wait, name="test", prefix="wb", chance=Random(1))
    keeping = asyncio.create_task(server.keep())
    try:
        yield server
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():  # noqa: ASYNC110 - it is another process that changes
            await asyncio.sleep(0.01)


async def well(server: SharedServer) -> None:
    await until(lambda: server.fault is None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def test_what_is_written_is_read_and_its_clock_is_ours() -> None:
    with valkey() as made:
        async with used(made.url) as server:
            await well(server)
            assert await server.do((b"SET", b"a", b"1"), (b"GET", b"a")) == (b"OK", b"1")
            assert await server.ask(b"GET", b"a", wait=WAIT) == b"1"
            seconds = int(made.say("TIME").split(b"\r\n")[2])
            assert abs(server.now() - seconds) < 2


async def test_one_that_was_never_there_is_told_of_once_and_found_when_it_comes(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with valkey() as made:
        made.kill()
        async with used(made.url) as server:
            await until(lambda: "shared server" in caplog.text)
            with pytest.raises(Unavailable):
                await server.ask(b"GET", b"a", wait=WAIT)
            with pytest.raises(Unavailable):
                await server.do((b"SET", b"a", b"1"))
            await asyncio.to_thread(made.start)
            await well(server)
            assert await server.ask(b"GET", b"a", wait=WAIT) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "requests go on without it" in caplog.messages[0]
    assert "is well again" in caplog.messages[1]


async def test_one_that_is_killed_ends_what_waits_for_it_at_once() -> None:
    with valkey() as made:
        async with used(made.url) as server:
            await well(server)
            made.hold()
            asking = asyncio.create_task(server.ask(b"GET", b"a", wait=PATIENCE))
            await asyncio.sleep(0)
            made.kill()
            async with asyncio.timeout(PATIENCE / 2):
                with pytest.raises(Unavailable):
                    await asking
            await until(lambda: server.fault is not None)


async def test_one_that_does_not_answer_costs_three_waits_and_no_more() -> None:
    with valkey() as made:
        async with used(made.url) as server:
            await well(server)
            made.hold()
            loop = asyncio.get_running_loop()
            began = loop.time()
            for _ in range(200):
                with pytest.raises(Unavailable):
                    await server.ask(b"GET", b"a", wait=0.05)
            assert loop.time() - began < 1
            assert server.failures == 3
            assert server.fault is not None
            made.go_on()
            await well(server)
            assert await server.ask(b"GET", b"a", wait=WAIT) is None


async def test_an_answer_that_comes_late_is_nobody_elses() -> None:
    with valkey() as made:
        made.say("SET", "late", "1")
        made.say("SET", "next", "2")
        async with used(made.url) as server:
            await well(server)
            made.hold()
            with pytest.raises(Unavailable):
                await server.ask(b"GET", b"late", wait=0.01)
            made.go_on()
            assert await server.ask(b"GET", b"next", wait=WAIT) == b"2"


async def test_one_that_is_full_is_still_read_and_written_again_when_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with valkey("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as made:
        made.say("SET", "a", "1")
        async with used(made.url) as server:
            await well(server)
            with pytest.raises(Unavailable, match="OOM"):
                await server.do(*((b"SET", b"big%d" % number, bytes(200_000)) for number in range(20)))
            assert "OOM" in str(server.fault)
            assert await server.ask(b"GET", b"a", wait=WAIT) == b"1"
            made.say("FLUSHALL")
            await well(server)  # without anybody else who writes
            await server.do((b"SET", b"b", b"2"))
    assert len([message for message in caplog.messages if "OOM" in message]) == 1


@pytest.mark.parametrize(
    ("sign", "said"), [("", "it wants a password"), (":wrong@", "does not take the user and password")]
)
async def test_one_that_does_not_know_us_says_what_lacks_and_no_password_shows(
    sign: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    with valkey("--port", str(port), "--bind", "127.0.0.1", "--requirepass", "hidden") as made:
        assert made.say("PING").startswith(b"-NOAUTH")
        async with used(f"redis://{sign}127.0.0.1:{port}") as server:
            await until(lambda: said in str(server.fault))
        async with used(f"redis://:hidden@127.0.0.1:{port}/3") as server:
            await well(server)
            await server.do((b"SET", b"a", b"1"))
    assert "hidden" not in caplog.text
    assert "wrong@" not in caplog.text


async def test_what_it_does_not_let_us_do_mixes_up_no_answers() -> None:
    with valkey() as made:
        made.say("SET", "a", "1")
        made.say("ACL", "SETUSER", "reader", "on", ">word", "~*", "+@all", "-@pubsub", "resetchannels")
        made.say("ACL", "SETUSER", "reader", "-set")
        async with used(made.url.replace("unix://", "unix://reader:word@localhost")) as server:
            await well(server)
            said = asyncio.gather(server.listen_to(b"there"), server.ask(b"GET", b"a", wait=1), return_exceptions=True)
            refused, found = await said
            assert isinstance(refused, Unavailable)
            assert found == b"1"
            assert "NOPERM" in str(server.fault)
            with pytest.raises(Unavailable, match="NOPERM"):
                await server.do((b"SET", b"a", b"2"))
            assert await server.ask(b"GET", b"a", wait=1) == b"1"


async def test_what_is_said_on_a_channel_is_heard() -> None:
    heard: list[tuple[bytes, bytes]] = []
    with valkey() as made:
        async with used(made.url) as server:
            server.heard = lambda channel, said: heard.append((channel, said))
            await well(server)
            await server.listen_to(b"there")
            assert made.say("PUBLISH", "there", "hello") == b":1\r\n"
            assert await server.ask(b"GET", b"a", wait=1) is None
            assert heard == [(b"there", b"hello")]


async def test_one_behind_tls_is_taken_by_its_certificate_alone(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: tmp_path / name for name in ("ca", "other", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    other.cert_pem.write_to_path(str(files["other"]))
    certificate.cert_chain_pems[0].write_to_path(str(files["cert"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    port = free_port()
    options = ["--tls-port", str(port), "--bind", "127.0.0.1", "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(files["cert"]), "--tls-key-file", str(files["key"])]
    with valkey(*options, "--tls-ca-cert-file", str(files["ca"])):
        where = address(f"valkeys://127.0.0.1:{port}")
        async with used(f"rediss://127.0.0.1:{port}", context=tls(where, files["ca"])) as server:
            await well(server)
        async with used(f"rediss://127.0.0.1:{port}", context=tls(where, files["other"])) as server:
            await until(lambda: "certificate verify failed" in str(server.fault))


async def test_what_is_no_such_server_is_said_to_be_none() -> None:
    async def speaks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(speaks_http, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with used(f"redis://127.0.0.1:{port}") as server:
        await until(lambda: "HTTP" in str(server.fault))
    listening.close()


async def test_a_visit_tells_why_there_is_no_answer() -> None:
    with valkey() as made:
        async with visit(address(made.url), None) as ask:
            assert await ask(b"PING") == b"PONG"
            with pytest.raises(Unavailable, match="unknown command"):
                await ask(b"NONSENSE")
        made.kill()
        with pytest.raises(Unavailable):
            async with visit(address(made.url), None) as ask:
                pass


@pytest.fixture(autouse=True)
def _said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "weighbridge.shared")
