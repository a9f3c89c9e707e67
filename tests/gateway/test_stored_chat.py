"""Chat completions are kept for keys and requests that ask for it, and for nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Answer, House, furnished, house
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, USED, WORDS, Call, Upstream, event
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.chats import Chat, Chats
from weighbridge.wire.chat import stored

Json = dict[str, Any]
PATH = "/v1/chat/completions"
STORED: Json = {**ASKED, "store": True}
STREAMED: Json = {**STORED, "stream": True, "stream_options": {"include_usage": True}}
COST = 0.00000794


@pytest.fixture
def keeping(tmp_path: Path, upstream: Upstream) -> str:
    """A key that may keep; it is there before the gateway, which would see it within a second only."""
    settings, _ = furnished(tmp_path / "home", near(upstream), {})
    with closing(db.connect(settings.ledger_path)) as connection:
        return keys.create(connection, name="keeping", now=datetime.now(UTC), store=True)[1]


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream, keeping: str) -> AsyncIterator[House]:
    async with house(tmp_path / "home", near(upstream)) as made:
        yield made


def kept(gateway: House) -> int:
    """How many are in the database."""
    with closing(db.connect(gateway.ledger)) as connection:
        found: int = connection.execute("SELECT count(*) FROM chat").fetchone()[0]
        return found


async def made(gateway: House, key: str, **fields: object) -> Json:
    answer = await gateway.ask({**STORED, **fields}, key=key)
    assert answer.status == 200, answer.body
    return answer.document


def chunks(answer: Answer) -> list[Json]:
    """A stream's chunks, which must have come whole."""
    *events, done, end = answer.body.split(b"\n\n")
    assert (done, end) == (b"data: [DONE]", b"")
    return [json.loads(each.removeprefix(b"data: ")) for each in events]


async def test_a_key_that_may_not_keep_leaves_store_to_the_provider(gateway: House, upstream: Upstream) -> None:
    body = json.dumps({**STORED, "metadata": {"a": "b"}}).encode()
    answer = await gateway.ask(body)
    assert answer.document == ANSWER
    assert upstream.calls[0].body == body.replace(b"near/", b"")
    assert kept(gateway) == 0
    assert (await gateway.get(PATH)).document["data"] == []


@pytest.mark.parametrize(
    "fields", [{}, {"store": False}, {"store": None}, {"x": {"store": True}}, {"user": 'say "store"'}]
)
async def test_nothing_is_kept_where_the_request_does_not_say_so(
    gateway: House, keeping: str, upstream: Upstream, fields: Json
) -> None:
    body = json.dumps({**ASKED, **fields}).encode()
    answer = await gateway.ask(body, key=keeping)
    assert answer.document == ANSWER
    assert upstream.calls[0].body == body.replace(b"near/", b"")
    assert kept(gateway) == 0


async def test_an_answer_is_kept_as_its_client_saw_it_and_the_provider_keeps_none(
    gateway: House, keeping: str, upstream: Upstream
) -> None:
    said = await made(gateway, keeping, metadata={"a": "b"}, temperature=0.10)
    assert said == {**ANSWER, "id": said["id"]}
    assert said["id"].startswith("chatcmpl-")
    assert json.loads(upstream.calls[0].body) == {**ASKED, "model": "tiny", "temperature": 0.10}
    assert b'"temperature":0.1' in upstream.calls[0].body
    found = (await gateway.get(f"{PATH}/{said['id']}", key=keeping)).document
    assert found == {**said, "metadata": {"a": "b"}}
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.charge and entry.charge.counted_by) == ("complete", 200, "provider")


@pytest.mark.parametrize("wants_usage", [True, False])
async def test_a_stream_passes_as_it_comes_and_is_kept_whole(gateway: House, keeping: str, wants_usage: bool) -> None:
    asked = {**STREAMED, "stream_options": {"include_usage": wants_usage}}
    answer = await gateway.ask(asked, key=keeping)
    said = chunks(answer)
    (id_,) = {each["id"] for each in said}
    theirs = [json.loads(each.removeprefix(b"data: ")) for each in EVENTS[:-1] if wants_usage or each is not USAGE]
    expected = [{**each, "id": id_} for each in theirs]
    if wants_usage:
        expected[-1]["usage"] = {"cost": COST, **USED}
    assert said == expected
    found = (await gateway.get(f"{PATH}/{id_}", key=keeping)).document
    created = found.pop("created")
    assert isinstance(created, int)
    message = {"role": "assistant", "content": "".join(WORDS)}
    assert found == {
        "id": id_,
        "object": "chat.completion",
        "model": "tiny",
        "usage": {"cost": COST, **USED},
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "metadata": {},
    }
    assert (await gateway.entry()).ending == "complete"


