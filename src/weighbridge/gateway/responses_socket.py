"""GET /v1/responses as a WebSocket: `response.create` messages in, the events of a stream out, each a message.

Each is a request of its own, with its key looked at again, its receipt and its entry; one is answered at a time, in the
order in which they come. Responses of this connection are remembered until it ends, kept or not, so that the next may
go on from one with `store: false`; one from which a response failed to go on is forgotten.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from weighbridge.errors import BadRequest, UpgradeRequired, WeighbridgeError
from weighbridge.gateway import answers
from weighbridge.gateway.responses import Responses
from weighbridge.gateway.responses_kept import outputs_in
from weighbridge.transport.message import Headers, Reply, Request
from weighbridge.transport.websocket import OFFER, WebSocket, accept
from weighbridge.wire import sse
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.responses.read import Wanted, wanted
from weighbridge.wire.responses.surface import RESPONSES

log = logging.getLogger(__name__)


class _Message(msgspec.Struct):
    type: Literal["response.create"]
    stream: bool | None = None
    generate: bool | None = None
    stream_id: str | None = None


class _Ended(msgspec.Struct):
    status: str = ""


_messages: Final = msgspec.json.Decoder(_Message)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ended: Final = msgspec.json.Decoder(_Ended)
_OF_THE_MESSAGE: Final = ("type", "stream_id", "generate")
_LONGEST_NAME: Final = 256
_REMEMBERED: Final = 4 * 2**20
"""Bytes of conversations that one connection remembers; the last is remembered however long it is."""
_WHOLE: Final = ("completed", "incomplete")


@dataclass(frozen=True, slots=True)
class ResponsesSocket:
    """The handler."""

    responses: Responses

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Speak WebSocket until one of us ends it. Raises Unauthorized before that."""
        chat, bounds = self.responses.chat, self.responses.bounds
        chat.open(request, chat.now())
        try:
            socket = accept(request, reply, bounds)
        except UpgradeRequired as exc:
            answers.error(reply, exc, RESPONSES, headers=OFFER)
            return
        session = _Session(self.responses, request, socket, bounds.message_bytes)
        while (message := await socket.receive()) is not None:
            await socket.during(session.answer(message))
        socket.end()


class _Session:
    """One connection's responses."""

    def __init__(self, responses: Responses, request: Request, socket: WebSocket, most_bytes: int) -> None:
        self._responses = responses
        self._handshake = request
        self._socket = socket
        self._remembered = _Remembered(min(most_bytes, _REMEMBERED))

    async def answer(self, message: bytes) -> None:
        """One message's answer, whatever becomes of it."""
        reply = EventReply(self._socket)
        try:
            await self._respond(message, reply)
        except WeighbridgeError as exc:
            answers.error(reply, exc, RESPONSES)
        except Exception:
            log.exception("a message failed")
            answers.error(reply, WeighbridgeError("something of ours went wrong; the log has it"), RESPONSES)
        await reply.drain()  # who does not read gets no more answers

    async def _respond(self, message: bytes, reply: "EventReply") -> None:
        """Raises BadRequest where it is no `response.create`, and what is wrong with its key."""
        request = Request()
        request.method, request.target = "POST", self._handshake.target
        request.headers = self._handshake.headers
        request.body = _body(message, reply)
        responses = self._responses
        key = responses.chat.open(request, responses.chat.now())
        look = wanted(request.body)
        before = look.previous_response_id
        items = self._remembered.items(before)
        if items is None:
            earlier = await responses.kept.earlier(look, key)
        else:
            earlier = await responses.kept.earlier(Wanted(None, look.items), key)
            earlier.items = [*items]
        surface = responses.surface(key, earlier)
        try:
            await responses.stream(request, reply, surface, key)
        finally:
            if _is_whole(surface.document):
                made = surface.made
                self._remembered.add(made.id, [*earlier.items, *made.input, *outputs_in(made.document)])
            elif before is not None:
                self._remembered.forget(before)


