"""What can be asked for with the settings there are; no gateway need run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from weighbridge.app import local_models
from weighbridge.app.connections import connections
from weighbridge.app.naming import names
from weighbridge.app.offer import LOCAL, offered
from weighbridge.catalog.load import every_provider
from weighbridge.catalog.model import Endpoint
from weighbridge.config import Settings
from weighbridge.errors import UnknownModel
from weighbridge.providers.rows import read_rows


@dataclass(frozen=True, slots=True)
class Live:
    """What can be called: providers by id, and the models of our own engines."""

    providers: frozenset[str]
    local: frozenset[str]

    def serves(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint can be called."""
        return endpoint.provider in self.providers or (endpoint.provider == LOCAL and endpoint.model in self.local)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A name that is no model's own, and what it means now; `fault` says why it means nothing."""

    name: str
    kind: Literal["alias", "preset", "latest"]
    models: tuple[str, ...] = ()
    fault: str | None = None


def live(settings: Settings) -> Live:
    """By the keys and files there are."""
    callable_now = (each.id for each in connections(settings, read_rows()) if each.lack is None)
    return Live(frozenset(callable_now), frozenset(local_models.here(settings)))


def meanings(settings: Settings, when: datetime) -> Iterator[Meaning]:
    """The aliases and presets of the settings, then the families' latest. Raises ConfigError.

    Models that only a provider's own list has are not known here.
    """
    here = live(settings)
    catalog = offered(settings, tuple({*every_provider(), *here.providers}), (), when)
    models = {
        id_: replace(model, endpoints=tuple(filter(here.serves, model.endpoints)))
        for id_, model in catalog.models.items()
    }
    catalog = replace(catalog, models=models)
    known = names(settings)
    own = (("alias", sorted(settings.aliases)), ("preset", sorted(settings.presets)))
    for kind, called in own:
        for name in called:
            if kind == "preset" and not settings.presets[name].models:
                yield Meaning(name, "preset")
                continue
            try:
                meant = known.named(name, catalog, here.providers, when).models
            except UnknownModel as error:
                yield Meaning(name, "alias" if kind == "alias" else "preset", fault=error.message)
            else:
                ids = tuple(model.id for model in meant)
                yield Meaning(name, "alias" if kind == "alias" else "preset", ids)
    for name, id_ in sorted(known.latest(catalog).items()):
        yield Meaning(name, "latest", (id_,))