@pytest.mark.parametrize("cut", ["bytes", "CRLF"])
async def test_a_stream_is_kept_however_it_is_cut(gateway: House, keeping: str, upstream: Upstream, cut: str) -> None:
    async def script(call: Call) -> None:
        sent = b": keep-alive\n\n".join(EVENTS)
        sent = sent.replace(b"\n", b"\r\n") if cut == "CRLF" else sent
        await call.start()
        await call.events([sent[at : at + 1] for at in range(len(sent))] if cut == "bytes" else [sent])
        await call.end()

    upstream.script = script
    answer = await gateway.ask(STREAMED, key=keeping)
    assert answer.body.count(b": keep-alive") == len(EVENTS) - 1
    listed: Any = (await gateway.get(PATH, key=keeping)).document["data"]
    assert listed[0]["choices"][0]["message"]["content"] == "".join(WORDS)


async def test_a_chunk_without_choices_that_nobody_asked_for_passes(
    gateway: House, keeping: str, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        first = {"choices": [], "prompt_filter_results": [1], "usage": None}
        await call.stream([event(first), event({}), b"data: {\ndata: }\n\n", *EVENTS])

    upstream.script = script
    said = chunks(await gateway.ask({**STREAMED, "stream_options": None}, key=keeping))
    id_ = {"id": said[0]["id"]}
    assert said[:3] == [{**id_, "choices": [], "prompt_filter_results": [1], "usage": None}, id_, id_]


@pytest.mark.parametrize("how", ["reset", "end"])
@pytest.mark.parametrize("sent", range(len(EVENTS)))
async def test_a_stream_that_breaks_off_is_not_kept(
    gateway: House, keeping: str, upstream: Upstream, sent: int, how: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:sent])
        if how == "end":
            await call.end()
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(STREAMED, key=keeping)
    whole = how == "end" and sent > len(WORDS)
    assert answer.body.endswith(DONE) == whole
    last = answer.body.split(b"\n\n")[-2] if sent else answer.body  # until something was sent it is no stream
    assert (b'"error"' in last) == (not whole)
    assert kept(gateway) == whole
    assert (await gateway.entry()).ending == ("complete" if whole else "upstream_broke")


@pytest.mark.parametrize("seen", range(len(EVENTS)))
async def test_a_client_that_leaves_keeps_nothing(gateway: House, keeping: str, upstream: Upstream, seen: int) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:seen])
        begun.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(STREAMED, key=keeping)
    await begun.wait()
    if seen:  # the head leaves with the first event
        await client.head()
    received = b""
    while received.count(b"data: ") < seen:
        received += await client.piece()
    client.leave()
    async with asyncio.timeout(5):
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)
    assert kept(gateway) == 0


