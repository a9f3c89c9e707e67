"""A request as routing sees it: which models, how long, and what is asked of those who serve them."""

from collections.abc import Hashable
from datetime import datetime
from typing import Protocol

import msgspec

from weighbridge.catalog.model import Endpoint, Model
from weighbridge.errors import WeighbridgeError
from weighbridge.wire.preferences import Preferences


class Law(Protocol):
    """What the policy in force says to one request: who asks is settled, which endpoint is not."""

    @property
    def identity(self) -> Hashable:
        """Equal for requests to which the same law says the same."""
        ...

    def refusal(self, model: Model) -> WeighbridgeError:
        """What to tell whoever asked for a model of which no endpoint may answer."""
        ...

    def forbids(self, model: Model, endpoint: Endpoint) -> str | None:
        """Which rule keeps the endpoint from answering, and what it would need; None: it may."""
        ...


class Asking(msgspec.Struct, frozen=True, gc=False):
    """What decides a plan, besides the health of the endpoints."""

    models: tuple[Model, ...]
    """The one asked for and its fallbacks, in the order in which they are asked."""
    when: datetime
    """Aware: price rows have dates and hours."""
    preferences: Preferences | None = None
    prompt_bytes: int = 0
    """Bytes of what the model is to read, as JSON."""
    most_tokens: int | None = None
    """The longest answer the client would take."""
    parameters: frozenset[str] = frozenset()
    """The fields of the request; read only where the preferences require them to be known."""
    law: Law | None = None
