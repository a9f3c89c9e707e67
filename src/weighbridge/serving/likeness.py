"""Documents in the order of their likeness to a query: the cosine of the angle between their embeddings.

It is no cross-encoder, which reads query and document together and knows better; it needs no other model than the one
that makes embeddings, and it is told so in the answer.
"""

import asyncio
import math
import struct
from base64 import b64decode
from collections.abc import Sequence
from operator import mul
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import BadRequest, ContextOverflow, UpstreamError
from weighbridge.providers.base import Answer, Provider, Whole
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.tasks.embeddings import EMBEDDINGS
from weighbridge.wire.tasks.rerank import RerankCall, ranking, texts

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


_embedded: Final = msgspec.json.Decoder(_Embedded)


async def ranked(engine: Provider, endpoint: Endpoint, call: RerankCall) -> Answer:
    """The ranking, as Cohere and Jina write it. Raises BadRequest for what is no text, and what `engine` raises."""
    query, documents = texts(call)
    if len(documents) > MOST_DOCUMENTS:
        raise BadRequest(f"documents: {MOST_DOCUMENTS:,} at most, not {len(documents):,}", param="documents")
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
    made = await asyncio.to_thread(_rank, b"".join(parts), len(documents), call, endpoint.model)
    return Answer(b"application/json", Whole(made), answer.counted_by, answer.tell, answer.request_id)


def _rank(embedded: bytes, documents: int, call: RerankCall, model: str) -> bytes:
    try:
        read = _embedded.decode(embedded)
        vectors = {vector.index: _numbers(vector.embedding) for vector in read.data}
        query = vectors[0]
        scores = [(at, _cosine(query, vectors[at + 1])) for at in range(documents)]
    except (*UNREADABLE, ValueError, KeyError, struct.error) as exc:
        raise UpstreamError(f"the engine answered 200 with something that is no list of embeddings: {exc}") from exc
    return ranking(call, scores, model=model, tokens=read.usage.prompt_tokens, method=METHOD)


def _numbers(encoded: str) -> tuple[float, ...]:
    data = b64decode(encoded, validate=True)
    return struct.unpack(f"<{len(data) // 4}f", data)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return 0.0 if lengths == 0 else sum(map(mul, one, other)) / lengths
