"""Requests in OpenAI's formats: the few fields that we read; all else passes through untouched, byte for byte."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal, TypeVar

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire import splice
from weighbridge.wire.preferences import Preferences, takes

Limit = Annotated[int, msgspec.Meta(ge=1)]
"""At least one."""
_NO_LIMIT: Final = -1
"""For llama.cpp and LM Studio, and so for their clients."""
_LimitOrNone = Annotated[int, msgspec.Meta(ge=_NO_LIMIT)]


Task = Literal["chat", "completions", "embeddings", "rerank", "messages", "count_tokens", "responses"]
"""What a model can be asked to do, and in which format; each has a path of its own."""
ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Call(msgspec.Struct, gc=False, kw_only=True):
    """The fields of a request that decide where it goes and what it may cost, whatever is asked of the model."""

    operation: ClassVar[str] = "chat"
    """What OpenTelemetry calls what is asked: the value of `gen_ai.operation.name`."""
    model: ModelName
    model_at: int = msgspec.field(default=-1, name="weighbridge model_at")
    """Where the name `model` stands, if it can be no other; set when the request is read, whatever it says itself."""
    models: Annotated[list[ModelName], msgspec.Meta(max_length=10)] | None = None
    """OpenRouter's, in any dialect: what is asked for where `model` gives no answer; see steering.py."""
    provider: Preferences | None = None
    """OpenRouter's, likewise: what is asked of those who answer."""
    user: str | None = None
    safety_identifier: str | None = None

    @property
    def end_user(self) -> str | None:
        """Whom the client names as its own user, cut to 256 characters."""
        name = self.user or self.safety_identifier
        return name[:_LONGEST_USER] if name else None

    @property
    def streamed(self) -> bool:
        """Whether the answer is to come as a stream."""
        return False

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the usage chunk at the end of its stream."""
        return False

    @property
    def prompt_bytes(self) -> int:
        """Bytes of text the model is to read, as JSON: what an estimate goes by."""
        return 0

    @property
    def opening(self) -> bytes:
        """How the prompt begins, as JSON: the same throughout a conversation; `b""` where that is not known."""
        return b""

    @property
    def headers(self) -> bytes:
        """Headers of the client's that go along, each with its end of line."""
        return b""

    @property
    def path(self) -> str | None:
        """Where the server is asked for it, from the root; None: where its task is asked."""
        return None

    @property
    def choices(self) -> int:
        """How many texts are made, shown or not."""
        return 1

    @property
    def most_tokens(self) -> int | None:
        """The most tokens the answer may have by the client's own word, over all choices; None: no limit."""
        return None


class StreamOptions(msgspec.Struct):
    """`stream_options` of a request."""

    include_usage: bool | None = None


class GeneratingCall(Call, gc=False, kw_only=True):
    """A call for new text, chat or not."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: _LimitOrNone | None = None
    n: Limit | None = None

    @property
    def streamed(self) -> bool:
        """See Call."""
        return self.stream is True

    @property
    def wants_usage(self) -> bool:
        """See Call."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def choices(self) -> int:
        """See Call."""
        return self.n or 1

    @property
    def limit(self) -> int | None:
        """The most tokens of each."""
        return self.max_tokens

    @property
    def most_tokens(self) -> int | None:
        """See Call."""
        limit = self.limit
        return None if limit is None or limit == _NO_LIMIT else limit * self.choices


