"""What the document is told of a route."""

from typing import Protocol

from weighbridge.wire.surface import Surface


class Listed(Protocol):
    """A route, as far as the document tells of it. See routes.Route."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def surface(self) -> Surface: ...