class _Remembered:
    """Conversations by the ids of their last responses, the oldest forgotten where they are too many."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._conversations: dict[str, Sequence[msgspec.Raw]] = {}

    def items(self, id_: str | None) -> Sequence[msgspec.Raw] | None:
        """What went in and what came out, up to this response."""
        return None if id_ is None else self._conversations.get(id_)

    def add(self, id_: str, items: Sequence[msgspec.Raw]) -> None:
        """The last one is always remembered."""
        items = [item.copy() for item in items]  # else each holds the whole document that it was part of
        self._conversations[id_] = items
        self._bytes += _size(items)
        while self._bytes > self._most_bytes and len(self._conversations) > 1:
            self.forget(next(iter(self._conversations)))

    def forget(self, id_: str) -> None:
        """Nothing happens where it is not known."""
        self._bytes -= _size(self._conversations.pop(id_, ()))


class EventReply(Reply):
    """The answer to one message: each event of its stream is one, and so is an error that comes before any.

    The first, and an error, has the `receipt`, as there is no header for it.
    """

    def __init__(self, socket: WebSocket) -> None:
        super().__init__(socket, headless=False, last=False, chunked=False)
        self._socket = socket
        self._untold: dict[bytes, str] = {}
        self.stream_id: str | None = None
        """The client's own name for this stream, which its events repeat."""

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """See Reply.send."""
        self.start(status, headers)
        if status == 200:
            self.end(body)
            return
        self._say(b'{"type":"error","status":%d,%b' % (status, body.lstrip()[1:]))
        self.ended = True

    def start(self, status: int, headers: Headers) -> None:
        """See Reply.start."""
        self.started = True
        receipt = dict(headers).get(answers.RECEIPT)
        if receipt is not None:
            self._untold[b"receipt"] = receipt.decode()

    def write(self, data: bytes) -> None:
        """See Reply.write."""
        for document in sse.documents(data):
            if document.startswith(b"{"):  # `[DONE]` is not for here, and what else a provider may say is no event
                self._say(document if document.isascii() else document.decode(errors="replace").encode())

    def end(self, data: bytes = b"") -> None:
        """See Reply.end."""
        if not self.ended:
            self.write(data)
            self.ended = True

    def _say(self, document: bytes) -> None:
        more, self._untold = self._untold, {}
        if self.stream_id is not None:
            more[b"stream_id"] = self.stream_id
        if more:
            fields = b"".join([b',"%b":%b' % (name, msgspec.json.encode(value)) for name, value in more.items()])
            begun = document.rstrip()[:-1]
            document = begun + (fields if begun.rstrip() != b"{" else fields[1:]) + b"}"
        self._socket.write(document)


def _body(message: bytes, reply: EventReply) -> bytes:
    """The request for a response that the message is. Raises BadRequest."""
    try:
        read = _messages.decode(message)
        fields = _fields.decode(message)
    except UNREADABLE as exc:
        raise BadRequest(f"a message is a JSON object of the type `response.create`: {exc}", param="type") from exc
    if read.stream_id is not None and len(read.stream_id) > _LONGEST_NAME:
        raise BadRequest(f"stream_id: at most {_LONGEST_NAME} characters: every event repeats it", param="stream_id")
    reply.stream_id = read.stream_id
    if read.stream is False:
        raise BadRequest("stream: over a WebSocket every response is streamed; leave it out", param="stream")
    if read.generate is False:
        raise BadRequest("generate: a response is made here or not at all; leave it out", param="generate")
    for name in _OF_THE_MESSAGE:
        fields.pop(name, None)
    fields["stream"] = msgspec.Raw(b"true")
    return msgspec.json.encode(fields)


def _is_whole(document: bytes) -> bool:
    try:
        return _ended.decode(document).status in _WHOLE
    except UNREADABLE:
        return False


def _size(items: Sequence[msgspec.Raw]) -> int:
    return sum(len(bytes(item)) for item in items)
