"""One answer made of several upstreams' streams: when one breaks off, the next goes on with its text.

It stands between what is repaired and the form that writes the answer, for every dialect alike. The first upstream's
events pass untouched, and what they say is remembered, as far as a few mebibytes. Of those that follow, every chunk is
read: it takes the first one's names, the usage becomes the sum, and what is said twice at the seam is said once.
"""

from typing import Any, Final

import msgspec

from weighbridge.wire import reported, sse
from weighbridge.wire.decoding import UNREADABLE, readable
from weighbridge.wire.seam import Seam, Sewing
from weighbridge.wire.surface import Stream
from weighbridge.wire.usage import Usage, estimated_tokens, together

MOST_TEXT: Final = 4 * 1024 * 1024
"""Bytes of text that are remembered; a longer answer is not gone on with."""
_KEPT: Final = 64 * 1024
"""Bytes of events that wait to be read."""
_Json = dict[str, msgspec.Raw]


class _Delta(msgspec.Struct, gc=False):
    content: object = None
    reasoning_content: object = None
    reasoning: object = None
    reasoning_details: object = None
    tool_calls: object = None
    function_call: object = None
    refusal: object = None
    audio: object = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


class Beginning(msgspec.Struct, frozen=True, gc=False):
    """What was said of an answer that broke off."""

    text: str
    tokens: int
    """What the text took, as reported, or at least: never under the number of chunks, as each holds a token or more."""


_chunks: Final = msgspec.json.Decoder(_Chunk)
_fields: Final = msgspec.json.Decoder(_Json)
_lists: Final = msgspec.json.Decoder(list[_Json])
_encode: Final = msgspec.json.Encoder().encode
_SAME: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier", "provider")
"""Fields of a chunk that are the answer's, not the chunk's."""
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details")
_NULL: Final = msgspec.Raw(b"null")
_NO_TEXT: Final = (b"", b"null", b'""', b"[]")


