"""Paths, methods, origins: who is let in where, and what the others are told."""

import json
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, House, house
from tests.gateway.upstream import Call, Upstream
from weighbridge.gateway import answers

PAGE = "https://chat.example.org"
PREFLIGHT = "access-control-request-method: POST\r\naccess-control-request-headers: authorization,content-type\r\n"
ALLOWED = {
    "/v1/chat/completions": "POST, GET, HEAD, OPTIONS",
    "/v1/models": "GET, HEAD, OPTIONS",
    "/v1/models/near/tiny": "GET, HEAD, OPTIONS",
    "/v1/receipts/wbr-1": "GET, HEAD, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
    "/readyz": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("target", ["/", "/v1", "/v1/", "/v1/models/", "/v1/chat", "/v1/chat/completion", "/%ff", "*"])
async def test_a_path_that_is_not_there_is_404_and_the_paths_are_named(gateway: House, target: str) -> None:
    answer = await gateway.get(target, method="OPTIONS" if target == "*" else "GET")
    assert (answer.status, answer.error["code"], answer.error["type"]) == (404, "not_found", "not_found_error")
    assert "/v1/chat/completions" in str(answer.error["message"])
    assert gateway.entries() == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "HEAD"])
@pytest.mark.parametrize("target", ALLOWED)
async def test_another_method_is_405_and_the_right_ones_are_named(gateway: House, target: str, method: str) -> None:
    answer = await gateway.get(target, method=method)
    if method in ALLOWED[target].split(", "):
        assert answer.status != 405
        return
    assert (answer.status, answer.headers["allow"]) == (405, ALLOWED[target])
    if method != "HEAD":
        assert (answer.error["code"], answer.error["type"]) == ("method_not_allowed", "invalid_request_error")
        assert ALLOWED[target] in str(answer.error["message"])


async def test_models_are_not_deleted_and_it_says_so(gateway: House) -> None:
    answer = await gateway.get("/v1/models/near/tiny", method="DELETE")
    assert (answer.status, answer.error["type"]) == (405, "invalid_request_error")
    assert "models are not deleted here" in str(answer.error["message"])
    assert (await gateway.get("/v1/models/near/tiny")).status == 200


@pytest.mark.parametrize("target", [target for target in ALLOWED if not target.startswith("/v1/receipts")])
async def test_head_has_the_headers_of_get_and_no_body(gateway: House, target: str) -> None:
    if "GET" in ALLOWED[target]:
        got, head = await gateway.get(target), await gateway.get(target, method="HEAD")
        assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("target", ALLOWED)
async def test_options_says_what_a_path_takes_and_needs_no_key(gateway: House, target: str) -> None:
    answer = await gateway.get(target, method="OPTIONS", key="")
    assert (answer.status, answer.body, answer.headers["allow"]) == (200, b"", ALLOWED[target])
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("origins", "let_in"), [([PAGE], True), (["*"], True), (["https://other.org"], False), ([], False)]
)
async def test_a_page_may_call_from_an_origin_in_the_settings_only(
    tmp_path: Path, upstream: Upstream, origins: list[str], let_in: bool
) -> None:
    toml = f"[server]\ncors_origins = {origins}\n{near(upstream)}"
    async with house(tmp_path / "home", toml) as gateway:
        asked = await gateway.get(
            "/v1/chat/completions", method="OPTIONS", key="", headers=f"origin: {PAGE}\r\n{PREFLIGHT}"
        )
        got = await gateway.get("/v1/models", headers=f"origin: {PAGE}\r\n")
        refused = await gateway.get("/v1/models", key="wb-no", headers=f"origin: {PAGE}\r\n")
    for answer, status in ((asked, 200), (got, 200), (refused, 401)):
        assert answer.status == status
        assert answer.headers.get("access-control-allow-origin") == (PAGE if let_in else None)
        assert "access-control-allow-credentials" not in answer.headers
    if let_in:
        assert asked.headers["access-control-allow-headers"] == "authorization,content-type"
        assert asked.headers["access-control-allow-methods"] == "POST, GET, HEAD, OPTIONS"
        assert answers.RECEIPT.decode() in got.headers["access-control-expose-headers"]
        assert got.headers["vary"] == "Origin"


async def test_a_browser_may_read_a_stream_and_its_receipt(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", f'[server]\ncors_origins = ["{PAGE}"]\n{near(upstream)}') as gateway:
        answer = await gateway.ask({**ASKED, "stream": True}, headers=f"origin: {PAGE}\r\n")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/event-stream", "no-cache")


async def test_a_query_does_not_change_the_path(gateway: House) -> None:
    assert (await gateway.ask(target="/v1/chat/completions?api-version=1")).status == 200
    assert (await gateway.get("/v1/models?limit=1")).status == 200


async def test_the_scheme_of_the_key_may_be_in_any_case(gateway: House) -> None:
    answer = await gateway.get("/v1/models", key="", headers=f"Authorization: bearer   {gateway.key} \r\n")
    assert answer.status == 200


async def test_what_is_no_request_is_refused_in_the_same_shape(gateway: House) -> None:
    answer = await gateway.get("/v1/models", headers="content-length: 1\r\ntransfer-encoding: chunked\r\n")
    assert (answer.status, answer.error["code"]) == (400, "malformed_request")
    connect = await gateway.get("example.org:443", method="CONNECT")
    assert (connect.status, connect.error["code"]) == (501, "malformed_request")


async def test_a_client_turned_away_is_told_when_to_come_back(tmp_path: Path, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.left()

    upstream.script = script
    async with house(
        tmp_path / "home", f"[server]\nmax_connections = 1\ndrain_seconds = 0.1\n{near(upstream)}"
    ) as gateway:
        first = await gateway.send(ASKED)
        answer = await gateway.get("/healthz")
        first.leave()
    assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (503, "draining", "1")


async def test_what_lies_under_a_path_is_refused_in_its_dialect(gateway: House) -> None:
    answer = await gateway.get("/v1/messages/batches", method="POST")
    said = json.loads(answer.body)
    assert (answer.status, said["type"], said["error"]["type"]) == (404, "error", "not_found_error")
    elsewhere = await gateway.get("/v1/nothing/here")
    assert json.loads(elsewhere.body)["error"]["code"] == "not_found"
