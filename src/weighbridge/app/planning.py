"""Plans where no gateway runs: made from the settings and the catalogue, with nothing known of anybody's health."""

from collections.abc import Sequence
from datetime import datetime

from weighbridge.app.connections import connections
from weighbridge.app.naming import names
from weighbridge.app.offer import LOCAL, offered
from weighbridge.app.policies import policies_of
from weighbridge.catalog.load import OWN_MACHINE
from weighbridge.catalog.model import Endpoint
from weighbridge.catalog.shelf import with_endpoint
from weighbridge.config import Settings
from weighbridge.gateway.planning import Planning
from weighbridge.ledger.cost import cost
from weighbridge.providers.rows import read_rows
from weighbridge.routing.health import NOTHING_KNOWN
from weighbridge.routing.planner import Planner
from weighbridge.routing.policy.law import Laws


def planning(settings: Settings, local: Sequence[str], when: datetime) -> Planning:
    """What plans are made from; `local` are the ids of the models that would run here.

    Models that only a provider's own list has are not known. Raises PolicyError or ConfigError.
    """
    callable_now = tuple(each.id for each in connections(settings, read_rows()) if each.lack is None)
    catalog = offered(settings, callable_now, (), when)
    for model in local:
        catalog = with_endpoint(catalog, Endpoint(LOCAL, model, model, (OWN_MACHINE,)))
    policies = policies_of(settings)
    laws = None if policies is None else Laws(policies)
    return Planning(
        lambda: catalog,
        {*callable_now, *((LOCAL,) if local else ())},
        Planner(cost, settings.routing.sort),
        lambda: NOTHING_KNOWN,
        names=names(settings),
        laws=lambda: laws,
    )
