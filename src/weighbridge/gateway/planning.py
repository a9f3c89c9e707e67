"""From a request to its plan: the models it names, the key's word on each, and what decides between their endpoints."""

import secrets
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from weighbridge.accounts.keys import Key, allow
from weighbridge.catalog.model import Catalog, Model
from weighbridge.errors import BadRequest, Forbidden, UnknownModel, WeighbridgeError
from weighbridge.gateway.wishes import NONE, Wishes
from weighbridge.routing.asking import Asking
from weighbridge.routing.explain import Trace
from weighbridge.routing.health import Snapshot
from weighbridge.routing.names import Named, Names
from weighbridge.routing.planner import Plan, Planner
from weighbridge.routing.policy.law import Laws
from weighbridge.routing.policy.rules import Who
from weighbridge.routing.seed import seed_of
from weighbridge.wire.parameters import parameters_in
from weighbridge.wire.preferences import Preferences, Sorted
from weighbridge.wire.surface import Asked

_NONE_READ: Final[frozenset[str]] = frozenset()


def _unnoted(model: str) -> None:
    pass


def _no_laws() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Planning:
    """What plans are made from, in one worker."""

    catalog: Callable[[], Catalog]
    providers: Container[str]
    planner: Planner
    health: Callable[[], Snapshot]
    """How the endpoints are just now."""
    names: Names = field(default_factory=Names)
    laws: Callable[[], Laws | None] = _no_laws
    """The policies in force just now; None: none."""

    def plain(self, asked: Asked, key: Key, now: datetime, note: Callable[[str], None]) -> Plan | None:
        """The plan of most requests, which say nothing but a model, of one endpoint; None: it is made by `plan`."""
        if asked.preferences is not None or asked.fallbacks or self.laws() is not None:
            return None
        model = self.names.plain(asked.call.model, self.catalog())
        if model is None or len(model.endpoints) != 1 or not key.admits(model.id):
            return None
        note(model.id)
        return self.planner.alone(model, now, self.health())

    def plan(
        self,
        asked: Asked,
        key: Key,
        now: datetime,
        *,
        by_client: bool = True,
        wishes: Wishes = NONE,
        note: Callable[[str], None] = _unnoted,
        trace: Trace | None = None,
    ) -> Plan:
        """Where the model may be asked, or one of its fallbacks, the best first.

        `by_client`: the preferences are the request's own. `note` is told the id of the first model that the names
        mean, `trace` what the plan is made from. Raises what is wrong with the first of the names, where none may be
        asked: UnknownModel, Forbidden, PolicyRefused or NoEndpoint; BadRequest where a name and the preferences
        contradict each other, or these themselves.
        """
        call, preferences = asked.call, asked.preferences
        named, told = self._named((asked.first or call.model, *asked.fallbacks), key, now, note)
        if not named.models:
            raise told or UnknownModel("no model was named", param="model")
        if named.sort is not None:
            preferences = named.of(preferences, by_client=by_client)
        asking = self.asking(named.models, asked, key, now, wishes=wishes, preferences=preferences)
        opening = wishes.session.encode() if wishes.session else call.opening
        seed = seed_of(opening) if opening else secrets.randbits(64)
        snapshot = self.health()  # once: what is told is what was gone by
        if trace is not None:
            trace.asking, trace.snapshot, trace.seed = asking, snapshot, seed
            trace.seed_from = "session" if wishes.session else "opening" if opening else "chance"
        try:
            plan = self.planner.plan(asking, snapshot, seed)
        except WeighbridgeError as exc:
            fault = exc if told is None or isinstance(exc, BadRequest) else told
            if trace is not None:
                trace.error = fault
            raise fault from None
        if trace is not None:
            trace.plan = plan
        return plan

    def asking(
        self,
        models: tuple[Model, ...],
        asked: Asked,
        key: Key,
        now: datetime,
        *,
        wishes: Wishes,
        preferences: Preferences | None,
    ) -> Asking:
        """The request as routing sees it, for these models."""
        call, laws = asked.call, self.laws()
        required = preferences is not None and preferences.require_parameters
        return Asking(
            models,
            now,
            preferences,
            call.prompt_bytes,
            call.most_tokens,
            parameters_in(asked.body) if required else _NONE_READ,
            None if laws is None else laws.law(_who(key, wishes), self.catalog()),
            self.catalog().hosts,
        )

    def check(self, name: str, key: Key, now: datetime) -> None:
        """Raise UnknownModel or Forbidden unless the key may ask for a model of this name."""
        named, told = self._named((name,), key, now, _unnoted)
        if not named.models:
            raise told or UnknownModel("no model was named", param="model")

    def _named(
        self, names: Sequence[str], key: Key, now: datetime, note: Callable[[str], None]
    ) -> tuple[Named, WeighbridgeError | None]:
        """What the names mean, of it what the key may ask for, and what was wrong with the first that it may not."""
        catalog = self.catalog()
        models: list[Model] = []
        sort: Sorted | None = None
        told: WeighbridgeError | None = None
        for name in names:
            try:
                found = self.names.named(name, catalog, self.providers, now)
            except UnknownModel as exc:
                told = told or exc
                continue
            if found.sort is not None and sort not in (None, found.sort):
                raise BadRequest(f"models: the suffixes sort by {sort} and by {found.sort}; take one", param="models")
            sort = sort or found.sort
            for model in found.models:
                if not models:
                    note(model.id)
                try:
                    allow(key, model.id)
                except Forbidden as exc:
                    told = told or exc
                else:
                    if not any(model is each for each in models):  # one under two names is asked once
                        models.append(model)
        return Named(tuple(models), sort), told


def _who(key: Key, wishes: Wishes) -> Who:
    labels = key.labels
    return Who(key.id, key.name, labels.organisation, labels.project, key.tags_with(wishes.tags), labels.tags)
