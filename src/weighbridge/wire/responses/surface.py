"""OpenAI's Responses as a surface, over any provider of chat completions."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from weighbridge.errors import BadRequest, UpstreamError, WeighbridgeError
from weighbridge.wire import calls
from weighbridge.wire.chat.read import Unreadable, read_answer
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.defaults import Dialect
from weighbridge.wire.inner import Event
from weighbridge.wire.responses.items import listed
from weighbridge.wire.responses.passed import Request as Passed
from weighbridge.wire.responses.passed import read_request as passed_request
from weighbridge.wire.responses.passing import Passing, said_in, usage_in
from weighbridge.wire.responses.read import Earlier, read_request
from weighbridge.wire.responses.write import Making, ResponseWriter
from weighbridge.wire.surface import Asked, Cost, Native, Stream
from weighbridge.wire.translated import Translated, events_of
from weighbridge.wire.usage import Usage


class _WithoutEvents:
    """Writes the response alone, when it has come to its end."""

    def __init__(self, writer: ResponseWriter) -> None:
        self._writer = writer

    def write(self, event: Event) -> bytes:
        """See EventWriter.write."""
        self._writer.write(event)
        return b""

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """See EventWriter.last."""
        self._writer.last(usage, cost)
        return self._writer.document


class _Form:
    """See surface.Form."""

    def __init__(self, writer: ResponseWriter, *, streamed: bool) -> None:
        self._writer = writer
        self._streamed = streamed

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            answer = read_answer(document)
        except Unreadable as exc:
            raise UpstreamError(f"the provider answered 200 with no chat completion: {exc}") from exc
        events = b"".join([self._writer.write(event) for event in events_of(answer)])
        events += self._writer.last(answer.usage, cost)
        return events if self._streamed else self._writer.document

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        return Translated(self._writer if self._streamed else _WithoutEvents(self._writer), cost)


class ResponsesSurface:
    """See Surface: one for each request. `id` is the response's, `keep` is called with it once it is whole."""

    dialect: Dialect | None = "responses"

    def __init__(
        self,
        id_: str,
        clock: Callable[[], int],
        earlier: Earlier,
        *,
        may_store: bool,
        keep: Callable[["Made"], Awaitable[None]] | None = None,
        natively: bool = False,
    ) -> None:
        """`natively`: some provider speaks Responses itself."""
        self.id = id_
        self._clock = clock
        self._earlier = earlier
        self._may_store = may_store
        self._keep = keep
        self._natively = natively
        self._writer: ResponseWriter | None = None
        self._passing: Passing | None = None
        self._asked: Asked | None = None
        self._input: Sequence[msgspec.Raw] = ()
        self._previous: str | None = None

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        passed = passed_request(body, self._earlier) if self._natively else None
        try:
            asked = self._translated(body)
        except BadRequest as exc:
            if passed is None:
                raise
            asked = Asked(passed.call, passed.body, Passing(self.id, passed, stored=False), "responses", untold=exc)
        if passed is not None:
            self._pass(passed, asked)
        self._asked = asked
        return asked

    def _pass(self, passed: Passed, asked: Asked) -> None:
        """Let it go to a provider of Responses as it is."""
        stored = passed.stored and self._may_store
        self._input, self._previous = passed.input, passed.previous
        passing = self._passing = Passing(self.id, passed, stored=stored)
        asked.native = Native("responses", passed.call, passed.body, passing, usage_in, said_in, exact=True)
        if stored:
            asked.keep = self._keep_made

    def _translated(self, body: bytes) -> Asked:
        asking = read_request(body, self._earlier, may_store=self._may_store)
        chat = write_call(asking.call)
        making = Making(
            id=self.id,
            created=self._clock(),
            echo=msgspec.json.format(msgspec.json.encode(asking.echo), indent=-1),  # an event is one line
            named=asking.named,
            sealed=asking.sealed,
            clock=self._clock,
        )
        writer = self._writer = ResponseWriter(making)
        form = _Form(writer, streamed=asking.call.stream)
        self._input, self._previous = asking.input, asking.echo.previous_response_id
        keep = self._keep_made if asking.echo.store else None
        return Asked(calls.read_chat(chat), chat, form, exact=True, inner=asking.call, keep=keep)

    def error(self, error: WeighbridgeError) -> bytes:
        """See Surface.error."""
        return CHAT.error(error)

    def error_event(self, error: WeighbridgeError) -> bytes:
        """See Surface.error_event."""
        made = self._made
        return CHAT.error_event(error) if made is None else made.failed(error)

    @property
    def document(self) -> bytes:
        """The response, once it has ended."""
        return b"" if self._made is None else self._made.document

    def cancelled(self) -> bytes:
        """The last events of a stream that its client has called off."""
        return b"" if self._made is None else self._made.cancelled()

    @property
    def _made(self) -> ResponseWriter | Passing | None:
        """Whoever makes the response: we, or the provider."""
        return self._writer if self._asked is None or self._asked.passed is None else self._passing

    @property
    def made(self) -> "Made":
        """The response with what went in, once it has ended."""
        user = None if self._asked is None else self._asked.call.end_user
        return Made(self.id, self._previous, listed(self._input, self.id), self.document, user)

    async def _keep_made(self) -> None:
        if self._keep is not None:
            await self._keep(self.made)


class Made(msgspec.Struct):
    """A response that is whole, with what went in."""

    id: str
    previous: str | None
    input: list[msgspec.Raw]
    document: bytes
    user: str | None = None
    """Whom the client named as its own user."""


RESPONSES: Final = ResponsesSurface("", lambda: 0, Earlier(), may_store=False)
"""Words the errors of requests that never became one."""
