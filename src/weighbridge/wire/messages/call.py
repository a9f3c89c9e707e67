"""Inner calls written as requests in Anthropic's Messages format.

Left out, as hints that a model may or may not follow, and as Anthropic's own chat layer does: LEFT_OUT, `seed`, the
penalties, `metadata`, names of turns, a picture's `detail`, name and description of a schema, a `service_tier` other
than `default`; thoughts without their maker's signature, which no other model takes back; texts of nothing.

Refused, as the answer would not be what was asked for: REFUSED, `logprobs`, JSON without a schema, `stop` at white
space, speech, files other than PDF and text, and any field that Messages does not have.

Changed:

- Instructions in the middle of a conversation stand at its top, as not every model takes them anywhere else.
- Neighbouring turns of one role are one, a user's with the results of tools first. A begun answer ends in no blanks.
- A temperature over 1 is 1, and a `top_p` of 1 beside a temperature is left out, since not every model takes both.
- An id of a tool's use in other letters than Anthropic's has others, the same for its result.
- Where tools were called and none are offered any more, those are offered that were called, and forbidden.
- How hard to think is said as the model takes it: see `Thinking`. A model that must call a tool, or goes on with calls
  whose thoughts were not given back, does not think where its thoughts would be refused. A model that thinks is not
  told `temperature`, `top_k`, or a `top_p` under 0.95, which it would refuse.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

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
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.messages.write import tool_input

_Json = dict[str, Any]  # any JSON object
_encode: Final = msgspec.json.Encoder().encode

Thinking = Literal["budget", "adaptive"]
"""How a model is asked to think: for so many tokens (Claude up to 4.5), or as hard as it is told (from 4.6 on).

The latter hide their thoughts unless asked to sum them up: they are asked.
"""

LEFT_OUT: Final = frozenset(
    {
        "min_p",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "repetition_penalty",
        "store",
        "top_a",
        "verbosity",
    }
)
"""Fields of other dialects that Messages does not have, and whose absence an answer bears."""
REFUSED: Final = {
    "audio": "this model does not speak: ask for text",
    "logit_bias": "this model's tokens have no numbers: say in the prompt what to avoid",
    "moderation": "nobody moderates here: ask a model to",
    "n": "this model gives one answer: send the request several times",
    "web_search_options": "this model is offered no search here: give it a tool",
}
"""Fields of other dialects that Messages does not have, and what to do instead."""
_PASSED: Final = ("cache_control",)
_EMPTY: Final = (b"null", b"[]", b"{}", b"false", b'""')

_LEAST_BUDGET: Final = 1024
_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
"""Tokens to think for, for each effort."""
_SHARE: Final = 0.8
"""Of an answer's tokens, how many may be thought at an effort, so that some are left for what is said."""
_LEAST_TOP_P: Final = 0.95
_VERSION: Final = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[.-](\d{1,2})(?!\d))?")
_LAST_WITH_BUDGET: Final = (4, 5)
_LAST_SAMPLED: Final = (4, 6)
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_ANY_OBJECT: Final = msgspec.Raw(b'{"type":"object","properties":{}}')
_MODES: Final = {"auto": "auto", "required": "any", "tool": "tool", "none": "none"}


def write_call(call: Call, model: str, *, default_max_tokens: int, thinking: Thinking | None = None) -> bytes:
    """The request, to the model of this name; `default_max_tokens` where the client set no limit.

    Without `thinking` the way to ask for it is told from the model's name. Raises BadRequest for what Messages cannot
    say, naming the field.
    """
    _refuse(call)
    limit = default_max_tokens if call.max_tokens is None else call.max_tokens
    way: Thinking = thinking or ("budget" if _until(model, _LAST_WITH_BUDGET) else "adaptive")
    thoughts = _thinking(call, limit, way)
    body: _Json = {"model": model, "max_tokens": limit}
    if system := _system(call.messages):
        body["system"] = system
    body["messages"] = _turns(call.messages)
    body |= _tools(call)
    if _until(model, _LAST_SAMPLED):
        body |= _sampling(call, thinks=thoughts.get("thinking", _OFF) != _OFF)
    if call.stop:
        body["stop_sequences"] = call.stop
    if call.stream:
        body["stream"] = True
    if call.user:
        body["metadata"] = {"user_id": call.user}
    if call.service_tier == "default":
        body["service_tier"] = "standard_only"
    if call.format is not None and call.format.kind != "text":
        thoughts.setdefault("output_config", {})["format"] = _format(call.format)
    return _encode(body | thoughts | {name: call.also[name] for name in _PASSED if name in call.also})


