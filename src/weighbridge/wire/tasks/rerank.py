"""Reranking as a surface: a query and documents in, the documents' places by relevance out.

The format is Cohere's and Jina's (`model`, `query`, `documents`, `top_n`, `return_documents`), which SiliconFlow, vLLM
and others speak too; it passes through untouched. OpenAI has none, so errors are worded as its other ones.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from weighbridge.errors import BadRequest, UpstreamError
from weighbridge.wire import calls, reported
from weighbridge.wire.chat.surface import ChatSurface
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.surface import Asked, Cost, Stream
from weighbridge.wire.tasks.texts import count, size
from weighbridge.wire.usage import Usage


class RerankCall(calls.Call, gc=False, kw_only=True):
    """A request to put documents in order. A document is a text, or an object with the field `text`."""

    operation = "rerank"
    query: msgspec.Raw
    documents: msgspec.Raw
    top_n: calls.Limit | None = None
    """How many of them are to be named; None: all."""
    return_documents: bool | None = None

    @property
    def prompt_bytes(self) -> int:
        """See Call: the query is read again with each document."""
        return size(self.documents) + size(self.query) * count(self.documents, field="documents")

    @property
    def most_tokens(self) -> int | None:
        """Nothing is written."""
        return 0


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw]


class _Tokens(msgspec.Struct):
    input_tokens: int | float | None = None
    prompt_tokens: int | float | None = None
    total_tokens: int | float | None = None


class _Meta(msgspec.Struct):
    tokens: _Tokens | None = None
    billed_units: _Tokens | None = None


class _Counted(msgspec.Struct):
    usage: _Tokens | None = None
    """Jina's, vLLM's and llama.cpp's."""
    meta: _Meta | None = None
    """Cohere's and SiliconFlow's."""


class _Object(msgspec.Struct):
    text: str


class _Result(msgspec.Struct, omit_defaults=True):
    index: int
    relevance_score: float
    document: _Object | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _Ranking(msgspec.Struct, omit_defaults=True):
    model: str
    results: list[_Result]
    usage: _Usage | None = None
    method: str | None = None


_query: Final = msgspec.json.Decoder(str)
_documents: Final = msgspec.json.Decoder(list[str | _Object] | str)
_calls: Final = msgspec.json.Decoder(RerankCall)
_answers: Final = msgspec.json.Decoder(_Answer)
_counts: Final = msgspec.json.Decoder(_Counted)


class _AsItIs(msgspec.Struct, frozen=True):
    """The answer in the provider's own bytes."""

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            _answers.decode(document)
        except UNREADABLE as exc:
            raise UpstreamError(f"the provider answered 200 with something that is no ranking: {exc}") from exc
        return document

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        raise UpstreamError("the provider answered with a stream of events where a ranking comes whole")


_FORM: Final = _AsItIs()


class RerankSurface(ChatSurface):
    """See Surface."""

    dialect = None

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        call = calls.read(body, _calls)
        count(call.documents, field="documents")
        return Asked(call, body, _FORM, task="rerank")


RERANK: Final = RerankSurface()


def usage_in(document: bytes) -> Usage | None:
    """The tokens that were read where nothing is written, as the provider counts them; None where it counts none.

    Cohere bills searches, which are no tokens: they stay in its answer, and the tokens are estimated.
    """
    try:
        found = _counts.decode(document)
    except UNREADABLE:
        return None
    meta = found.meta or _Meta()
    for counted in (found.usage, meta.tokens, meta.billed_units):
        tokens = None if counted is None else counted.prompt_tokens or counted.input_tokens or counted.total_tokens
        if tokens is not None and 0 < tokens <= reported.MOST_TOKENS and float(tokens).is_integer():
            return Usage(int(tokens), 0)
    return None


def texts(call: RerankCall) -> tuple[str, list[str]]:
    """The query and the documents as texts. Raises BadRequest where one is something else."""
    try:
        query = _query.decode(call.query)
    except UNREADABLE as exc:
        raise BadRequest("query: this model reads text only", param="query") from exc
    try:
        found = _documents.decode(call.documents)
    except UNREADABLE as exc:
        raise BadRequest("documents: this model reads a list of texts only", param="documents") from exc
    listed = [found] if isinstance(found, str) else found
    return query, [each if isinstance(each, str) else each.text for each in listed]


def ranking(
    call: RerankCall,
    scores: Iterable[tuple[int, float]],
    *,
    model: str,
    tokens: int | None = None,
    method: str | None = None,
) -> bytes:
    """The answer, from each document's place in the request and its score; the first of equals comes first.

    Raises IndexError for a place that the request does not have.
    """
    documents = texts(call)[1]
    scores = list(scores)
    if any(not 0 <= at < len(documents) for at, _ in scores):
        raise IndexError("a document that was not sent")
    best = sorted(scores, key=lambda scored: (-scored[1], scored[0]))[: call.top_n]
    results = [_Result(at, score, _Object(documents[at]) if call.return_documents else None) for at, score in best]
    used = None if tokens is None else _Usage(tokens, tokens)
    return msgspec.json.encode(_Ranking(model, results, used, method))
