"""What requests hold, where a Struct reads only part of it, or leaves a field as bytes to be read later."""

from types import GenericAlias
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from weighbridge.gateway.openapi import items
from weighbridge.gateway.stored_chat import ChatUpdate
from weighbridge.wire import calls
from weighbridge.wire.messages import schema
from weighbridge.wire.openrouter import surface as openrouter
from weighbridge.wire.responses import read as responses
from weighbridge.wire.tasks.completions import CompletionCall
from weighbridge.wire.tasks.embeddings import EmbeddingsCall
from weighbridge.wire.tasks.rerank import RerankCall

_INTERNAL: Final = "weighbridge "
"""Begins the names of fields that no client sends."""


def shaped(
    base: type[msgspec.Struct],
    doc: str,
    *,
    name: str | None = None,
    role: str | None = None,
    optional: tuple[str, ...] = (),
    **instead: object,
) -> Any:  # noqa: ANN401 - a type
    """The Struct with other types for some of its fields, as the document is to tell of them.

    `role` is the value of a field `role` that tells it from others, `optional` are fields that may be left out.
    """
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(base):
        if field.encode_name.startswith(_INTERNAL) or (role is not None and field.name == "role"):
            continue
        kind = instead.get(field.name, field.type)
        kind = str | None if kind is object else kind  # read where it is a text, and left alone where it is not
        if field.required and field.name not in optional:
            fields.append((field.name, kind, msgspec.field(name=field.encode_name)))
        else:
            default = msgspec.UNSET if field.default is msgspec.NODEFAULT else field.default
            fields.append((field.name, kind, msgspec.field(name=field.encode_name, default=default)))
    config = base.__struct_config__
    return msgspec.defstruct(
        name or base.__name__,
        fields,
        namespace={"__doc__": doc},
        module=base.__module__,
        kw_only=True,
        forbid_unknown_fields=config.forbid_unknown_fields,
        tag=role or config.tag,
        tag_field="role" if role is not None else config.tag_field,
    )


_MODEL: Final = ("model",)
"""May be left out where the gateway has a model for that (`server.default_model`)."""
Texts = Annotated[
    msgspec.Raw,
    Meta(
        description="A text, a list of texts, a list of token ids, or a list of those.",
        extra_json_schema={"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]},
    ),
]
Object = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]


Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class Turn(msgspec.Struct):
    """One of OpenAI's messages. What is in it is the provider's affair, and whether it takes it."""

    role: str
    content: Any = None


Turns = Annotated[list[Turn], Meta(min_length=1)]


def _one_of(kind: Any, *cases: dict[str, Any]) -> Any:  # noqa: ANN401 - a type
    """The type, if one of these schemas holds as well."""
    return Annotated[kind, Meta(extra_json_schema={"allOf": [{"anyOf": list(cases)}]})]


def _several(kind: Any) -> Any:  # noqa: ANN401 - a type
    return GenericAlias(list, (kind,))


def _given(name: str, **schema: object) -> dict[str, Any]:
    """A schema: the field is there, and like this."""
    return {"required": [name], "properties": {name: schema}}


CHAT: Final = shaped(
    calls.ChatCall,
    "OpenAI's chat completion request: the fields that are read. Every other passes to the provider untouched.",
    optional=_MODEL,
    messages=Turns,
)
STORED_UPDATE: Final = shaped(ChatUpdate, ChatUpdate.__doc__ or "", metadata=Metadata | None)
COMPLETION: Final = shaped(
    CompletionCall,
    "OpenAI's text completion request: the fields that are read. Every other passes to the provider untouched.",
    optional=_MODEL,
    prompt=Texts,
    logprobs=msgspec.Raw,
)
EMBEDDING: Final = shaped(
    EmbeddingsCall,
    "OpenAI's request for embeddings: the fields that are read. Every other passes to the provider untouched.",
    input=Texts,
)
RERANKING: Final = shaped(
    RerankCall,
    "Cohere's and Jina's request: the fields that are read. Every other passes to the provider untouched.",
    documents=Texts,
)
_Nothing = Literal["middle-out", "context-compression"]


class Plugin(msgspec.Struct):
    """What changes nothing here; any other is refused, unless it is not `enabled`."""

    id: _Nothing
    enabled: bool | None = None


class Debug(msgspec.Struct):
    """Is left out."""

    echo_upstream_body: Literal[False] | None = None


