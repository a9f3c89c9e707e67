"""POST /v1/responses/compact as a surface: a conversation in, its user's messages and a summary out.

The request is a response's; what concerns an answer (tools, its format) has no effect. The model is asked for the
summary over chat, so that any model can compact.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from weighbridge.errors import BadRequest, UpstreamError, WeighbridgeError
from weighbridge.wire import calls
from weighbridge.wire.chat.read import Unreadable, read_answer
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.inner import Event, Finish, Finished, Said
from weighbridge.wire.responses.compaction import sealed, summarising
from weighbridge.wire.responses.items import is_users, listed
from weighbridge.wire.responses.objects import item_id, usage_object
from weighbridge.wire.responses.read import Earlier, read_request
from weighbridge.wire.surface import Asked, Cost, Stream
from weighbridge.wire.translated import Translated, events_of
from weighbridge.wire.usage import Usage

_CUT: Final[dict[Finish, str]] = {"length": "at the model's limit", "filter": "by the provider's filter"}


class CompactionItem(msgspec.Struct, tag="compaction"):
    """A summary of what was said and done; `encrypted_content` is to be sent back as it is."""

    id: str
    encrypted_content: str


class CompactedResponse(msgspec.Struct):
    """A conversation made short: its `output` is the `input` to go on with."""

    id: str
    created_at: int
    output: list[msgspec.Raw]
    """The user's messages, then one item of the type `compaction`."""
    usage: msgspec.Raw | None
    """What the summary took; null where nobody counted."""
    object: Literal["response.compaction"] = "response.compaction"


class _Summary:
    """See translated.EventWriter: nothing is written until the summary is whole."""

    def __init__(self, id_: str, created: int, kept: Sequence[msgspec.Raw]) -> None:
        self._id = id_
        self._created = created
        self._kept = kept
        self._pieces: list[str] = []
        self._finish: Finish = "stop"

    def write(self, event: Event) -> bytes:
        """See EventWriter.write."""
        match event:
            case Said(text):
                self._pieces.append(text)
            case Finished(finish):
                self._finish = finish
            case _:
                pass
        return b""

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        """See EventWriter.last."""
        item = CompactionItem(item_id("cmp", self._id, len(self._kept)), sealed(self._text))
        output = [*self._kept, msgspec.Raw(msgspec.json.encode(item))]
        made = CompactedResponse(self._id, self._created, output, usage_object(usage, cost))
        return msgspec.json.encode(made)

    @property
    def fault(self) -> str | None:
        """Why what the model said is no summary, if so."""
        if self._finish in _CUT:
            return f"the summary was cut off {_CUT[self._finish]}"
        return None if self._text else "the model gave no summary"

    @property
    def _text(self) -> str:
        return "".join(self._pieces).strip()


class _Gathered(Translated):
    """The summary from a provider that streams it."""

    def __init__(self, summary: _Summary, cost: Cost) -> None:
        super().__init__(summary, cost)
        self._summary = summary

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        if not super().whole:
            return False
        self.fault = self._summary.fault
        return self.fault is None


class _Form(msgspec.Struct):
    """See surface.Form."""

    summary: _Summary

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            answer = read_answer(document)
        except Unreadable as exc:
            raise UpstreamError(f"the provider answered 200 with no chat completion: {exc}") from exc
        for event in events_of(answer):
            self.summary.write(event)
        fault = self.summary.fault
        if fault is not None:
            raise UpstreamError(fault)
        return self.summary.last(answer.usage, cost)

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        return _Gathered(self.summary, cost)


class CompactSurface:
    """See Surface: one for each request."""

    dialect: None = None

    def __init__(self, id_: str, clock: Callable[[], int], earlier: Earlier) -> None:
        self._id = id_
        self._clock = clock
        self._earlier = earlier

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        asking = read_request(body, self._earlier, may_store=False)
        if asking.call.stream:
            raise BadRequest("stream: a compaction comes as a whole; leave it out", param="stream")
        call = summarising(asking.call)
        chat = write_call(call)
        kept = listed([item for item in (*asking.before, *asking.input) if is_users(item)], self._id)
        form = _Form(_Summary(self._id, self._clock(), kept))
        return Asked(calls.read_chat(chat), chat, form, exact=True, inner=call)

    def error(self, error: WeighbridgeError) -> bytes:
        """See Surface.error."""
        return CHAT.error(error)

    def error_event(self, error: WeighbridgeError) -> bytes:
        """See Surface.error_event."""
        return CHAT.error_event(error)