def _refuse(call: Call) -> None:
    for name, value in call.also.items():
        if name in LEFT_OUT or name in _PASSED or bytes(value) in _EMPTY or (name, bytes(value)) in _HARMLESS:
            continue
        said = REFUSED.get(name, "this model's provider has no such field")
        raise BadRequest(f"{name}: {said}", param=name)
    if call.top_logprobs is not None:
        raise BadRequest("logprobs: this model's provider does not tell them", param="logprobs")
    if any(not text.strip() for text in call.stop):
        raise BadRequest("stop: this model cannot stop at white space: name a text", param="stop")


_HARMLESS: Final = (("n", b"1"), ("modalities", b'["text"]'))


def _system(messages: Iterable[Message]) -> list[_Json]:
    parts = [part for message in messages if message.role in ("system", "developer") for part in message.parts]
    if not all(isinstance(part, Text) for part in parts):
        raise BadRequest("messages: instructions hold only text", param="messages")
    return list(_blocks(parts))


def _turns(messages: Iterable[Message]) -> list[_Json]:
    turns: list[_Json] = []
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        blocks = list(_blocks(message.parts))
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": message.role, "content": blocks})
    if turns and turns[-1]["role"] == "assistant":
        _trim(turns)
    if not turns:
        raise BadRequest("messages: nothing is said: send a user's turn with some text", param="messages")
    for turn in turns:
        turn["content"].sort(key=_is_no_result)
    return turns


def _is_no_result(block: _Json) -> bool:
    return bool(block["type"] != "tool_result")


