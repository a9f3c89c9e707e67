"""Answers given again: in every dialect, whole and as streams, to whom they belong, for nothing, and told so."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, PATIENCE, Answer, Gateway, House, house
from tests.gateway.upstream import ANSWER, DONE, EVENTS, Call, Upstream, chunk, plainly
from weighbridge.ledger.entry import Entry
from weighbridge.wire import sse

Json = Any  # any JSON value
ON = "x-weighbridge-cache: on\r\n"
WHOLE, STREAMED = "Hello.", "Hello, world."
"""What the upstream says to a request for a document, and to one for a stream."""


def asks(wish: str) -> str:
    return f"x-weighbridge-cache: {wish}\r\n"


@dataclass(frozen=True)
class Dialect:
    """How one asks, and reads what is said."""

    target: str
    body: dict[str, Json]
    said: Callable[[Json], str]
    said_in: Callable[[Json], str]
    """In one event of a stream."""
    end: bytes

    def text(self, answer: Answer, *, streamed: bool) -> str:
        """The words of an answer that is whole."""
        assert (answer.status, answer.broken) == (200, False), answer.body
        if not streamed:
            assert answer.headers["content-type"] == "application/json"
            return self.said(answer.document)
        assert answer.headers["content-type"] == "text/event-stream"
        assert self.end in answer.body
        documents = [each for each in sse.documents(answer.body) if each != b"[DONE]"]
        return "".join(self.said_in(json.loads(document)) for document in documents)


def _chunk_text(chunk: Json) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ()))


def _message_text(document: Json) -> str:
    return str(document["choices"][0]["message"]["content"])


DIALECTS = {
    "chat": Dialect("/v1/chat/completions", {**ASKED}, _message_text, _chunk_text, DONE),
    "openrouter": Dialect("/api/v1/chat/completions", {**ASKED}, _message_text, _chunk_text, DONE),
    "messages": Dialect(
        "/v1/messages",
        {**ASKED, "max_tokens": 50},
        lambda document: str(document["content"][0]["text"]),
        lambda event: str(event.get("delta", {}).get("text", "")),
        b"message_stop",
    ),
    "responses": Dialect(
        "/v1/responses",
        {"model": "near/tiny", "input": "Say hello."},
        lambda document: str(document["output"][0]["content"][0]["text"]),
        lambda event: str(event["delta"]) if event["type"] == "response.output_text.delta" else "",
        b"response.completed",
    ),
}


async def settled(gateway: House) -> None:
    """Wait until whatever was to be kept is written: that comes after the answer."""
    path = gateway.ledger.with_name("cache.db")
    async with asyncio.timeout(PATIENCE):
        while not path.exists() or not kept(gateway):  # noqa: ASYNC110 - a file sends no word
            await asyncio.sleep(0.005)


def kept(gateway: House) -> int:
    """How many answers are in the file."""
    with closing(sqlite3.connect(gateway.ledger.with_name("cache.db"))) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM answer").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


def is_free(entry: Entry, of: str) -> None:
    """The entry of an answer that was given again."""
    assert (entry.ending, entry.status, entry.provider, entry.upstream_request) == ("complete", 200, None, of)
    assert (entry.model, entry.attempts) == ("near/tiny", ())
    assert entry.charge is not None
    assert (entry.charge.cost, entry.charge.price_id) == (Decimal(0), "cache")
    assert entry.charge.counted_by == "cache"
    assert (entry.charge.usage.prompt, entry.charge.usage.completion, entry.charge.usage.cached) == (12, 5, 4)


@pytest.mark.parametrize("again", [False, True], ids=["asked whole", "asked as a stream"])
@pytest.mark.parametrize("first", [False, True], ids=["kept whole", "kept as a stream"])
@pytest.mark.parametrize("name", DIALECTS)
async def test_an_answer_is_given_again_whichever_way_it_came_and_is_asked_for(
    gateway: Gateway, upstream: Upstream, name: str, first: bool, again: bool
) -> None:
    dialect = DIALECTS[name]
    one = await gateway.ask({**dialect.body, "stream": first}, target=dialect.target, headers=ON)
    await settled(gateway)
    other = await gateway.ask({**dialect.body, "stream": again}, target=dialect.target, headers=ON)
    words = STREAMED if first else WHOLE
    assert (dialect.text(one, streamed=first), dialect.text(other, streamed=again)) == (words, words)
    assert (one.headers["x-weighbridge-cache"], other.headers["x-weighbridge-cache"]) == ("miss", "hit")
    assert len(upstream.calls) == 1
    paid, free = gateway.entries()
    assert paid.charge is not None
    is_free(free, paid.id)
    assert (free.streamed, free.id) == (again, other.receipt)
    assert other.headers["x-weighbridge-cache-receipt"] == one.receipt
    assert Decimal(other.headers["x-weighbridge-saved"]) == paid.charge.cost
    assert int(other.headers["age"]) <= PATIENCE


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", DIALECTS)
async def test_usage_is_told_as_it_was_and_costs_nothing(gateway: Gateway, name: str, streamed: bool) -> None:
    dialect = DIALECTS[name]
    body = {**dialect.body, "stream": streamed}
    if name == "chat" and streamed:
        body["stream_options"] = {"include_usage": True}
    await gateway.ask(body, target=dialect.target, headers=ON)
    await settled(gateway)
    answer = await gateway.ask(body, target=dialect.target, headers=ON)
    text = answer.body.decode()
    assert "5" in text
    if not streamed:
        assert answer.headers["x-weighbridge-cost"] == "0"
    if name == "openrouter":
        document: Json = json.loads(sse.documents(answer.body)[-2]) if streamed else answer.document
        assert (document["usage"]["cost"], document["usage"]["completion_tokens"]) == (0, 5)
        assert (document["provider"], document["id"]) == ("near", "gen-" + answer.receipt.removeprefix("wbr-"))


async def test_without_a_wish_nothing_is_kept_or_given(gateway: Gateway, upstream: Upstream) -> None:
    for headers in ("", asks("off"), ""):
        answer = await gateway.ask(headers=headers)
        assert "x-weighbridge-cache" not in answer.headers
    assert len(upstream.calls) == 3
    assert not gateway.ledger.with_name("cache.db").exists()


TASKS: dict[str, tuple[dict[str, Json], Json]] = {
    "/v1/completions": ({"model": "near/tiny", "prompt": "a"}, {"choices": [{"text": "b", "finish_reason": "stop"}]}),
    "/v1/embeddings": ({"model": "near/tiny", "input": "a"}, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}),
    "/v1/rerank": (
        {"model": "near/tiny", "query": "a", "documents": ["b"]},
        {"results": [{"index": 0, "relevance_score": 0.5}]},
    ),
}


@pytest.mark.parametrize("target", TASKS)
async def test_other_tasks_are_given_again_too(gateway: Gateway, upstream: Upstream, target: str) -> None:
    body, document = TASKS[target]

    async def script(call: Call) -> None:
        await call.answer({**document, "usage": {"prompt_tokens": 3, "total_tokens": 3}})

    upstream.script = script
    one = await gateway.ask(body, target=target, headers=ON)
    await settled(gateway)
    other = await gateway.ask(body, target=target, headers=ON)
    assert (one.body, len(upstream.calls)) == (other.body, 1)
    entry = gateway.entries()[1]
    assert entry.charge is not None
    assert (entry.charge.cost, entry.charge.usage.prompt) == (Decimal(0), 3)
    assert entry.upstream_request == one.receipt


OTHERS: dict[str, Json] = {
    "other words": {**ASKED, "messages": [{"role": "user", "content": "Say goodbye."}]},
    "a system prompt": {**ASKED, "messages": [{"role": "system", "content": "x"}, *ASKED["messages"]]},  # type: ignore[misc]
    "tools": {**ASKED, "tools": [{"type": "function", "function": {"name": "f"}}]},
    "a temperature": {**ASKED, "temperature": 0.7},
    "a seed": {**ASKED, "seed": 1},
    "a format": {**ASKED, "response_format": {"type": "json_object"}},
    "a field that nobody knows": {**ASKED, "x_new_field": [1]},
}


@pytest.mark.parametrize("case", OTHERS)
async def test_whatever_differs_is_asked_anew(gateway: Gateway, upstream: Upstream, case: str) -> None:
    await gateway.ask(headers=ON)
    await settled(gateway)
    answer = await gateway.ask(OTHERS[case], headers=ON)
    assert (answer.headers["x-weighbridge-cache"], len(upstream.calls)) == ("miss", 2)


async def test_the_order_of_fields_does_not_matter(gateway: Gateway, upstream: Upstream) -> None:
    body = {**ASKED, "temperature": 0.5, "tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}
    await gateway.ask(body, headers=ON)
    await settled(gateway)
    other = json.dumps(dict(reversed(body.items())), indent=2, ensure_ascii=False).encode()
    assert (await gateway.ask(other, headers=ON)).headers["x-weighbridge-cache"] == "hit"
    assert len(upstream.calls) == 1


async def test_dialects_and_preferences_have_answers_of_their_own(gateway: Gateway, upstream: Upstream) -> None:
    path = "/api/v1/chat/completions"
    await gateway.ask(headers=ON)
    await gateway.ask(target=path, headers=ON)
    await gateway.ask({**ASKED, "provider": {"only": ["near"]}}, target=path, headers=ON)
    assert len(upstream.calls) == 3


async def test_keys_are_not_given_each_others_answers(gateway: Gateway, upstream: Upstream) -> None:
    other = gateway.new_key("other")
    await gateway.until("/v1/models", other, 200)
    await gateway.ask(headers=ON)
    await settled(gateway)
    assert (await gateway.ask(headers=ON, key=other)).headers["x-weighbridge-cache"] == "miss"
    assert len(upstream.calls) == 2


async def test_keys_share_answers_where_the_settings_say_so_and_only_what_they_may_ask_for(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with house(tmp_path / "home", "[cache]\nshared = true\n" + near(upstream)) as gateway:
        other, narrow = gateway.new_key("other"), gateway.new_key("narrow", models=("lab/else",))
        await gateway.until("/v1/models", other, 200)
        await gateway.ask(headers=ON)
        await settled(gateway)
        assert (await gateway.ask(headers=ON, key=other)).headers["x-weighbridge-cache"] == "hit"
        refused = await gateway.ask(headers=ON, key=narrow)
        entries = gateway.entries()
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")
    assert len(upstream.calls) == 1
    assert len({entry.key for entry in entries}) == 3


async def test_an_answer_has_its_time(gateway: Gateway, upstream: Upstream) -> None:
    await gateway.ask(headers=asks("ttl=1"))
    await settled(gateway)
    assert (await gateway.ask(headers=ON)).headers["x-weighbridge-cache"] == "hit"
    with closing(sqlite3.connect(gateway.ledger.with_name("cache.db"))) as connection:
        connection.execute("UPDATE answer SET until = until - 0.9")
        connection.commit()
    async with asyncio.timeout(PATIENCE):
        while (await gateway.ask(headers=asks("only-if-cached"))).status == 200:  # noqa: ASYNC110 - by the clock
            await asyncio.sleep(0.01)
    assert len(upstream.calls) == 1


async def test_only_an_answer_that_is_fresh_enough(gateway: Gateway, upstream: Upstream) -> None:
    await gateway.ask(headers=ON)
    await settled(gateway)
    with closing(sqlite3.connect(gateway.ledger.with_name("cache.db"))) as connection:
        connection.execute("UPDATE answer SET at = at - 100")
        connection.commit()
    assert (await gateway.ask(headers=asks("max-age=200"))).headers["age"] in ("100", "101", "102")
    assert (await gateway.ask(headers=asks("max-age=50"))).headers["x-weighbridge-cache"] == "miss"
    assert len(upstream.calls) == 2


async def test_a_fresh_answer_takes_the_place_of_the_kept_one(gateway: Gateway, upstream: Upstream) -> None:
    said = iter("abc")

    async def script(call: Call) -> None:
        message = {"role": "assistant", "content": next(said)}
        await call.answer({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    upstream.script = script
    await gateway.ask(headers=ON)
    await settled(gateway)
    fresh = await gateway.ask(headers=asks("refresh"))
    assert (fresh.headers["x-weighbridge-cache"], _message_text(fresh.document)) == ("refresh", "b")
    async with asyncio.timeout(PATIENCE):
        while _message_text((again := await gateway.ask(headers=ON)).document) != "b":  # noqa: ASYNC110 - as `settled`
            await asyncio.sleep(0.005)
    assert again.headers["x-weighbridge-cache-receipt"] == fresh.receipt
    assert len(upstream.calls) == 2


async def test_only_if_cached_asks_nobody(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask(headers=asks("only-if-cached"))
    entry = await gateway.entry()
    assert (answer.status, answer.error["code"], upstream.calls) == (504, "not_cached", [])
    assert answer.headers["x-should-retry"] == "false"
    assert (entry.ending, entry.error, entry.charge) == ("refused", "not_cached", None)
    await gateway.ask(headers=ON)
    await settled(gateway)
    assert (await gateway.ask(headers=asks("only-if-cached"))).headers["x-weighbridge-cache"] == "hit"


@pytest.mark.parametrize("name", DIALECTS)
async def test_only_if_cached_is_told_in_every_dialect(gateway: Gateway, name: str) -> None:
    dialect = DIALECTS[name]
    answer = await gateway.ask({**dialect.body, "stream": True}, target=dialect.target, headers=asks("only-if-cached"))
    assert answer.status == 504
    assert "no answer to this request is kept" in str(answer.error["message"])


async def test_a_wish_that_makes_no_sense_is_refused_by_name(gateway: Gateway, upstream: Upstream) -> None:
    for wish in ("perhaps", "semantic=0.95"):
        answer = await gateway.ask(headers=asks(wish))
        assert (answer.status, answer.error["param"]) == (400, "x-weighbridge-cache")
    assert [entry.ending for entry in gateway.entries()] == ["refused"] * 2
    assert upstream.calls == []


async def test_where_the_owner_wants_no_cache_a_request_is_answered_anew(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", "[cache]\nenabled = false\n" + near(upstream)) as gateway:
        for _ in range(2):
            assert (await gateway.ask(headers=ON)).headers["x-weighbridge-cache"] == "disabled"
        assert (await gateway.ask(headers=asks("only-if-cached"))).status == 504
    assert len(upstream.calls) == 2
    assert not gateway.ledger.with_name("cache.db").exists()


async def _filtered(call: Call) -> None:
    message = {"role": "assistant", "content": "no"}
    await call.answer({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "content_filter"}]})


async def _filtered_stream(call: Call) -> None:
    await call.stream((EVENTS[0], chunk({}, "content_filter"), DONE))


async def _broken(call: Call) -> None:
    await call.start()
    await call.events(EVENTS[:3])
    call.die()


async def _failed(call: Call) -> None:
    await call.answer({"error": {"message": "failed"}}, 500)


async def _error_in_200(call: Call) -> None:
    await call.answer({"error": {"message": "failed"}})


@pytest.mark.parametrize("script", [_filtered, _filtered_stream, _broken, _failed, _error_in_200])
async def test_what_is_no_good_answer_is_not_given_again(gateway: Gateway, upstream: Upstream, script: Json) -> None:
    body = {**ASKED, "stream": script in (_filtered_stream, _broken)}
    upstream.script = script
    await gateway.ask(body, headers=ON)
    upstream.script = plainly
    good = await gateway.ask(body, headers=ON)
    assert good.headers["x-weighbridge-cache"] == "miss"
    await settled(gateway)
    assert kept(gateway) == 1


@pytest.mark.parametrize("there", [True, False])
async def test_an_answer_of_an_endpoint_that_is_gone_is_not_given_again(
    tmp_path: Path, upstream: Upstream, there: bool
) -> None:
    def serves(name: str) -> str:
        return "[cache]\nshared = true\n" + near(upstream, name=name).replace("input", 'model = "lab/tiny"\ninput', 1)

    asked = {**ASKED, "model": "lab/tiny"}
    async with house(tmp_path / "home", serves("near")) as gateway:
        await gateway.ask(asked, headers=ON)
        await settled(gateway)
    async with house(tmp_path / "home", serves("near" if there else "far")) as gateway:
        answer = await gateway.ask(asked, headers=ON)
    assert answer.headers["x-weighbridge-cache"] == ("hit" if there else "miss")
    assert len(upstream.calls) == (1 if there else 2)


async def test_two_workers_share_what_is_kept_and_it_is_there_after_a_restart(
    tmp_path: Path, upstream: Upstream
) -> None:
    home, settings = tmp_path / "home", near(upstream)
    async with house(home, settings) as one, house(home, settings) as other:
        key = other.key  # a key of both: they have one ledger
        await one.until("/v1/models", key, 200)
        first = await one.ask(headers=ON, key=key)
        await settled(one)
        second = await other.ask(headers=ON, key=key)
    async with house(home, settings) as again:
        third = await again.ask(headers=ON, key=key)
    assert [each.headers["x-weighbridge-cache"] for each in (first, second, third)] == ["miss", "hit", "hit"]
    assert first.body == second.body == third.body
    assert len(upstream.calls) == 1


async def test_a_key_may_ask_for_it_in_all_its_requests(gateway: Gateway, upstream: Upstream) -> None:
    gateway.sql("""UPDATE key SET defaults = '{"cache":600}'""")
    async with asyncio.timeout(PATIENCE):
        while "x-weighbridge-cache" not in (answer := await gateway.ask()).headers:  # noqa: ASYNC110 - as `until`
            await asyncio.sleep(0.05)
    assert answer.headers["x-weighbridge-cache"] == "miss"
    await settled(gateway)
    calls = len(upstream.calls)
    assert (await gateway.ask()).headers["x-weighbridge-cache"] == "hit"
    assert "x-weighbridge-cache" not in (await gateway.ask(headers=asks("off"))).headers
    assert len(upstream.calls) == calls + 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_openais_client_gets_what_is_kept(gateway: Gateway, upstream: Upstream, streamed: bool) -> None:
    async with openai.AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=2) as client:
        for how in ("miss", "hit"):
            raw = await client.chat.completions.with_raw_response.create(
                model="near/tiny",
                messages=[{"role": "user", "content": "Say hello."}],
                stream=streamed,
                extra_headers={"x-weighbridge-cache": "on"},
            )
            assert raw.headers["x-weighbridge-cache"] == how
            parsed: Json = raw.parse()
            if streamed:
                text = "".join([each.choices[0].delta.content or "" async for each in parsed if each.choices])
            else:
                text = parsed.choices[0].message.content
            assert text == (STREAMED if streamed else WHOLE)
            await settled(gateway)
        with pytest.raises(openai.InternalServerError, match="is kept") as caught:
            await client.chat.completions.create(
                model="near/tiny",
                messages=[{"role": "user", "content": "Something else."}],
                extra_headers={"x-weighbridge-cache": "only-if-cached"},
            )
    assert caught.value.code == "not_cached"
    assert len(gateway.entries()) == 3  # it was not tried again
    assert len(upstream.calls) == 1


async def test_a_browser_may_read_what_the_headers_say(tmp_path: Path, upstream: Upstream) -> None:
    origins = '[server]\ncors_origins = ["https://chat.example"]\n'
    async with house(tmp_path / "home", origins + near(upstream)) as gateway:
        answer = await gateway.ask(headers=ON + "origin: https://chat.example\r\n")
    assert answer.headers["x-weighbridge-cache"] == "miss"
    exposed = answer.headers["access-control-expose-headers"]
    assert {"x-weighbridge-cache", "x-weighbridge-cache-receipt", "x-weighbridge-saved", "age"} <= set(
        exposed.split(", ")
    )


@asynccontextmanager
async def held(upstream: Upstream, *, streamed: bool = False) -> AsyncIterator[asyncio.Event]:
    """Every answer waits until the event is set; of a stream, the part after the second event."""
    go_on = asyncio.Event()

    async def script(call: Call) -> None:
        if streamed:
            await call.start()
            await call.events(EVENTS[:2])
        await go_on.wait()
        if not streamed:
            await call.answer()
            return
        await call.events(EVENTS[2:])
        await call.end()

    upstream.script = script
    yield go_on
    go_on.set()


async def asked_by(upstream: Upstream, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(upstream.calls) < count:  # noqa: ASYNC110 - the upstream sends no word
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("again", [False, True], ids=["others whole", "others as streams"])
@pytest.mark.parametrize("first", [False, True], ids=["first whole", "first as a stream"])
@pytest.mark.parametrize("name", DIALECTS)
async def test_of_many_that_ask_the_same_at_once_one_asks_and_pays(
    gateway: Gateway, upstream: Upstream, name: str, first: bool, again: bool
) -> None:
    dialect = DIALECTS[name]
    async with held(upstream, streamed=first) as go_on:
        leader = asyncio.create_task(gateway.ask({**dialect.body, "stream": first}, target=dialect.target, headers=ON))
        await asked_by(upstream, 1)
        body = {**dialect.body, "stream": again}
        others = [asyncio.create_task(gateway.ask(body, target=dialect.target, headers=ON)) for _ in range(5)]
        await asyncio.sleep(0.05)
        go_on.set()
        answers = await asyncio.gather(leader, *others)
    words = STREAMED if first else WHOLE
    assert dialect.text(answers[0], streamed=first) == words
    assert {dialect.text(each, streamed=again) for each in answers[1:]} == {words}
    assert [each.headers["x-weighbridge-cache"] for each in answers] == ["miss"] + ["coalesced"] * 5
    assert len(upstream.calls) == 1
    entries = {entry.id: entry for entry in gateway.entries()}
    assert len(entries) == 6
    paid = entries.pop(answers[0].receipt)
    assert paid.charge is not None
    assert paid.charge.cost
    for entry in entries.values():
        is_free(entry, paid.id)


@pytest.mark.parametrize("streamed", [False, True])
async def test_when_the_one_that_asked_leaves_another_takes_over(
    gateway: Gateway, upstream: Upstream, streamed: bool
) -> None:
    body = {**ASKED, "stream": streamed}
    async with held(upstream, streamed=streamed) as go_on:
        leader = await gateway.send(body, headers=ON)
        await asked_by(upstream, 1)
        others = [asyncio.create_task(gateway.ask(body, headers=ON)) for _ in range(3)]
        await asyncio.sleep(0.05)
        leader.leave()
        await asked_by(upstream, 2)
        go_on.set()
        answers = await asyncio.gather(*others)
    assert sorted(each.headers["x-weighbridge-cache"] for each in answers) == ["coalesced", "coalesced", "miss"]
    assert len(upstream.calls) == 2
    entries = gateway.entries()
    assert sorted(entry.ending for entry in entries) == ["client_left", "complete", "complete", "complete"]
    charged = [entry for entry in entries if entry.charge is not None and entry.charge.cost]
    assert len(charged) == 2  # the one who left, and the one who took over


async def test_when_the_one_that_asked_fails_each_goes_its_own_way(gateway: Gateway, upstream: Upstream) -> None:
    go_on = asyncio.Event()

    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await go_on.wait()
            await call.answer({"error": {"message": "no such thing"}}, 400)
        else:
            await call.answer()

    upstream.script = script
    leader = asyncio.create_task(gateway.ask(headers=ON))
    await asked_by(upstream, 1)
    others = [asyncio.create_task(gateway.ask(headers=ON)) for _ in range(3)]
    await asyncio.sleep(0.05)
    go_on.set()
    answers = await asyncio.gather(leader, *others)
    assert [each.status for each in answers] == [400, 200, 200, 200]
    assert len(upstream.calls) >= 2
    assert len(gateway.entries()) == 4


async def test_one_that_breaks_off_in_the_middle_takes_nobody_with_it(gateway: Gateway, upstream: Upstream) -> None:
    go_on = asyncio.Event()

    async def script(call: Call) -> None:
        if len(upstream.calls) > 1:
            await call.stream()
            return
        await call.start()
        await call.events(EVENTS[:2])
        await go_on.wait()
        call.die()

    upstream.script = script
    body = {**ASKED, "stream": True}
    leader = asyncio.create_task(gateway.ask(body, headers=ON))
    await asked_by(upstream, 1)
    other = asyncio.create_task(gateway.ask(body, headers=ON))
    await asyncio.sleep(0.05)
    go_on.set()
    broken, whole = await asyncio.gather(leader, other)
    assert b'"error"' in broken.body
    assert whole.body.endswith(DONE)
    assert (whole.headers["x-weighbridge-cache"], len(upstream.calls)) == ("miss", 2)


async def test_who_leaves_while_waiting_leaves_an_entry_and_nothing_else(gateway: Gateway, upstream: Upstream) -> None:
    async with held(upstream) as go_on:
        leader = asyncio.create_task(gateway.ask(headers=ON))
        await asked_by(upstream, 1)
        other = await gateway.send(ASKED, headers=ON)
        await asyncio.sleep(0.05)
        other.leave()
        left = await gateway.entry()
        go_on.set()
        answer = await leader
    assert (left.ending, left.charge, left.provider) == ("client_left", None, None)
    assert (answer.status, len(upstream.calls)) == (200, 1)


async def test_a_fresh_answer_does_not_wait_for_one_under_way(gateway: Gateway, upstream: Upstream) -> None:
    async with held(upstream) as go_on:
        leader = asyncio.create_task(gateway.ask(headers=ON))
        await asked_by(upstream, 1)
        fresh = asyncio.create_task(gateway.ask(headers=asks("refresh")))
        await asked_by(upstream, 2)
        go_on.set()
        answers = await asyncio.gather(leader, fresh)
    assert [each.headers["x-weighbridge-cache"] for each in answers] == ["miss", "refresh"]


async def test_nobody_waits_longer_than_the_settings_say(tmp_path: Path, upstream: Upstream) -> None:
    settings = "[server]\ndrain_seconds = 0.2\n[cache]\nwait_seconds = 0.1\n" + near(upstream)
    async with house(tmp_path / "home", settings) as gateway, held(upstream) as go_on:
        leader = asyncio.create_task(gateway.ask(headers=ON))
        await asked_by(upstream, 1)
        other = asyncio.create_task(gateway.ask(headers=ON))
        await asked_by(upstream, 2)
        go_on.set()
        answers = await asyncio.gather(leader, other)
    assert [each.headers["x-weighbridge-cache"] for each in answers] == ["miss", "miss"]


async def test_a_broken_file_breaks_no_request(
    tmp_path: Path, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "cache.db").write_bytes(b"no database" * 500)
    async with house(home, near(upstream)) as gateway:
        for _ in range(3):
            answer = await gateway.ask(headers=ON)
            while answer.headers["x-weighbridge-cache"] == "coalesced":  # until its file was tried
                answer = await gateway.ask(headers=ON)
            assert (answer.status, answer.headers["x-weighbridge-cache"]) == (200, "miss")
    assert len(upstream.calls) == 3
    assert 1 <= sum("cannot be used" in record.message for record in caplog.records) <= 2


async def test_prompts_are_not_kept(gateway: Gateway) -> None:
    body = {**ASKED, "messages": [{"role": "user", "content": "The treasure lies under the third oak."}]}
    await gateway.ask(body, headers=ON)
    await settled(gateway)
    for file in gateway.ledger.parent.glob("cache.db*"):
        assert b"treasure" not in file.read_bytes()


async def test_a_receipt_says_what_was_saved(gateway: Gateway) -> None:
    paid = await gateway.ask(headers=ON)
    await settled(gateway)
    free = await gateway.ask(headers=ON)
    told = (await gateway.get(f"/v1/receipts/{free.receipt}")).document
    assert (told["saved"], told["cost"], told["price_source"]) == (paid.headers["x-weighbridge-cost"], "0", "hit")
    assert told["upstream_request"] == paid.receipt
    assert (await gateway.get(f"/v1/receipts/{paid.receipt}")).document["saved"] is None


async def test_openrouters_own_headers_mean_the_same(gateway: Gateway, upstream: Upstream) -> None:
    async def ask(headers: str) -> tuple[str | None, str | None, int]:
        answer = await gateway.ask(target="/api/v1/chat/completions", headers=headers)
        told = answer.headers.get("x-openrouter-cache-status"), answer.headers.get("x-weighbridge-cache")
        return *told, answer.status

    on = "x-openrouter-cache: true\r\n"
    assert await ask(on + "x-openrouter-cache-ttl: 600\r\n") == ("MISS", "miss", 200)
    await settled(gateway)
    assert await ask(on) == ("HIT", "hit", 200)
    assert await ask(on + "x-openrouter-cache-clear: true\r\n") == ("MISS", "refresh", 200)
    assert await ask("x-openrouter-cache: false\r\n") == (None, None, 200)
    assert await ask("x-openrouter-cache: perhaps\r\n") == (None, None, 400)
    assert await ask(on + "x-openrouter-cache-ttl: 0\r\n") == (None, None, 400)
    assert await ask(on + asks("off")) == (None, None, 200)
    assert len(upstream.calls) == 4
