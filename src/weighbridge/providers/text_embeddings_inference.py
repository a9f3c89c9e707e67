"""Hugging Face's Text Embeddings Inference: OpenAI's embeddings, and a reranker with a format of its own.

https://huggingface.github.io/text-embeddings-inference/: it reads `texts` where others read `documents`, and answers
with a bare list of `index` and `score`. The tokens are in a header.
"""

from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.errors import UpstreamError
from weighbridge.providers.base import Answer, Whole
from weighbridge.providers.openai_compatible import OpenAICompatible, text_of
from weighbridge.transport.client import Exchange
from weighbridge.wire.calls import Call, Task
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.tasks.rerank import RerankCall, ranking, texts

_MOST_OF_A_RANKING: Final = 16 * 1024 * 1024
_TOKENS: Final = b"x-compute-tokens"


class _Asked(msgspec.Struct):
    query: str
    texts: list[str]


class _Ranked(msgspec.Struct):
    index: int
    score: float


_lists: Final = msgspec.json.Decoder(list[_Ranked])


class TextEmbeddingsInference(OpenAICompatible):
    """One such server."""

    def sent(self, task: Task, endpoint: Endpoint, call: Call, body: bytes) -> bytes:
        """See OpenAICompatible.sent."""
        if not isinstance(call, RerankCall):
            return super().sent(task, endpoint, call, body)
        query, documents = texts(call)
        return msgspec.json.encode(_Asked(query, documents))

    async def ask(self, task: Task, endpoint: Endpoint, call: Call, body: bytes, headers: bytes = b"") -> Answer:
        """See Provider.ask."""
        answer = await super().ask(task, endpoint, call, body, headers)
        if not isinstance(call, RerankCall):
            return answer
        told = answer.body.headers if isinstance(answer.body, Exchange) else {}
        listed = await text_of(answer.body, _MOST_OF_A_RANKING)
        try:
            scores = [(each.index, each.score) for each in _lists.decode(listed)]
            made = ranking(call, scores, model=endpoint.upstream_model, tokens=_count(told))
        except (*UNREADABLE, IndexError) as exc:
            raise UpstreamError(f"the provider answered 200 with something that is no ranking: {exc}") from exc
        return msgspec.structs.replace(answer, content_type=b"application/json", body=Whole(made))


def _count(headers: dict[bytes, bytes]) -> int | None:
    tokens = headers.get(_TOKENS, b"")
    return int(tokens) if tokens.isdigit() else None
