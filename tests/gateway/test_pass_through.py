"""What we do not read passes untouched, both ways; what is between us and one side stays there."""

import json

import pytest

from tests.gateway.house import ASKED, House
from tests.gateway.upstream import DONE, EVENTS, USAGE, Call, Upstream, chunk

BODIES = {
    "odd whitespace": b'\n{ "messages" :\t[ {"role":"user","content":"Hi"} ] ,\r\n "model"  :  "near/tiny"  }\n',
    "the model last": b'{"messages":[1],"temperature":0.10,"model":"near/tiny"}',
    "unknown fields": b'{"model":"near/tiny","messages":[1],"x_new":{"deep":[1,{"model":"near/tiny"}]}}',
    "numbers no float holds": b'{"model":"near/tiny","messages":[1],"seed":123456789012345678901234567890,"t":1.10e-7}',
    "escapes": b'{"model":"near/tiny","messages":["\\u00e9\\ud83d\\ude00\\/\\u0000 \\"model\\": \\"near/tiny\\""]}',
    "letters beyond ASCII": '{"model":"near/tiny","messages":["né 日本 😀\u2028"]}'.encode(),
    "a key twice": b'{"model":"near/tiny","messages":[0],"messages":[1],"top_p":1,"top_p":2}',
    "nothing but nulls": b'{"model":"near/tiny","messages":[1],"stream":null,"stop":null,"n":null}',
    "a long text": b'{"model":"near/tiny","messages":["' + b"x" * 300_000 + b'"]}',
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_request_reaches_the_provider_byte_for_byte_but_for_the_model(
    gateway: House, upstream: Upstream, case: str
) -> None:
    answer = await gateway.ask(BODIES[case])
    assert answer.status == 200
    at = BODIES[case].rindex(b'"near/tiny"') if case == "odd whitespace" else _top_level(BODIES[case])
    expected = BODIES[case][:at] + b'"tiny"' + BODIES[case][at + len(b'"near/tiny"') :]
    assert upstream.calls[0].body == expected
    assert upstream.calls[0].headers["content-length"] == str(len(expected))


def _top_level(body: bytes) -> int:
    start = body.index(b'"model":"near/tiny"')
    return start + len(b'"model":')


async def test_an_escaped_model_name_is_read_and_replaced(gateway: House, upstream: Upstream) -> None:
    await gateway.ask(b'{"messages":[1],"metadata":{"model":"x"},"mod\\u0065l":"ne\\u0061r\\/tiny"}')
    assert json.loads(upstream.calls[0].body) == {"messages": [1], "metadata": {"model": "x"}, "model": "tiny"}


STREAM_OPTIONS = {
    "absent": (b"", b'"stream_options":{"include_usage":true},'),
    "null": (b',"stream_options":null', b'"stream_options":{"include_usage":true}'),
    "another": (b',"stream_options":{"x":1.50}', b'"x":1.50'),
    "refused": (b',"stream_options":{"include_usage":false}', b'"include_usage":true'),
}


@pytest.mark.parametrize("case", STREAM_OPTIONS)
async def test_a_stream_is_asked_for_its_usage_and_else_left_alone(
    gateway: House, upstream: Upstream, case: str
) -> None:
    given, sent = STREAM_OPTIONS[case]
    answer = await gateway.ask(b'{"model":"near/tiny","stream":true,"messages":[1],"y": 1.0' + given + b"}")
    body = upstream.calls[0].body
    assert sent in body
    assert b'"y": 1.0' in body
    assert json.loads(body)["stream_options"]["include_usage"] is True
    assert b'"usage"' not in answer.body
    assert answer.body.endswith(DONE)


ANSWERS = {
    "whitespace": (b' {\n "choices" : [ ] }\r\n ', "application/json; charset=utf-8"),
    "unknown fields": (b'{"id":1,"x":{"y":[1.10,2e3]},"x":2}', "application/json"),
    "another dialect": (b'{"object":"chat.completion","usage":null,"choices":[]}', "application/vnd.api+json"),
    "letters beyond ASCII": ('{"choices":[],"t":"日本\\u00e9"}'.encode(), "application/json"),
    "letters of another code": (b'{"caf\xe9":1,"choices":[{"finish_reason":"\xe9"}],"t":"\xe9"}', "application/json"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer_comes_back_byte_for_byte_with_its_content_type(
    gateway: House, upstream: Upstream, case: str
) -> None:
    body, kind = ANSWERS[case]

    async def script(call: Call) -> None:
        await call.answer(body, 200, kind=kind)

    upstream.script = script
    answer = await gateway.ask()
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, body, kind)


async def test_a_stream_comes_back_byte_for_byte_but_for_the_cost(gateway: House, upstream: Upstream) -> None:
    events = (
        b": OPENROUTER PROCESSING\n\n",
        b'event: delta\nid: 7\ndata:  {"x" : 1.10 , "choices" : [ ] }\n\n',
        b'data: {"choices":[{"delta":{"content":"\\u0022error\\u0022 [DONE] \\"usage\\": {"}}]}\n\n',
        chunk({"reasoning_content": "hm", "x_new": [1, 2]}),
        *EVENTS[-3:-1],
    )

    async def script(call: Call) -> None:
        await call.stream([*events, DONE])

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True, "stream_options": {"include_usage": True}})
    priced = USAGE.replace(b'"usage": {', b'"usage": {"cost":0.00000794,')
    assert answer.body == b"".join(events).replace(USAGE, priced) + DONE


async def test_bytes_that_are_no_text_pass_in_a_stream_and_its_end_is_counted(
    gateway: House, upstream: Upstream
) -> None:
    odd = (
        b'data: {"choices":[{"delta":{"content":"caf\xe9"}}]}\n\n',
        b'data: {"error":null,"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n\n",
        b'data: {"caf\xe9":1,"usage":{"prompt_tokens":"\xe9"}}\n\n',
    )

    async def script(call: Call) -> None:
        await call.stream([*odd, *EVENTS])

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True})
    assert answer.body == b"".join(each for each in (*odd, *EVENTS) if each is not USAGE)
    entry = await gateway.entry()
    assert (entry.ending, entry.charge and entry.charge.counted_by) == ("complete", "provider")


PRIVATE = "cookie: session=secret\r\nx-forwarded-for: 10.0.0.1\r\nx-api-key: mine\r\nopenai-organization: org\r\n"
HOP_BY_HOP = ("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade")


@pytest.mark.parametrize("streamed", [False, True])
async def test_no_header_crosses_the_gateway_unasked(gateway: House, upstream: Upstream, streamed: bool) -> None:
    async def script(call: Call) -> None:
        said = "set-cookie: a=b\r\nserver: engine/1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\n"
        if streamed:
            await call.send(f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{said}".encode())
            await call.send(b"transfer-encoding: chunked\r\n\r\n")
            await call.events(EVENTS)
            await call.end()
        else:
            await call.answer(headers=said)

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": streamed}, headers=PRIVATE)
    sent = upstream.calls[0].headers
    assert set(sent) == {"host", "user-agent", "accept-encoding", "content-type", "accept", "content-length"}
    assert gateway.key not in str(sent)
    ours = {"content-type", "x-weighbridge-receipt"}
    framing = {"transfer-encoding", "cache-control", "x-accel-buffering"} if streamed else {"content-length"}
    assert set(answer.headers) - {"connection", "x-weighbridge-cost"} == ours | framing


async def test_the_providers_own_id_is_in_the_entry(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(headers="X-Request-Id: req-7\r\n")

    upstream.script = script
    await gateway.ask()
    assert (await gateway.entry()).upstream_request == "req-7"
