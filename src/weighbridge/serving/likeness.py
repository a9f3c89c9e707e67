"""Documents in the order of their likeness to a query: the cosine of the angle between their embeddings.

It is no cross-encoder, which reads query and document together and knows better; it needs no other model than the one
that makes embeddings, and it is told so in the answer.
"""

import asyncio
import math
import struct
from base64 import b64decode
from collections.abc import Callable, Sequence
from operator import mul
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import BadRequest, ContextOverflow, UpstreamError
from weighbridge.providers.base import Answer, Provider
from weighbridge.wire.embeddings import EMBEDDINGS
from weighbridge.wire.openai import UNREADABLE
from weighbridge.wire.rerank import RerankCall

MOST_DOCUMENTS: Final = 1000
"""Of one request, as Cohere has it: it bounds the time that it keeps the engine from others."""
METHOD: Final = "cosine similarity of embeddings"


class _Vector(msgspec.Struct):
    index: int
    embedding: str


class _Used(msgspec.Struct):
    prompt_tokens: int


class _Embedded(msgspec.Struct):
    data: list[_Vector]
    usage: _Used


class _Object(msgspec.Struct):
    text: str


class _Document(msgspec.Struct):
    text: str


class _Result(msgspec.Struct, omit_defaults=True):
    index: int
    relevance_score: float
    document: _Document | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _Ranking(msgspec.Struct):
    model: str
    results: list[_Result]
    usage: _Usage
    method: str = METHOD
    object: str = "list"


class _Whole:
    """See providers.base.Body: all of it is here."""

    complete = True

    def __init__(self, document: bytes) -> None:
        self._left = document

    async def read(self) -> bytes:
        """See Body.read."""
        return self.take()

    def take(self) -> bytes:
        """See Body.take."""
        document, self._left = self._left, b""
        return document

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """See Body.pour."""
        sink(self.take())
        return True

    def close(self) -> None:
        """See Body.close."""


_embedded: Final = msgspec.json.Decoder(_Embedded)
_queries: Final = msgspec.json.Decoder(str)
_documents: Final = msgspec.json.Decoder(list[str | _Object])


async def ranked(engine: Provider, endpoint: Endpoint, call: RerankCall) -> Answer:
    """The ranking, as Cohere and Jina write it. Raises BadRequest for what is no text, and what `engine` raises."""
    query, documents = _query(call), _texts(call)
    body = msgspec.json.encode(
        {"model": endpoint.upstream_model, "input": [query, *documents], "encoding_format": "base64"}
    )
    try:
        answer = await engine.ask("embeddings", endpoint, EMBEDDINGS.read(body).call, body)
    except ContextOverflow as exc:
        raise ContextOverflow(exc.message, param="documents") from exc
    try:
        parts = []
        while data := await answer.body.read():
            parts.append(data)
    finally:
        answer.body.close()
    ranking = await asyncio.to_thread(_rank, b"".join(parts), documents, call, endpoint.model)
    return Answer(b"application/json", _Whole(ranking), answer.counted_by, answer.tell, answer.request_id)


def _query(call: RerankCall) -> str:
    try:
        return _queries.decode(call.query)
    except UNREADABLE as exc:
        raise BadRequest("query: the local model reads text only", param="query") from exc


def _texts(call: RerankCall) -> list[str]:
    try:
        found = _documents.decode(call.documents)
    except UNREADABLE as exc:
        raise BadRequest("documents: the local model reads a list of texts only", param="documents") from exc
    if len(found) > MOST_DOCUMENTS:
        raise BadRequest(f"documents: {MOST_DOCUMENTS:,} at most, not {len(found):,}", param="documents")
    return [each if isinstance(each, str) else each.text for each in found]


def _rank(embedded: bytes, documents: Sequence[str], call: RerankCall, model: str) -> bytes:
    try:
        read = _embedded.decode(embedded)
        vectors = {vector.index: _numbers(vector.embedding) for vector in read.data}
        query = vectors[0]
        scores = [_cosine(query, vectors[at]) for at in range(1, len(documents) + 1)]
    except (*UNREADABLE, ValueError, KeyError, struct.error) as exc:
        raise UpstreamError(f"the engine answered 200 with something that is no list of embeddings: {exc}") from exc
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[: call.top_n]
    results = [_Result(at, scores[at], _Document(documents[at]) if call.return_documents else None) for at in order]
    used = read.usage.prompt_tokens
    return msgspec.json.encode(_Ranking(model, results, _Usage(used, used)))


def _numbers(encoded: str) -> tuple[float, ...]:
    data = b64decode(encoded, validate=True)
    return struct.unpack(f"<{len(data) // 4}f", data)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return 0.0 if lengths == 0 else sum(map(mul, one, other)) / lengths
