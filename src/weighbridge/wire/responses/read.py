"""Responses requests read into inner calls.

What the chat format has no place for is lost in these ways, and no others:

- `metadata`, `prompt_cache_key`, `max_tool_calls` and `truncation` come back in the response and reach no provider;
  `truncation` is always `disabled`: nothing is cut off here. `max_tool_calls` bounds tools that run at OpenAI, of which
  there are none here.
- `stream_options` (obfuscation), `prompt_cache_retention`, `prompt_cache_options` and `client_metadata` have no effect.
- `context_management` asks for a compaction at a size: none is made but at /v1/responses/compact.
- `reasoning.summary` asks for nothing: open models show the reasoning itself.
- `safety_identifier` goes out as `user`, where there is no `user`.

What needs OpenAI's servers (`background`, `conversation`, `prompt`, …) is refused. A field that nobody knows is passed
on by its own name, as with chat.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.inner import Call, Format, Message, Reasoning, Text, ToolChoice
from weighbridge.wire.responses.items import NULL, fault, resolved, turns
from weighbridge.wire.responses.tools import Named, Tools, read_tools

_Included = Literal[
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
    "message.input_image.image_url",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]
_Limit = Annotated[int, msgspec.Meta(ge=1)]


class _Syntax(msgspec.Struct, tag_field="type"):
    pass


class _PlainText(_Syntax, tag="text"):
    pass


class _AnyJson(_Syntax, tag="json_object"):
    pass


class _Schema(_Syntax, tag="json_schema"):
    name: str
    schema: msgspec.Raw
    description: str | None = None
    strict: bool | None = None


class _TextField(msgspec.Struct, omit_defaults=True):
    format: _PlainText | _AnyJson | _Schema | None = None
    verbosity: str | None = None


class _ReasoningField(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None


class _StreamOptions(msgspec.Struct):
    include_obfuscation: bool | None = None


class _Managed(msgspec.Struct):
    type: Literal["compaction"]
    compact_threshold: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Request(msgspec.Struct):
    """The fields of a request that are read; fields that nobody knows pass on by their own name."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    input: str | list[msgspec.Raw] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: msgspec.Raw = msgspec.field(default_factory=lambda: NULL)
    parallel_tool_calls: bool | None = None
    text: _TextField | None = None
    reasoning: _ReasoningField | None = None
    max_output_tokens: _Limit | None = None
    max_tool_calls: Annotated[int, msgspec.Meta(ge=0)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    include: list[_Included] | None = None
    context_management: list[_Managed] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    background: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None


class Echo(msgspec.Struct):
    """What a response says of its request. Open Responses wants a number where the request gave none: OpenAI's default
    stands there, whatever the model's own is.
    """

    background: bool
    frequency_penalty: float
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, str]
    model: str
    parallel_tool_calls: bool
    presence_penalty: float
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: _ReasoningField
    safety_identifier: str | None
    service_tier: str
    store: bool
    temperature: float
    text: _TextField
    tool_choice: msgspec.Raw
    tools: list[msgspec.Raw]
    top_logprobs: int
    top_p: float
    truncation: Literal["disabled"]
    user: str | None


class Earlier(msgspec.Struct):
    """What is known of the conversation before a request comes to be read."""

    items: list[msgspec.Raw] = []
    """Of the responses it continues, in order: what went in and what came out."""
    known: dict[str, msgspec.Raw] = {}
    """Stored items that the request may name, by their ids."""
    fault: BadRequest | None = None
    """Why the response it names cannot be continued."""


class Wanted(msgspec.Struct):
    """What a request refers to, which has to be looked up."""

    previous_response_id: str | None = None
    items: list[str] = []


class Asking(msgspec.Struct):
    """A request, read."""

    call: Call
    input: list[msgspec.Raw]
    """Its own items, without those of the conversation before."""
    before: list[msgspec.Raw]
    """The items of that conversation."""
    echo: Echo
    named: dict[str, Named]
    """Tools that the client calls otherwise than the model, by the model's names."""
    sealed: bool
    """Whether reasoning that only its maker can read was asked for."""


