"""Inner calls as requests in Anthropic's format, and message documents and streams as inner answers: the way back."""

import json
from typing import Any

from weighbridge.wire import sse
from weighbridge.wire.inner import (
    Answer,
    Call,
    Document,
    Finish,
    Part,
    Picture,
    Text,
    Thought,
    Tool,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.usage import Usage

Json = dict[str, Any]
_CHOICES = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}
_FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause_turn": "pause",
}


def request(call: Call) -> Json:
    """A request that says what the call says."""
    system = [message for message in call.messages if message.role == "system"]
    said: Json = {
        "model": call.model,
        "max_tokens": call.max_tokens,
        "messages": [
            {"role": message.role, "content": [_block(part) for part in message.parts]}
            for message in call.messages
            if message.role != "system"
        ],
        "tools": [_tool(tool) for tool in call.tools],
        "stop_sequences": call.stop,
        "temperature": call.temperature,
        "top_p": call.top_p,
        "top_k": call.top_k,
        "stream": call.stream,
        "metadata": {"user_id": call.user},
    }
    if system:
        said["system"] = [_block(part) for part in system[0].parts]
    if (choice := call.tool_choice) is not None:
        named = {"name": choice.name} if choice.name is not None else {}
        single = {"disable_parallel_tool_use": True} if call.parallel_tools is False else {}
        said["tool_choice"] = {"type": _CHOICES[choice.mode], **named, **single}
    if (reasoning := call.reasoning) is not None:
        if reasoning.on is not None:
            budget = {"budget_tokens": reasoning.budget} if reasoning.on else {}
            said["thinking"] = {"type": "enabled" if reasoning.on else "disabled", **budget}
        said["output_config"] = {"effort": reasoning.effort}
    if call.format is not None:
        schema = {"type": "json_schema", "schema": json.loads(bytes(call.format.schema or b""))}
        said.setdefault("output_config", {})["format"] = schema
    return said


def _tool(tool: Tool) -> Json:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": json.loads(bytes(tool.schema or b"")),
        "strict": tool.strict,
        **_cache(tool),
    }


def _cache(part: Part | Tool) -> Json:
    return {} if part.cache is None else {"cache_control": json.loads(bytes(part.cache))}


def _block(part: Part) -> Json:
    match part:
        case Text(text=text):
            return {"type": "text", "text": text, **_cache(part)}
        case Picture() | Document():
            block: Json = {"type": "image" if isinstance(part, Picture) else "document", "source": _source(part)}
            named = {"title": part.name} if isinstance(part, Document) else {}
            return {**block, **named, **_cache(part)}
        case Thought(sealed=str(sealed)):
            return {"type": "redacted_thinking", "data": sealed}
        case Thought(text=text, signature=signature):
            return {"type": "thinking", "thinking": text, "signature": signature or ""}
        case ToolUse(id=id_, name=name, arguments=arguments):
            return {"type": "tool_use", "id": id_, "name": name, "input": json.loads(arguments), **_cache(part)}
        case ToolResult(id=id_, parts=parts, failed=failed):
            content = [_block(each) for each in parts]
            return {"type": "tool_result", "tool_use_id": id_, "content": content, "is_error": failed, **_cache(part)}
    raise TypeError(part)


def _source(part: Picture | Document) -> Json:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if isinstance(part, Document) and part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    return {"type": "base64", "media_type": part.media_type, "data": part.data}


def answer(message: Json) -> Answer:
    """What a message says."""
    return Answer(
        id=message["id"].removeprefix("msg_"),
        model=message["model"],
        parts=[_part(block) for block in message["content"]],
        finish=_FINISHES[message["stop_reason"]],
        stop_sequence=message["stop_sequence"],
        usage=_usage(message["usage"]),
    )


def _usage(said: Json) -> Usage:
    cached, written = said.get("cache_read_input_tokens"), said.get("cache_creation_input_tokens")
    prompt = said["input_tokens"] + (cached or 0) + (written or 0)
    reasoning = (said.get("output_tokens_details") or {}).get("thinking_tokens")
    return Usage(prompt, said["output_tokens"], cached=cached, written=written, reasoning=reasoning)


def _part(block: Json) -> Part:
    match block["type"]:
        case "text":
            return Text(text=block["text"])
        case "thinking":
            return Thought(text=block["thinking"], signature=block["signature"] or None)
        case "redacted_thinking":
            return Thought(sealed=block["data"])
        case "tool_use":
            arguments = json.dumps(block["input"], separators=(",", ":"), ensure_ascii=False)
            return ToolUse(id=block["id"], name=block["name"], arguments=arguments)
    raise ValueError(block)


def gathered(stream: bytes) -> Json:
    """The message that a stream comes to; the order of its events is checked on the way."""
    message: Json = {}
    inputs: dict[int, str] = {}
    opened: int | None = None
    stopped = False
    for event in sse.events(stream):
        name, _, data = event.decode().partition("\n")
        document = json.loads(data.removeprefix("data: "))
        assert name == f"event: {document['type']}"
        assert not stopped
        match document["type"]:
            case "message_start":
                assert message == {}
                message = document["message"]
            case "content_block_start":
                assert opened is None
                assert "stop_reason" not in message or message["stop_reason"] is None
                opened = document["index"]
                assert opened == len(message["content"])
                message["content"].append(document["content_block"])
            case "content_block_delta":
                assert document["index"] == opened
                _go_on(message["content"][-1], document["delta"], inputs, document["index"])
            case "content_block_stop":
                assert document["index"] == opened
                opened = None
            case "message_delta":
                assert opened is None
                message |= document["delta"]
                message["usage"] = document["usage"]
            case "message_stop":
                stopped = True
            case other:
                assert other == "ping"
    assert stopped
    for index, text in inputs.items():
        message["content"][index]["input"] = _input(text or "{}")
    return message


def _input(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except json.JSONDecodeError:
        return {"INVALID_JSON": arguments}


def _go_on(block: Json, delta: Json, inputs: dict[int, str], index: int) -> None:
    match delta["type"], block["type"]:
        case "text_delta", "text":
            block["text"] += delta["text"]
        case "thinking_delta", "thinking":
            block["thinking"] += delta["thinking"]
        case "signature_delta", "thinking":
            block["signature"] = delta["signature"]
        case "input_json_delta", "tool_use":
            inputs[index] = inputs.get(index, "") + delta["partial_json"]
        case other:
            raise AssertionError(other)
