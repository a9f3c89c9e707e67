"""Inner calls as requests to Anthropic: what is said, what is changed, what is left out and what is refused."""

import base64
import json
from typing import Any, Literal

import msgspec
import pytest

from weighbridge.errors import BadRequest
from weighbridge.wire.inner import (
    Call,
    Document,
    Format,
    Message,
    Part,
    Picture,
    Reasoning,
    Refusal,
    Role,
    Sound,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.messages.call import LEFT_OUT, REFUSED, Thinking, write_call

Json = dict[str, Any]
CACHE = msgspec.Raw(b'{"type":"ephemeral"}')
SCHEMA = msgspec.Raw(b'{"type":"object"}')
HI = Message("user", [Text(text="Hi.")])
OLD, NEW = "claude-sonnet-4-5", "claude-opus-4-6"


def written(call: Call, model: str = NEW, thinking: Thinking | None = None) -> Json:
    found: Json = json.loads(write_call(call, model, default_max_tokens=4096, thinking=thinking))
    return found


def said(*messages: Message) -> list[Json]:
    turns: list[Json] = written(Call("m", list(messages)))["messages"]
    return turns


def blocks(role: Role, *parts: Part) -> list[Json]:
    """Those of one turn, with one after it so that it is no begun answer."""
    found: list[Json] = said(
        Message(role, list(parts)), Message("user" if role == "assistant" else "assistant", [OVER])
    )
    return found[0]["content"]  # type: ignore[no-any-return] # JSON of ours


OVER = Text(text="Over.")


def refused(call: Call, model: str = NEW) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        written(call, model)
    return caught.value


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def test_a_plain_call_says_no_more_than_it_was_asked() -> None:
    assert written(Call("m", [HI])) == {
        "model": NEW,
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [text("Hi.")]}],
    }