class _Reference(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    id: str | None = None


class _Referring(msgspec.Struct):
    previous_response_id: str | None = None
    input: str | list[_Reference] | None = None


_requests: Final = msgspec.json.Decoder(Request)
_referring: Final = msgspec.json.Decoder(_Referring)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN: Final = frozenset(Request.__struct_fields__)
_NO_EFFECT: Final = frozenset({"client_metadata", "prompt_cache_retention", "prompt_cache_options"})
_NOT_HERE: Final[Mapping[str, str]] = {
    "conversation": "conversations are not kept here: send the items, or `previous_response_id`",
    "prompt": "prompt templates are kept at OpenAI: send `instructions` and `input`",
    "moderation": "there is no moderation here",
    "messages": "a response takes `input`",
    "max_tokens": "a response takes `max_output_tokens`",
    "max_completion_tokens": "a response takes `max_output_tokens`",
    "response_format": "a response takes `text.format`",
    "reasoning_effort": "a response takes `reasoning.effort`",
    "verbosity": "a response takes `text.verbosity`",
    "functions": "a response takes `tools`",
    "function_call": "a response takes `tool_choice`",
    "logprobs": "a response takes `top_logprobs`",
    "n": "a response is one answer",
}


def wanted(body: bytes) -> Wanted:
    """What a request refers to; nothing where it cannot be read, which `read_request` will say."""
    if body.find(b'"previous_response_id"') < 0 and body.find(b"item_reference") < 0:
        return Wanted()
    try:
        read = _referring.decode(body)
    except UNREADABLE:
        return Wanted()
    items = read.input if isinstance(read.input, list) else []
    return Wanted(read.previous_response_id, [each.id for each in items if each.type == "item_reference" and each.id])


def read_request(body: bytes, earlier: Earlier, *, may_store: bool, may_be_empty: bool = False) -> Asking:
    """Raises BadRequest naming the field at fault; an empty conversation is one, unless it may be."""
    request, also = _decoded(body)
    if request.background:
        raise BadRequest("background: answers are not made in the background; leave it out", param="background")
    if earlier.fault is not None:
        raise earlier.fault
    own = _items(request, may_be_empty=may_be_empty)
    called: set[str] = set()
    conversation = turns(earlier.items, "previous_response_id", earlier.known, called)
    conversation += turns(own, "input", earlier.known, called)
    if request.instructions:
        conversation.insert(0, Message("system", [Text(text=request.instructions)]))
    tools = read_tools(request.tools or (), request.tool_choice)
    include = request.include or ()
    return Asking(
        call=_call(request, conversation, tools, also),
        input=resolved(own, earlier.known),
        before=earlier.items,
        echo=_echo(request, tools, store=may_store and request.store is not False),
        named=tools.named,
        sealed="reasoning.encrypted_content" in include,
    )


def _decoded(body: bytes) -> tuple[Request, dict[str, msgspec.Raw]]:
    """The request, and the fields of it that nobody here knows."""
    try:
        if not body.isascii():
            body.decode()
        request = _requests.decode(body)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"the body is not UTF-8 (byte {exc.start})") from exc
    except msgspec.ValidationError as exc:
        raise fault(str(exc), "") from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc
    except RecursionError as exc:
        raise BadRequest("the body is nested too deep") from exc
    also = {
        name: value
        for name, value in _fields.decode(body).items()
        if name not in _KNOWN and name not in _NO_EFFECT and value != NULL
    }
    for name in also:
        if name in _NOT_HERE:
            raise BadRequest(f"{name}: {_NOT_HERE[name]}", param=name)
    return request, also


def _items(request: Request, *, may_be_empty: bool) -> list[msgspec.Raw]:
    if isinstance(request.input, str):
        words = msgspec.json.encode(request.input)
        return [msgspec.Raw(b'{"type":"message","role":"user","content":[{"type":"input_text","text":%b}]}' % words)]
    if not request.input and request.previous_response_id is None and not may_be_empty:
        raise BadRequest("input: a text, or a list with something in it", param="input")
    return request.input or []


def _call(request: Request, messages: list[Message], tools: Tools, also: dict[str, msgspec.Raw]) -> Call:
    text = request.text or _TextField()
    if text.verbosity is not None:
        also["verbosity"] = msgspec.Raw(msgspec.json.encode(text.verbosity))
    reasoning = request.reasoning
    return Call(
        model=request.model,
        messages=messages,
        tools=tools.tools,
        tool_choice=_choice(tools),
        parallel_tools=request.parallel_tool_calls if tools.tools else None,
        max_tokens=request.max_output_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        top_logprobs=_top_logprobs(request),
        format=_format(text),
        reasoning=None if reasoning is None else Reasoning(effort=reasoning.effort, summary=reasoning.summary),
        stream=request.stream is True,
        user=request.user or request.safety_identifier,
        service_tier=None if request.service_tier == "auto" else request.service_tier,
        also=also,
    )


def _top_logprobs(request: Request) -> int | None:
    if request.top_logprobs:
        return request.top_logprobs
    return 0 if "message.output_text.logprobs" in (request.include or ()) else None


def _choice(tools: Tools) -> ToolChoice | None:
    """OpenAI's servers refuse a choice where there are no tools."""
    return tools.choice if tools.tools else None


def _format(text: _TextField) -> Format | None:
    match text.format:
        case _Schema(name, schema, description, strict):
            return Format("schema", name=name, schema=schema, strict=strict, description=description)
        case _AnyJson():
            return Format("json")
        case _PlainText():
            return Format("text")
        case None:
            return None


def _echo(request: Request, tools: Tools, *, store: bool) -> Echo:
    text = request.text or _TextField()
    return Echo(
        background=False,
        frequency_penalty=request.frequency_penalty or 0,
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        metadata=request.metadata or {},
        model=request.model,
        parallel_tool_calls=request.parallel_tool_calls is not False,
        presence_penalty=request.presence_penalty or 0,
        previous_response_id=request.previous_response_id,
        prompt_cache_key=request.prompt_cache_key,
        reasoning=request.reasoning or _ReasoningField(),
        safety_identifier=request.safety_identifier,
        service_tier="default" if request.service_tier in (None, "auto") else request.service_tier,
        store=store,
        temperature=1 if request.temperature is None else request.temperature,
        text=_TextField(text.format or _PlainText(), text.verbosity),
        tool_choice=tools.echo_choice,
        tools=tools.echo,
        top_logprobs=request.top_logprobs or 0,
        top_p=1 if request.top_p is None else request.top_p,
        truncation="disabled",
        user=request.user,
    )
