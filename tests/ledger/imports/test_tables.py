"""LiteLLM's spend logs, OpenRouter's generations, opencode's messages and our own format."""

import json

import pytest

from tests.ledger.imports.logs import DAY, SECRET, file
from weighbridge.ledger.imports import generic, litellm, opencode, openrouter
from weighbridge.ledger.imports.litellm import FROM_CACHE
from weighbridge.ledger.imports.outside import NO_USAGE, OURS, Bad, Outside, Passed
from weighbridge.ledger.rows import Source, Unreadable
from weighbridge.wire.usage import Usage

LOG: dict[str, object] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "spend": 0.5,
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "startTime": f"{DAY}T10:00:00.123000+00:00",
    "endTime": f"{DAY}T10:00:02.623000+00:00",
    "model": "openai/gpt-4.1",
    "custom_llm_provider": "openai",
    "cache_hit": "False",
    "end_user": "ann",
    "request_tags": ["Nightly", "batch"],
    "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": 300}}},
    "messages": [{"role": "user", "content": SECRET}],
    "response": {"choices": [{"message": {"content": SECRET}}]},
}
HEAD = (
    "request_id,startTime,endTime,model,custom_llm_provider,prompt_tokens,completion_tokens,cache_hit,metadata,messages"
)
COUNTED = '"{""usage_object"":{""cache_read_input_tokens"":300}}"'
ROW = f'chatcmpl-1,{DAY} 10:00:00.123,{DAY} 10:00:02.623,gpt-4.1,openai,1000,200,,{COUNTED},"[{SECRET}]"'


@pytest.mark.parametrize(
    "source",
    [
        Source("a.json", json.dumps([LOG]).encode()),
        Source("a.json", json.dumps({"data": [LOG], "total": 1}).encode()),
        Source("a.jsonl", json.dumps(LOG).encode()),
        Source("a.csv", f"{HEAD}\n{ROW}\n".encode()),
    ],
    ids=["a list", "a page", "a line each", "csv"],
)
def test_litellm_is_read_without_what_was_said(source: Source) -> None:
    (one,) = litellm.read(source)
    assert isinstance(one, Outside)
    assert (one.id, one.provider, one.model) == ("chatcmpl-1", "openai", "gpt-4.1")
    assert (one.usage, one.seconds) == (Usage(1000, 200, cached=300), 2.5)
    assert SECRET not in repr(one)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"cache_hit": "True"}, FROM_CACHE),
        ({"prompt_tokens": 0, "completion_tokens": 0}, NO_USAGE),
        ({"request_id": "wbr-1"}, OURS),
    ],
)
def test_litellm_lines_that_cost_nothing_are_passed_over(more: dict[str, object], why: str) -> None:
    assert list(litellm.read(Source("a.json", json.dumps([{**LOG, **more}]).encode()))) == [Passed(why)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"startTime": "soon"}, "'startTime' is 'soon'"),
        ({"model": ""}, "'model' is empty"),
        ({"prompt_tokens": -4}, "below zero"),
        ({"prompt_tokens": "many"}, "prompt_tokens"),
        ({"metadata": "{"}, "a.json:[0]"),
    ],
)
def test_litellm_lines_that_are_bad_are_named(more: dict[str, object], said: str) -> None:
    (bad,) = litellm.read(Source("a.json", json.dumps([{**LOG, **more}]).encode()))
    assert isinstance(bad, Bad)
    assert bad.why.startswith("a.json:[0]: ")
    assert said in bad.why


GENERATIONS = (
    "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug"
)


def test_openrouter_is_read_with_what_was_charged() -> None:
    charged = f"gen-1,{DAY} 10:00:00.713,0.0123,1000,200,20,300,openai/gpt-4.1"
    one, nothing, *rest = openrouter.read(file(GENERATIONS, charged, f"gen-2,{DAY} 10:00,0,0,0,,,x/y", name="a.csv"))
    assert isinstance(one, Outside)
    assert (one.id, str(one.paid), one.provider) == ("gen-1", "0.0123", "openrouter")
    assert one.usage == Usage(1000, 200, cached=300, reasoning=20)
    assert (nothing, rest) == (Passed(NO_USAGE), [])


