"""What was asked and answered is kept for keys that have asked for it, in every dialect, and for nobody else."""

import asyncio
import json
import sqlite3
import zlib
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, PATIENCE, Gateway, furnished, house
from tests.gateway.upstream import EVENTS, Call, Upstream, chunk, event
from tests.watching.reading import read
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Keeps
from weighbridge.errors import TextsUnavailable
from weighbridge.gateway import keeping_texts
from weighbridge.gateway.keeping_texts import DIALECTS
from weighbridge.gateway.overhearing import Overheard
from weighbridge.texts.sealing import new_key
from weighbridge.transport.message import Reply

Json = dict[str, Any]
MARKER = "heliotrope-48151623"
CHAT: Json = {**ASKED, "messages": [{"role": "user", "content": MARKER}], "user": "alice"}


def made_key(home: Path, upstream: Upstream, keeps: Keeps | None, toml: str = "") -> str:
    """A key that is there before the gateway, which would see it within a second only."""
    settings, _ = furnished(home, near(upstream) + toml, {})
    with closing(db.connect(settings.ledger_path)) as connection:
        return keys.create(connection, name="kept", now=datetime.now(UTC), keeps=keeps)[1]


@pytest.fixture
def key(tmp_path: Path, upstream: Upstream) -> str:
    return made_key(tmp_path / "home", upstream, Keeps(30))


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream, key: str) -> AsyncIterator[Gateway]:
    async with house(tmp_path / "home", near(upstream)) as made:
        yield made


async def text(gateway: Gateway, key: str, receipt: str) -> Json:
    answer = await gateway.get(f"/v1/receipts/{receipt}/text", key=key)
    assert answer.status == 200, answer.body
    return answer.document


def everything(home: Path) -> bytes:
    """Every byte of the data directory, and what of its databases is compressed, in clear."""
    files = [file for file in home.rglob("*") if file.is_file()]
    found = b"".join(file.read_bytes() for file in files)
    texts = home / "texts.db"
    if texts.exists():
        with closing(sqlite3.connect(texts)) as connection:
            found += b"".join(zlib.decompress(body) for (body,) in connection.execute("SELECT body FROM text"))
    return found


async def test_nothing_is_kept_of_other_keys(gateway: Gateway, upstream: Upstream, key: str, tmp_path: Path) -> None:
    kept = await gateway.ask({**ASKED, "user": "orchid-2342"}, key=key)
    for body in (CHAT, {**CHAT, "stream": True}, {**CHAT, "model": "nobody/none"}):
        answer = await gateway.ask(body)
        assert (await gateway.get(f"/v1/receipts/{answer.receipt}/text")).status == 404
    for target in ("/v1/messages", "/v1/responses"):
        await gateway.ask(in_dialect(target), target=target)
    await gateway.worker.stop()
    assert len(upstream.calls) == 5
    assert MARKER.encode() not in everything(tmp_path / "home")
    assert b"orchid-2342" in everything(tmp_path / "home")
    assert rows(tmp_path / "home") == [kept.receipt]


def rows(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "texts.db")) as connection:
        return [receipt for (receipt,) in connection.execute("SELECT receipt FROM text")]


