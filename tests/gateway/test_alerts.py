"""Alerts from a whole gateway: signed, delivered at least once, kept over a restart, and never in a request's way."""

import asyncio
import ssl
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from tests.alerts.receiver import SECRET, Receiver, receiver, says
from tests.gateway.conftest import near
from tests.gateway.house import house
from tests.gateway.upstream import ANSWER, Call, Upstream, plainly
from weighbridge import config, db
from weighbridge.alerts import outbox, webhook
from weighbridge.alerts.event import Event
from weighbridge.alerts.outbox import Alert
from weighbridge.app import alerts
from weighbridge.app.worker import Worker
from weighbridge.config import ConfigError
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.transport.deadlines import Deadlines


def settings(hook: Receiver | int, upstream: Upstream, *, more: str = "", scheme: str = "http") -> str:
    port = hook if isinstance(hook, int) else hook.port
    return f'[alerts]\nurl = "{scheme}://127.0.0.1:{port}/hook?for=us"\nsecret = "{SECRET}"\n{more}\n' + near(upstream)


def tell(worker: Worker, mark: str = "spent") -> None:
    told = worker._alerts
    assert told is not None
    told.tell(Event(type="budget.spent", at=told._now(), subject={"budget": "b"}, figures={"spent": "1"}, mark=mark))


async def test_what_is_told_arrives_once_signed(tmp_path: Path, upstream: Upstream) -> None:
    async with receiver() as hook, house(tmp_path / "home", settings(hook, upstream)) as gateway:
        for _ in range(3):
            tell(gateway.worker)
        tell(gateway.worker, "another")
        messages = await hook.until(2)
        for message in messages:
            message.verify()
            assert message.target == "/hook?for=us"
            assert message.document["id"] == message.headers["webhook-id"]
            assert message.document["type"] == "budget.spent"
    assert len(hook.messages) == 2


async def test_what_did_not_arrive_is_tried_again_with_the_same_id(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "WAITS", (webhook.WAITS[0] / 1000,) * 9)
    script = [says(500, body="no"), says(429, "retry-after: 0"), says(404), b"garbage\r\n\r\n"]
    async with receiver(*script) as hook, house(tmp_path / "home", settings(hook, upstream)) as gateway:
        tell(gateway.worker)
        messages = await hook.until(5)
        assert len({message.headers["webhook-id"] for message in messages}) == 1
        assert len({message.body for message in messages}) == 1


async def test_a_redirect_is_not_followed(tmp_path: Path, upstream: Upstream) -> None:
    async with receiver() as other, receiver() as hook:
        hook.script = [says(302, f"location: http://127.0.0.1:{other.port}/")] * 9
        async with house(tmp_path / "home", settings(hook, upstream)) as gateway:
            tell(gateway.worker)
            await hook.until(1)
            async with asyncio.timeout(5):
                while "redirects are not followed" not in str([each.trouble for each in kept(gateway.ledger)]):  # noqa: ASYNC110 - a database sends no word
                    await asyncio.sleep(0.01)
        assert other.messages == []


async def test_what_was_told_before_a_stop_is_delivered_after_the_start(tmp_path: Path, upstream: Upstream) -> None:
    async with receiver() as gone:
        port = gone.port
    async with house(tmp_path / "home", settings(port, upstream)) as gateway:
        tell(gateway.worker)  # nobody listens, and it stops at once
    async with receiver(port=port) as hook:
        gateway.sql("UPDATE alert SET next_at = 0")  # else it waits for five seconds, or for the end of a lease
        async with house(tmp_path / "home", settings(port, upstream)):
            (message,) = await hook.until(1)
            message.verify()


async def test_requests_do_not_wait_for_a_webhook_that_is_slow(tmp_path: Path, upstream: Upstream) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with house(tmp_path / "home", settings(port, upstream)) as gateway:
        for number in range(100):
            tell(gateway.worker, f"mark {number}")
        async with asyncio.timeout(5):
            for _ in range(20):
                assert (await gateway.ask()).status == 200
    server.close()


async def test_an_endpoint_that_is_left_alone_and_comes_back_is_told(tmp_path: Path, upstream: Upstream) -> None:
    async def fails(call: Call) -> None:
        await call.answer({}, 500)

    quick = "[routing]\nretries = 0\nbreaker_seconds = 1.5\n"
    async with receiver() as hook, house(tmp_path / "home", settings(hook, upstream, more=quick)) as gateway:
        upstream.script = fails
        for _ in range(3):
            assert (await gateway.ask()).status == 502
        (opened,) = await hook.until(1)
        opened.verify()
        assert opened.document["type"] == "breaker.opened"
        assert opened.document["data"] == {
            "subject": {"endpoint": "near/tiny", "provider": "near"},
            "figures": {"why": "breaker", "requests": 3, "failures": 3},
        }
        upstream.script = plainly
        async with asyncio.timeout(10):
            while (await gateway.ask()).status != 200:  # noqa: ASYNC110 - it is tried by the clock
                await asyncio.sleep(0.1)
        closed = (await hook.until(2))[1]
        assert closed.document["type"] == "breaker.closed"


