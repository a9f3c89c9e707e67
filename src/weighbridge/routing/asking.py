"""A request as routing sees it: which models, how long, and what is asked of those who serve them."""

from datetime import datetime

import msgspec

from weighbridge.catalog.model import Model
from weighbridge.routing.policy.law import Law
from weighbridge.wire.preferences import Preferences


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
