"""OpenAI's embeddings as a surface: texts in, a vector for each out, as numbers or as base64.

The request and the answer pass through untouched, but for one thing: base64 that was asked for is made here where the
provider gave numbers. OpenAI's own clients ask for it unless told otherwise, and many servers do not know it.
"""

import re
import struct
from base64 import b64encode
from typing import Final

import msgspec

from weighbridge.errors import UpstreamError
from weighbridge.wire import calls
from weighbridge.wire.chat.surface import ChatSurface
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.surface import Asked, Cost, Stream
from weighbridge.wire.tasks.texts import count, size


class EmbeddingsCall(calls.Call, gc=False, kw_only=True):
    """A request for embeddings; `input` is a text, a list of token ids, or a list of either."""

    operation = "embeddings"
    input: msgspec.Raw
    encoding_format: str | None = None
    dimensions: calls.Limit | None = None
    """How long the vectors are to be, where the model can make them shorter."""

    @property
    def prompt_bytes(self) -> int:
        """See Call."""
        return size(self.input)

    @property
    def most_tokens(self) -> int | None:
        """Nothing is written."""
        return 0


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw


class _Answer(msgspec.Struct):
    data: list[_Vector]


_NUMBERS_IN: Final = re.compile(rb'"embedding"\s*:\s*\[')
_NEAR: Final = 4096
"""Bytes within which an answer's first vector is."""
_calls: Final = msgspec.json.Decoder(EmbeddingsCall)
_answers: Final = msgspec.json.Decoder(_Answer)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_vectors: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_numbers: Final = msgspec.json.Decoder(list[float])


class _Form(msgspec.Struct, frozen=True):
    """The answer in the provider's own bytes; with `base64`, each vector that is numbers becomes it."""

    base64: bool

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            if self.base64 and _NUMBERS_IN.search(document):
                return _with_base64(document)
            if document.find(b'"embedding"', 0, _NEAR) < 0:  # a look at all of a long answer takes milliseconds
                _answers.decode(document)
        except (*UNREADABLE, KeyError, struct.error, OverflowError) as exc:
            raise UpstreamError(
                f"the provider answered 200 with something that is no list of embeddings: {exc}"
            ) from exc
        return document

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        raise UpstreamError("the provider answered with a stream of events where embeddings come whole")


_NUMBERS: Final = _Form(base64=False)
_BASE64: Final = _Form(base64=True)


class EmbeddingsSurface(ChatSurface):
    """See Surface."""

    dialect = None

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        call = calls.read(body, _calls)
        count(call.input)
        return Asked(call, body, _BASE64 if call.encoding_format == "base64" else _NUMBERS, task="embeddings")


EMBEDDINGS: Final = EmbeddingsSurface()


def _with_base64(document: bytes) -> bytes:
    fields = _fields.decode(document)
    vectors = _vectors.decode(fields["data"])
    for vector in vectors:
        vector["embedding"] = _base64(vector["embedding"])
    return msgspec.json.encode({**fields, "data": vectors})


def _base64(embedding: msgspec.Raw) -> msgspec.Raw:
    """Floats of 32 bits, the least significant byte first, as OpenAI has them; what is no list of numbers stays."""
    try:
        numbers = _numbers.decode(embedding)
    except msgspec.ValidationError:
        return embedding
    return msgspec.Raw(b'"' + b64encode(struct.pack(f"<{len(numbers)}f", *numbers)) + b'"')