def test_openrouters_sums_by_day_are_refused() -> None:
    with pytest.raises(Unreadable, match="sums by day"):
        list(openrouter.read(Source("a.csv", b"Date,Slug,Usage,BYOK Usage,Requests\n2026-11-02,a/b,1,0,3\n")))


MESSAGE: dict[str, object] = {
    "id": "msg_a1",
    "role": "assistant",
    "providerID": "openai",
    "modelID": "gpt-5",
    "time": {"created": 1793613600000, "completed": 1793613604500},
    "tokens": {"input": 100, "output": 40, "reasoning": 7, "cache": {"read": 50, "write": 5}},
    "cost": 0,
    "path": {"cwd": "/somewhere"},
}


@pytest.mark.parametrize(("total", "completion"), [(None, 47), (202, 47), (195, 40)])
def test_opencode_is_read_with_reasoning_beside_or_within_the_output(total: int | None, completion: int) -> None:
    tokens = {**MESSAGE["tokens"], "total": total}  # type: ignore[dict-item] # it is a dict
    (one,) = opencode.read(Source("msg_a1.json", json.dumps({**MESSAGE, "tokens": tokens}).encode()))
    assert isinstance(one, Outside)
    assert one.usage == Usage(155, completion, cached=50, written=5, reasoning=7)
    assert (one.at.isoformat(), one.seconds) == ("2026-11-02T10:00:00+00:00", 4.5)


@pytest.mark.parametrize(
    ("more", "found"),
    [({"role": "user"}, []), ({"tokens": None}, []), ({"tokens": {"input": 0, "output": 0}}, [Passed(NO_USAGE)])],
)
def test_opencode_messages_without_tokens(more: dict[str, object], found: list[object]) -> None:
    assert list(opencode.read(Source("msg_a1.json", json.dumps({**MESSAGE, **more}).encode()))) == found


@pytest.mark.parametrize("text", ["{", json.dumps({**MESSAGE, "modelID": None}), json.dumps({**MESSAGE, "time": None})])
def test_opencode_messages_that_are_bad_are_named(text: str) -> None:
    (bad,) = opencode.read(Source("msg_a1.json", text.encode()))
    assert isinstance(bad, Bad)
    assert bad.why.startswith("msg_a1.json: ")


OWN = {"id": "1", "at": f"{DAY}T10:00:00+01:00", "provider": "openai", "model": "gpt-4.1", "prompt_tokens": 100}
OWN_MORE = {"completion_tokens": 20, "cached_tokens": 30, "cost": "0.0125", "user": "ann"}


def test_our_own_format_as_json_lines_and_as_csv_is_the_same() -> None:
    line = {**OWN, **OWN_MORE}
    table = f"{','.join([*line, 'tags'])}\n{','.join(map(str, line.values()))},b;a\n"
    (one,) = generic.read(file(json.dumps({**line, "tags": ["a", "b"]})))
    (other,) = generic.read(Source("a.csv", table.encode()))
    assert isinstance(one, Outside)
    assert isinstance(other, Outside)
    assert (one.usage, one.at.isoformat(), str(one.paid)) == (Usage(100, 20, 30), "2026-11-02T09:00:00+00:00", "0.0125")
    assert (one.usage, one.at, one.paid, one.tags) == (other.usage, other.at, other.paid, other.tags)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cached_tokens": 101}, "a part is more than the whole"),
        ({"completion_tokens": -1}, "below zero"),
        ({"at": "soon"}, "'at' is 'soon'"),
        ({"tokens": 3}, "unknown field"),
        ({"prompt_tokens": None}, "prompt_tokens"),
    ],
)
def test_our_own_format_says_what_is_wrong_with_a_line(more: dict[str, object], said: str) -> None:
    (bad,) = generic.read(file(json.dumps({**OWN, **OWN_MORE, **more})))
    assert isinstance(bad, Bad)
    assert bad.why.startswith("a.jsonl:1: ")
    assert said in bad.why


def test_our_own_format_refuses_columns_that_would_be_lost() -> None:
    with pytest.raises(Unreadable, match="no column is called colour"):
        list(generic.read(Source("a.csv", b"id,at,provider,model,prompt_tokens,completion_tokens,colour\n")))
