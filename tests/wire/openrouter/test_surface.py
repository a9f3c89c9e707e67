"""Requests in OpenRouter's dialect: what goes to the provider, what decides who that is, and what is refused."""

import json

import pytest

from weighbridge.errors import BadRequest, ContextOverflow, UpstreamBusy, WeighbridgeError
from weighbridge.wire.openrouter.surface import OpenRouterSurface, generation_id, receipt_id
from weighbridge.wire.surface import Asked

MESSAGES = [{"role": "user", "content": "Say hello."}]
PLAIN = {"model": "lab/tiny", "messages": MESSAGES}


def read(**fields: object) -> Asked:
    """What comes of a request with these fields."""
    body = {name: value for name, value in (PLAIN | fields).items() if value is not ...}
    return OpenRouterSurface().read(json.dumps(body).encode())


def sent(**fields: object) -> object:
    """What the provider is sent of a request with these fields, beside the plain ones."""
    body = json.loads(read(**fields).body)
    return {name: value for name, value in body.items() if name not in PLAIN}


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, ["lab/tiny"]),
        ({"models": []}, ["lab/tiny"]),
        ({"models": ["lab/other", "lab/tiny", "lab/third", "lab/other"]}, ["lab/tiny", "lab/other", "lab/third"]),
        ({"model": ..., "models": ["lab/other", "lab/third"]}, ["lab/other", "lab/third"]),
        ({"models": None, "route": "fallback"}, ["lab/tiny"]),
    ],
)
def test_models_are_asked_in_their_order(fields: dict[str, object], asked: list[str]) -> None:
    found = read(**fields)
    assert [found.call.model, *found.fallbacks] == asked
    assert json.loads(found.body) == {"model": asked[0], "messages": MESSAGES}


def test_what_is_not_openrouters_own_goes_on_as_it_came() -> None:
    fields = {"temperature": 0.30, "x_new": {"deep": [1]}, "max_tokens": 5, "stream": True, "top_k": None, "seed": 7}
    found = read(**fields)
    assert sent(**fields) == fields
    assert found.call.streamed