class ChatCall(GeneratingCall, gc=False, kw_only=True):
    """A chat completion request."""

    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1)]
    max_completion_tokens: _LimitOrNone | None = None

    @property
    def prompt_bytes(self) -> int:
        """See Call; pictures and files sent inline are not counted."""
        return sum(map(text_bytes, self.messages))

    @property
    def opening(self) -> bytes:
        """See Call: the instructions and the user's first turn."""
        return opening(self.messages)

    @property
    def limit(self) -> int | None:
        """See GeneratingCall."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


_LONGEST_USER: Final = 256
AnyCall = TypeVar("AnyCall", bound=Call)


OPENING: Final = 2048
"""Bytes of a message that tell its conversation from others."""
_USERS: Final = re.compile(rb'"role"\s*:\s*"user"')
_calls: Final = msgspec.json.Decoder(ChatCall)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MODEL: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]++|\\.)*+")', re.DOTALL)
_PATH: Final = re.compile(r" - at `\$?\.?(.+)`$")
_INLINE: Final = re.compile(rb'"data:[^"]*"|"data"\s*:\s*"[^"]*"')


def text_bytes(part: msgspec.Raw) -> int:
    """Bytes of a part of a request, without pictures and files that are sent inline."""
    return len(_INLINE.sub(b"", bytes(part)))


def opening(messages: Sequence[msgspec.Raw]) -> bytes:
    """The first messages, to the user's first or the second: all that is the same in each turn of a conversation."""
    first = bytes(messages[0])
    if len(messages) == 1 or _USERS.search(first[:OPENING]) or _USERS.search(first[-OPENING:]):
        return first[:OPENING]
    return first[:OPENING] + bytes(messages[1])[:OPENING]


def read_chat(body: bytes) -> ChatCall:
    """The fields we need of a request. Raises BadRequest naming the field at fault."""
    return read(body, _calls)


def read(body: bytes, calls: msgspec.json.Decoder[AnyCall]) -> AnyCall:
    """The fields we need of a request of any kind. Raises BadRequest naming the field at fault."""
    try:
        if not body.isascii():
            body.decode()
        call = calls.decode(body)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"the body is not UTF-8 (byte {exc.start})") from exc
    except msgspec.ValidationError as exc:
        raise _named(str(exc)) from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc
    except RecursionError as exc:
        raise BadRequest("the body is nested too deep") from exc
    call.model_at = _only_model(body)
    if call.model_at < 0 and len(_model_places(body)) > 1:
        # parsers differ in which they take: ours would check one, and theirs run another
        raise BadRequest("model: the field is there more than once, in one case or another", param="model")
    return call


def _named(fault: str) -> BadRequest:
    where = _PATH.search(fault)
    missing = re.search(r"missing required field `(\w+)`", fault)
    if where is None:
        return BadRequest(fault, param=missing[1] if missing else None)
    param = where[1].removeprefix("[...]")
    return BadRequest(f"{param}: {fault[: where.start()]}{takes(param)}", param=param)


def for_upstream(body: bytes, call: Call, model: str, *, ask_usage: bool) -> bytes:
    """The request for an endpoint that calls the model `model`, every other byte as it came.

    With `ask_usage` a stream is made to end with its usage, whether or not the client asked for it.
    """
    if model != call.model:
        body = _with_model(body, call, msgspec.json.encode(model))
    if ask_usage and call.streamed and not call.wants_usage:
        options = _fields.decode(body).get("stream_options")
        if options is None:
            start = body.index(b"{") + 1
            return body[:start] + b'"stream_options":{"include_usage":true},' + body[start:]
        known = {} if bytes(options) == b"null" else _fields.decode(options)
        known["include_usage"] = msgspec.Raw(b"true")
        body = splice.replaced(body, splice.places(body, "stream_options"), msgspec.json.encode(known))
    return body


def _with_model(body: bytes, call: Call, value: bytes) -> bytes:
    only = _MODEL.match(body, call.model_at) if call.model_at >= 0 else None
    if only is None:
        return splice.replaced(body, _model_places(body), value)
    return b"".join((body[: only.start(1)], value, body[only.end(1) :]))


def _only_model(body: bytes) -> int:
    """Where the word stands, if it stands only once as a name or a whole text and so is the field we read; else -1."""
    # `find`, here and on every chunk: `in` on bytes takes its left side for a number first and words an error about it
    lowered = body.lower()
    at = lowered.find(b'"model"')
    escaped = body.find(b"\\") >= 0 and body.find(b"\\u00") >= 0
    return -1 if escaped or lowered.find(b'"model"', at + 1) >= 0 else at


def _model_places(body: bytes) -> list[splice.Place]:
    """Where the values of `model` stand, in whatever case: some parsers do not tell `Model` from it."""
    return [place for field, place in splice.fields(body) if field.lower() == "model"]