FAULTS = {
    "an error in the middle": (b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', "overloaded"),
    "a chunk that is none": (b'data: {"choices": 7}\n\n', "cannot be read"),
    "a chunk that is no JSON": (b"data: {\n\n", "cannot be read"),
}


@pytest.mark.parametrize("case", FAULTS)
async def test_what_cannot_be_kept_whole_breaks_the_stream(
    gateway: House, keeping: str, upstream: Upstream, case: str
) -> None:
    fault, says = FAULTS[case]

    async def script(call: Call) -> None:
        await call.stream([*EVENTS[:2], fault, *EVENTS[2:]])

    upstream.script = script
    answer = await gateway.ask(STREAMED, key=keeping)
    last = json.loads(answer.body.split(b"\n\n")[-2].removeprefix(b"data: "))
    assert says in last["error"]["message"]
    assert b"[DONE]" not in answer.body
    assert kept(gateway) == 0
    assert (await gateway.entry()).ending == "upstream_broke"


@pytest.mark.parametrize("document", [{"object": "list", "usage": USED}, {"choices": 5, "usage": USED}, [1]])
async def test_what_is_no_chat_completion_is_a_502(
    gateway: House, keeping: str, upstream: Upstream, document: object
) -> None:
    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    answer = await gateway.ask(STORED, key=keeping)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert kept(gateway) == 0
    assert (await gateway.entry()).ending == "upstream_broke"


@pytest.mark.parametrize("asked", [STORED, STREAMED])
async def test_an_answer_that_cannot_be_kept_says_so(gateway: House, keeping: str, asked: Json) -> None:
    gateway.sql("DROP TABLE chat")
    answer = await gateway.ask(asked, key=keeping)
    if "stream" in asked:
        assert answer.body.startswith(b'data: {"id": "chatcmpl-')
        assert b"[DONE]" not in answer.body
        error = json.loads(answer.body.split(b"\n\n")[-2].removeprefix(b"data: "))["error"]
    else:
        assert answer.status == 503
        error = answer.error
    assert error["code"] == "ledger_unavailable"
    assert "chat completions that are kept" in str(error["message"])
    entry = await gateway.entry()
    assert (entry.ending, entry.charge and entry.charge.counted_by) == ("complete", "provider")
    for target, method in ((PATH, "GET"), (f"{PATH}/x", "GET"), (f"{PATH}/x", "DELETE"), (f"{PATH}/x/messages", "GET")):
        assert (await gateway.get(target, key=keeping, method=method)).status == 503


async def test_a_stream_that_is_too_long_is_not_kept_and_says_so(
    gateway: House, keeping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MOST", 100)
    answer = await gateway.ask(STREAMED, key=keeping)
    error = json.loads(answer.body.split(b"\n\n")[-2].removeprefix(b"data: "))["error"]
    assert (error["param"], "was not kept" in error["message"]) == ("store", True)
    assert answer.body.count(b"data: ") == len(EVENTS)
    assert kept(gateway) == 0
    assert (await gateway.entry()).ending == "complete"


REFUSED: dict[str, tuple[Json, str]] = {
    "store a text": ({"store": "yes"}, "store"),
    "metadata a list": ({"metadata": []}, "metadata"),
    "metadata a number": ({"metadata": {"a": 1}}, "metadata"),
    "metadata too many": ({"metadata": {str(at): "" for at in range(17)}}, "metadata"),
    "a name too long": ({"metadata": {"a" * 65: ""}}, "metadata"),
    "a value too long": ({"metadata": {"a": "b" * 513}}, "metadata"),
    "a message that is none": ({"messages": [{"role": "user"}, "hi"]}, "messages[1]"),
    "no messages": ({"messages": []}, "messages"),
    "max_tokens a text": ({"max_tokens": "7"}, "max_tokens"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_request_that_makes_no_sense_is_refused_by_name(
    gateway: House, keeping: str, upstream: Upstream, case: str
) -> None:
    fields, param = REFUSED[case]
    answer = await gateway.ask({**STORED, **fields}, key=keeping)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert upstream.calls == []
    assert (await gateway.entry()).ending == "refused"


async def test_one_is_seen_by_its_own_key_only(gateway: House, keeping: str) -> None:
    other = gateway.new_key("other", store=True)
    await gateway.until("/v1/models", other, 200)
    path = f"{PATH}/{(await made(gateway, keeping))['id']}"
    for target, method in ((path, "GET"), (path, "DELETE"), (f"{path}/messages", "GET")):
        answer = await gateway.get(target, key=other, method=method)
        assert (answer.status, answer.error["code"]) == (404, "not_found"), (target, method)
    assert (await gateway.ask({"metadata": {}}, key=other, target=path)).status == 404
    assert (await gateway.get(PATH, key=other)).document["data"] == []
    for target in (PATH, path, f"{path}/messages"):
        assert (await gateway.get(target, key="")).status == 401
    assert (await gateway.get(path, key=keeping)).status == 200


async def test_what_is_deleted_is_gone(gateway: House, keeping: str) -> None:
    id_ = (await made(gateway, keeping))["id"]
    answer = await gateway.get(f"{PATH}/{id_}", key=keeping, method="DELETE")
    assert answer.document == {"id": id_, "object": "chat.completion.deleted", "deleted": True}
    assert kept(gateway) == 0
    for method in ("DELETE", "GET"):
        answer = await gateway.get(f"{PATH}/{id_}", key=keeping, method=method)
        assert (answer.status, "--store" in str(answer.error["message"])) == (404, True)


async def test_metadata_are_changed_and_nothing_else(gateway: House, keeping: str) -> None:
    said = await made(gateway, keeping, metadata={"a": "b"})
    path = f"{PATH}/{said['id']}"
    for metadata in ({"c": "d"}, {}, None):
        answer = await gateway.ask({"metadata": metadata}, key=keeping, target=path)
        assert answer.document == {**said, "metadata": metadata or {}}
        assert (await gateway.get(path, key=keeping)).document == answer.document
    for body, param in ((b"{}", "metadata"), (b"[]", "metadata"), (b'{"metadata":1}', "metadata"), (b"{", None)):
        answer = await gateway.ask(body, key=keeping, target=path)
        assert (answer.status, answer.error["param"]) == (400, param), body
    assert len(gateway.entries()) == 1


LISTS: list[tuple[str, str, bool]] = [
    ("", "abc", False),
    ("?order=desc", "cba", False),
    ("?limit=2", "ab", True),
    ("?limit=3", "abc", False),
    ("?limit=1&after={a}", "b", True),
    ("?order=desc&after={b}", "a", False),
    ("?model=near/tiny", "abc", False),
    ("?model=tiny", "abc", False),
    ("?model=large", "", False),
    ("?metadata[n]=b", "b", False),
    ("?metadata%5Bn%5D=b&metadata[x]=", "b", False),
    ("?metadata[x]=&limit=2", "ab", True),
    ("?metadata[x]=y", "", False),
]


@pytest.mark.parametrize(("query", "names", "more"), LISTS)
async def test_they_are_listed_page_by_page(gateway: House, keeping: str, query: str, names: str, more: bool) -> None:
    ids = {name: (await made(gateway, keeping, metadata={"n": name, "x": ""}))["id"] for name in "abc"}
    page = (await gateway.get(PATH + query.format(**ids), key=keeping)).document
    data: Any = page.pop("data")
    assert [each["metadata"]["n"] for each in data] == [*names]
    first, last = (ids[names[0]], ids[names[-1]]) if names else (None, None)
    assert page == {"object": "list", "first_id": first, "last_id": last, "has_more": more}


TURNS: list[Json] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "a"}], "name": "Ann"},
    {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
    {"role": "tool", "tool_call_id": "1", "content": "2"},
]
SHOWN: list[Json] = [
    {**TURNS[0], "content_parts": None},
    {"role": "user", "content": None, "name": "Ann", "content_parts": TURNS[1]["content"]},
    {**TURNS[2], "content": None, "content_parts": None},
    {**TURNS[3], "content_parts": None},
]


@pytest.mark.parametrize(
    ("query", "which", "more"),
    [
        ("", [0, 1, 2, 3], False),
        ("?order=desc", [3, 2, 1, 0], False),
        ("?limit=2", [0, 1], True),
        ("?limit=2&after={}-1", [2, 3], False),
        ("?order=desc&limit=1&after={}-2", [1], True),
        ("?after={}-3", [], False),
    ],
)
async def test_what_went_in_is_listed_page_by_page(
    gateway: House, keeping: str, query: str, which: list[int], more: bool
) -> None:
    id_ = (await made(gateway, keeping, messages=TURNS))["id"]
    page = (await gateway.get(f"{PATH}/{id_}/messages{query.format(id_)}", key=keeping)).document
    assert page["data"] == [{"id": f"{id_}-{at}", **SHOWN[at]} for at in which]
    first, last = (f"{id_}-{which[0]}", f"{id_}-{which[-1]}") if which else (None, None)
    assert (page["first_id"], page["last_id"], page["has_more"]) == (first, last, more)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=", "limit=%C2%B2", "order=up", "after=x"])
@pytest.mark.parametrize("messages", [False, True])
async def test_a_page_that_makes_no_sense_is_refused(gateway: House, keeping: str, query: str, messages: bool) -> None:
    target = f"{PATH}/{(await made(gateway, keeping))['id']}/messages" if messages else PATH
    answer = await gateway.get(f"{target}?{query}", key=keeping)
    status = 404 if query == "after=x" and not messages else 400
    assert (answer.status, answer.error["param"]) == (status, query.partition("=")[0])


async def test_what_is_older_than_the_settings_say_is_forgotten(tmp_path: Path, upstream: Upstream) -> None:
    toml = near(upstream) + "[responses]\nkeep_days = 2\n"
    settings, _ = furnished(tmp_path / "home", toml, {})
    now = datetime.now(UTC)
    with closing(db.connect(settings.ledger_path)) as connection:
        for days in (1, 3):
            one = Chat(f"chatcmpl-{days}", "key", now - timedelta(days=days), "a", None, b"[]", {}, b'{"choices":[]}')
            Chats(connection).keep(one)
    async with house(tmp_path / "home", toml) as gateway, asyncio.timeout(5):
        while kept(gateway) > 1:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.01)