OPENROUTER: Final = _one_of(
    shaped(
        openrouter.Request,
        "OpenRouter's chat completion request: OpenAI's, and its own fields. `model` or `models` has to name one.",
        messages=Turns,
        transforms=list[_Nothing] | None,
        plugins=list[Plugin] | None,
        debug=Debug | None,
    ),
    _given("model", type="string", minLength=1),
    _given("models", type="array", minItems=1),
    {"not": {"required": ["model"]}},
)
_Chosen = Annotated[
    msgspec.Raw,
    Meta(
        description="Whether to call a tool, or which: one of those in `tools`.",
        extra_json_schema={"anyOf": [{"enum": ["auto", "none", "required", None]}, {"type": "object"}]},
    ),
]
_OF_A_RESPONSE: Final[dict[str, Any]] = {
    "input": items.Input | None,
    "tools": list[items.Tool] | None,
    "tool_choice": _Chosen,
    "background": Literal[False] | None,
}
_GOES_ON: Final = (_given("input", type=["string", "array"]), _given("previous_response_id", type="string"))
RESPONSE: Final = _one_of(
    shaped(
        responses.Request,
        "OpenAI's request for a response. Fields that nobody knows pass to the provider by their own name.",
        optional=_MODEL,
        **_OF_A_RESPONSE,
    ),
    *_GOES_ON,
)
COMPACTION: Final = _one_of(
    shaped(
        responses.Request,
        "A conversation to be made short.",
        name="Compaction",
        **_OF_A_RESPONSE,
        stream=Literal[False] | None,
    ),
    *_GOES_ON,
)
INPUT: Final = shaped(
    responses.Request,
    "A request for a response, to be counted.",
    name="Input",
    optional=_MODEL,
    **_OF_A_RESPONSE | {"input": items.AnyInput | None},
)

_USE: Final = shaped(schema.ToolUse, "The model wanted a tool called.", input=Object)
_TOOL: Final = shaped(
    schema.Tool,
    "A tool of the client's own.",
    input_schema=Object,
    allowed_callers=Annotated[list[str], Meta(extra_json_schema={"contains": {"const": "direct"}})] | None,
)
_Said = schema.Text | schema.Image | schema.Document | schema.SearchResult | schema.ToolResult
_ANSWERED: Any = schema.Text | _USE | schema.Thinking | schema.Redacted
_TURN: Final = (
    shaped(schema.Message, "What is said to the model.", name="UserTurn", role="user", content=str | list[_Said])
    | shaped(schema.Message, "What it said.", name="AssistantTurn", role="assistant", content=str | _several(_ANSWERED))
    | shaped(schema.Message, "Instructions.", name="SystemTurn", role="system", content=str | list[schema.Text])
)
_NULL: Final = {"type": "null"}
_THINKING: Final = _one_of(
    schema.ThinkingConfig | None,
    _NULL,
    {"properties": {"type": {"enum": ["disabled", "adaptive", "between_tools"]}}},
    _given("budget_tokens", type="integer"),
)
_CHOICE: Final = _one_of(
    schema.Choice | None,
    _NULL,
    {"properties": {"type": {"enum": ["auto", "any", "none"]}}},
    _given("name", type="string", minLength=1),
)
_OF_A_MESSAGE: Final[dict[str, Any]] = {
    "messages": Annotated[_several(_TURN), Meta(min_length=1)],
    "tools": _several(_TOOL) | None,
    "thinking": _THINKING,
    "tool_choice": _CHOICE,
}
MESSAGE: Final = shaped(schema.Asked, "Anthropic's request for a message.", optional=_MODEL, **_OF_A_MESSAGE)
COUNT: Final = shaped(
    schema.Counted,
    "Anthropic's request for the number of tokens of one for a message.",
    **_OF_A_MESSAGE,
)


class ModelQuery(msgspec.Struct):
    """Anthropic's pages of models; without `anthropic-version` all of them are listed."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 20
    after_id: str | None = None
    before_id: str | None = None


class CountQuery(msgspec.Struct):
    """OpenRouter's filters of models; several values stand with commas between them."""

    supported_parameters: str | None = None
    input_modalities: str | None = None
    output_modalities: str | None = None
    model_authors: str | None = None
    providers: str | None = None


class FilterQuery(CountQuery):
    """The same, and pages."""

    offset: Annotated[int, Meta(ge=0, le=999_999_999)] = 0
    limit: Annotated[int, Meta(ge=0, le=999_999_999)] = 1000


class MessageQuery(msgspec.Struct):
    """Pages of what went into a chat completion."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "asc"
    after: str | None = None


class StoredQuery(MessageQuery):
    """Pages of the chat completions that were kept; `metadata[name]=value`, any number of times, filters as well."""

    model: str | None = None


class ItemQuery(msgspec.Struct):
    """Pages of what went into a response."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


class EventQuery(msgspec.Struct):
    """A kept response as a stream, from the event after this one on."""

    stream: bool = False
    starting_after: Annotated[int, Meta(ge=0, le=999_999_999)] | None = None


class GenerationQuery(msgspec.Struct):
    """Which answer."""

    id: Annotated[str, Meta(min_length=1)]
