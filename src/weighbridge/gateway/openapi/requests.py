"""What requests hold, where a Struct reads only part of it, or leaves a field as bytes to be read later."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

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


def shaped(base: type[msgspec.Struct], doc: str, *, without: tuple[str, ...] = (), **instead: object) -> type:
    """The Struct with other types for some of its fields, as the document is to tell of them."""
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(base):
        if field.name in without or field.encode_name.startswith(_INTERNAL):
            continue
        kind = instead.get(field.name, field.type)
        if field.required:
            fields.append((field.name, kind, msgspec.field(name=field.encode_name)))
        else:
            default = msgspec.UNSET if field.default is msgspec.NODEFAULT else field.default
            fields.append((field.name, kind, msgspec.field(name=field.encode_name, default=default)))
    config = base.__struct_config__
    return msgspec.defstruct(
        base.__name__,
        fields,
        namespace={"__doc__": doc},
        module=base.__module__,
        kw_only=True,
        forbid_unknown_fields=config.forbid_unknown_fields,
        tag=config.tag,
        tag_field=config.tag_field,
    )


Texts = Annotated[
    msgspec.Raw,
    Meta(
        description="A text, a list of texts, a list of token ids, or a list of those.",
        extra_json_schema={"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]},
    ),
]
Object = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
Turns = Annotated[
    list[msgspec.Raw], Meta(min_length=1, description="OpenAI's messages; what is in them is the provider's affair.")
]

CHAT: Final = shaped(
    calls.ChatCall,
    "OpenAI's chat completion request: the fields that are read. Every other passes to the provider untouched.",
    messages=Turns,
)
STORED_UPDATE: Final = shaped(ChatUpdate, ChatUpdate.__doc__ or "", metadata=Object | None)
COMPLETION: Final = shaped(
    CompletionCall,
    "OpenAI's text completion request: the fields that are read. Every other passes to the provider untouched.",
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
OPENROUTER: Final = shaped(
    openrouter.Request,
    "OpenRouter's chat completion request: OpenAI's, and its own fields. `model` or `models` has to name one.",
    messages=Turns,
)
RESPONSE: Final = shaped(
    responses.Request,
    "OpenAI's request for a response. Fields that nobody knows pass to the provider by their own name.",
)
MESSAGE: Final = shaped(schema.Asked, "Anthropic's request for a message.")
COUNT: Final = shaped(schema.Counted, "Anthropic's request for the number of tokens of one for a message.")


class ModelQuery(msgspec.Struct):
    """Anthropic's pages of models; without `anthropic-version` all of them are listed."""

    limit: str | None = None
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
