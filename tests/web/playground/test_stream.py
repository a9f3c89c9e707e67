"""The playground's streams, as its script has them: the gateway's events as they come, then what is told of them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest

from tests.gateway.house import PATIENCE
from tests.gateway.upstream import Call, chunk
from tests.web.house import Browser
from tests.web.playground.conftest import HOSTILE, MODEL, Room, hangs
from tests.web.playground.test_page import Read, harmless
from weighbridge.wire import sse

FORM = {"model-a": MODEL, "say": "Hi", "side": "a", "ask-with": "own"}


async def form(room: Room, **more: str) -> dict[str, str]:
    """One that the page's script sends."""
    page = await room.window.browser.get("/playground")
    return {
        **FORM,
        "csrf": Read(page.text).value("csrf"),
        **{name.replace("_", "-"): text for name, text in more.items()},
    }


def events(text: str) -> list[tuple[str, object]]:
    """Name and data of each; `[DONE]` is itself."""
    found = []
    for each in sse.events(text.encode()):
        data = sse.document(each)
        if data is not None:
            name = re.search(rb"^event: (.*)$", each, re.MULTILINE)
            read = data.decode() if data == b"[DONE]" else json.loads(data)
            found.append(("message" if name is None else name[1].decode(), read))
    return found


async def test_a_stream_is_the_gateway_s_own_between_its_receipt_s_id_and_what_is_told(room: Room) -> None:
    page = await room.window.browser.send("/playground/stream", await form(room))
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/event-stream")
    (first, begun), *own, (last, told) = events(page.text)
    entry = await room.gateway.entry()
    assert (first, begun) == ("begun", {"receipt": entry.id})
    said = [data["choices"] for _, data in own if isinstance(data, dict)]
    assert "".join(part[0]["delta"].get("content", "") for part in said if part) == "Hello, world."
    assert own[-1][1] == "[DONE]"
    assert last == "told"
    assert isinstance(told, dict)
    assert told["refused"] is False
    for part in (entry.id, "Route: ", "near/gpt", "On other open models"):
        assert part in told["html"]
    assert room.asked()["stream_options"] == {"include_usage": True}


async def test_of_two_sides_the_one_that_is_named_is_asked(room: Room) -> None:
    await room.window.browser.send("/playground/stream", await form(room, side="b", model_b="near/tiny"))
    assert [room.asked(place)["model"] for place in range(len(room.upstream.calls))] == ["tiny"]


@asynccontextmanager
async def streaming(browser: Browser, fields: Mapping[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """A stream under way; leaving the block leaves it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", browser.port)
    body = urlencode(fields).encode()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    writer.write(
        f"POST /playground/stream HTTP/1.1\r\nhost: 127.0.0.1:{browser.port}\r\ncookie: {cookies}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    try:
        yield reader
    finally:
        writer.transport.abort()


async def test_who_leaves_leaves_the_gateway_too_and_is_told_what_it_cost(room: Room) -> None:
    room.upstream.script = hangs
    fields = await form(room)
    async with asyncio.timeout(PATIENCE), streaming(room.window.browser, fields) as reader:
        await reader.readuntil(b"Slowly. ")
    entry = await room.gateway.entry()
    assert entry.ending == "client_left"
    told = await room.window.browser.send("/playground/told", {**fields, "receipt": entry.id})
    assert told.status == 200
    assert "stopped by the reader" in told.text
    assert entry.id in told.text


@pytest.mark.parametrize(
    ("receipt", "status"),
    [("wbr-01a20000000000000000000000000000", 200), ("../models", 422), ("wbr-/../../v1/models", 422), ("", 422)],
)
async def test_only_a_receipt_of_the_key_is_told(
    room: Room, receipt: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.web.pages.playground.telling._TRIES", 1)
    told = await room.window.browser.send("/playground/told", {**await form(room), "receipt": receipt})
    assert told.status == status
    assert "<dl" not in told.text


async def test_another_key_s_receipt_is_not_told(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.web.pages.playground.telling._TRIES", 1)
    await room.gateway.ask({"model": "near/tiny", "messages": [{"role": "user", "content": "Hi"}]})
    entry = await room.gateway.entry()
    other = room.gateway.new_key("other")
    await room.gateway.until("/v1/models", other, 200)
    fields = await form(room, ask_with="pasted", key=other)
    told = await room.window.browser.send("/playground/told", {**fields, "receipt": entry.id})
    assert "<dl" not in told.text


async def test_a_form_that_makes_no_request_is_told_field_by_field(room: Room) -> None:
    page = await room.window.browser.send("/playground/stream", await form(room, most="many", say=""))
    assert page.status == 422
    assert json.loads(page.text)["errors"] == {
        "say": "Write something to the model.",
        "most": "Write a whole number of tokens, from 1 on.",
    }
    assert room.upstream.calls == []


async def test_a_refusal_is_one_event_in_plain_words(room: Room) -> None:
    page = await room.window.browser.send("/playground/stream", await form(room, model_a="nobody/knows"))
    ((name, told),) = events(page.text)
    assert name == "told"
    assert isinstance(told, dict)
    assert told["refused"] is True
    assert "There is no model of this name here." in told["html"]


async def test_an_answer_that_breaks_off_is_told_with_its_receipt(room: Room) -> None:
    async def breaks(call: Call) -> None:
        await call.start()
        await call.events([chunk({"content": HOSTILE})])
        call.die()

    room.upstream.script = breaks
    page = await room.window.browser.send("/playground/stream", await form(room))
    names = [name for name, _ in events(page.text)]
    errors = [data for _, data in events(page.text) if isinstance(data, dict) and "error" in data]
    assert (names[0], names[-1]) == ("begun", "told")
    assert len(errors) == 1
    told = events(page.text)[-1][1]
    assert isinstance(told, dict)
    assert "broken off by the provider" in told["html"]
    assert harmless(told["html"])


async def test_a_stream_of_another_site_or_without_the_form_s_token_is_not_begun(room: Room) -> None:
    fields = await form(room)
    foreign = await room.window.browser.send("/playground/stream", fields, origin="http://evil.example")
    without = await room.window.browser.send("/playground/stream", {**fields, "csrf": "x"})
    assert (foreign.status, without.status) == (403, 403)
    assert room.upstream.calls == []
