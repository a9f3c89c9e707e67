"""Responses are kept for those who asked for it, and for nobody else."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import House, furnished, house
from tests.gateway.upstream import ANSWER, EVENTS, Call, Upstream
from weighbridge import db
from weighbridge.accounts.responses import Response, Responses

Json = dict[str, Any]
TARGET = "/v1/responses"
ASKED: Json = {"model": "near/tiny", "input": "My name is Ann."}


@pytest.fixture
async def keeping(gateway: House) -> str:
    """A key that keeps its responses."""
    key = gateway.new_key("keeping", store=True)
    await gateway.until("/v1/models", key, 200)
    return key


def kept(gateway: House) -> int:
    """How many responses are in the database."""
    with closing(db.connect(gateway.ledger)) as connection:
        found: int = connection.execute("SELECT count(*) FROM response").fetchone()[0]
        return found


async def made(gateway: House, key: str, **fields: object) -> Json:
    answer = await gateway.ask({**ASKED, **fields}, key=key, target=TARGET)
    assert answer.status == 200, answer.body
    return answer.document


@pytest.mark.parametrize("fields", [{}, {"store": True}, {"stream": True}])
async def test_nothing_is_kept_for_a_key_that_does_not_allow_it(gateway: House, fields: Json) -> None:
    answer = await gateway.ask({**ASKED, **fields}, target=TARGET)
    assert answer.status == 200
    assert b'"store":false' in answer.body
    assert b'"store":true' not in answer.body
    assert kept(gateway) == 0
    again = await gateway.ask({**ASKED, "previous_response_id": "resp_1"}, target=TARGET)
    assert (again.status, again.error["code"]) == (400, "previous_response_not_found")
    assert "--store" in str(again.error["message"])


async def test_nothing_is_kept_where_the_request_says_so(gateway: House, keeping: str) -> None:
    said = await made(gateway, keeping, store=False)
    assert said["store"] is False
    assert kept(gateway) == 0
    assert (await gateway.get(f"{TARGET}/{said['id']}", key=keeping)).status == 404


async def test_a_response_is_seen_by_its_own_key_only(gateway: House, keeping: str) -> None:
    other = gateway.new_key("other", store=True)
    await gateway.until("/v1/models", other, 200)
    said = await made(gateway, keeping)
    path = f"{TARGET}/{said['id']}"
    assert (await gateway.get(path, key=keeping)).document == said
    for target, method in ((path, "GET"), (path, "DELETE"), (f"{path}/input_items", "GET"), (f"{path}/cancel", "POST")):
        answer = await gateway.get(target, key=other, method=method, headers="content-length: 0\r\n")
        assert (answer.status, answer.error["code"]) == (404, "not_found"), (target, method)
    answer = await gateway.ask({**ASKED, "previous_response_id": said["id"]}, key=other, target=TARGET)
    assert (answer.status, answer.error["code"]) == (400, "previous_response_not_found")
    assert kept(gateway) == 1


async def test_what_was_deleted_is_gone(gateway: House, keeping: str) -> None:
    said = await made(gateway, keeping)
    path = f"{TARGET}/{said['id']}"
    answer = await gateway.get(path, key=keeping, method="DELETE")
    assert answer.document == {"id": said["id"], "object": "response", "deleted": True}
    assert kept(gateway) == 0
    assert (await gateway.get(path, key=keeping, method="DELETE")).status == 404


async def test_a_conversation_whose_beginning_was_deleted_is_not_continued(gateway: House, keeping: str) -> None:
    first = await made(gateway, keeping)
    second = await made(gateway, keeping, previous_response_id=first["id"])
    await gateway.get(f"{TARGET}/{first['id']}", key=keeping, method="DELETE")
    answer = await gateway.ask({**ASKED, "previous_response_id": second["id"]}, key=keeping, target=TARGET)
    assert (answer.status, answer.error["code"]) == (400, "previous_response_not_found")


async def test_tool_calls_are_continued_with_their_results(gateway: House, keeping: str, upstream: Upstream) -> None:
    use = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [use]}

    async def script(call: Call) -> None:
        await call.answer({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})

    upstream.script = script
    said = await made(gateway, keeping, tools=[{"type": "function", "name": "f"}])
    result = {"type": "function_call_output", "call_id": "call_1", "output": "1"}
    await made(gateway, keeping, previous_response_id=said["id"], input=[result])
    assert json.loads(upstream.calls[1].body)["messages"] == [
        {"role": "user", "content": "My name is Ann."},
        message,
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
    ]


async def test_an_item_that_was_kept_may_be_named(gateway: House, keeping: str, upstream: Upstream) -> None:
    said = await made(gateway, keeping)
    listed = (await gateway.get(f"{TARGET}/{said['id']}/input_items", key=keeping)).document
    data: Any = listed["data"]
    named = [{"type": "item_reference", "id": each["id"]} for each in (*data, *said["output"])]
    again = await made(gateway, keeping, input=[*named, {"role": "user", "content": "My name?"}])
    sent = json.loads(upstream.calls[1].body)["messages"]
    assert [each["content"] for each in sent] == ["My name is Ann.", "Hello.", "My name?"]
    found: Any = (await gateway.get(f"{TARGET}/{again['id']}/input_items?order=asc", key=keeping)).document["data"]
    assert [each["type"] for each in found] == ["message"] * 3


PAGES: list[tuple[str, list[str], bool]] = [
    ("", ["c", "b", "a"], False),
    ("?order=asc", ["a", "b", "c"], False),
    ("?limit=2", ["c", "b"], True),
    ("?limit=2&after={b}", ["a"], False),
    ("?order=asc&limit=1&after={a}", ["b"], True),
    ("?after={a}", [], False),
]


@pytest.mark.parametrize(("query", "texts", "more"), PAGES)
async def test_what_went_in_is_listed_page_by_page(
    gateway: House, keeping: str, query: str, texts: list[str], more: bool
) -> None:
    said = await made(gateway, keeping, input=[{"role": "user", "content": text} for text in "abc"])
    path = f"{TARGET}/{said['id']}/input_items"
    every: Any = (await gateway.get(path, key=keeping)).document["data"]
    ids: Mapping[str, str] = {each["content"][0]["text"]: each["id"] for each in every}
    page = (await gateway.get(path + query.format(**ids), key=keeping)).document
    data: Any = page["data"]
    assert ([each["content"][0]["text"] for each in data], page["has_more"]) == (texts, more)
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    assert (page["object"], page["first_id"], page["last_id"]) == ("list", *ends)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=%C2%B2", "order=up", "after=msg_none"])
async def test_a_page_that_makes_no_sense_is_refused(gateway: House, keeping: str, query: str) -> None:
    said = await made(gateway, keeping)
    answer = await gateway.get(f"{TARGET}/{said['id']}/input_items?{query}", key=keeping)
    assert (answer.status, answer.error["param"]) == (400, query.partition("=")[0])


async def test_what_was_kept_is_streamed_again_after_any_of_its_events(gateway: House, keeping: str) -> None:
    said = await made(gateway, keeping, stream=False)
    path = f"{TARGET}/{said['id']}?stream=true"
    answer = await gateway.get(path, key=keeping)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    events = [json.loads(each.split(b"data: ")[1]) for each in answer.body.removesuffix(b"\n\n").split(b"\n\n")]
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert events[-1]["response"] == said
    for after, each in enumerate(events):
        rest = (await gateway.get(f"{path}&starting_after={after}", key=keeping)).body
        assert answer.body.endswith(rest)
        assert rest.count(b"sequence_number") == len(events) - after - 1, each
    assert len(gateway.entries()) == 1


@pytest.mark.parametrize(
    "query",
    [
        "stream=true&starting_after=-1",
        "stream=true&starting_after=x",
    ],
)
async def test_a_start_that_makes_no_sense_is_refused(gateway: House, keeping: str, query: str) -> None:
    said = await made(gateway, keeping)
    answer = await gateway.get(f"{TARGET}/{said['id']}?{query}", key=keeping)
    assert (answer.status, answer.error["param"]) == (400, "starting_after"), answer.body


async def test_another_key_does_not_call_a_stream_off(gateway: House, keeping: str, upstream: Upstream) -> None:
    go_on = asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await go_on.wait()
        await call.events(EVENTS[2:])
        await call.end()

    upstream.script = script
    client = await gateway.send({**ASKED, "stream": True}, target=TARGET)
    await client.head()
    piece = await client.piece()
    id_ = json.loads(piece.split(b"\n")[1].removeprefix(b"data: "))["response"]["id"]
    answer = await gateway.get(f"{TARGET}/{id_}/cancel", key=keeping, method="POST", headers="content-length: 0\r\n")
    assert answer.status == 404
    go_on.set()
    rest = b""
    while data := await client.piece():
        rest += data
    assert b"response.completed" in rest
    client.leave()
    assert (await gateway.entry()).ending == "complete"


async def test_a_response_that_broke_off_is_not_kept(gateway: House, keeping: str, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True}, key=keeping, target=TARGET)
    assert b"response.failed" in answer.body
    assert kept(gateway) == 0


async def test_what_is_older_than_the_settings_say_is_forgotten(tmp_path: Path, upstream: Upstream) -> None:
    toml = near(upstream) + "[responses]\nkeep_days = 2\n"
    settings, _ = furnished(tmp_path / "home", toml, {})
    now = datetime.now(UTC)
    with closing(db.connect(settings.ledger_path)) as connection:
        for days in (1, 3):
            one = Response(f"resp_{days}", "key", None, now - timedelta(days=days), b"[]", b'{"output":[]}')
            Responses(connection).keep(one)
    async with house(tmp_path / "home", toml) as gateway, asyncio.timeout(5):
        while kept(gateway) > 1:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.01)
