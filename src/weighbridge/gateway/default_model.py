"""The model of requests that name none, where the settings have one (`server.default_model`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire import splice
from weighbridge.wire.decoding import UNREADABLE

T = TypeVar("T")


class _Naming(msgspec.Struct):
    model: msgspec.Raw = msgspec.Raw()


_naming: Final = msgspec.json.Decoder(_Naming)


@dataclass(frozen=True, slots=True)
class DefaultModel:
    """Which one it is; None: requests must name theirs."""

    name: str | None = None

    def read(self, read: Callable[[bytes], T], body: bytes) -> T:
        """What `read` makes of the request, with this model in it if it has none. Raises what `read` does.

        A request that has one is read once, and is none the slower.
        """
        try:
            return read(body)
        except BadRequest as exc:
            return read(self.given(body, exc))

    def given(self, body: bytes, fault: BadRequest) -> bytes:
        """The request with this model in it, if that is what was missing; else raises the fault."""
        if fault.param != "model" or not _names_none(body):
            raise fault
        if self.name is None:
            said = f"{fault.message}; the owner of the gateway may set `server.default_model` for requests without one"
            raise BadRequest(said, param="model") from fault
        return splice.inserted(body, "model", msgspec.json.encode(self.name))


def _names_none(body: bytes) -> bool:
    try:
        return not bytes(_naming.decode(body).model)
    except UNREADABLE:
        return False