class Joined:
    """See surface.Stream. What it says of usage and length is of the upstream that is speaking."""

    __slots__ = (
        "_before",
        "_chunk_count",
        "_finished",
        "_kept",
        "_kept_bytes",
        "_names",
        "_own",
        "_said_before",
        "_sewing",
        "_splitter",
        "_stream",
        "_text",
        "_why_not",
        "fault",
    )

    def __init__(self, stream: Stream) -> None:
        """`stream` writes the answer."""
        self._stream = stream
        self._splitter = sse.Splitter()
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._text = bytearray()
        self._chunk_count = 0
        self._names: _Json | None = None
        self._finished = False
        self._why_not: str | None = None
        self._own: Usage | None = None
        self._before: Usage | None = None
        """What all upstreams before this one took; None: this is the first."""
        self._said_before = 0
        self._sewing = Sewing(Seam(), "")
        self.fault: str | None = None
        """See Stream.fault."""

    @property
    def usage(self) -> Usage | None:
        """See Stream.usage."""
        return self._stream.usage if self._before is None else self._own

    @property
    def done(self) -> bool:
        """See Stream.done."""
        return self._stream.done

    @property
    def whole(self) -> bool:
        """See Stream.whole."""
        return self.fault is None and self._stream.whole

    @property
    def said_bytes(self) -> int:
        """See Stream.said_bytes."""
        return self._stream.said_bytes - self._said_before

    @property
    def broken(self) -> str | None:
        """What went wrong in the form that writes the answer: nothing will mend it."""
        return self._stream.fault

    @property
    def finished(self) -> bool:
        """Whether the answer was at its end, though its stream was not: nothing is left to go on with."""
        self._read()
        return self._finished

    def feed(self, data: bytes) -> bytes:
        """See Stream.feed."""
        whole = self._splitter.feed(data)
        if not whole or self.fault is not None or self._stream.done:
            return b""
        if self._before is None:
            return self._passed(whole) if whole.find(b'"error"') < 0 else self._watched(whole)
        return b"".join([self._sewn(event) for event in sse.events(whole)])

    def end(self) -> bytes:
        """See Stream.end."""
        rest = self._splitter.rest
        self._splitter = sse.Splitter()
        document = sse.document(rest)
        said = b""
        if document is not None and (document == b"[DONE]" or readable(document)):
            said = self.feed(rest.rstrip(b"\r\n") + b"\n\n")
        return said + self._stream.end()

    def last(self) -> bytes:
        """See Stream.last."""
        return self._stream.last()

    def beginning(self) -> Beginning | str:
        """What was said so far; or why that cannot be gone on with, in words."""
        self._read()
        if self._why_not is not None:
            return self._why_not
        counted = 0 if self._before is None else self._before.completion
        about = max(self._chunk_count, estimated_tokens(len(self._text)))
        own = self.usage
        return Beginning(self._text.decode(), about if own is None else counted + own.completion)

    def pause(self, before: Usage) -> None:
        """The upstream has broken off, and nobody speaks. `before` is what all of them so far are charged for."""
        self._read()
        self._said_before = self._stream.said_bytes
        self._before = before
        self._own = None
        self._splitter = sse.Splitter()
        self.fault = None

    def go_on(self, seam: Seam) -> None:
        """Another upstream speaks next."""
        self._sewing = Sewing(seam, self._text.decode())

    def _passed(self, events: bytes) -> bytes:
        self._kept.append(events)
        self._kept_bytes += len(events)
        if self._kept_bytes > _KEPT:
            self._read()
        return self._stream.feed(events)

    def _watched(self, events: bytes) -> bytes:
        """Some of these events may say that something went wrong: the form is not told, as another may go on."""
        said = []
        for event in sse.events(events):
            if (fault := _fault_in(event)) is not None:
                self.fault = fault
                break
            said.append(self._passed(event))
        return b"".join(said)

    def _read(self) -> None:
        """Read what waits."""
        kept = b"".join(self._kept)
        self._kept.clear()
        self._kept_bytes = 0
        for document in sse.documents(kept):
            if document == b"[DONE]":
                continue
            try:
                if self._names is None:
                    self._names = {name: value for name, value in _fields.decode(document).items() if name in _SAME}
                chunk = _chunks.decode(document)
            except UNREADABLE:
                self._cannot("a chunk could not be read")
                continue
            for choice in chunk.choices or ():
                self._note(choice)

    def _note(self, choice: _Choice) -> None:
        delta = choice.delta or _NOTHING
        if choice.index:
            self._cannot("there is more than one choice")
        if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
            self._cannot("it had been thinking")
        if delta.tool_calls or delta.function_call:
            self._cannot("it had begun to call a tool")
        if delta.refusal or delta.audio or isinstance(delta.content, list):
            self._cannot("it had said what is no text")
        if isinstance(delta.content, str) and delta.content:
            self._remember(delta.content)
        self._finished = self._finished or bool(choice.finish_reason)

    def _remember(self, text: str) -> None:
        self._chunk_count += 1
        if self._why_not is None:
            self._text += text.encode()
            if len(self._text) > MOST_TEXT:
                self._cannot(f"it was longer than {MOST_TEXT:,} bytes")

    def _cannot(self, why: str) -> None:
        self._why_not = self._why_not or why
        self._text.clear()

    def _sewn(self, event: bytes) -> bytes:
        """An event of an upstream that goes on."""
        if self.fault is not None or self._stream.done:
            return b""
        document = sse.document(event)
        if document is None:
            return self._stream.feed(event)
        if document == b"[DONE]":
            return self._rest() + self._stream.feed(event)
        if (fault := _fault_in(event)) is not None:
            self.fault = fault
            return b""
        try:
            chunk = _fields.decode(document)
            usage = reported.usage_in(document) if document.find(b'"usage"') >= 0 else None
            choices = _lists.decode(chunk["choices"]) if bytes(chunk.get("choices", _NULL)) != b"null" else []
            return self._chunk(chunk, choices, usage)
        except UNREADABLE:
            self.fault = "the provider sent a chunk that cannot be read"
            return b""

    def _chunk(self, chunk: _Json, choices: list[_Json], usage: Usage | None) -> bytes:
        new: dict[str, Any] = {**chunk, **(self._names or {})}
        kept = [one for choice in choices if (one := self._choice(choice)) is not None]
        if self.fault is not None:
            return b""
        if usage is not None:
            self._own = usage
            new.pop("x_groq", None)  # Groq's own place for it
            new["usage"] = _reported(usage if self._before is None else together((self._before, usage)))
        if self._names is None:
            self._names = {name: value for name, value in chunk.items() if name in _SAME}
        said = b""
        if kept or usage is not None or not choices:
            new["choices"] = kept
            said = self._stream.feed(_event(new | self._sewing.introduce() if kept else new))
        return said + self._stopped() if self._sewing.stopped else said

    def _choice(self, choice: _Json) -> dict[str, Any] | None:
        """What a choice comes to; None: nothing that is not known already."""
        if bytes(choice.get("index", _NULL)) not in (b"0", b"null"):
            self.fault = "the provider answered with more choices than one"
            return None
        delta = _fields.decode(choice["delta"]) if bytes(choice.get("delta", _NULL)) != b"null" else {}
        if any(bytes(delta.get(name, _NULL)) not in _NO_TEXT for name in _REASONING):
            self.fault = "the provider began to think anew"
            return None
        finish = bytes(choice.get("finish_reason", _NULL)) != b"null"
        self._finished = self._finished or finish
        said = delta.pop("content", _NULL)
        text = msgspec.json.decode(said, type=str) if bytes(said) not in _NO_TEXT else ""
        if self._names is not None:
            delta.pop("role", None)
        text = self._sewing.fit(text) + (self._sewing.rest() if finish else "")
        rest = {name: value for name, value in delta.items() if bytes(value) not in _NO_TEXT}
        if any(name in rest for name in ("tool_calls", "function_call", "refusal", "audio")):
            self._cannot("it had said what is no text")
        if text:
            self._remember(text)
        if not (text or rest or finish):
            return None
        given = {name: value for name, value in choice.items() if name != "usage"}  # Moonshot's own place for it
        return {"index": 0, **given, "delta": rest | ({"content": text} if text else {})}

    def _rest(self) -> bytes:
        """What was held back, when the stream ends without a reason."""
        text = self._sewing.rest()
        if not text:
            return b""
        self._remember(text)
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        return self._stream.feed(_event({**(self._names or {}), "choices": [choice]}))

    def _stopped(self) -> bytes:
        """The answer has come to a text at which it ends, half of which the upstream before had said."""
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self._finished = True
        last = self._stream.feed(_event({**(self._names or {}), "choices": [choice]}))
        return last + self._stream.feed(b"data: [DONE]\n\n")


_NOTHING: Final = _Delta()


def _fault_in(event: bytes) -> str | None:
    if event.find(b'"error"') < 0:
        return None
    document = sse.document(event)
    return None if document is None else reported.fault_in(document)


def _reported(usage: Usage) -> dict[str, Any]:
    """Usage in the chat format."""
    written: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    read = {"cached_tokens": usage.cached, "cache_write_tokens": usage.written}
    if told := {name: count for name, count in read.items() if count is not None}:
        written["prompt_tokens_details"] = told
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"