@pytest.mark.parametrize(
    "dropped",
    [
        {"usage": {"include": True}},
        {"session_id": "s-1", "trace": {"trace_id": "t"}, "cache_control": {"type": "ephemeral"}},
        {"debug": {"echo_upstream_body": False}},
        {"transforms": ["middle-out"]},
        {"transforms": []},
        {"plugins": [{"id": "context-compression"}, {"id": "web", "enabled": False, "max_results": 3}]},
        {"preset": None, "image_config": {}, "stop_server_tools_when": []},
        {"provider": {"order": ["near"]}},
        {"provider": None, "reasoning": None},
    ],
    ids=str,
)
def test_what_changes_no_answer_is_left_out(dropped: dict[str, object]) -> None:
    assert sent(**dropped) == {}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ...}, "model"),
        ({"model": "", "models": []}, "model"),
        ({"models": "lab/tiny"}, "models"),
        ({"models": [""]}, "models[...]"),
        ({"models": ["m"] * 11}, "models"),
        ({"route": "sort"}, "route"),
        ({"image_config": {"aspect_ratio": "1:1"}}, "image_config"),
        ({"stop_server_tools_when": [{"type": "x"}]}, "stop_server_tools_when"),
        ({"transforms": ["middle-out", "inside-out"]}, "transforms[1]"),
        ({"plugins": [{"id": "web"}]}, "plugins[0].id"),
        ({"plugins": [{"id": "response-healing", "enabled": True}]}, "plugins[0].id"),
        ({"plugins": {"id": "web"}}, "plugins"),
        ({"tools": [{"type": "function"}, {"type": "openrouter:web_search"}]}, "tools[1].type"),
        ({"debug": {"echo_upstream_body": True}}, "debug.echo_upstream_body"),
        ({"reasoning": {"effort": "utmost"}}, "reasoning.effort"),
        ({"reasoning": {"max_tokens": -1}}, "reasoning.max_tokens"),
        ({"reasoning": "high"}, "reasoning"),
        ({"provider": {"orders": ["near"]}}, "provider"),
        ({"provider": {"order": "near"}}, "provider.order"),
        ({"provider": {"data_collection": "maybe"}}, "provider.data_collection"),
        ({"provider": {"max_price": {"prompt": "cheap"}}}, "provider.max_price.prompt"),
        ({"messages": []}, "messages"),
        ({"max_tokens": -2}, "max_tokens"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_by_its_name(fields: dict[str, object], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert (caught.value.param or "").startswith(param.removesuffix("[...]"))


@pytest.mark.parametrize(
    ("reasoning", "more", "effort"),
    [
        ({}, {}, None),
        ({"effort": "high"}, {}, "high"),
        ({"effort": "none"}, {}, "none"),
        ({"enabled": True}, {}, "medium"),
        ({"enabled": False, "effort": "high"}, {}, "none"),
        ({"max_tokens": 0}, {}, "none"),
        ({"max_tokens": 1024}, {}, "low"),
        ({"max_tokens": 1025}, {}, "medium"),
        ({"max_tokens": 8193}, {"max_tokens": -1}, "high"),
        ({"max_tokens": 8193}, {"max_tokens": 0}, "high"),
        ({"max_tokens": 100}, {"max_tokens": 1000}, "minimal"),
        ({"max_tokens": 200}, {"max_completion_tokens": 1000}, "low"),
        ({"max_tokens": 500}, {"max_tokens": 1000}, "medium"),
        ({"max_tokens": 800}, {"max_tokens": 1000}, "high"),
        ({"max_tokens": 950}, {"max_tokens": 1000}, "xhigh"),
        ({"max_tokens": 9500}, {"max_tokens": 1000}, "xhigh"),
    ],
)
def test_reasoning_is_asked_for_as_an_effort(
    reasoning: dict[str, object], more: dict[str, object], effort: str | None
) -> None:
    expected = more if effort is None else more | {"reasoning_effort": effort}
    assert sent(reasoning=reasoning, **more) == expected


def test_an_effort_in_openais_way_goes_on() -> None:
    assert sent(reasoning_effort="low") == {"reasoning_effort": "low"}


def test_the_reasoning_of_earlier_turns_stays_here() -> None:
    turn = {"role": "assistant", "content": "Hello.", "tool_calls": [], "x_kept": 1}
    said = turn | {"reasoning": "Well …", "reasoning_details": [{"type": "reasoning.text", "text": "Well …"}]}
    found = read(messages=[*MESSAGES, said, {"role": "user", "content": 'about "reasoning"'}])
    assert json.loads(found.body)["messages"] == [*MESSAGES, turn, {"role": "user", "content": 'about "reasoning"'}]


def test_preferences_are_kept_for_those_who_choose() -> None:
    wanted = read(provider={"order": ["near"], "allow_fallbacks": False, "sort": {"by": "latency"}}).preferences
    assert wanted is not None
    assert (wanted.order, wanted.allow_fallbacks) == (["near"], False)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadRequest("n: no", param="n"), {"error_type": "invalid_request", "code": "invalid_request", "param": "n"}),
        (ContextOverflow("long"), {"error_type": "context_length_exceeded", "code": "context_length_exceeded"}),
        (UpstreamBusy("busy"), {"error_type": "rate_limit_exceeded", "code": "upstream_busy"}),
        (WeighbridgeError("ours"), {"error_type": "server", "code": "internal_error"}),
    ],
)
def test_an_error_has_its_status_as_a_number_and_its_code_beside_it(
    error: WeighbridgeError, said: dict[str, object]
) -> None:
    expected = {"error": {"code": error.status, "message": error.message, "metadata": said}}
    assert json.loads(OpenRouterSurface().error(error)) == expected


def test_the_id_of_an_answer_is_that_of_its_receipt() -> None:
    assert generation_id("wbr-0a1b") == "gen-0a1b"
    assert receipt_id("gen-0a1b") == receipt_id("wbr-0a1b") == "wbr-0a1b"
