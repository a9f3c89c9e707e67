"""What a provider does wrong, and what its client hears of it: one stable code each, and never our key."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, House, house
from tests.gateway.upstream import EVENTS, Call, Upstream

KEY = "sk-upstream-0123456789abcdef"
SOON = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
HTML = b"<html><body>502 Bad Gateway</body></html>"


def said(message: str, code: str | None = None) -> dict[str, object]:
    """An error as OpenAI says it."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


# what the provider answers: status, body, headers; what the client gets: status, code, type, words
FAULTS = {
    "a refusal": ((400, said("temperature is too hot"), ""), (400, "invalid_request", "invalid_request_error")),
    "a field refused": ((422, {"detail": [{"msg": "odd"}]}, ""), (400, "invalid_request", "invalid_request_error")),
    "a body too large for it": ((413, said("too large"), ""), (400, "invalid_request", "invalid_request_error")),
    "overflow, OpenAI": (
        (400, said("This model's maximum context length is 8192 tokens.", "context_length_exceeded"), ""),
        (400, "context_length_exceeded", "invalid_request_error"),
    ),
    "overflow, vLLM": (
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400}, ""),
        (400, "context_length_exceeded", "invalid_request_error"),
    ),
    "overflow, llama.cpp": (
        (400, {"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 4096, "message": "exceeds"}}, ""),
        (400, "context_length_exceeded", "invalid_request_error"),
    ),
    "our key unknown": ((401, said(f"Incorrect API key provided: {KEY}"), ""), (502, "upstream_key_refused", None)),
    "out of credit": ((402, said("Insufficient Balance"), ""), (502, "upstream_key_refused", None)),
    "our key barred": ((403, said(f"{KEY} may not"), ""), (502, "upstream_key_refused", None)),
    "no such model": ((404, said("no such model"), ""), (404, "model_not_found", "invalid_request_error")),
    "too slow for it": ((408, said("slow"), ""), (504, "upstream_timeout", None)),
    "our key quoted": ((400, said(f"bad header: Bearer {KEY}"), ""), (400, "invalid_request", "invalid_request_error")),
    "busy": ((429, said("slow down"), ""), (429, "upstream_busy", "rate_limit_error")),
    "overloaded": ((529, said("Overloaded"), ""), (429, "upstream_busy", "rate_limit_error")),
    "failed": ((500, said(f"panic with {KEY}"), ""), (502, "upstream_error", None)),
    "bad gateway in HTML": ((502, HTML, ""), (502, "upstream_error", None)),
    "unavailable": ((503, said("loading"), ""), (502, "upstream_error", None)),
    "its own timeout": ((504, HTML, ""), (504, "upstream_timeout", None)),
    "moved": ((301, b"", "location: http://127.0.0.1:9/\r\n"), (502, "upstream_error", None)),
    "found elsewhere": ((307, b"", "location: /v2/chat\r\n"), (502, "upstream_error", None)),
    "200 and nothing": ((200, b"", ""), (502, "upstream_error", None)),
    "200 and a page": ((200, HTML, ""), (502, "upstream_error", None)),
    "200 cut short": ((200, b'{"choices": [', ""), (502, "upstream_error", None)),
    "an error not in UTF-8": ((500, b'{"error": {"message": "caf\xe9"}}', ""), (502, "upstream_error", None)),
    "an error without end": ((500, b'{"error": ' + b"[" * 30_000, ""), (502, "upstream_error", None)),
    "200 nested without end": ((200, b'{"choices": ' + b"[" * 100_000, ""), (502, "upstream_error", None)),
    "200 and an error": ((200, said(f"no: {KEY}"), ""), (502, "upstream_error", None)),
}


@pytest.fixture
def keyed(upstream: Upstream) -> str:
    """Settings for the provider with a key of ours, and little patience."""
    patience = "first_byte_timeout_seconds = 0.3\nidle_timeout_seconds = 0.3\nconnect_timeout_seconds = 0.3\n"
    priced = near(upstream).replace("[providers.near]\n", f'[providers.near]\napi_key = "{KEY}"\n')
    return f"[server]\ndrain_seconds = 0.2\n[upstream]\n{patience}{priced}"


@pytest.mark.parametrize("case", FAULTS)
async def test_a_providers_fault_has_one_code_and_an_entry(
    tmp_path: Path, upstream: Upstream, keyed: str, case: str
) -> None:
    (status, document, headers), (expected, code, type_) = FAULTS[case]

    async def script(call: Call) -> None:
        assert call.headers["authorization"] == f"Bearer {KEY}"
        await call.answer(document, status, headers)

    upstream.script = script
    async with house(tmp_path / "home", keyed) as gateway:
        answer = await gateway.ask()
        entry = await gateway.entry()
    assert (answer.status, answer.error["code"]) == (expected, code)
    assert answer.error["type"] == (type_ or "upstream_error")
    assert "near" in str(answer.error["message"]) or status == 200
    assert KEY.encode() not in answer.body
    assert len(upstream.calls) == 1
    ending = "refused" if expected == 400 else "upstream_broke"
    assert (entry.id, entry.ending, entry.status, entry.error) == (answer.receipt, ending, expected, code)
    assert [(one.provider, one.upstream_model, one.error) for one in entry.attempts] == [("near", "tiny", code)]
    assert entry.charge is None


WAITS = {
    "seconds": ("7", 7),
    "a fraction": ("0.2", 1),
    "a date": (SOON, 3600),
    "past": ("-3", 1),
    "long past": ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
    "for ever": ("inf", 86_400),
    "no number": ("nan", 1),
    "no sense": ("soon", 1),
    "no word": ("", 1),
}


@pytest.mark.parametrize("case", WAITS)
async def test_a_busy_provider_says_how_long_to_wait(gateway: House, upstream: Upstream, case: str) -> None:
    header, seconds = WAITS[case]

    async def script(call: Call) -> None:
        await call.answer(said("slow down"), 429, f"retry-after: {header}\r\n" if header else "")

    upstream.script = script
    answer = await gateway.ask()
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) == pytest.approx(seconds, abs=1800 if case == "a date" else 0)


