"""Requests in Anthropic's Messages format, read into inner calls.

What is neither in messages_schema nor among these losses is an error that names the field.

Left out, as no model behind a chat API can do it or it makes no difference to the answer: `betas`, `billing_policy`,
`cache_control` at the top, `compaction`, `context_management`, `diagnostics`, `fallback_credit_token`, `speed`,
`user_profile_id`, `workspace_id`; of a tool `defer_loading` (it is given at once), `eager_input_streaming`,
`input_examples`; of a tool's use `caller` and `toolset_name`; of a picture `transformations`; citations.

Refused, as the client relies on it: tools that Anthropic runs or defines, `container`, `fallbacks`, `inference_geo`,
`mcp_servers`, `thread`, pictures by file id, and blocks that only those tools make.

Changed: text and search results sent as documents become text; a `user_id` over 64 characters its SHA-256, as some
providers take no more.
"""

import hashlib
import re
from typing import Final, Literal, Protocol, TypeVar

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
    Role,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.messages import schema
from weighbridge.wire.preferences import Preferences, takes

_MOST_USER: Final = 64


REFUSED: Final = {
    "container": "code cannot be run here",
    "fallbacks": "name one model; its other endpoints are tried by themselves",
    "inference_geo": "the place cannot be promised by this field",
    "mcp_servers": "MCP servers are called by the client here: give their tools as custom ones",
    "thread": "conversations are not kept here: send all turns as `messages`",
}
"""Fields that a client relies on and that cannot be had here, and what to do instead."""

