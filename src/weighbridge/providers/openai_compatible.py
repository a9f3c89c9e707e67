"""Any server that speaks OpenAI's API: every row of rows.toml, every server of the user's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import (
    BadRequest,
    ContextOverflow,
    UpstreamBusy,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamLacksModel,
    UpstreamTimeout,
    WeighbridgeError,
)
from weighbridge.providers.base import Answer, Body
from weighbridge.providers.limits import exhausted, retry_after
from weighbridge.transport.client import Exchange, Pool
from weighbridge.wire import calls, reported
from weighbridge.wire.calls import Task
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.usage import Source

_MOST_OF_AN_ERROR: Final = 64 * 1024
_MOST_OF_A_LIST: Final = 16 * 1024 * 1024
_OVERFLOW: Final = re.compile(
    rb"context_length_exceeded|exceed_context_size|maximum context length|context window|prompt is too long",
    re.IGNORECASE,
)
_PATHS: Final[Mapping[Task, str]] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
    "messages": "/messages",
    "count_tokens": "/messages/count_tokens",
    "responses": "/responses",
}
_READ: Final[Mapping[Task, str]] = {
    "chat": "messages",
    "completions": "prompt",
    "embeddings": "input",
    "rerank": "documents",
    "messages": "messages",
    "count_tokens": "messages",
    "responses": "input",
}
"""The field whose text may be too long for the model."""


class _Listed(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Listed]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server differs from the next."""

    base_path: str
    """The path before `/chat/completions` and its like, such as `/v1`."""
    key: str | None = None
    key_place: str = "its API key"
    """Where the key is set, for messages: the key itself is in none."""
    ask_usage: bool = True
    """Whether streams must be asked for their usage by `stream_options.include_usage`."""
    counted_by: Source = "provider"
    natively: frozenset[Task] = frozenset()
    """The formats besides chat that it is asked in by clients that speak them."""


class OpenAICompatible:
    """One server, by its pool of connections."""

    models_path = "/models"
    """Where its models are listed."""

    def __init__(self, pool: Pool, dialect: Dialect) -> None:
        self._pool = pool
        self._dialect = dialect
        self.natively = dialect.natively
        self._name = pool.origin.name
        self._head = head = _head(pool) + self.credentials(dialect.key)
        self._heads = {task: _post(dialect.base_path + path, head) for task, path in _PATHS.items()}
        self._models = (
            f"GET {dialect.base_path}{self.models_path} HTTP/1.1\r\n{head}accept: application/json\r\n\r\n".encode()
        )

    async def ask(self, task: Task, endpoint: Endpoint, call: calls.Call, body: bytes, headers: bytes = b"") -> Answer:
        """See Provider.ask."""
        body = self.sent(task, endpoint, call, body)
        head = (self._heads[task] if call.path is None else _post(call.path, self._head)) % len(body)
        if self.natively and call.headers:
            head = head[:-2] + call.headers + b"\r\n"
        if headers:
            head = head[:-2] + headers + b"\r\n"
        answer = await self._pool.exchange([head, body])
        if not 200 <= answer.status < 300:
            raise await self._refused(answer, task)
        told = answer.headers
        # OpenRouter's first: it names the generation as its own lists do
        request_id = told.get(b"x-generation-id") or told.get(b"x-request-id") or told.get(b"request-id")
        return Answer(
            told.get(b"content-type", b"application/json"),
            answer,
            self._dialect.counted_by,
            self._told,
            None if request_id is None else request_id[:200].decode("latin-1"),
            exhausted(told),
        )

    def credentials(self, key: str | None) -> str:
        """The headers that say who asks, each with its end of line."""
        return "" if key is None else f"authorization: Bearer {key}\r\n"

    def sent(self, task: Task, endpoint: Endpoint, call: calls.Call, body: bytes) -> bytes:
        """The request as this server takes it. Raises BadRequest where it cannot be said to it."""
        ask_usage = self._dialect.ask_usage and task not in self.natively
        return calls.for_upstream(body, call, endpoint.upstream_model, ask_usage=ask_usage)

    async def models(self) -> list[str]:
        """The ids that the server's own list of models has. Raises WeighbridgeError."""
        answer = await self._pool.exchange([self._models])
        if not 200 <= answer.status < 300:
            raise await self._refused(answer)
        text = await text_of(answer, _MOST_OF_A_LIST)
        try:
            return [model.id for model in msgspec.json.decode(text, type=_Listing).data]
        except UNREADABLE as exc:
            raise UpstreamError(f"{self._name}: {self._dialect.base_path}/models is no list of models: {exc}") from exc

    def close(self) -> None:
        """Close the connections that rest."""
        self._pool.close()

    async def _refused(self, answer: Exchange, task: Task = "chat") -> WeighbridgeError:
        try:
            text = await text_of(answer, _MOST_OF_AN_ERROR)
        except UpstreamError:
            text = b""  # the status alone says what it was
        return self.refusal(answer.status, answer.headers, text, task)

    def refusal(self, status: int, headers: dict[bytes, bytes], text: bytes, task: Task = "chat") -> WeighbridgeError:
        """What an answer outside 2xx means: its status first, its words last."""
        wait = retry_after(headers, text, datetime.now(UTC))
        if status in (401, 402, 403):
            why = "is out of credit (402)" if status == 402 else f"does not take our key ({status})"
            return UpstreamKeyRefused(f"{self._name} {why}: check {self._dialect.key_place}")
        said = f"{self._name} answered {status}: {self._words(text)}"
        if status in (404, 405):  # no such model, or no such path
            return UpstreamLacksModel(said, param="model")
        if status in (429, 529):
            return UpstreamBusy(said, retry_after=wait)
        if status in (408, 504):
            return UpstreamTimeout(said, retry_after=wait)
        if 400 <= status < 500:
            return ContextOverflow(said, param=_READ[task]) if _OVERFLOW.search(text) else BadRequest(said)
        return UpstreamError(said, retry_after=wait)

    def _words(self, text: bytes) -> str:
        return self._told(reported.fault_in(text) or text.decode(errors="replace").strip() or "nothing")

    def _told(self, words: str) -> str:
        key = self._dialect.key
        return (words if key is None else words.replace(key, "(our key)"))[:1000]


def _post(path: str, head: str) -> bytes:
    """The head of a request, but for the length of its body."""
    kind = "content-type: application/json\r\naccept: */*\r\ncontent-length: %d\r\n\r\n"
    return (f"POST {path.replace('%', '%%')} HTTP/1.1\r\n{head.replace('%', '%%')}{kind}").encode()


def _head(pool: Pool) -> str:
    origin = pool.origin
    usual = origin.port == (443 if origin.tls else 80)
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    host = name if usual else f"{name}:{origin.port}"
    return f"host: {host}\r\nuser-agent: weighbridge\r\naccept-encoding: identity\r\n"


async def text_of(answer: Body, most: int) -> bytes:
    """The body, as far as `most` bytes; the exchange is closed."""
    text = bytearray()
    try:
        while len(text) < most and (data := await answer.read()):
            text += data
    finally:
        answer.close()
    return bytes(text[:most])
