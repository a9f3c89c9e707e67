"""Chat completions that are kept here, as a surface: those whose request says `store: true`.

The provider is not told to keep them as well: `store`, and `metadata`, which goes with it, do not reach it. The answer
passes through as without, but for its `id`: it is one of ours, since providers' need not be unique.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Final

import msgspec

from weighbridge.errors import BadRequest, UpstreamError
from weighbridge.wire import calls, reported, splice, sse
from weighbridge.wire.chat.gathered import Gathered
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.chat.surface import ChatSurface
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.surface import Asked, Cost, Stream
from weighbridge.wire.usage import Usage

MOST: Final = 32 * 1024 * 1024
"""Bytes that the choices of a stream may have in JSON for it to be kept."""

Metadata = Annotated[
    dict[Annotated[str, msgspec.Meta(max_length=64)], Annotated[str, msgspec.Meta(max_length=512)]],
    msgspec.Meta(max_length=16),
]


class Made(msgspec.Struct):
    """A chat completion that is whole, with what went in."""

    id: str
    asked_model: str
    messages: list[msgspec.Raw]
    metadata: Mapping[str, str]
    document: bytes
    user: str | None = None
    """Whom the client named as its own user."""

    @property
    def model(self) -> str | None:
        """The model as the answer names it."""
        return _answers.decode(self.document).model


class StoredSurface(ChatSurface):
    """See Surface: one for each request. `id` is the answer's, `keep` is called with it once it is whole."""

    def __init__(self, id_: str, created: int, keep: Callable[[Made], Awaitable[None]]) -> None:
        """`created` is now, in seconds since 1970."""
        self._id = id_
        self._created = created
        self._keep = keep

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        request = calls.read(body, _requests)
        if request.store is not True:
            return super().read(body)
        metadata = read_metadata(request.metadata)
        _check(request.messages)
        fields = {name: value for name, value in _fields.decode(body).items() if name not in ("store", "metadata")}
        plain = msgspec.json.encode(fields)
        call = calls.read_chat(plain)
        form = _Form(self._id, self._created, wants_usage=call.wants_usage)
        keep = self._keep

        async def kept() -> None:
            await keep(Made(self._id, request.model, request.messages, metadata, form.document(), call.end_user))

        return Asked(call, plain, form, keep=kept)


def read_metadata(given: msgspec.Raw) -> Mapping[str, str]:
    """The pairs of a request's `metadata`, which may be null. Raises BadRequest."""
    try:
        return _metadata.decode(given) or {}
    except UNREADABLE as exc:
        said = "metadata: up to 16 texts of up to 512 characters, by names of up to 64"
        raise BadRequest(said, param="metadata") from exc


def with_metadata(document: bytes, metadata: Mapping[str, str]) -> bytes:
    """A chat completion with the metadata it has now."""
    value = msgspec.json.encode(metadata)
    known = splice.places(document, "metadata")
    if known:
        return splice.replaced(document, known, value)
    return document.rstrip()[:-1] + b',"metadata":' + value + b"}"


class _Request(calls.ChatCall, kw_only=True):
    store: bool | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class _Answer(msgspec.Struct):
    choices: list[msgspec.Raw]
    model: str | None = None


_requests: Final = msgspec.json.Decoder(_Request)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_metadata: Final = msgspec.json.Decoder(Metadata | None)
_answers: Final = msgspec.json.Decoder(_Answer)


class _Form:
    """See surface.Form."""

    def __init__(self, id_: str, created: int, *, wants_usage: bool) -> None:
        self._id = id_
        self._created = created
        self._wants_usage = wants_usage
        self._stream: _Stream | None = None
        self._document = b""

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            _answers.decode(document)
        except UNREADABLE as exc:
            raise UpstreamError(f"the provider answered 200 with no chat completion: {exc}") from exc
        self._document = _with_id(document, self._id)
        return self._document

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        self._stream = _Stream(self._id, ChatStream(wants_usage=True, cost=cost), wants_usage=self._wants_usage)
        return self._stream

    def document(self) -> bytes:
        """The answer, once it is whole. Raises BadRequest where it is too long to be kept."""
        if self._stream is None:
            return self._document
        if self._stream.gathered.size > MOST:
            raise BadRequest(
                f"store: the answer is over {MOST:,} bytes and was not kept; ask without `store`", param="store"
            )
        return self._stream.gathered.document(self._id, self._created)


class _Stream:
    """See surface.Stream: what goes on to the client is gathered, each chunk by our id."""

    def __init__(self, id_: str, chat: ChatStream, *, wants_usage: bool) -> None:
        self._id = id_
        self._chat = chat
        self._wants_usage = wants_usage
        self._unread: str | None = None
        self.gathered = Gathered()

    @property
    def usage(self) -> Usage | None:
        """See Stream.usage."""
        return self._chat.usage

    @property
    def done(self) -> bool:
        """See Stream.done."""
        return self._chat.done

    @property
    def fault(self) -> str | None:
        """See Stream.fault."""
        return self._unread or self._chat.fault

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        return self._pass_on(self._chat.feed(data))

    def end(self) -> bytes:
        """See Stream.end."""
        return self._pass_on(self._chat.end())

    def last(self) -> bytes:
        """See Stream.last."""
        return self._chat.last()

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        return self._unread is None and self._chat.whole

    @property
    def said_bytes(self) -> int:
        """See Stream.said_bytes."""
        return self._chat.said_bytes

    def _pass_on(self, events: bytes) -> bytes:
        return b"".join([self._event(event) for event in sse.events(events)]) if events else b""

    def _event(self, event: bytes) -> bytes:
        document = sse.document(event)
        if document is None:
            return event
        if self._unread is not None:
            return b""
        if self.gathered.size <= MOST and not self.gathered.add(document):
            self._unread = "the provider sent a chunk that cannot be read, nor kept"
            return b""
        if not self._wants_usage and _is_usage(document):
            return b""
        named = _with_id(document, self._id)
        return event.replace(document, named, 1) if document in event else b"data: " + named.replace(b"\n", b" ") + _END


_END: Final = b"\n\n"


def _check(messages: Iterable[msgspec.Raw]) -> None:
    for at, message in enumerate(messages):
        if bytes(message)[:1] != b"{":
            raise BadRequest(f"messages[{at}]: Expected `object`", param=f"messages[{at}]")


def _is_usage(document: bytes) -> bool:
    """Whether a chunk is there only because it was asked for, whoever did."""
    return document.find(b'"usage"') >= 0 and reported.usage_in(document) is not None and reported.only_usage(document)


def _with_id(document: bytes, id_: str) -> bytes:
    """An answer, or a chunk of one, by our id; it is a JSON object."""
    value = msgspec.json.encode(id_)
    known = splice.places(document, "id")
    if known:
        return splice.replaced(document, known, value)
    start = document.index(b"{") + 1
    comma = b"" if document[start:].lstrip()[:1] == b"}" else b","
    return document[:start] + b'"id":' + value + comma + document[start:]