async def test_an_answer_of_another_model_is_told_once(tmp_path: Path, upstream: Upstream) -> None:
    async def other(call: Call) -> None:
        await call.answer({**ANSWER, "model": "other-7b"})

    upstream.script = other
    async with receiver() as hook, house(tmp_path / "home", settings(hook, upstream)) as gateway:
        for _ in range(3):
            assert (await gateway.ask()).status == 200
        (message,) = await hook.until(1)
        assert message.document["type"] == "drift.found"
        assert message.document["data"] == {
            "subject": {"endpoint": "near/tiny", "provider": "near"},
            "figures": {"asked": "tiny", "answered_as": "other-7b"},
        }
        tell(gateway.worker)
        await hook.until(2)
    assert len(hook.messages) == 2


async def test_a_price_that_changes_between_two_starts_is_told(tmp_path: Path, upstream: Upstream) -> None:
    async with receiver() as hook:
        async with house(tmp_path / "home", settings(hook, upstream)) as gateway:
            async with asyncio.timeout(5):
                while not seen(gateway.ledger):  # noqa: ASYNC110 - a database sends no word
                    await asyncio.sleep(0.01)
        dearer = settings(hook, upstream).replace('output = "1.10"', 'output = "2.20"')
        async with house(tmp_path / "home", dearer):
            (message,) = await hook.until(1)
        data = message.document["data"]
        assert isinstance(data, dict)
        assert (message.document["type"], data["subject"]["endpoint"]) == ("price.changed", "near/tiny")
        assert data["figures"] == {"output_before": "1.1", "output_after": "2.2"}


async def test_only_the_events_that_are_wanted_are_told(tmp_path: Path, upstream: Upstream) -> None:
    wanted = 'events = ["breaker.opened"]'
    async with receiver() as hook, house(tmp_path / "home", settings(hook, upstream, more=wanted)) as gateway:
        tell(gateway.worker)
        assert not gateway.worker._alerts._told  # type: ignore[union-attr]


async def test_a_certificate_that_is_not_trusted_gets_nothing(tmp_path: Path, upstream: Upstream) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with receiver(tls=context) as hook:
        for ca, trusted in (("", False), (f'[upstream]\nca_file = "{tmp_path / "ca.pem"}"\n', True)):
            toml = settings(hook, upstream, more=ca, scheme="https")
            file = tmp_path / "weighbridge.toml"
            file.write_text(toml)
            read = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, file=file)
            made = alerts.webhook_of(read, Deadlines(asyncio.get_running_loop()))
            assert made is not None
            outcome = await made.deliver("evt-1", b"{}", datetime.now(UTC))
            assert (outcome.trouble is None, len(hook.messages)) == (trusted, int(trusted))
            assert trusted or "certificate" in str(outcome.trouble)
            made.pool.close()


@pytest.mark.parametrize("secret", ["", 'secret = "short"', 'secret = "whsec_AAAA"'])
async def test_a_webhook_without_a_good_secret_is_refused_at_the_start(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text(f'[alerts]\nurl = "http://127.0.0.1:1/"\n{secret}\n')
    read = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, file=file)
    with pytest.raises(ConfigError, match=r"alerts\.secret"):
        alerts.webhook_of(read, Deadlines(asyncio.get_running_loop()))


def kept(ledger: Path) -> list[Alert]:
    with closing(db.connect(ledger)) as connection:
        return outbox.listing(connection)


def seen(ledger: Path) -> list[object]:
    with closing(db.connect(ledger)) as connection:
        return connection.execute("SELECT * FROM price_seen").fetchall()


async def test_a_budget_is_told_at_its_threshold_and_when_it_is_spent(tmp_path: Path, upstream: Upstream) -> None:
    async with receiver() as hook, house(tmp_path / "home", settings(hook, upstream)) as gateway:
        with closing(db.connect(gateway.ledger)) as connection:
            made = Budget("", "all", "", "requests", "day", 4, datetime.now(UTC), soft=50)
            table.put(connection, made)
        async with asyncio.timeout(10):
            while not gateway.worker.budgets:  # noqa: ASYNC110 - budgets are looked at by the clock
                await asyncio.sleep(0.01)
        for _ in range(2):
            assert (await gateway.ask()).status == 200
        (warned,) = await hook.until(1)
        warned.verify()
        assert warned.document["type"] == "budget.warned"
        for _ in range(2):
            assert (await gateway.ask()).status == 200
        spent = (await hook.until(2))[1]
        assert spent.document["type"] == "budget.spent"
        data = spent.document["data"]
        assert isinstance(data, dict)
        assert (data["figures"]["used"], data["figures"]["amount"]) == (4, 4)
    assert len(hook.messages) == 2
