"""What is kept of answers that are not plain chat: of providers with a dialect of their own, put right, under a law."""

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import test_anthropic_upstream, test_habits, test_native_responses
from tests.gateway.conftest import near
from tests.gateway.house import ASKED, PATIENCE, Answer, house
from tests.gateway.test_cache import ON, settled
from tests.gateway.upstream import Upstream
from weighbridge import db
from weighbridge.accounts import keys

Json = Any  # any JSON value


def said(answer: Answer) -> list[Json]:
    """Every document of an answer, without what each answer has of its own."""
    assert (answer.status, answer.broken) == (200, False)
    if answer.headers["content-type"] != "text/event-stream":
        return [_same(answer.document)]
    lines = [line[6:] for line in answer.body.split(b"\n") if line.startswith(b"data: {")]
    return [_same(json.loads(line)) for line in lines]


def _same(document: Json) -> Json:
    if isinstance(document, list):
        return [_same(each) for each in document]
    if not isinstance(document, dict):
        return document
    own = {"id", "item_id", "response_id", "cost", "created_at", "completed_at", "created"}
    return {name: _same(value) for name, value in document.items() if name not in own}


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("first", [False, True])
async def test_a_message_of_anthropics_own_is_given_again_as_it_was(
    tmp_path: Path, upstream: Upstream, first: bool, again: bool
) -> None:
    upstream.script = test_anthropic_upstream.plainly
    settings = near(upstream).replace("base_url", 'speaks = ["messages"]\nbase_url')
    body = {**ASKED, "max_tokens": 50, "x_new_field": 1}
    async with house(tmp_path / "home", settings) as gateway:
        one = await gateway.ask({**body, "stream": first}, target="/v1/messages", headers=ON)
        await settled(gateway)
        other = await gateway.ask({**body, "stream": again}, target="/v1/messages", headers=ON)
        other_beta = await gateway.ask(
            {**body, "stream": first}, target="/v1/messages", headers=ON + "anthropic-beta: x-2026\r\n"
        )
    # its events are not put together here: each way of asking has answers of its own
    assert other.headers["x-weighbridge-cache"] == ("hit" if first == again else "miss")
    assert (said(one) == said(other)) == (first == again)
    assert other_beta.headers["x-weighbridge-cache"] == "miss"


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("first", [False, True])
async def test_a_response_of_the_providers_own_is_given_again_either_way(
    tmp_path: Path, upstream: Upstream, first: bool, again: bool
) -> None:
    upstream.script = test_native_responses.plainly
    settings = near(upstream).replace("base_url", 'speaks = ["chat", "responses"]\nbase_url')
    body = test_native_responses.ASKED
    async with house(tmp_path / "home", settings) as gateway:
        one = await gateway.ask({**body, "stream": first}, target="/v1/responses", headers=ON)
        await settled(gateway)
        other = await gateway.ask({**body, "stream": again}, target="/v1/responses", headers=ON)
        entry = gateway.entries()[1]
    assert other.headers["x-weighbridge-cache"] == "hit"
    whole = [each.get("response", each) for each in (said(one)[-1], said(other)[-1])]
    assert whole[0]["output"] == whole[1]["output"]
    assert whole[1]["x_only_there"] is True
    assert (entry.upstream_request, len(upstream.calls)) == (one.receipt, 1)
    assert entry.charge is not None
    assert (entry.charge.usage.prompt, entry.charge.usage.completion) == (36, 105)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        ("/v1/chat/completions", test_habits.CHAT),
        ("/v1/messages", test_habits.MESSAGES),
        ("/v1/responses", test_habits.RESPONSES),
        ("/api/v1/chat/completions", test_habits.CHAT),
    ],
)
async def test_thoughts_and_calls_are_kept_where_they_belong(
    tmp_path: Path, upstream: Upstream, asked: tuple[str, Json], first: bool, again: bool
) -> None:
    target, body = asked
    upstream.script = test_habits.leaking
    async with house(tmp_path / "home", test_habits.settings(upstream)) as gateway:
        await gateway.ask({**body, "stream": first}, target=target, headers=ON)
        await settled(gateway)
        other = await gateway.ask({**body, "stream": again}, target=target, headers=ON)
    assert other.headers["x-weighbridge-cache"] == "hit"
    text = json.dumps(said(other))
    assert "tool_call>" not in text
    assert "think>" not in text
    assert "Paris" in text
    assert len(upstream.calls) == 1


async def test_a_chat_that_is_to_be_stored_is_stored_each_time(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", near(upstream)) as gateway:
        with closing(db.connect(gateway.ledger)) as connection:
            key = keys.create(connection, name="keeping", now=datetime.now(UTC), store=True)[1]
        await gateway.until("/v1/models", key, 200)
        body = {**ASKED, "store": True}
        one = await gateway.ask(body, key=key, headers=ON)
        await settled(gateway)
        other = await gateway.ask(body, key=key, headers=ON)
        listed = (await gateway.get("/v1/chat/completions", key=key)).document["data"]
    assert other.headers["x-weighbridge-cache"] == "hit"
    ids = [one.document["id"], other.document["id"]]
    assert isinstance(listed, list)
    assert [each["id"] for each in listed] == ids
    assert ids[0] != ids[1]


def law(tag: str) -> str:
    """A policy that has nothing to say to requests without this tag."""
    return f'[[deny]]\nname = "none of it"\ncontains = "{tag}"\n'


async def test_when_the_policy_changes_nothing_of_before_is_given_again(tmp_path: Path, upstream: Upstream) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(law("secret"))
    only = "x-weighbridge-cache: only-if-cached\r\n"
    async with house(tmp_path / "home", f'[policy]\nfile = "{file}"\n' + near(upstream)) as gateway:
        await gateway.ask(headers=ON)
        await settled(gateway)
        assert (await gateway.ask(headers=ON)).headers["x-weighbridge-cache"] == "hit"
        paid, free = gateway.entries()
        refused = await gateway.ask(headers=ON + "x-weighbridge-tags: secret\r\n")
        file.write_text(law("treasure"))
        async with asyncio.timeout(PATIENCE):
            while (await gateway.ask(headers=only)).status == 200:  # noqa: ASYNC110 - a policy is read by the clock
                await asyncio.sleep(0.02)
        answer = await gateway.ask(headers=ON)
    assert free.decided is not None
    assert free.decided == paid.decided  # who gave it may give it: the same law, rule and facts
    assert (refused.status, refused.error["code"]) == (403, "policy_refused")
    assert answer.headers["x-weighbridge-cache"] == "miss"
    assert len(upstream.calls) == 2
