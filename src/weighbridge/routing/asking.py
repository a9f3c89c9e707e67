"""A request as routing sees it: which models, how long, and what is asked of those who serve them."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from weighbridge.catalog.model import Host, Model
from weighbridge.routing.policy.law import Law
from weighbridge.wire.preferences import Preferences

_NO_HOSTS: Final[Mapping[str, Host]] = MappingProxyType({})


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
    hosts: Mapping[str, Host] = _NO_HOSTS
    """Who serves the endpoints, by the provider's id."""

    def host(self, provider: str) -> Host:
        """Who serves the endpoints of this provider; of a stranger nothing is known."""
        return self.hosts.get(provider) or Host(provider, provider)
