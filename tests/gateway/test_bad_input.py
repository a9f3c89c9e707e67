"""A request that makes no sense is refused in OpenAI's shape, says what to do, and leaves an entry that says so."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Answer, Gateway, House, house
from tests.gateway.upstream import Upstream

HELLO = [{"role": "user", "content": "Say hello."}]


def asked(**fields: object) -> bytes:
    """A good request but for these fields."""
    return json.dumps({**ASKED, **fields}).encode()


UNREADABLE = {
    "nothing": (b"", None, "not valid JSON"),
    "no JSON": (b"model=near/tiny", None, "not valid JSON"),
    "JSON cut short": (asked()[:-1], None, "not valid JSON"),
    "two documents": (asked() + asked(), None, "not valid JSON"),
    "no object": (b"[]", None, "object"),
    "null": (b"null", None, "object"),
    "not UTF-8": (b'{"model": "near/tiny", "messages": ["\xff"]}', None, "not UTF-8 (byte 37)"),
    "half a surrogate": (b'{"model": "\\ud800", "messages": [1]}', None, "surrogate"),
    "a byte order mark": (b"\xef\xbb\xbf" + asked(), None, "not valid JSON"),
    "nested too deep": (b'{"model": "near/tiny", "messages": ' + b"[" * 100_000, None, "nested too deep"),
    "no model": (json.dumps({"messages": HELLO}).encode(), "model", "model"),
    "model a number": (asked(model=7), "model", "Expected `str`"),
    "model null": (asked(model=None), "model", "Expected `str`"),
    "model empty": (asked(model=""), "model", "length >= 1"),
    "model endless": (asked(model="near/tiny" * 100_000), "model", "length <= "),
    "model twice": (b'{"model": "near/tiny", ' + asked()[1:], "model", "more than once"),
    "no messages": (b'{"model": "near/tiny"}', "messages", "messages"),
    "messages empty": (asked(messages=[]), "messages", "length >= 1"),
    "messages null": (asked(messages=None), "messages", "Expected `array`"),
    "messages a text": (asked(messages="Say hello."), "messages", "Expected `array`"),
    "messages an object": (asked(messages=HELLO[0]), "messages", "Expected `array`"),
    "stream a text": (asked(stream="true"), "stream", "Expected `bool"),
    "stream a number": (asked(stream=1), "stream", "Expected `bool"),
    "stream_options a list": (asked(stream_options=[]), "stream_options", "Expected `object"),
    "include_usage a text": (asked(stream_options={"include_usage": "yes"}), "stream_options.include_usage", "bool"),
    "max_tokens a text": (asked(max_tokens="7"), "max_tokens", "Expected `int"),
    "max_tokens a fraction": (asked(max_tokens=1.5), "max_tokens", "Expected `int"),
    "max_tokens under the sign for no limit": (asked(max_tokens=-2), "max_tokens", ">= -1"),
    "max_completion_tokens a list": (asked(max_completion_tokens=[7]), "max_completion_tokens", "Expected `int"),
    "n a text": (asked(n="two"), "n", "Expected `int"),
    "n negative": (asked(n=-1), "n", ">= 1"),
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_a_body_that_makes_no_sense_is_refused_and_the_field_named(
    gateway: House, upstream: Upstream, case: str
) -> None:
    body, param, says = UNREADABLE[case]
    answer = await gateway.ask(body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert set(answer.document) == {"error"}
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert (answer.error["type"], answer.error["code"]) == ("invalid_request_error", "invalid_request")
    assert answer.error["param"] == param
    assert says in str(answer.error["message"])
    await refused(gateway, answer, 400, "invalid_request")
    assert upstream.calls == []


async def refused(gateway: House, answer: Answer, status: int, code: str) -> None:
    """The one entry says that nothing was done and why."""
    entry = await gateway.entry()
    assert answer.receipt == entry.id
    assert (entry.ending, entry.status, entry.error) == ("refused", status, code)
    assert (entry.charge, entry.attempts) == (None, ())


MISSING = {
    "a slip": ("naer/tiny", "'near/tiny'"),
    "a lab forgotten": ("qwen3-235b-a22b-instruct", "qwen/qwen3"),
    "like nothing": ("§§§", "none that is like it"),
    "no provider set up": ("anthropic/claude-opus-4.5", "no provider that is set up here serves it"),
    "a provider without a name": ("near/", "GET /v1/models"),
    "a NUL": ("near\0tiny", "GET /v1/models"),
}


@pytest.mark.parametrize("case", MISSING)
async def test_a_model_that_is_not_on_offer_is_404_and_the_nearest_are_named(gateway: House, case: str) -> None:
    model, says = MISSING[case]
    answer = await gateway.ask({**ASKED, "model": model})
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")
    assert answer.error["type"] == "invalid_request_error"
    assert says in str(answer.error["message"])
    assert len(str(answer.error["message"])) < 1000
    await refused(gateway, answer, 404, "model_not_found")


async def test_a_body_over_the_limit_is_413_before_it_is_read(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", "[server]\nmax_body_bytes = 2048\n" + near(upstream)) as gateway:
        fits = await gateway.ask(asked(x=""))
        answer = await gateway.ask(asked(x="x" * 2048))
    assert (fits.status, answer.status, answer.error["code"]) == (200, 413, "body_too_large")
    assert "2,048 bytes" in str(answer.error["message"])
    assert len(gateway.entries()) == 1


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        ("/v1/messages?beta=true", {"type", "error", "request_id"}),
        ("/api/v1/chat/completions", {"error"}),
        ("/v1/responses", {"error"}),
        ("/nowhere", {"error"}),
    ],
)
async def test_what_never_became_a_request_is_refused_in_the_shape_of_its_path(
    tmp_path: Path, upstream: Upstream, target: str, shape: set[str]
) -> None:
    async with house(tmp_path / "home", "[server]\nmax_body_bytes = 1024\n" + near(upstream)) as gateway:
        long = await gateway.ask(asked(x="x" * 1024), target=target)
        wide = await gateway.ask(asked(), target=target, headers=f"x: {'y' * 40_000}\r\n")
    assert (long.status, set(long.document)) == (413, shape)
    assert (wide.status, set(wide.document)) == (431, shape)
    assert (long.error.get("code") == 413) == target.startswith("/api/")  # OpenRouter's codes are numbers


KEYS = {
    "none": ("", "no API key"),
    "a stranger's": ("wb-nobody", "weighbridge keys create"),
    "not ASCII": ("wb-ключ", "weighbridge keys create"),
    "revoked": ("revoked", "was revoked"),
    "expired": ("expired", "has expired"),
}


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/models", "/v1/models/near/tiny", "/v1/receipts/wbr-1"])
@pytest.mark.parametrize("case", KEYS)
async def test_a_key_that_opens_nothing_is_401_and_leaves_no_entry(gateway: Gateway, case: str, target: str) -> None:
    key, says = KEYS[case]
    if key == "revoked":
        key = gateway.new_key("old")
        gateway.revoke("old")
    elif key == "expired":
        key = gateway.new_key("late", expires=datetime.now(UTC) - timedelta(seconds=1))
    gateway.worker._keyring.refresh()
    answer = await gateway.get(target, key=key, method="POST" if target.endswith("completions") else "GET")
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert answer.error["type"] == "authentication_error"
    assert says in str(answer.error["message"])
    assert not key or key not in str(answer.error)
    assert gateway.entries() == []


async def test_a_key_may_ask_for_its_own_models_only(gateway: Gateway) -> None:
    key = gateway.new_key("narrow", models=("qwen/*", "far/tiny"))
    gateway.worker._keyring.refresh()
    answer = await gateway.ask(key=key)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "not_allowed", "model")
    assert answer.error["type"] == "permission_error"
    await refused(gateway, answer, 403, "not_allowed")
    assert (await gateway.get("/v1/models", key=key)).document["data"] == []
    assert (await gateway.get("/v1/models/near/tiny", key=key)).status == 404


async def test_a_key_made_or_revoked_elsewhere_counts_within_a_second(gateway: House) -> None:
    key = gateway.new_key("fresh")
    await gateway.until("/v1/models", key, 200)
    gateway.revoke("fresh")
    await gateway.until("/v1/models", key, 401)
