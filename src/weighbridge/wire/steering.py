"""OpenRouter's `provider` and `models` in requests of every dialect: they are for the gateway, and go no further."""

from typing import Final

import msgspec

from weighbridge.wire.calls import Call
from weighbridge.wire.surface import Asked, Surface

OWN: Final = frozenset({"models", "provider"})
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(surface: Surface, body: bytes) -> Asked:
    """The request through its surface, with what it says of providers and fallbacks. Raises BadRequest."""
    asked = surface.read(body)
    call = asked.call
    if call.provider is None and call.models is None:
        return asked
    asked = surface.read(without(body))
    asked.preferences = call.provider
    asked.fallbacks = tuple(name for name in dict.fromkeys(call.models or ()) if name != call.model)
    return asked


def is_steered(call: Call) -> bool:
    """Whether the request says something of providers or fallbacks."""
    return call.provider is not None or call.models is not None


def without(body: bytes) -> bytes:
    """The request, which has been read, without these fields; the values of all others as they came."""
    return msgspec.json.encode({name: value for name, value in _fields.decode(body).items() if name not in OWN})
