"""Anthropic's Messages as a surface: a request becomes a chat completion, and its answer a message.

Nobody counts a prompt before it is read, so a stream's first event has an estimate of it that says so; the counted
tokens stand in the last, as `message_delta` may replace them all.
"""

from typing import Final

import msgspec

from weighbridge.errors import BadRequest, UpstreamError, WeighbridgeError
from weighbridge.wire import calls, reported
from weighbridge.wire.calls import ChatCall
from weighbridge.wire.chat.read import Unreadable, read_answer
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.defaults import Dialect
from weighbridge.wire.inner import Answer
from weighbridge.wire.messages.passed import native
from weighbridge.wire.messages.read import read_call, read_count
from weighbridge.wire.messages.write import Counted, MessageWriter, Style, write_answer
from weighbridge.wire.surface import Asked, Cost, Stream
from weighbridge.wire.translated import Gatherer, Translated, events_of
from weighbridge.wire.usage import Usage, estimated_tokens


class Details(msgspec.Struct, omit_defaults=True):
    """The gateway's own code of an error, and the field at fault."""

    error_code: str
    param: str | None = None


class Fault(msgspec.Struct):
    """What went wrong; `type` is one of Anthropic's."""

    type: str
    message: str
    details: Details


class Failure(msgspec.Struct, tag="error"):
    """The document of an error, in Anthropic's shape. `request_id` is the receipt."""

    error: Fault
    request_id: str | None


_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Anthropic's types of errors; others below 500 are the caller's, those above ours."""
_SERVERS: Final = 500


class MessagesSurface:
    """See Surface."""

    dialect: Dialect | None = "messages"

    def __init__(self, *, natively: bool = False, betas: bytes = b"") -> None:
        """`natively`: some provider speaks Messages itself; `betas` is for it, the client's `anthropic-beta`."""
        self._natively = natively
        self._betas = betas

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        if not self._natively:
            return self._translated(body)
        passed = native(body, self._betas)
        try:
            asked = self._translated(body)
        except BadRequest as exc:
            asked = Asked(passed.call, body, passed.form, passed.task, untold=exc)
        asked.native = passed
        return asked

    def _translated(self, body: bytes) -> Asked:
        wanted = read_call(body)
        body = write_call(wanted.call)
        chat = calls.read_chat(body)
        chat.models, chat.provider = wanted.models, wanted.provider
        style = Style(chat.model, wanted.call.stop, wanted.hide_thoughts)
        return Asked(chat, body, _MessageForm(style, chat), exact=True, inner=wanted.call)

    def error(self, error: WeighbridgeError) -> bytes:
        """See Surface.error."""
        kind = _TYPES.get(error.status, "api_error" if error.status >= _SERVERS else "invalid_request_error")
        said = Fault(kind, error.message, Details(error.code, error.param))
        return msgspec.json.encode(Failure(said, error.receipt))

    def error_event(self, error: WeighbridgeError) -> bytes:
        """See Surface.error_event."""
        return b"event: error\ndata: " + self.error(error) + b"\n\n"


def estimated_input(body: bytes) -> tuple[str, int]:
    """The model of a request to count tokens, and about how many there are. Raises BadRequest."""
    call = read_count(body)
    chat = calls.read_chat(write_call(call))
    tools = sum(len(tool.name + (tool.description or "")) + len(bytes(tool.schema or b"")) for tool in call.tools)
    return chat.model, estimated_tokens(chat.prompt_bytes + tools)


class _MessageForm(msgspec.Struct, frozen=True):
    """See Form."""

    style: Style
    call: ChatCall

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            answer = read_answer(document)
        except Unreadable as exc:
            raise UpstreamError(f"the provider answered 200 with no chat completion: {exc}") from exc
        counted = self.counted(answer.usage, reported.said(document)[0] if answer.usage is None else 0, cost)
        if not self.call.streamed:
            return write_answer(answer, counted, self.style)
        writer = MessageWriter(self.style, self.prompt())
        return b"".join([writer.write(event) for event in events_of(answer)]) + writer.ended(counted)

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        return _MessageStream(self, cost) if self.call.streamed else _Gathered(self, cost)

    def prompt(self) -> Usage:
        """An estimate of the tokens asked with."""
        return Usage(estimated_tokens(self.call.prompt_bytes), 0)

    def counted(self, usage: Usage | None, said_bytes: int, cost: str | None) -> Counted:
        """The tokens as they are in the ledger: the provider's count, else an estimate."""
        if usage is not None:
            return Counted(usage, cost=cost)
        most, about = self.call.most_tokens, estimated_tokens(said_bytes)
        return Counted(Usage(self.prompt().prompt, about if most is None else min(about, most)), estimated=True)


class _MessageStream(Translated):
    """A stream for a client that asked for one."""

    __slots__ = ("_ending", "_form")

    def __init__(self, form: _MessageForm, cost: Cost) -> None:
        self._form = form
        self._ending = MessageWriter(form.style, form.prompt())
        super().__init__(self._ending, cost)

    def last(self) -> bytes:
        """See Stream.last."""
        usage = self.usage
        cost = None if usage is None else self._cost(usage)
        return self._ending.ended(self._form.counted(usage, self.said_bytes, cost))


class _Gathered(Translated):
    """A stream for a client that did not ask for one."""

    def __init__(self, form: _MessageForm, cost: Cost) -> None:
        def write(answer: Answer, cost: str | None) -> bytes:
            return write_answer(answer, form.counted(answer.usage, self.said_bytes, cost), form.style)

        super().__init__(Gatherer(write), cost)


MESSAGES: Final = MessagesSurface()
