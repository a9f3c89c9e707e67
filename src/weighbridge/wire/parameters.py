"""The parameters of a request, by the names under which OpenRouter lists what an endpoint takes.

https://openrouter.ai/docs/guides/overview/models: supported parameters
"""

from typing import Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.steering import OWN


class _Format(msgspec.Struct):
    type: str = "text"


_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_formats: Final = msgspec.json.Decoder(_Format)
_THE_REQUEST: Final = frozenset(
    {"model", "messages", "prompt", "input", "query", "documents", "texts", "suffix", "stream", "stream_options"}
)
_CHANGE_NO_ANSWER: Final = frozenset({"metadata", "prompt_cache_key", "safety_identifier", "store", "user"})
_NO_PARAMETERS: Final = _THE_REQUEST | _CHANGE_NO_ANSWER | OWN
_FORMATS: Final = {"text": None, "json_schema": "structured_outputs"}


def parameters_in(body: bytes) -> frozenset[str]:
    """What a request, which has been read, says of how it is to be answered: the names of fields that are not null.

    `response_format` with a schema is `structured_outputs`, and as text it is none.
    """
    fields = _fields.decode(body)
    found = {name for name, value in fields.items() if name not in _NO_PARAMETERS and bytes(value) != b"null"}
    if "response_format" in found:
        found.discard("response_format")
        named = _format(fields["response_format"])
        found.update({named} if named else ())
    return frozenset(found)


def _format(value: msgspec.Raw) -> str | None:
    try:
        return _FORMATS.get(_formats.decode(value).type, "response_format")
    except UNREADABLE:
        return "response_format"