def _trim(turns: list[_Json]) -> None:
    """A begun answer must not end in blanks."""
    last = turns[-1]["content"][-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()


def _blocks(parts: Iterable[Part]) -> Iterator[_Json]:
    for part in parts:
        match part:
            case Text(text=text) | Refusal(text=text):
                if text.strip():
                    yield {"type": "text", "text": text, **_cache(part)}
            case Picture():
                yield {"type": "image", "source": _picture(part), **_cache(part)}
            case Document():
                title = {} if part.name is None else {"title": part.name}
                yield {"type": "document", "source": _file(part), **title, **_cache(part)}
            case Thought():
                yield from _thought(part)
            case ToolUse(id=id_, name=name, arguments=arguments):
                use = {"type": "tool_use", "id": _id(id_), "name": name, "input": tool_input(arguments)}
                yield {**use, **_cache(part)}
            case ToolResult():
                yield _result(part)
            case _:
                raise BadRequest("messages: this model does not listen: send text instead of sound", param="messages")


def _cache(part: Part | Tool) -> _Json:
    return {} if part.cache is None else {"cache_control": part.cache}


def _thought(thought: Thought) -> Iterator[_Json]:
    if thought.sealed is not None:
        yield {"type": "redacted_thinking", "data": thought.sealed}
    elif thought.signature is not None:
        yield {"type": "thinking", "thinking": thought.text, "signature": thought.signature}


def _result(result: ToolResult) -> _Json:
    block: _Json = {"type": "tool_result", "tool_use_id": _id(result.id)}
    if shown := list(_blocks(result.parts)):
        block["content"] = shown
    if result.failed:
        block["is_error"] = True
    return {**block, **_cache(result)}


def _id(id_: str) -> str:
    return id_ if _ID.fullmatch(id_) else f"call_{sha256(id_.encode()).hexdigest()[:24]}"


def _picture(picture: Picture) -> _Json:
    if picture.url is not None:
        return {"type": "url", "url": picture.url}
    return {"type": "base64", "media_type": picture.media_type, "data": picture.data}


def _file(file: Document) -> _Json:
    if file.url is not None:
        return {"type": "url", "url": file.url}
    if file.file_id is not None:
        return {"type": "file", "file_id": file.file_id}
    if file.media_type == "application/pdf":
        return {"type": "base64", "media_type": file.media_type, "data": file.data}
    if not (file.media_type or "").startswith("text/"):
        raise BadRequest(
            f"messages: a file must be PDF or text for this model, not {file.media_type!r}", param="messages"
        )
    try:
        text = b64decode(file.data or "", validate=True).decode()
    except (NotBase64, UnicodeDecodeError) as exc:
        raise BadRequest(f"messages: a file of text is no base64 of UTF-8: {exc}", param="messages") from exc
    return {"type": "text", "media_type": "text/plain", "data": text}


def _tools(call: Call) -> _Json:
    choice, tools = call.tool_choice, call.tools
    if not tools:
        if choice is not None and choice.mode in ("required", "tool"):
            raise BadRequest("tool_choice: there is no tool that the model could call", param="tool_choice")
        tools = _called(call.messages)
        choice = ToolChoice("none")
    if not tools:
        return {}
    said: _Json = {"tools": [_tool(tool) for tool in tools]}
    if chosen := _choice(choice, alone=call.parallel_tools is False):
        said["tool_choice"] = chosen
    return said


def _called(messages: Iterable[Message]) -> list[Tool]:
    uses = (part.name for message in messages for part in message.parts if isinstance(part, ToolUse))
    return [Tool(name) for name in dict.fromkeys(uses)]


def _tool(tool: Tool) -> _Json:
    said: _Json = {"name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description
    said["input_schema"] = _ANY_OBJECT if tool.schema is None or bytes(tool.schema) == b"{}" else tool.schema
    if tool.strict:
        said["strict"] = True
    return {**said, **_cache(tool)}


def _choice(choice: ToolChoice | None, *, alone: bool) -> _Json | None:
    if choice is None and not alone:
        return None
    choice = choice or ToolChoice("auto")
    said: _Json = {"type": _MODES[choice.mode]}
    if choice.mode == "tool":
        said["name"] = choice.name
    if alone and choice.mode != "none":
        said["disable_parallel_tool_use"] = True
    return said


def _sampling(call: Call, *, thinks: bool) -> _Json:
    said: _Json = {}
    if call.temperature is not None and not thinks:
        said["temperature"] = min(call.temperature, 1.0)
    least = _LEAST_TOP_P if thinks else 0
    if call.top_p is not None and call.top_p >= least and (call.top_p < 1 or "temperature" not in said):
        said["top_p"] = call.top_p
    if call.top_k is not None and not thinks:
        said["top_k"] = call.top_k
    return said


def _format(wanted: Format) -> _Json:
    if wanted.kind == "json" or wanted.schema is None:
        said = "this model gives JSON by a schema: say which as `json_schema`"
        raise BadRequest(f"response_format: {said}", param="response_format")
    return {"type": "json_schema", "schema": wanted.schema}


def _until(model: str, last: tuple[int, int]) -> bool:
    """Whether a model is of this version of Claude or an earlier one; those are all out by now, and have numbers."""
    version = _VERSION.search(model)
    return version is not None and (int(version[1]), int(version[2] or 0)) <= last


_OFF: Final = {"type": "disabled"}


def _thinking(call: Call, limit: int, way: Thinking) -> _Json:
    """`thinking`, and `output_config` where it says how hard."""
    wanted = call.reasoning
    if wanted is None:
        return {}
    if wanted.on is False or wanted.effort == "none":
        effort = {} if wanted.effort in (None, "none") else {"output_config": {"effort": wanted.effort}}
        return {"thinking": _OFF, **effort}
    return _adaptive(call, wanted) if way == "adaptive" else _budgeted(call, wanted, limit)


def _adaptive(call: Call, wanted: Reasoning) -> _Json:
    effort = wanted.effort or (None if wanted.budget is None else _level(wanted.budget))
    said: _Json = {} if _must_call(call) else {"thinking": {"type": "adaptive", "display": "summarized"}}
    if effort is not None:
        said["output_config"] = {"effort": "low" if effort == "minimal" else effort}
    return said


def _level(budget: int) -> str:
    return next((level for level in ("low", "medium") if budget <= _BUDGETS[level]), "high")


def _budgeted(call: Call, wanted: Reasoning, limit: int) -> _Json:
    if _must_call(call) or _goes_on_without_thoughts(call.messages) or limit <= _LEAST_BUDGET:
        return {}
    if wanted.budget is not None:
        budget = min(max(wanted.budget, _LEAST_BUDGET), limit - 1)
    elif wanted.on or wanted.effort is not None:
        most = max(int(limit * _SHARE), _LEAST_BUDGET)
        budget = min(_BUDGETS.get(wanted.effort or "medium", _BUDGETS["medium"]), most)
    else:
        return {}
    effort = {} if wanted.effort is None or wanted.budget is None else {"output_config": {"effort": wanted.effort}}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, **effort}


def _must_call(call: Call) -> bool:
    return call.tool_choice is not None and call.tool_choice.mode in ("required", "tool")


def _goes_on_without_thoughts(messages: Sequence[Message]) -> bool:
    """Whether the turn under way has called tools and its thoughts did not come back: Anthropic wants them to."""
    for message in reversed(messages):
        if message.role == "assistant":
            own = [part for part in message.parts if not isinstance(part, Thought) or list(_thought(part))]
            called = any(isinstance(part, ToolUse) for part in own)
            return called and not isinstance(own[0], Thought)
        if not any(isinstance(part, ToolResult) for part in message.parts):
            return False
    return False
