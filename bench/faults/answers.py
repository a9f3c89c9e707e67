"""What the faulty provider says when it does answer: whole or as a stream, with a usage that is different each time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WORDS: Final = ("It", " is", " 21 °C", " in", " Zürich", ", and", " it", " costs", " 3 €", ".")
"""Letters of one, two and three bytes, and of some tokens each."""

DONE: Final = b"data: [DONE]\n\n"
STREAM_HEAD: Final = (
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: {id}\r\ntransfer-encoding: chunked\r\n\r\n"
)
TERMINAL_CHUNK: Final = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Told:
    """What one answer is told to hold. `id` is the provider's own for it, in its header `x-request-id`."""

    id: str
    model: str
    prompt: int
    cached: int
    completion: int

    @property
    def usage(self) -> dict[str, object]:
        """As OpenAI reports it."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }


def told(endpoint: str, model: str, number: int) -> Told:
    """The answer number so-and-so of an endpoint; the counts differ from those of its neighbours."""
    prompt = 100 + number * 7 % 89
    return Told(f"{endpoint}-{number}", model, prompt, number * 5 % 61, 10 + number * 11 % 47)


def whole(answer: Told) -> bytes:
    """A chat completion, as JSON."""
    message = {"role": "assistant", "content": "".join(WORDS)}
    return _json(
        {
            "id": answer.id,
            "object": "chat.completion",
            "model": answer.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": answer.usage,
        }
    )


def plain(body: bytes, *, status: str = "200 OK", headers: str = "", kind: str = "application/json") -> bytes:
    """Head and body of an answer that is no stream. `headers` are whole lines."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def events(answer: Told) -> list[bytes]:
    """The events of a stream, the usage and `[DONE]` among them."""
    said = [_chunk(answer, {"content": word}) for word in WORDS]
    usage = {"id": answer.id, "object": "chat.completion.chunk", "model": answer.model, "choices": []}
    return [*said, _chunk(answer, {}, "stop"), event({**usage, "usage": answer.usage}), DONE]


def event(document: object) -> bytes:
    """Any document as an event."""
    return b"data: %b\n\n" % _json(document)


def framed(events: Sequence[bytes]) -> bytes:
    """Each event in a chunk of its own."""
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in events)


def stream(answer: Told) -> bytes:
    """Every byte of a stream, from its head to the terminal chunk."""
    return STREAM_HEAD.format(id=answer.id).encode() + framed(events(answer)) + TERMINAL_CHUNK


def _chunk(answer: Told, delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": answer.id, "object": "chat.completion.chunk", "model": answer.model, "choices": [choice]})


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
