"""From a request to its plan: the models it names, the key's word on each, and what decides between their endpoints."""

import secrets
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from weighbridge.accounts.keys import Key, allow
from weighbridge.catalog.model import Catalog, Model
from weighbridge.errors import UnknownModel, WeighbridgeError
from weighbridge.gateway.wishes import NONE, Wishes
from weighbridge.routing.asking import Asking
from weighbridge.routing.health import Snapshot
from weighbridge.routing.names import model_named
from weighbridge.routing.planner import Plan, Planner
from weighbridge.routing.seed import seed_of
from weighbridge.wire.calls import Call
from weighbridge.wire.preferences import Preferences


def _unnoted(model: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Planning:
    """What plans are made from, in one worker."""

    catalog: Callable[[], Catalog]
    providers: Container[str]
    planner: Planner
    health: Callable[[], Snapshot]
    """How the endpoints are just now."""

    def plan(
        self,
        call: Call,
        key: Key,
        now: datetime,
        *,
        fallbacks: Sequence[str] = (),
        preferences: Preferences | None = None,
        wishes: Wishes = NONE,
        note: Callable[[str], None] = _unnoted,
    ) -> Plan:
        """Where the model may be asked, or one of its fallbacks, the best first.

        `note` is told the id of the first model that the names mean. Raises what is wrong with the first of the
        names, where none may be asked: UnknownModel, Forbidden or NoEndpoint.
        """
        models, told = self._models((call.model, *fallbacks), key, note)
        if not models:
            raise told or UnknownModel("no model was named", param="model")
        if len(models) == 1 and len(models[0].endpoints) == 1:
            asking, seed = Asking(models, now, preferences), 0
        else:
            asking = Asking(models, now, preferences, call.prompt_bytes, call.most_tokens)
            opening = wishes.session.encode() if wishes.session else call.opening
            seed = seed_of(opening) if opening else secrets.randbits(64)
        try:
            return self.planner.plan(asking, self.health(), seed)
        except WeighbridgeError as exc:
            raise told or exc from None

    def _models(
        self, names: Sequence[str], key: Key, note: Callable[[str], None]
    ) -> tuple[tuple[Model, ...], WeighbridgeError | None]:
        """The models that the key may ask for, and what was wrong with the first that it may not."""
        catalog = self.catalog()
        models: list[Model] = []
        told: WeighbridgeError | None = None
        for name in names:
            try:
                model = model_named(name, catalog, self.providers)
                if not models:
                    note(model.id)
                allow(key, model.id)
            except WeighbridgeError as exc:
                told = told or exc
            else:
                models.append(model)
        return tuple(models), told