async def test_a_provider_that_is_not_there_is_502_and_the_way_out_is_named(tmp_path: Path, upstream: Upstream) -> None:
    await upstream.close()
    async with house(tmp_path / "home", near(upstream)) as gateway:
        answer = await gateway.ask()
        entry = await gateway.entry()
    assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
    assert "near could not be reached" in str(answer.error["message"])
    assert (entry.ending, entry.error, entry.charge) == ("upstream_broke", "upstream_unreachable", None)


async def test_a_host_that_is_no_name_is_502(tmp_path: Path) -> None:
    toml = '[providers.near]\nbase_url = "http://no-such-host.invalid/v1"\n[[providers.near.models]]\nid = "tiny"\n'
    async with house(tmp_path / "home", toml) as gateway:
        answer = await gateway.ask()
    assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")


async def test_a_provider_that_accepts_nobody_is_504(tmp_path: Path, upstream: Upstream, keyed: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        port = full.getsockname()[1]
        async with house(tmp_path / "home", keyed.replace(f":{upstream.port}/", f":{port}/")) as gateway:
            answer = await gateway.ask()
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")


async def test_a_provider_that_never_answers_is_504(tmp_path: Path, upstream: Upstream, keyed: str) -> None:
    async def script(call: Call) -> None:
        await call.left()

    upstream.script = script
    async with house(tmp_path / "home", keyed) as gateway:
        answer = await gateway.ask()
        entry = await gateway.entry()
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert "0.3 s" in str(answer.error["message"])
    assert (entry.ending, entry.status, entry.error) == ("upstream_broke", 504, "upstream_timeout")


async def test_a_stream_that_falls_silent_ends_with_an_error_event(
    tmp_path: Path, upstream: Upstream, keyed: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    upstream.script = script
    async with house(tmp_path / "home", keyed) as gateway:
        answer = await gateway.ask({**ASKED, "stream": True})
        entry = await gateway.entry()
    assert answer.status == 200
    *before, last, nothing = answer.body.split(b"\n\n")
    assert (len(before), nothing) == (2, b"")
    assert b'"code":"upstream_timeout"' in last
    assert (entry.ending, entry.status, entry.error) == ("upstream_broke", 200, "upstream_timeout")
    assert entry.charge is not None


async def test_a_whole_answer_that_falls_silent_is_504(tmp_path: Path, upstream: Upstream, keyed: str) -> None:
    async def script(call: Call) -> None:
        await call.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id"')
        await call.left()

    upstream.script = script
    async with house(tmp_path / "home", keyed) as gateway:
        answer = await gateway.ask()
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")


async def test_our_key_is_not_in_the_error_that_ends_a_stream(tmp_path: Path, upstream: Upstream, keyed: str) -> None:
    async def script(call: Call) -> None:
        await call.stream([EVENTS[0], b'data: {"error": {"message": "key %b is spent"}}\n\n' % KEY.encode()])

    upstream.script = script
    async with house(tmp_path / "home", keyed) as gateway:
        answer = await gateway.ask({**ASKED, "stream": True})
    assert b"key (our key) is spent" in answer.body
    assert KEY.encode() not in answer.body


async def test_nothing_of_a_fault_is_logged_that_is_the_clients_or_ours(
    tmp_path: Path, upstream: Upstream, keyed: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(call: Call) -> None:
        await call.answer(said(f"{KEY} {call.body.decode()}"), 500)

    upstream.script = script
    with caplog.at_level(0):
        async with house(tmp_path / "home", keyed) as gateway:
            await asyncio.gather(gateway.ask(), gateway.ask({**ASKED, "stream": True}))
    assert KEY not in caplog.text
    assert "Say hello" not in caplog.text
