"""A key opens from the moment it is made, wherever that was, and never without the budget that was made with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Gateway, house
from tests.gateway.upstream import Upstream
from weighbridge import audit_log, db
from weighbridge.accounts import keys
from weighbridge.app import budgets, renewing
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget

MESSAGES = {"model": "near/tiny", "max_tokens": 9, "messages": [{"role": "user", "content": "Say hello."}]}
RESPONSES = {"model": "near/tiny", "input": "Say hello."}


@pytest.fixture
async def unwatched(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway that does not look at keys and budgets by the clock."""
    monkeypatch.setattr(renewing, "FRESH_SECONDS", 3600)
    monkeypatch.setattr(budgets, "_FRESH", 10**9)
    async with house(tmp_path / "home", near(upstream)) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("target", "document"),
    [
        ("/v1/chat/completions", ASKED),
        ("/v1/messages", MESSAGES),
        ("/v1/messages/count_tokens", {name: MESSAGES[name] for name in ("model", "messages")}),
        ("/v1/responses", RESPONSES),
        ("/api/v1/chat/completions", ASKED),
        ("/v1/models", None),
        ("/api/v1/key", None),
        ("/v1/usage", None),
    ],
)
async def test_a_key_opens_at_once(unwatched: Gateway, target: str, document: dict[str, object] | None) -> None:
    key = unwatched.new_key("new")
    if document is None:
        answer = await unwatched.get(target, key=key)
    else:
        answer = await unwatched.ask(document, key=key, target=target)
    assert answer.status == 200, answer.body


async def test_a_key_is_never_open_without_its_budget(unwatched: Gateway) -> None:
    now = datetime.now(UTC)
    with closing(db.connect(unwatched.database)) as connection, db.transaction(connection):
        made, key = keys.Key(keys.new_id(), "once", "????", None, now, None, store=False), keys.new_secret()
        keys.add(connection, made, key, by=audit_log.GATEWAY)
        budget = Budget("", "key", made.id, "requests", "total", 1, now)
        table.enter(connection, budget, by=audit_log.GATEWAY)
    asked = [unwatched.ask(key=key) for _ in range(8)]
    assert sorted(answer.status for answer in await asyncio.gather(*asked)) == [200, *[402] * 7]


async def test_what_is_no_key_is_none_however_often_it_is_tried_and_few_looks_tell_so(
    unwatched: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[keys.Keyring] = []
    read = keys.Keyring.read

    def counted(ring: keys.Keyring) -> keys.Keys | None:
        looks.append(ring)
        return read(ring)

    monkeypatch.setattr(keys.Keyring, "read", counted)
    asked = [unwatched.get("/v1/models", key=f"wb-{number:032d}") for number in range(100)]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {401}
    assert 1 <= len(looks) <= 10
    looks.clear()
    assert (await unwatched.get("/v1/models", key="")).status == 401
    assert (await unwatched.get("/v1/models", key="wba-of-an-admin")).status == 401
    assert not looks, "there is nothing to look for"


async def test_a_key_that_is_not_revoked_any_more_opens_at_once(unwatched: Gateway) -> None:
    key = unwatched.new_key("away")
    unwatched.revoke("away")
    assert (await unwatched.get("/v1/models", key=key)).status == 401
    unwatched.sql("UPDATE key SET disabled_at = NULL")
    assert (await unwatched.get("/v1/models", key=key)).status == 200


async def test_without_a_database_a_new_key_is_none_and_others_open(
    unwatched: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(ring: keys.Keyring) -> None:
        raise db.Error("it is away")

    monkeypatch.setattr(keys.Keyring, "read", fails)
    assert (await unwatched.get("/v1/models", key="wb-unknown")).status == 401
    assert (await unwatched.get("/v1/models")).status == 200
