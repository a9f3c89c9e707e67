"""A request for text that names no model is the default model's, where the settings have one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import Gateway, House, house
from tests.gateway.upstream import Upstream

Json = dict[str, Any]
MESSAGES = [{"role": "user", "content": "Say hello."}]
OF_TEXT: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": MESSAGES}),
    ("/v1/completions", {"prompt": "Say"}),
    ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
    ("/v1/responses", {"input": "Say hello."}),
    ("/v1/responses", {"input": "Say hello.", "metadata": {"model": "no model"}}),
    ("/api/v1/chat/completions", {"messages": MESSAGES}),
    ("/api/v1/responses", {"input": "Say hello."}),
]
COUNTED: list[tuple[str, Json]] = [("/v1/responses/input_tokens", {}), ("/v1/responses/input_tokens", {"input": "Hi"})]
NAMED: list[tuple[str, Json]] = [
    ("/v1/embeddings", {"input": "cats"}),
    ("/v1/rerank", {"query": "cats", "documents": ["dogs"]}),
    ("/api/v1/embeddings", {"input": "cats"}),
    ("/api/v1/rerank", {"query": "cats", "documents": ["dogs"]}),
    ("/v1/responses/compact", {"input": "Hi"}),
]


def param(document: Json) -> object:
    """The field an error names, in the shape of any dialect."""
    error = document["error"]
    return error.get("param") or (error.get("details") or error.get("metadata"))["param"]


@pytest.fixture
async def defaulting(tmp_path: Path, upstream: Upstream) -> Any:  # noqa: ANN401 - pytest asks for no more
    toml = '[server]\ndefault_model = "near/tiny"\n' + near(upstream)
    async with house(tmp_path / "defaulting", toml) as made:
        yield made


@pytest.mark.parametrize(("target", "body"), OF_TEXT)
async def test_the_default_model_is_asked(defaulting: Gateway, upstream: Upstream, target: str, body: Json) -> None:
    answer = await defaulting.ask(body, target=target)
    if target != "/v1/completions":
        assert answer.status == 200, answer.body
    entry = await defaulting.entry()
    assert (entry.asked_model, entry.model) == ("near/tiny", "near/tiny")
    assert json.loads(upstream.calls[0].body)["model"] == "tiny"


@pytest.mark.parametrize(("target", "body"), COUNTED)
async def test_tokens_are_counted_for_it(defaulting: Gateway, target: str, body: Json) -> None:
    answer = await defaulting.ask(body, target=target)
    assert (answer.status, answer.document["object"]) == (200, "response.input_tokens")


@pytest.mark.parametrize(("target", "body"), NAMED)
async def test_what_no_default_fits_must_name_its_model(defaulting: Gateway, target: str, body: Json) -> None:
    answer = await defaulting.ask(body, target=target)
    assert (answer.status, param(answer.document)) == (400, "model")
    assert b"default_model" not in answer.body


@pytest.mark.parametrize("model", [3, "", None, ["near/tiny"]])
async def test_a_model_that_is_none_is_refused_all_the_same(defaulting: Gateway, model: object) -> None:
    answer = await defaulting.ask({"model": model, "messages": MESSAGES})
    assert (answer.status, answer.error["param"]) == (400, "model")


async def test_a_model_that_is_named_is_asked(defaulting: Gateway) -> None:
    answer = await defaulting.ask({"model": "near/other", "messages": MESSAGES})
    assert answer.status == 404 or (await defaulting.entry()).asked_model == "near/other"


async def test_a_model_in_another_case_is_not_passed_over(defaulting: Gateway) -> None:
    answer = await defaulting.ask({"Model": "near/other", "messages": MESSAGES})
    assert (answer.status, answer.error["param"]) == (400, "model")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"messages": []}', b'"model"'])
async def test_what_is_no_request_is_refused_as_ever(defaulting: Gateway, body: bytes) -> None:
    assert (await defaulting.ask(body)).status == 400


@pytest.mark.parametrize(("target", "body"), OF_TEXT + COUNTED)
async def test_without_the_setting_it_is_refused_and_the_setting_named(gateway: House, target: str, body: Json) -> None:
    answer = await gateway.ask(body, target=target)
    assert (answer.status, param(answer.document)) == (400, "model")
    assert b"server.default_model" in answer.body
