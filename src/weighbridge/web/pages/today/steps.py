"""The first steps with a gateway that is new: ask it something, make a key, connect a client or a provider."""

from dataclasses import dataclass
from typing import Final

from weighbridge.accounts.keys import Key
from weighbridge.app import client_key, local_models
from weighbridge.app.connections import connections
from weighbridge.app.first_question import curl, snippet
from weighbridge.config import ConfigError, Settings
from weighbridge.db import Connection
from weighbridge.ledger.daily import anything
from weighbridge.ledger.within import Within
from weighbridge.providers.rows import read_rows
from weighbridge.web.seeing import keys_seen
from weighbridge.web.visit import Visit

_KEY: Final = "YOUR-KEY"
_PROVIDER: Final = "DEEPSEEK_API_KEY"


@dataclass(frozen=True, slots=True)
class Steps:
    """Which of them are done, and the lines to copy."""

    asked: bool
    has_key: bool
    """Beside this machine's own."""
    connected: bool
    """One of these keys has asked something."""
    model: str | None
    """To ask first: the local one; None: there is none."""
    curl: str
    python: str
    provider: str
    """How the gateway is started with a provider's key."""
    providers: int
    """How many can be asked."""

    @property
    def are_done(self) -> bool:
        """Whether all of them are."""
        return self.asked and self.has_key and self.connected


@dataclass(frozen=True, slots=True)
class Taken:
    """What the ledger and the keys say of them."""

    asked: bool
    has_key: bool
    connected: bool


def taken(connection: Connection, visit: Visit, within: Within) -> Taken:
    """By whoever the admin sees. Raises db.Error."""
    others = [key.id for key in keys_seen(connection, visit.admin).values() if _is_anothers(key)]
    return Taken(
        asked=anything(connection, within),
        has_key=bool(others),
        connected=bool(others) and anything(connection, Within(keys=frozenset(others))),
    )


def steps(visit: Visit, of: Taken) -> Steps:
    """With the lines for this gateway."""
    settings = visit.parts.settings
    model, base = _model(settings), f"{visit.parts.gateway.base_url}/v1"
    named = model or "MODEL"
    return Steps(
        asked=of.asked,
        has_key=of.has_key,
        connected=of.connected,
        model=model,
        curl=curl(base, _KEY, named),
        python="\n".join(snippet(base, _KEY, named)),
        provider=f"{_PROVIDER}=sk-… weighbridge up",
        providers=_providers(settings),
    )


def _is_anothers(key: Key) -> bool:
    return key.name != client_key.NAME and key.disabled is None


def _model(settings: Settings) -> str | None:
    here = local_models.here(settings)
    return next((each for each in local_models.that_write(settings) if each in here), None)


def _providers(settings: Settings) -> int:
    try:
        return sum(each.lack is None and each.row.key_env != () for each in connections(settings, read_rows()))
    except ConfigError:
        return 0  # doctor says what is wrong