_asked: Final = msgspec.json.Decoder(schema.Asked)
_counted: Final = msgspec.json.Decoder(schema.Counted)
_kinds: Final = msgspec.json.Decoder(schema.Kind)
_tools: Final = msgspec.json.Decoder(schema.Tool)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EMPTY: Final = (b"", b"null", b"[]", b"{}")
_PATH: Final = re.compile(r" - at `\$?\.?(.+)`$")
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+)`")


class Wanted(msgspec.Struct):
    """What is asked, and what of it only the answer's writer needs to know."""

    call: Call
    hide_thoughts: bool = False
    """The client said that it does not want to see them."""
    models: list[str] | None = None
    provider: Preferences | None = None


def read_call(body: bytes) -> Wanted:
    """A request for a message. Raises BadRequest naming the field at fault."""
    asked = _decoded(body, _asked)
    call = _call(asked)
    call.max_tokens = asked.max_tokens
    call.stop = [text for text in asked.stop_sequences or [] if text]
    call.temperature, call.top_p, call.top_k = asked.temperature, asked.top_p, asked.top_k
    call.stream = asked.stream is True
    call.user = _user(asked.metadata)
    call.service_tier = "default" if asked.service_tier == "standard_only" else None
    thinking = asked.thinking
    hidden = thinking is not None and (thinking.type == "disabled" or thinking.display == "omitted")
    return Wanted(call, hide_thoughts=hidden, models=asked.models, provider=asked.provider)


def read_count(body: bytes) -> Call:
    """A request to count the tokens of one; all other fields of a message are let pass. Raises BadRequest."""
    return _call(_decoded(_without(body, _ONLY_ASKED), _counted))


_ONLY_ASKED: Final = frozenset(schema.Asked.__struct_fields__) - frozenset(schema.Counted.__struct_fields__)


def _without(body: bytes, names: frozenset[str]) -> bytes:
    try:
        fields = _fields.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # whoever reads it says what is wrong
    if names.isdisjoint(fields):
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in names})


_Read = TypeVar("_Read")


def _decoded(body: bytes, decoder: msgspec.json.Decoder[_Read]) -> _Read:
    try:
        if not body.isascii():
            body.decode()
        return decoder.decode(body)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"the body is not UTF-8 (byte {exc.start})") from exc
    except msgspec.ValidationError as exc:
        raise _named(str(exc)) from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc
    except RecursionError as exc:
        raise BadRequest("the body is nested too deep") from exc


def _named(fault: str, place: str = "") -> BadRequest:
    """What the decoder found, in the words of the API: `messages[0].content: …`."""
    where = _PATH.search(fault)
    path = place
    if where is not None:
        fault = fault[: where.start()]
        path += where[1] if where[1].startswith("[") or not place else f".{where[1]}"
    missing, unknown = _MISSING.fullmatch(fault), _UNKNOWN.fullmatch(fault)
    works = takes(path)
    if (field := missing or unknown) is not None:
        path = f"{path}.{field[1]}" if path else field[1]
        fault = "the field is required" if missing else "there is no such field, or it cannot be passed on"
    return BadRequest(f"{path}: {fault}{works}" if path else fault, param=path or None)


def _call(asked: schema.Counted) -> Call:
    for field, instead in REFUSED.items():
        if bytes(getattr(asked, field)) not in _EMPTY:
            raise BadRequest(f"{field}: {instead}", param=field)
    call = Call(asked.model, [])
    if asked.system is not None:
        call.messages.append(Message("system", _texts(asked.system)))
    call.messages += [_message(message, at) for at, message in enumerate(asked.messages)]
    call.tools = [_tool(raw, at) for at, raw in enumerate(asked.tools or ())]
    _choose(call, asked.tool_choice)
    config = asked.output_config or schema.OutputConfig()
    call.reasoning = _reasoning(asked.thinking, config.effort)
    wanted = config.format or asked.output_format
    if wanted is not None:
        call.format = Format("schema", schema=wanted.schema, strict=True)
    return call


class _Cacheable(Protocol):
    @property
    def cache_control(self) -> msgspec.Raw: ...


def _cache(block: _Cacheable) -> msgspec.Raw | None:
    return None if bytes(block.cache_control) in _EMPTY else block.cache_control


def _texts(content: str | list[schema.Words]) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content)]
    return [Text(text=block.text, cache=_cache(block)) for block in content]


def _message(message: schema.Message, at: int) -> Message:
    role: Role = message.role
    if isinstance(message.content, str):
        return Message(role, [Text(text=message.content)])
    parts: list[Part] = []
    for place, block in enumerate(message.content):
        where = f"messages[{at}].content[{place}]"
        if not isinstance(block, _ALLOWED[role]):
            kind = type(block).__struct_config__.tag
            raise BadRequest(f"{where}.type: a {role}'s turn cannot hold a {kind} block", param=f"{where}.type")
        parts += _parts(block, where)
    return Message(role, parts)


_ALLOWED: Final = {
    "user": (schema.Text, schema.Image, schema.Document, schema.SearchResult, schema.ToolResult),
    "assistant": (schema.Text, schema.ToolUse, schema.Thinking, schema.Redacted),
    "system": (schema.Text,),
}


def _parts(block: schema.Block, where: str) -> list[Part]:
    match block:
        case schema.Text():
            return [Text(text=block.text, cache=_cache(block))]
        case schema.Thinking():
            return [Thought(text=block.thinking, signature=block.signature or None)]
        case schema.Redacted():
            return [Thought(sealed=block.data)]
        case schema.ToolUse():
            arguments = bytes(block.input)
            if arguments[:1] != b"{":
                raise BadRequest(f"{where}.input: must be an object", param=f"{where}.input")
            return [ToolUse(id=block.id, name=block.name, arguments=arguments.decode(), cache=_cache(block))]
        case schema.ToolResult():
            return [_result(block)]
        case _:
            return [*_shown(block)]


def _result(block: schema.ToolResult) -> ToolResult:
    content = block.content or []
    if isinstance(content, str):
        parts: list[Text | Picture | Document] = [Text(text=content)]
    else:
        parts = [part for each in content for part in _shown(each)]
    return ToolResult(id=block.tool_use_id, parts=parts, failed=block.is_error is True, cache=_cache(block))


def _shown(
    block: schema.Text | schema.Image | schema.Document | schema.SearchResult,
) -> list[Text | Picture | Document]:
    """What a turn and a tool's answer can both show."""
    match block:
        case schema.Text():
            return [Text(text=block.text, cache=_cache(block))]
        case schema.Image():
            return [_picture(block)]
        case schema.SearchResult():
            text = "\n".join((block.title, block.source, *(each.text for each in block.content)))
            return [Text(text=text, cache=_cache(block))]
        case schema.Document():
            return _document(block)


def _picture(block: schema.Image) -> Picture:
    source = block.source
    if isinstance(source, schema.Url):
        return Picture(url=source.url, cache=_cache(block))
    return Picture(media_type=source.media_type, data=source.data, cache=_cache(block))


def _document(block: schema.Document) -> list[Text | Picture | Document]:
    source, cache = block.source, _cache(block)
    heading = [text for text in (block.title, block.context) if text]
    match source:
        case schema.Plain():
            return [Text(text="\n".join((*heading, source.data)), cache=cache)]
        case schema.Blocks():
            content = [schema.Text(text=source.content)] if isinstance(source.content, str) else source.content
            return [Text(text="\n".join(heading)), *(part for each in content for part in _shown(each))][not heading :]
        case _:
            file = _file(source)
            file.name, file.cache = block.title, cache
            return [Text(text=block.context), file] if block.context else [file]


def _file(source: schema.Base64 | schema.Url | schema.File) -> Document:
    match source:
        case schema.Base64():
            return Document(media_type=source.media_type, data=source.data)
        case schema.Url():
            return Document(url=source.url)
        case schema.File():
            return Document(file_id=source.file_id)


def _tool(raw: msgspec.Raw, at: int) -> Tool:
    where = f"tools[{at}]"
    try:
        kind = _kinds.decode(raw).type
        if kind not in (None, "custom"):
            said = f"{kind!r} runs at Anthropic or is known to its models only; describe a tool with `input_schema`"
            raise BadRequest(f"{where}.type: {said}", param=f"{where}.type")
        tool = _tools.decode(raw)
    except msgspec.ValidationError as exc:
        raise _named(str(exc), where) from exc
    if bytes(tool.input_schema)[:1] != b"{":
        raise BadRequest(f"{where}.input_schema: must be an object", param=f"{where}.input_schema")
    if tool.allowed_callers is not None and "direct" not in tool.allowed_callers:
        said = "only the model itself can call a tool here: 'direct' must be among them"
        raise BadRequest(f"{where}.allowed_callers: {said}", param=f"{where}.allowed_callers")
    return Tool(tool.name, tool.description, schema=tool.input_schema, strict=tool.strict or None, cache=_cache(tool))


def _choose(call: Call, choice: schema.Choice | None) -> None:
    if choice is None:
        return
    if choice.type == "tool" and not choice.name:
        raise BadRequest("tool_choice.name: the field is required", param="tool_choice.name")
    mode = _MODES[choice.type]
    call.tool_choice = ToolChoice(mode, choice.name if mode == "tool" else None)
    if choice.disable_parallel_tool_use:
        call.parallel_tools = False


_MODES: Final[dict[str, Literal["auto", "none", "required", "tool"]]] = {
    "auto": "auto",
    "any": "required",
    "tool": "tool",
    "none": "none",
}


def _reasoning(thinking: schema.ThinkingConfig | None, effort: str | None) -> Reasoning | None:
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort)
    if thinking.type == "enabled" and thinking.budget_tokens is None:
        raise BadRequest("thinking.budget_tokens: the field is required", param="thinking.budget_tokens")
    if thinking.type == "adaptive":
        return Reasoning(effort=effort)
    return Reasoning(on=thinking.type != "disabled", effort=effort, budget=thinking.budget_tokens)


def _user(metadata: schema.Metadata | None) -> str | None:
    user = None if metadata is None else metadata.user_id
    if user is None or len(user) <= _MOST_USER:
        return user or None
    return hashlib.sha256(user.encode()).hexdigest()
