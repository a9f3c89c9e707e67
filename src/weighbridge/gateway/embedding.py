"""The embedding of one text, by a model that runs on this machine: what it takes costs nothing and leaves no entry."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import UpstreamError, UpstreamTimeout
from weighbridge.providers.base import Body, Provider
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.tasks.embeddings import EMBEDDINGS

_PATIENCE: Final = 2.0
"""Seconds; a text takes some milliseconds, and a request waits for it."""


class _Vector(msgspec.Struct):
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Vector]


_answers: Final = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class Embedding:
    """One model."""

    provider: Provider
    endpoint: Endpoint

    async def __call__(self, text: str) -> Sequence[float]:
        """Its numbers. Raises WeighbridgeError: the text is too long, the model is not there or too slow."""
        body = msgspec.json.encode({"model": self.endpoint.upstream_model, "input": text})
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self.provider.ask("embeddings", self.endpoint, EMBEDDINGS.read(body).call, body)
                document = await _read(answer.body)
        except TimeoutError as exc:
            raise UpstreamTimeout(f"no embedding within {_PATIENCE:g} seconds") from exc
        try:
            (vector,) = _answers.decode(document).data
        except (*UNREADABLE, ValueError) as exc:
            raise UpstreamError(f"the model answered with no embedding: {exc}") from exc
        return vector.embedding


async def _read(body: Body) -> bytes:
    parts: list[bytes] = []
    try:
        while data := await body.read():
            parts.append(data)
    finally:
        body.close()
    return b"".join(parts)
