"""Anthropic's own API: messages pass as they are; chat completions are asked for, and read, as messages.

https://docs.anthropic.com/en/api/messages
"""

import time
from dataclasses import replace
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import BadRequest, UpstreamError
from weighbridge.providers.base import Answer, Rewritten
from weighbridge.providers.openai_compatible import Dialect, OpenAICompatible
from weighbridge.transport.client import Pool
from weighbridge.wire.calls import Call, Task
from weighbridge.wire.chat.read import Unreadable
from weighbridge.wire.chat.request import read_call
from weighbridge.wire.messages.call import write_call
from weighbridge.wire.messages.passed import CountedCall
from weighbridge.wire.messages.translating import ChatChunks, chat_document

_VERSION: Final = "2023-06-01"
_STREAM: Final = b"text/event-stream"
_MOST: Final = 64 * 1024 * 1024
"""Bytes of an answer that is not a stream."""
MOST_TOKENS: Final = 8192
"""The longest answer to a request that sets no limit, as Messages must have one: what each of their models takes."""


class Anthropic(OpenAICompatible):
    """One such server."""

    models_path = "/models?limit=1000"

    def __init__(self, pool: Pool, dialect: Dialect) -> None:
        super().__init__(pool, replace(dialect, natively=dialect.natively | {"count_tokens"}))

    def credentials(self, key: str | None) -> str:
        """See OpenAICompatible.credentials."""
        return f"anthropic-version: {_VERSION}\r\n" + ("" if key is None else f"x-api-key: {key}\r\n")

    async def ask(self, task: Task, endpoint: Endpoint, call: Call, body: bytes, headers: bytes = b"") -> Answer:
        """See Provider.ask. Raises BadRequest for what Messages cannot say."""
        if task in ("messages", "count_tokens"):
            return await super().ask(task, endpoint, call, body, headers)
        if task != "chat":
            raise BadRequest(f"{endpoint.model} answers chat and messages, and is no model for {task}", param="model")
        asked = write_call(read_call(body), endpoint.upstream_model, default_max_tokens=MOST_TOKENS)
        answer = await super().ask("messages", endpoint, call, asked, headers)
        now = int(time.time())
        if answer.content_type[: len(_STREAM)].lower() == _STREAM:
            return msgspec.structs.replace(answer, body=Rewritten(answer.body, ChatChunks(now)))
        return msgspec.structs.replace(answer, body=Rewritten(answer.body, _ChatDocument(now)))

    def sent(self, task: Task, endpoint: Endpoint, call: Call, body: bytes) -> bytes:
        """See OpenAICompatible.sent."""
        return super().sent(task, endpoint, call, body) if isinstance(call, CountedCall) else body


class _ChatDocument:
    """See Rewriter: a whole message as a chat completion, read by whoever charges for what breaks off."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._text = bytearray()

    def feed(self, data: bytes) -> bytes:
        """See Rewriter.feed."""
        self._text += data
        if len(self._text) > _MOST:
            raise UpstreamError(f"the provider's answer is over {_MOST:,} bytes")
        return b""

    def end(self) -> bytes:
        """See Rewriter.end. Raises UpstreamError where it is no message."""
        try:
            return chat_document(bytes(self._text), self._now)
        except Unreadable as exc:
            raise UpstreamError(f"the provider answered 200 with no message: {exc}") from exc