async def test_where_no_key_asks_for_it_there_is_no_file(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", near(upstream)) as gateway:
        await gateway.ask(CHAT)
    assert not (tmp_path / "home" / "texts.db").exists()


@pytest.mark.parametrize(
    ("toml", "named"),
    [("", "alice"), ('users = "off"', None), ('users = "hashed"\nusers_key = "a secret of some length"', "h:")],
)
async def test_entries_name_users_as_the_settings_say(
    tmp_path: Path, upstream: Upstream, toml: str, named: str | None
) -> None:
    home = tmp_path / "home"
    toml = f"[ledger]\n{toml}\n"
    settings, _ = furnished(home, near(upstream) + toml, {})
    with closing(db.connect(settings.ledger_path)) as connection:
        key = keys.create(connection, name="kept", now=datetime.now(UTC), store=True)[1]
    async with house(home, near(upstream) + toml) as gateway:
        await gateway.ask({**CHAT, "store": True}, key=key)
        await gateway.ask(in_dialect("/v1/responses"), key=key, target="/v1/responses")
        entries = gateway.entries()
        with closing(db.connect(gateway.ledger)) as connection:
            stored = connection.execute("SELECT end_user FROM chat UNION ALL SELECT end_user FROM response").fetchall()
    users = {entry.user for entry in entries}
    assert len(users) == 1
    (user,) = users
    assert (user is None) == (named is None)
    assert user is None or user.startswith(named or "")
    assert stored == [(user or "alice",)] * 2


def in_dialect(target: str, *, stream: bool = False) -> Json:
    """A request in the dialect of a path, in spaces that show whether it is kept byte for byte."""
    body: Json = {"model": "near/tiny", "user": "alice"}
    if target.endswith("messages"):
        body = {"model": "near/tiny", "max_tokens": 9, "metadata": {"user_id": "alice"}}
    if target.endswith(("/chat/completions", "messages")):
        body["messages"] = [{"role": "user", "content": MARKER}]
    elif target.endswith(("responses", "embeddings")):
        body["input"] = MARKER
    elif target.endswith("compact"):
        body = {"model": "near/tiny", "input": MARKER}
    elif target.endswith("rerank"):
        body = {"model": "near/tiny", "query": MARKER, "documents": ["a", "b"]}
    else:
        body["prompt"] = MARKER
    return body | ({"stream": True} if stream else {})


TEXT_COMPLETION: Json = {
    "id": "cmpl-1",
    "object": "text_completion",
    "model": "tiny",
    "choices": [{"index": 0, "text": "Hello, world.", "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5},
}


async def any_dialect(call: Call) -> None:
    """A provider of chat and of texts."""
    asked = json.loads(call.body)
    if call.target.endswith("/chat/completions"):
        await (call.stream() if asked.get("stream") else call.answer())
    elif call.target.endswith("/completions") and asked.get("stream"):
        words = [{"index": 0, "text": word, "finish_reason": None} for word in ("Hello", ", world.")]
        end: Json = {"index": 0, "text": "", "finish_reason": "stop"}
        head: Json = {"id": "cmpl-1", "object": "text_completion", "model": "tiny"}
        usage = {**head, "choices": [], "usage": TEXT_COMPLETION["usage"]}
        events = [event(head | {"choices": [each]}) for each in (*words, end)]
        await call.stream([*events, event(usage), b"data: [DONE]\n\n"])
    else:
        await call.answer(TEXT_COMPLETION)


SAID = {
    "chat": lambda answer: answer["choices"][0]["message"]["content"],
    "openrouter": lambda answer: answer["choices"][0]["message"]["content"],
    "completions": lambda answer: answer["choices"][0]["text"],
    "messages": lambda answer: answer["content"][0]["text"],
    "responses": lambda answer: answer["output"][0]["content"][0]["text"],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("target", [path for path, dialect in DIALECTS.items() if dialect in SAID])
async def test_every_dialect_is_kept(
    gateway: Gateway, upstream: Upstream, key: str, target: str, *, stream: bool
) -> None:
    upstream.script = any_dialect
    body = json.dumps(in_dialect(target, stream=stream), indent=3).encode()
    answer = await gateway.ask(body, key=key, target=target)
    assert answer.status == 200, answer.body
    kept = await text(gateway, key, answer.receipt)
    dialect = DIALECTS[target]
    assert (kept["receipt"], kept["dialect"], kept["model"]) == (answer.receipt, dialect, "near/tiny")
    assert kept["request"] == json.loads(body)
    assert kept["user"] == "alice"
    assert SAID[dialect](kept["answer"]) == ("Hello, world." if stream or dialect == "completions" else "Hello.")
    if not stream:
        assert kept["answer"] == answer.document


async def test_a_request_is_kept_byte_for_byte_without_its_key(gateway: Gateway, key: str, tmp_path: Path) -> None:
    body = b' { "model" : "near/tiny",\n"messages":[{"role":"user","content":"h\\u00e9"}] , "temperature":1.0} '
    await gateway.ask(body, key=key, headers="anthropic-beta: one\r\nx-weighbridge-tags: a\r\nx-title: Desk\r\n")
    await gateway.worker.stop()
    assert body in everything(tmp_path / "home")
    assert b"\xaeanthropic-beta\xa3one\xa7x-title\xa4Desk" in everything(tmp_path / "home")
    assert key.encode() not in everything(tmp_path / "home")


async def test_a_stream_is_kept_with_its_reasoning_and_its_tools(
    gateway: Gateway, upstream: Upstream, key: str
) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a"'}}
    rest = {"index": 0, "function": {"arguments": ":1}"}}
    events = [chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "m."}), chunk({"tool_calls": [call]})]
    events += [chunk({"tool_calls": [rest]}), chunk({}, "tool_calls"), *EVENTS[-2:]]

    async def script(call: Call) -> None:
        await call.stream(events)

    upstream.script = script
    answer = await gateway.ask({**CHAT, "stream": True}, key=key)
    message = (await text(gateway, key, answer.receipt))["answer"]["choices"][0]["message"]
    assert message["reasoning_content"] == "Hmm."
    assert message["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"a":1}'}


async def test_an_answer_that_breaks_off_is_kept_as_far_as_it_came(
    gateway: Gateway, upstream: Upstream, key: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.die()

    upstream.script = script
    answer = await gateway.ask({**CHAT, "stream": True}, key=key)
    kept = (await text(gateway, key, answer.receipt))["answer"]
    assert kept["choices"][0]["message"]["content"] == "Hello"
    assert kept["error"]["code"] == "upstream_error"


async def test_what_a_client_left_is_kept_as_far_as_it_came(gateway: Gateway, upstream: Upstream, key: str) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:1])
        await call.left()

    upstream.script = script
    client = await gateway.send({**CHAT, "stream": True}, key=key)
    receipt = (await client.head()).receipt
    await client.piece()
    client.leave()
    assert (await gateway.entry()).ending == "client_left"
    assert (await text(gateway, key, receipt))["answer"]["choices"][0]["message"]["content"] == "Hel"


@pytest.mark.parametrize("body", [b'{"model": "near/tiny", "messages": 3}', b"{ no JSON", b""])
async def test_a_refused_request_is_kept_with_its_error(gateway: Gateway, key: str, body: bytes) -> None:
    answer = await gateway.ask(body, key=key)
    kept = await text(gateway, key, answer.receipt)
    assert kept["answer"] == answer.document
    assert kept["request"] == (json.loads(body) if body.startswith(b'{"') else body.decode())
    assert kept["model"] is None


async def test_no_other_key_reads_it(gateway: Gateway, key: str) -> None:
    answer = await gateway.ask(CHAT, key=key)
    assert (await gateway.get(f"/v1/receipts/{answer.receipt}/text")).status == 404
    assert (await gateway.get("/v1/receipts/wbr-none/text", key=key)).status == 404


@pytest.mark.parametrize(("inputs", "status"), [(False, 404), (True, 200)])
async def test_inputs_of_embeddings_are_kept_where_the_key_asks_for_these(
    tmp_path: Path, upstream: Upstream, *, inputs: bool, status: int
) -> None:
    key = made_key(tmp_path / "home", upstream, Keeps(30, inputs=inputs))
    vectors = {"object": "list", "data": [{"index": 0, "embedding": [0.25]}], "usage": {"prompt_tokens": 3}}

    async def script(call: Call) -> None:
        await call.answer(vectors)

    upstream.script = script
    async with house(tmp_path / "home", near(upstream)) as gateway:
        answer = await gateway.ask(in_dialect("/v1/embeddings"), key=key, target="/v1/embeddings")
        found = await gateway.get(f"/v1/receipts/{answer.receipt}/text", key=key)
        assert found.status == status
        if inputs:
            assert found.document["request"] == in_dialect("/v1/embeddings")
            assert (found.document["answer"], found.document["lacks"]) == (None, "not_asked_for")


async def test_with_a_key_nothing_stands_there_in_clear(tmp_path: Path, upstream: Upstream) -> None:
    toml = f'[texts]\nkey = "{new_key()}"\n'
    key = made_key(tmp_path / "home", upstream, Keeps(30), toml)
    async with house(tmp_path / "home", near(upstream) + toml) as gateway:
        answer = await gateway.ask(CHAT, key=key)
        assert (await text(gateway, key, answer.receipt))["request"] == CHAT
    with closing(sqlite3.connect(tmp_path / "home" / "texts.db")) as connection:
        ((user, body),) = connection.execute("SELECT end_user, body FROM text")
    assert user.startswith("h:")
    with pytest.raises(zlib.error):
        zlib.decompress(body)
    assert MARKER.encode() not in (tmp_path / "home" / "texts.db").read_bytes()


async def test_without_its_key_nothing_is_written_in_clear_beside(tmp_path: Path, upstream: Upstream) -> None:
    home = tmp_path / "home"
    toml = f'[texts]\nkey = "{new_key()}"\n'
    key = made_key(home, upstream, Keeps(30), toml)
    async with house(home, near(upstream) + toml) as gateway:
        first = (await gateway.ask(CHAT, key=key)).receipt
    async with house(home, near(upstream)) as gateway:
        answer = await gateway.ask(CHAT, key=key)
        assert answer.status == 200
        assert (await gateway.get(f"/v1/receipts/{answer.receipt}/text", key=key)).status == 404
        unread = await gateway.get(f"/v1/receipts/{first}/text", key=key)
        assert (unread.status, unread.error["code"]) == (503, TextsUnavailable.code)
        assert "WEIGHBRIDGE_TEXTS_KEY" in str(unread.error["message"])
    with closing(sqlite3.connect(home / "texts.db")) as connection:
        assert connection.execute("SELECT count(*), count(sealed_by) FROM text").fetchone() == (1, 1)


def spoil(home: Path) -> None:
    (home / "texts.db").unlink(missing_ok=True)
    (home / "texts.db").mkdir()


@pytest.mark.parametrize("required", [False, True])
async def test_a_file_that_cannot_be_written_costs_no_answer_unless_texts_are_required(
    tmp_path: Path, upstream: Upstream, *, required: bool
) -> None:
    home = tmp_path / "home"
    toml = f"[texts]\nrequired = {str(required).lower()}\n"
    key = made_key(home, upstream, Keeps(30), toml)
    spoil(home)
    async with house(home, near(upstream) + toml) as gateway:
        first = await gateway.ask(CHAT, key=key)
        assert first.status == 200  # nobody knew
        await until_fault(gateway)
        second = await gateway.ask(CHAT, key=key)
        if not required:
            assert second.status == 200
        else:
            assert (second.status, second.error["code"]) == (503, TextsUnavailable.code)
            assert (await gateway.ask(CHAT)).status == 200  # a key of which nothing is kept
            assert [entry.error for entry in gateway.entries()] == [None, TextsUnavailable.code, None]
        (home / "texts.db").rmdir()
        await gateway.until(f"/v1/receipts/{first.receipt}/text", key, 200)
        assert (await gateway.ask(CHAT, key=key)).status == 200


async def until_fault(gateway: Gateway) -> None:
    async with asyncio.timeout(PATIENCE):
        while gateway.worker.texts.fault is None:  # noqa: ASYNC110 - a thread of its own, which tells nobody
            await asyncio.sleep(0.01)


async def test_what_is_kept_is_counted(gateway: Gateway, key: str) -> None:
    receipt = (await gateway.ask(CHAT, key=key)).receipt
    await text(gateway, key, receipt)
    kept = gateway.worker.texts.stats
    assert (kept.kept, kept.lost, kept.waiting, kept.fault) == (1, 0, 0, None)
    found = read((await gateway.get("/metrics")).body.decode())
    names = ("kept_total", "fault", "waiting_bytes")
    assert [[each.value for each in found[f"weighbridge_texts_{name}"]] for name in names] == [[1], [0], [0]]
    assert sum(each.value for each in found["weighbridge_texts_lost_total"]) == 0


async def test_an_answer_that_is_given_again_is_kept_again(gateway: Gateway, upstream: Upstream, key: str) -> None:
    first, again = [await gateway.ask(CHAT, key=key, headers="x-weighbridge-cache: on\r\n") for _ in range(2)]
    assert len(upstream.calls) == 1
    assert first.receipt != again.receipt
    for answer in (first, again):
        assert (await text(gateway, key, answer.receipt))["answer"] == answer.document


@pytest.mark.parametrize("stream", [False, True])
async def test_of_an_answer_that_is_too_long_the_request_is_kept(
    gateway: Gateway, key: str, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    monkeypatch.setattr(keeping_texts, "LONGEST", 200)
    answer = await gateway.ask({**CHAT, "stream": stream}, key=key)
    assert len(answer.body) > 200
    kept = await text(gateway, key, answer.receipt)
    assert (kept["request"], kept["answer"], kept["lacks"]) == ({**CHAT, "stream": stream}, None, "too_long")
    assert gateway.worker.texts.held == 0


async def test_nothing_is_held_when_all_have_ended(gateway: Gateway, upstream: Upstream, key: str) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    await asyncio.gather(*(gateway.ask({**CHAT, "stream": stream}, key=key) for stream in (False, True) * 5))
    upstream.script = script
    client = await gateway.send({**CHAT, "stream": True}, key=key)
    await client.head()
    await client.piece()
    assert gateway.worker.texts.held > 0
    client.leave()
    await gateway.entry(after=10)
    assert gateway.worker.texts.held == 0


def test_a_reply_that_is_overheard_does_all_that_a_reply_does() -> None:
    does = {name for name in vars(Reply) if not name.startswith("_")}
    assert does - set(vars(Overheard)) == set()


async def test_texts_of_a_socket_are_kept(gateway: Gateway, key: str) -> None:
    pytest.importorskip("websockets")
    from websockets.asyncio.client import connect  # noqa: PLC0415 - skipped where it is not there

    headers = {"authorization": f"Bearer {key}"}
    url = f"ws://127.0.0.1:{gateway.port}/v1/responses"
    async with connect(url, additional_headers=headers) as socket, asyncio.timeout(PATIENCE):
        await socket.send(json.dumps({"type": "response.create", **in_dialect("/v1/responses")}))
        first = json.loads(await socket.recv())
        while json.loads(await socket.recv())["type"] != "response.completed":
            pass
    kept = await text(gateway, key, first["receipt"])
    assert kept["dialect"] == "responses"
    assert SAID["responses"](kept["answer"]) == "Hello, world."


def test_every_path_to_a_model_has_its_dialect(gateway: Gateway) -> None:
    from weighbridge.gateway.openapi.operations import OPERATIONS  # noqa: PLC0415 - only here

    entered = {name.split(" ")[1] for name, operation in OPERATIONS.items() if operation.entered}
    assert entered == set(DIALECTS)
