"""Chat completion requests read into inner calls, for a provider that speaks another dialect.

What the inner form has no place for is lost in these ways, and no others:

- `stream_options`: the usage is always asked for, and shown to whom it was promised.
- Of a message, fields that OpenAI's format does not have (`annotations`, `prefix`, …).
- `reasoning_content` beside `reasoning_details` that say the same.
- `safety_identifier` where there is a `user`; else it is the user.

`allowed_tools` leaves the other tools out. A field that nobody knows is kept by its name (`Call.also`), and so is `n`
where it is over 1.
Refused, as the answer could not be written: `functions` and `function_call` (but for those of earlier turns), custom
tools and earlier answers in sound.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire import calls
from weighbridge.wire.chat import schema
from weighbridge.wire.chat.read import answer_of
from weighbridge.wire.inner import (
    Call,
    Document,
    Format,
    Message,
    Part,
    Picture,
    Reasoning,
    Refusal,
    Sound,
    Text,
    ThoughtOn,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

_requests: Final = msgspec.json.Decoder(schema.Request)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN: Final = frozenset(schema.Request.__struct_encode_fields__)


def read_call(body: bytes) -> Call:
    """A chat completion request. Raises BadRequest naming the field at fault."""
    asked = calls.read(body, _requests)
    for field in ("functions", "function_call"):
        if bytes(getattr(asked, field)) not in schema.EMPTY:
            raise BadRequest(f"{field}: use `tools` and `tool_choice`, which replaced it", param=field)
    call = Call(asked.model, _conversation(asked.messages))
    call.tools = [_tool(tool, at) for at, tool in enumerate(asked.tools or ())]
    _choose(call, asked.tool_choice)
    call.parallel_tools = asked.parallel_tool_calls
    call.max_tokens = _limit(asked)
    call.temperature, call.top_p, call.top_k = asked.temperature, asked.top_p, asked.top_k
    call.stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    call.seed = asked.seed
    call.presence_penalty, call.frequency_penalty = asked.presence_penalty, asked.frequency_penalty
    call.top_logprobs = (asked.top_logprobs or 0) if asked.logprobs else None
    call.format = _format(asked.response_format)
    call.reasoning = _reasoning(asked)
    call.stream = asked.streamed
    call.user = asked.user or asked.safety_identifier
    call.metadata = asked.metadata or {}
    call.service_tier = asked.service_tier
    unknown = {name: value for name, value in _fields.decode(body).items() if name not in _KNOWN}
    call.also = {name: value for name, value in unknown.items() if bytes(value) != b"null"}
    if asked.choices > 1:
        call.also["n"] = msgspec.Raw(str(asked.choices).encode())
    return call


def _limit(asked: schema.Request) -> int | None:
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    return None if limit is None or limit < 0 else limit


def _conversation(turns: Sequence[schema.Turn]) -> list[Message]:
    """The turns; neighbouring results of tools are one."""
    messages: list[Message] = []
    called: dict[str, str] = {}
    for at, turn in enumerate(turns):
        where = f"messages[{at}]"
        match turn:
            case schema.System():
                messages.append(Message("system", _parts(turn.content, where), turn.name))
            case schema.Developer():
                messages.append(Message("developer", _parts(turn.content, where), turn.name))
            case schema.User():
                messages.append(Message("user", _parts(turn.content, where), turn.name))
            case schema.Assistant():
                messages.append(Message("assistant", _said(turn, where, called), turn.name))
            case schema.Result():
                _answered(messages, turn.tool_call_id, _parts(turn.content, where))
            case schema.FunctionResult():
                if turn.name not in called:
                    raise BadRequest(f"{where}.name: {turn.name!r} was not called before", param=f"{where}.name")
                _answered(messages, called[turn.name], [Text(text=turn.content or "")])
    return messages


def _answered(messages: list[Message], id_: str, parts: list[Part]) -> None:
    last = messages[-1] if messages else None
    if last is None or last.role != "user" or not last.parts or not isinstance(last.parts[-1], ToolResult):
        last = Message("user", [])
        messages.append(last)
    shown = [part for part in parts if isinstance(part, Text | Picture | Document)]
    last.parts.append(ToolResult(id=id_, parts=shown))


def _said(turn: schema.Assistant, where: str, called: dict[str, str]) -> list[Part]:
    """An assistant's turn: what it thought, said, refused and called, in this order."""
    if bytes(turn.audio) not in schema.EMPTY:
        raise BadRequest(f"{where}.audio: send the words that were spoken as `content`", param=f"{where}.audio")
    parts = _thoughts(turn)
    content = _parts(turn.content or "", where)
    parts += [part for part in content if not (isinstance(part, Text) and not part.text)]
    if turn.refusal:
        parts.append(Refusal(text=turn.refusal))
    for at, each in enumerate(turn.tool_calls or ()):
        if each.function is None:
            param = f"{where}.tool_calls[{at}].type"
            raise BadRequest(f"{param}: a call of the type {each.type!r} cannot be passed on", param=param)
        parts.append(ToolUse(id=each.id, name=each.function.name, arguments=each.function.arguments))
    if turn.function_call is not None:
        function = turn.function_call
        called[function.name] = f"call_{where[9:-1]}_{function.name}"
        parts.append(ToolUse(id=called[function.name], name=function.name, arguments=function.arguments))
    return parts


