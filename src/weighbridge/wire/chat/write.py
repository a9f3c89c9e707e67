"""Inner calls written as chat completion requests.

What chat has no place for is lost in these ways, and no others: `cache` marks and a tool result's `failed` flag are
left out (a failed result says so in its text); pictures and files that a tool answered with follow it in a user's turn.
Reasoning of earlier turns, a thinking budget and whether to think at all are told to models whose habits say how
(`fitting.py`), and left out for others. Several texts of one turn become one, with a blank line between them, as not
every server takes a list. `developer` is `system` to all models: OpenAI's take it for the same, and open models know no
other. All such turns before the first of another kind are one, as many a model's template takes one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.habits import fitting
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.inner import (
    Call,
    Document,
    Format,
    Message,
    Part,
    Picture,
    Refusal,
    Sound,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

_Json = dict[str, Any]
_encoder: Final = msgspec.json.Encoder()


def write_call(call: Call, habits: Habits | None = None) -> bytes:
    """The request, for a model with these habits, streams made to end with their usage.

    Raises BadRequest for what chat cannot say.
    """
    turns = [each for message in _instructed(call.messages) for each in _turns(message, habits)]
    body: _Json = {"model": call.model, "messages": turns}
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
    if call.tool_choice is not None:
        body["tool_choice"] = _choice(call.tool_choice)
    if call.stop:
        body["stop"] = call.stop
    if call.format is not None and call.format.kind != "text":
        body["response_format"] = _format(call.format)
    if call.reasoning is not None:
        body |= fitting.thinking(call.reasoning, habits)
    if call.metadata:
        body["metadata"] = call.metadata
    if call.top_logprobs is not None:
        body["logprobs"] = True
        body["top_logprobs"] = call.top_logprobs
    if call.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    for name, field in _PLAIN.items():
        value = getattr(call, field)
        if value is not None:
            body[name] = value
    body |= call.also
    return _encoder.encode(body if habits is None else fitting.fit(body, call.messages, habits))


_PLAIN: Final = {
    "parallel_tool_calls": "parallel_tools",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "user": "user",
    "service_tier": "service_tier",
}


def _instructed(messages: Sequence[Message]) -> list[Message]:
    """The conversation with one system turn at its start."""
    turns = [_as_system(message) for message in messages]
    last = next((at for at, turn in enumerate(turns) if turn.role != "system" or turn.name), len(turns))
    if last < 2:
        return turns
    return [Message("system", [part for turn in turns[:last] for part in turn.parts]), *turns[last:]]


def _as_system(message: Message) -> Message:
    return Message("system", message.parts, message.name) if message.role == "developer" else message


def _turns(message: Message, habits: Habits | None) -> Iterator[_Json]:
    """A turn as chat's messages: what tools answered stands in messages of its own, before the rest."""
    if message.role == "assistant":
        yield _assistant(message, habits)
        return
    rest: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield _result(part)
            rest += [each for each in part.parts if not isinstance(each, Text)]
        else:
            rest.append(part)
    if rest or not message.parts:
        named = {} if message.name is None else {"name": message.name}
        yield {"role": message.role, "content": _content(rest)} | named


def _assistant(message: Message, habits: Habits | None) -> _Json:
    said: _Json = {"role": "assistant"}
    texts = [part for part in message.parts if isinstance(part, Text)]
    uses = [part for part in message.parts if isinstance(part, ToolUse)]
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    known = (Text, ToolUse, Refusal, Thought)
    if strange := next((part for part in message.parts if not isinstance(part, known)), None):
        raise BadRequest(f"an assistant's turn cannot hold a {_name(strange)} part in the chat format")
    said["content"] = _TEXTS.join(text.text for text in texts) if texts or not uses else None
    thoughts = fitting.echoed(message.parts, habits)
    if "content" in thoughts:
        thoughts["content"] += said["content"] or ""
    said |= thoughts
    if refusals:
        said["refusal"] = "".join(refusals)
    if uses:
        said["tool_calls"] = [
            {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": use.arguments}}
            for use in uses
        ]
    return said


def _result(result: ToolResult) -> _Json:
    text = _TEXTS.join(part.text for part in result.parts if isinstance(part, Text))
    if result.failed:
        text = f"Error: {text}" if text else "Error"
    return {"role": "tool", "tool_call_id": result.id, "content": text}


def _content(parts: list[Part]) -> str | list[_Json]:
    texts = [part.text for part in parts if isinstance(part, Text)]
    return _TEXTS.join(texts) if len(texts) == len(parts) else list(_parts(parts))


_TEXTS: Final = "\n\n"
"""Between texts that were told apart."""


def _parts(parts: Iterable[Part]) -> Iterator[_Json]:
    for part in parts:
        match part:
            case Text(text=text):
                yield {"type": "text", "text": text}
            case Picture():
                yield {"type": "image_url", "image_url": _picture(part)}
            case Document():
                yield {"type": "file", "file": _file(part)}
            case Sound(data=data, format=format_):
                yield {"type": "input_audio", "input_audio": {"data": data, "format": format_}}
            case _:
                raise BadRequest(f"a user's turn cannot hold a {_name(part)} part in the chat format")


def _picture(picture: Picture) -> _Json:
    url = picture.url or f"data:{picture.media_type};base64,{picture.data}"
    return {"url": url} if picture.detail is None else {"url": url, "detail": picture.detail}


def _file(document: Document) -> _Json:
    if document.url is not None:
        raise BadRequest("a file by its address cannot be passed on to this model: send its bytes as base64")
    if document.file_id is not None:
        named = {} if document.name is None else {"filename": document.name}
        return named | {"file_id": document.file_id}
    return {"filename": document.name or "document", "file_data": f"data:{document.media_type};base64,{document.data}"}


def _tool(tool: Tool) -> _Json:
    function: _Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | _Json:
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _format(wanted: Format) -> _Json:
    if wanted.kind == "json":
        return {"type": "json_object"}
    schema: _Json = {"name": wanted.name or "answer"}
    for name in ("description", "schema", "strict"):
        value = getattr(wanted, name)
        if value is not None:
            schema[name] = value
    return {"type": "json_schema", "json_schema": schema}


def _name(part: Part) -> str:
    return type(part).__name__.lower()