def test_every_field_has_its_place() -> None:
    call = Call(
        "m",
        [Message("system", [Text(text="s", cache=CACHE)]), HI],
        tools=[Tool("f", "does f", SCHEMA, strict=True, cache=CACHE), Tool("g", strict=False)],
        tool_choice=ToolChoice("tool", "f"),
        parallel_tools=False,
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=["END"],
        format=Format("schema", "city", SCHEMA, strict=True, description="a city"),
        stream=True,
        user="u",
        service_tier="default",
    )
    assert written(call) == {
        "model": NEW,
        "max_tokens": 7,
        "system": [{**text("s"), "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [text("Hi.")]}],
        "tools": [
            {
                "name": "f",
                "description": "does f",
                "input_schema": {"type": "object"},
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            },
            {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["END"],
        "stream": True,
        "metadata": {"user_id": "u"},
        "service_tier": "standard_only",
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    }


def test_an_answer_of_nothing_is_asked_for_where_it_was() -> None:
    assert written(Call("m", [HI], max_tokens=0))["max_tokens"] == 0


def test_instructions_stand_at_the_top_wherever_they_stood() -> None:
    later = Message("developer", [Text(text="b")])
    body = written(Call("m", [Message("system", [Text(text="a")]), HI, later, Message("user", [Text(text="More.")])]))
    assert body["system"] == [text("a"), text("b")]
    assert body["messages"] == [{"role": "user", "content": [text("Hi."), text("More.")]}]


def test_turns_alternate_and_results_of_tools_come_first() -> None:
    use = Message("assistant", [ToolUse(id="1", name="f", arguments='{"a":1}')])
    result = Message("user", [ToolResult(id="1", parts=[Text(text="x")])])
    turns = said(HI, Message("assistant", [Text(text="a")]), use, HI, result)
    assert turns == [
        {"role": "user", "content": [text("Hi.")]},
        {"role": "assistant", "content": [text("a"), {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "1", "content": [text("x")]}, text("Hi.")],
        },
    ]


def test_pictures_files_and_results() -> None:
    parts = (
        Picture(url="https://x/y.png", detail="low"),
        Picture(media_type="image/png", data="AA==", cache=CACHE),
        Document(media_type="application/pdf", data="BB==", name="a.pdf"),
        Document(url="https://x/a.pdf"),
        Document(file_id="file_1"),
        Document(media_type="text/markdown", data=base64.b64encode("# Ü".encode()).decode(), name="a.md"),
        ToolResult(id="1", parts=[], failed=True, cache=CACHE),
    )
    cached = {"cache_control": {"type": "ephemeral"}}
    assert blocks("user", *parts) == [
        {"type": "tool_result", "tool_use_id": "1", "is_error": True, **cached},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}, **cached},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "BB=="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# Ü"}, "title": "a.md"},
    ]


def test_thoughts_go_back_with_their_proof_and_without_it_not_at_all() -> None:
    thoughts = (Thought(text="hm", signature="s"), Thought(text="another's"), Thought(sealed="x"), Text(text="a"))
    assert blocks("assistant", *thoughts) == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        text("a"),
    ]


def test_a_refusal_is_a_text_and_texts_of_nothing_are_left_out() -> None:
    assert blocks("assistant", Text(text=" \n"), Text(text=""), Refusal(text="No.")) == [text("No.")]
    nothing = Message("assistant", [Text(text="")])
    assert said(HI, nothing, HI) == [{"role": "user", "content": [text("Hi."), text("Hi.")]}]


def test_arguments_that_are_no_json_are_said_to_be_so() -> None:
    (use,) = blocks("assistant", ToolUse(id="1", name="f", arguments='{"a":'))
    assert use["input"] == {"INVALID_JSON": '{"a":'}
    (use,) = blocks("assistant", ToolUse(id="1", name="f", arguments=""))
    assert use["input"] == {}


def test_ids_of_other_makers_become_ids_that_anthropic_takes_the_same_for_use_and_result() -> None:
    use = Message("assistant", [ToolUse(id="functions.f:0", name="f", arguments="{}")])
    other = Message("assistant", [ToolUse(id="functions.f:1", name="f", arguments="{}")])
    turns = said(HI, use, Message("user", [ToolResult(id="functions.f:0", parts=[])]), other, HI)
    assert turns[1]["content"][0]["id"] == turns[2]["content"][0]["tool_use_id"]
    assert turns[1]["content"][0]["id"] != turns[3]["content"][0]["id"]
    assert turns[1]["content"][0]["id"].replace("_", "").isalnum()


def test_a_begun_answer_ends_in_no_blanks() -> None:
    assert said(HI, Message("assistant", [Text(text="a \n"), Text(text="The answer: ")]))[1]["content"] == [
        text("a \n"),
        text("The answer:"),
    ]


CHOICES: dict[str, tuple[ToolChoice | None, bool | None, Json | None]] = {
    "nothing said": (None, None, None),
    "several": (None, True, None),
    "one": (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    "auto": (ToolChoice("auto"), None, {"type": "auto"}),
    "required": (ToolChoice("required"), None, {"type": "any"}),
    "required, one": (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
    "none": (ToolChoice("none"), False, {"type": "none"}),
}


@pytest.mark.parametrize("case", CHOICES)
def test_tool_choices(case: str) -> None:
    choice, several, expected = CHOICES[case]
    call = Call("m", [HI], tools=[Tool("f")], tool_choice=choice, parallel_tools=several)
    assert written(call).get("tool_choice") == expected


def test_without_tools_there_is_no_choice() -> None:
    assert "tool_choice" not in written(Call("m", [HI], tool_choice=ToolChoice("auto"), parallel_tools=False))


def test_tools_that_were_called_are_offered_and_forbidden_where_none_are_any_more() -> None:
    use = Message("assistant", [ToolUse(id="1", name="f", arguments="{}"), ToolUse(id="2", name="f", arguments="{}")])
    body = written(Call("m", [HI, use, Message("user", [ToolResult(id="1", parts=[])])]))
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert body["tool_choice"] == {"type": "none"}


HARD, SOME = Reasoning(effort="high"), Reasoning(on=True, budget=2000)
THINKS: dict[str, tuple[Reasoning | None, int | None, Json, Json]] = {
    "nothing said": (None, None, {}, {}),
    "as the model likes": (Reasoning(), None, {}, {"thinking": "adaptive"}),
    "on": (Reasoning(on=True), None, {"thinking": 3276}, {"thinking": "adaptive"}),
    "off": (Reasoning(on=False), None, {"thinking": "disabled"}, {"thinking": "disabled"}),
    "no effort": (Reasoning(effort="none"), None, {"thinking": "disabled"}, {"thinking": "disabled"}),
    "off, with effort": (
        Reasoning(on=False, effort="low"),
        None,
        {"thinking": "disabled", "effort": "low"},
        {"thinking": "disabled", "effort": "low"},
    ),
    "minimal": (Reasoning(effort="minimal"), None, {"thinking": 1024}, {"thinking": "adaptive", "effort": "low"}),
    "low": (Reasoning(effort="low"), None, {"thinking": 1024}, {"thinking": "adaptive", "effort": "low"}),
    "high": (HARD, 100_000, {"thinking": 16384}, {"thinking": "adaptive", "effort": "high"}),
    "max": (Reasoning(effort="max"), 100_000, {"thinking": 32768}, {"thinking": "adaptive", "effort": "max"}),
    "high, for a short answer": (HARD, 1200, {"thinking": 1024}, {"thinking": "adaptive", "effort": "high"}),
    "high, for a shorter one": (HARD, 1024, {}, {"thinking": "adaptive", "effort": "high"}),
    "a budget": (SOME, None, {"thinking": 2000}, {"thinking": "adaptive", "effort": "medium"}),
    "a budget over all": (SOME, 1500, {"thinking": 1499}, {"thinking": "adaptive", "effort": "medium"}),
    "a budget under the least": (
        Reasoning(budget=1),
        None,
        {"thinking": 1024},
        {"thinking": "adaptive", "effort": "low"},
    ),
}


@pytest.mark.parametrize("case", THINKS)
def test_thinking_is_asked_for_as_the_model_takes_it(case: str) -> None:
    wanted, limit, old, new = THINKS[case]
    call = Call("m", [HI], max_tokens=limit, reasoning=wanted)
    for model, expected in ((OLD, old), (NEW, new)):
        body = written(call, model)
        thinking = body.get("thinking", {})
        effort = body.get("output_config", {}).get("effort")
        found = {"thinking": thinking.get("budget_tokens", thinking.get("type")), "effort": effort}
        assert {name: value for name, value in found.items() if value is not None} == expected


@pytest.mark.parametrize(
    ("model", "way"),
    [
        ("claude-3-7-sonnet-20250219", "budget"),
        ("claude-sonnet-4-20250514", "budget"),
        ("claude-opus-4-1", "budget"),
        ("claude-opus-4-1@20250805", "budget"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "budget"),
        ("claude-opus-4.5", "budget"),
        ("claude-sonnet-4-6", "adaptive"),
        ("claude-opus-4-7", "adaptive"),
        ("claude-sonnet-5", "adaptive"),
        ("claude-haiku-5-5", "adaptive"),
        ("claude-mythos-preview", "adaptive"),
        ("anything-else", "adaptive"),
    ],
)
def test_the_way_to_think_is_told_from_the_models_name(model: str, way: Thinking) -> None:
    call = Call("m", [HI], reasoning=HARD)
    assert written(call, model) == written(call, model, thinking=way)
    kind = {"budget": "enabled", "adaptive": "adaptive"}[way]
    assert written(call, model)["thinking"]["type"] == kind


@pytest.mark.parametrize("model", [OLD, NEW])
def test_a_model_that_thinks_is_not_told_what_it_would_refuse(model: str) -> None:
    sampled = Call("m", [HI], temperature=0.5, top_p=0.9, top_k=4)
    assert {"temperature", "top_p", "top_k"} <= written(sampled, model).keys()
    sampled.reasoning = HARD
    assert not {"temperature", "top_p", "top_k"} & written(sampled, model).keys()
    sampled.top_p = 0.97
    assert written(sampled, model)["top_p"] == 0.97
    sampled.reasoning = Reasoning(on=False)
    assert {"temperature", "top_p", "top_k"} <= written(sampled, model).keys()
    forced = Call("m", [HI], tools=[Tool("f")], tool_choice=ToolChoice("required"), reasoning=HARD, temperature=0.5)
    assert "thinking" not in written(forced, model)
    assert written(forced, model)["temperature"] == 0.5


def test_a_model_that_goes_on_with_calls_thinks_only_if_its_thoughts_came_back() -> None:
    use, result = ToolUse(id="1", name="f", arguments="{}"), Message("user", [ToolResult(id="1", parts=[])])

    def thinks(model: str, *parts: Part, then: Message = result) -> bool:
        call = Call("m", [HI, Message("assistant", list(parts)), then], tools=[Tool("f")], reasoning=HARD)
        return "thinking" in written(call, model)

    assert not thinks(OLD, use)
    assert not thinks(OLD, Thought(text="another's"), use)
    assert thinks(OLD, Thought(text="hm", signature="s"), use)
    assert thinks(OLD, Text(text="a"), then=HI)
    assert thinks(NEW, use)


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-haiku-5-5", "claude-mythos-preview"])
def test_models_after_46_are_not_told_how_to_sample(model: str) -> None:
    assert written(Call("m", [HI], temperature=0.5, top_p=0.9, top_k=4), model) == written(Call("m", [HI]), model)


@pytest.mark.parametrize(
    ("temperature", "top_p", "sent"),
    [(1.5, None, {"temperature": 1}), (0.5, 1.0, {"temperature": 0.5}), (None, 1.0, {"top_p": 1})],
)
def test_numbers_are_what_every_model_takes(temperature: float | None, top_p: float | None, sent: Json) -> None:
    body = written(Call("m", [HI], temperature=temperature, top_p=top_p))
    assert {name: body[name] for name in ("temperature", "top_p") if name in body} == sent


@pytest.mark.parametrize("field", sorted(LEFT_OUT))
def test_hints_are_left_out(field: str) -> None:
    assert written(Call("m", [HI], also={field: msgspec.Raw(b'"x"')})) == written(Call("m", [HI]))


def test_other_hints_are_left_out_too() -> None:
    call = Call("m", [HI], seed=1, presence_penalty=1, frequency_penalty=1, metadata={"a": "b"}, service_tier="flex")
    assert written(call) == written(Call("m", [HI]))
    assert written(Call("m", [HI], format=Format("text"))) == written(Call("m", [HI]))
    assert said(Message("user", HI.parts, "bob")) == said(HI)


def test_what_asks_for_nothing_is_nothing() -> None:
    also = {"n": b"1", "modalities": b'["text"]', "audio": b"null", "logit_bias": b"{}", "x": b"false"}
    call = Call("m", [HI], also={name: msgspec.Raw(value) for name, value in also.items()})
    assert written(call) == written(Call("m", [HI]))


def test_caching_by_itself_is_passed_on() -> None:
    assert written(Call("m", [HI], also={"cache_control": CACHE}))["cache_control"] == {"type": "ephemeral"}


def also(name: str, value: bytes) -> Call:
    return Call("m", [HI], also={name: msgspec.Raw(value)})


def asks(*parts: Part, role: Literal["user", "system"] = "user") -> Call:
    return Call("m", [Message(role, list(parts))])


WRONG: dict[str, tuple[Call, str, str]] = {
    **{name: (also(name, b'["x"]'), name, instead) for name, instead in REFUSED.items()},
    "speech": (also("modalities", b'["text","audio"]'), "modalities", "no such field"),
    "a field nobody knows": (also("x", b"1"), "x", "no such field"),
    "logprobs": (Call("m", [HI], top_logprobs=0), "logprobs", "not tell"),
    "any JSON": (Call("m", [HI], format=Format("json")), "response_format", "json_schema"),
    "JSON by no schema": (Call("m", [HI], format=Format("schema", "a")), "response_format", "json_schema"),
    "stop at white space": (Call("m", [HI], stop=["a", "\n"]), "stop", "white space"),
    "nothing said": (Call("m", []), "messages", "nothing is said"),
    "only blanks said": (asks(Text(text=" ")), "messages", "nothing is said"),
    "sound": (asks(Sound(data="AA==", format="wav")), "messages", "sound"),
    "a picture in the instructions": (asks(Picture(url="https://x"), role="system"), "messages", "only text"),
    "a file that is no base64": (asks(Document(media_type="text/csv", data="?")), "messages", "base64"),
    "a file in Latin-1": (asks(Document(media_type="text/plain", data="/w==")), "messages", "UTF-8"),
    "an archive": (asks(Document(media_type="application/zip", data="AA==")), "messages", "application/zip"),
    "a tool that is not there": (Call("m", [HI], tool_choice=ToolChoice("required")), "tool_choice", "no tool"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_messages_cannot_say_is_refused_by_its_name(case: str) -> None:
    call, param, says = WRONG[case]
    error = refused(call)
    assert error.param == param
    assert says in error.message