def _thoughts(turn: schema.Assistant) -> list[Part]:
    """What it thought, put together as it would be from a stream: clients may echo the pieces they were sent."""
    details = turn.reasoning_details or []
    thought = turn.reasoning_content or turn.reasoning
    events: list[ThoughtOn] = []
    if thought and not any(detail.text or detail.summary for detail in details):
        events.append(ThoughtOn(thought))
    for detail in details:
        text = detail.text or detail.summary or ""
        if text or detail.signature:
            events.append(ThoughtOn(text, detail.signature or None))
        if detail.data:
            events.append(ThoughtOn(sealed=detail.data))
    return answer_of(events, None).parts


def _parts(content: str | Iterable[schema.Shown], where: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content)]
    return [_part(part, f"{where}.content[{at}]") for at, part in enumerate(content)]


def _part(part: schema.Shown, where: str) -> Part:
    match part:
        case schema.Text(text=text):
            return Text(text=text, cache=part.cache)
        case schema.Image(image_url=address):
            address = schema.Address(address) if isinstance(address, str) else address
            return _picture(address, part, f"{where}.image_url.url")
        case schema.Audio(input_audio=recording):
            return Sound(data=recording.data, format=recording.format, cache=part.cache)
        case schema.File():
            return _document(part, f"{where}.file")
        case schema.RefusalPart(refusal=text):
            return Refusal(text=text)


def _picture(address: schema.Address, part: schema.Image, where: str) -> Picture:
    if not address.url.startswith("data:"):
        return Picture(url=address.url, detail=address.detail, cache=part.cache)
    media_type, data = _inline(address.url, where)
    return Picture(media_type=media_type, data=data, detail=address.detail, cache=part.cache)


def _document(part: schema.File, where: str) -> Document:
    file = part.file
    if file.file_data is None:
        if file.file_id is None:
            raise BadRequest(f"{where}.file_data: a file has data or an id", param=f"{where}.file_data")
        return Document(file_id=file.file_id, name=file.filename, cache=part.cache)
    if file.file_data.startswith("data:"):
        media_type, data = _inline(file.file_data, f"{where}.file_data")
    else:
        media_type, data = "application/pdf", file.file_data
    return Document(media_type=media_type, data=data, name=file.filename, cache=part.cache)


def _inline(url: str, where: str) -> tuple[str, str]:
    """Media type and base64 of a `data:` URL."""
    head, found, data = url.removeprefix("data:").partition(";base64,")
    if not found:
        raise BadRequest(f"{where}: a data: URL must be base64", param=where)
    return head.partition(";")[0], data


def _tool(tool: schema.Tool, at: int) -> Tool:
    function = tool.function
    if tool.type != "function" or function is None:
        where = f"tools[{at}].type" if tool.type != "function" else f"tools[{at}].function"
        said = f"{tool.type!r} cannot be passed on to this model's provider: offer a `function` instead"
        raise BadRequest(f"{where}: {said}", param=where)
    shape = _given(function.parameters)
    return Tool(function.name, function.description, shape, strict=function.strict, cache=tool.cache)


def _given(value: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(value) in (b"", b"null") else value


def _choose(call: Call, choice: Literal["auto", "none", "required"] | schema.Choice | None) -> None:
    if choice is None:
        return
    if isinstance(choice, str):
        call.tool_choice = ToolChoice(choice)
    elif choice.allowed_tools is not None:
        names = {tool.function.name for tool in choice.allowed_tools.tools if tool.function is not None}
        call.tools = [tool for tool in call.tools if tool.name in names]
        call.tool_choice = ToolChoice(choice.allowed_tools.mode)
    elif choice.function is not None:
        call.tool_choice = ToolChoice("tool", choice.function.name)
    else:
        said = f"{choice.type!r} cannot be passed on to this model's provider: name a `function`"
        raise BadRequest(f"tool_choice.type: {said}", param="tool_choice.type")


def _format(wanted: schema.PlainText | schema.AnyJson | schema.BySchema | None) -> Format | None:
    match wanted:
        case schema.AnyJson():
            return Format("json")
        case schema.BySchema(json_schema=shape):
            return Format("schema", shape.name, _given(shape.schema), shape.strict, shape.description)
        case _:
            return None


def _reasoning(asked: schema.Request) -> Reasoning | None:
    effort = asked.reasoning_effort
    if (wanted := asked.reasoning) is not None:
        return Reasoning(on=wanted.enabled, effort=effort or wanted.effort, budget=wanted.max_tokens)
    if (thinking := asked.thinking) is not None:
        on = {"enabled": True, "disabled": False}.get(thinking.type)
        return Reasoning(on=on, effort=effort, budget=thinking.budget_tokens)
    return None if effort is None else Reasoning(effort=effort)
