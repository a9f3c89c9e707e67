"""Requests that a cheaper model may answer: which they are, what is proven of them, and who is to answer.

Looked at are only requests that ask for `auto`, or for the reference of a rule in force; their route says whether a
rule holds. Whatever cannot be decided is answered by the reference.
"""

import asyncio
import functools
import logging
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog, Model
from weighbridge.errors import BadRequest, UnknownModel, WeighbridgeError
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.verifying import verified
from weighbridge.gateway.wishes import Wishes
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.explain import Switched
from weighbridge.routing.health import Snapshot
from weighbridge.routing.names import AUTO
from weighbridge.routing.quality.choose import Foreseen, Predicts, choose, foresee, settled
from weighbridge.routing.quality.fingerprint import ANY_KEY, APP, fingerprint
from weighbridge.routing.quality.look import Look, look, opening
from weighbridge.routing.quality.priors import Auto, guess
from weighbridge.routing.quality.rule import Arm, Choice, Rule
from weighbridge.switch.promise import knob_told
from weighbridge.transport.message import Request
from weighbridge.wire.calls import read_chat
from weighbridge.wire.defaults import with_effort, with_limit
from weighbridge.wire.surface import Asked, Varied
from weighbridge.wire.usage import Usage, estimated_tokens

log = logging.getLogger(__name__)

_MOST_NAMES: Final = 1000
_MOST_FORESEEN: Final = 4096
"""Conversations of which what is predicted is remembered."""


class InForce(msgspec.Struct, frozen=True):
    """A rule, and what it goes by."""

    rule: Rule
    predictor: Predicts | None
    """None: it cannot be read here, so the reference answers."""
    slow: bool = False
    """Whether a prediction takes so long that a thread makes it."""
    judge: str | None = None
    """The model that judges what no grader can tell; None: nobody."""
    checks: tuple[str, ...] = ()
    """What the judge is asked of each answer; none: it compares the two."""
    watch: float = 0.0
    """The loss that its shadows may have; more is an alarm."""
    delta: float = 0.05
    """How likely an alarm may be false."""


class Decision(msgspec.Struct, frozen=True):
    """Who is to answer a request that could be moved."""

    route: str
    choice: Choice
    held: InForce | None
    """None: nothing is proven of its route, and it asks for `auto`."""
    order: tuple[str, ...] = ()
    """The models to be asked before any that it names besides, the best first; none: as it says."""
    varied: Varied | None = None
    """What the first of them is asked, where its effort or its longest answer is another."""

    @property
    def certificate(self) -> str | None:
        """What it goes by."""
        return None if self.held is None else self.held.rule.certificate

    @property
    def tag(self) -> str | None:
        """What its entry is marked with; None: it was not moved."""
        certificate = self.certificate
        return None if self.choice.arm is None or certificate is None else tag_of(certificate)

    @property
    def told(self) -> bytes:
        """As the answer's head says it."""
        arm = "" if self.choice.arm is None else f"; arm={self.choice.arm.id}"
        return f"{self.certificate or 'none'}{arm}; why={self.choice.why}".encode("ascii", "replace")

    @property
    def explained(self) -> Switched:
        """As an explanation tells it."""
        choice, rule = self.choice, None if self.held is None else self.held.rule
        return Switched(
            route=self.route,
            why=choice.why,
            certificate=self.certificate,
            arm=None if choice.arm is None else choice.arm.id,
            reference=None if rule is None else rule.reference,
            tau=None if rule is None else knob_told(rule.tau),
            loss=choice.loss,
            novelty=choice.novelty,
            most_novel=None if rule is None or not math.isfinite(rule.novelty) else rule.novelty,
        )

    def apply(self, asked: Asked) -> None:
        """Have the request go there; the fallbacks that it names stay behind."""
        if self.order:
            asked.first, asked.fallbacks = self.order[0], (*self.order[1:], *asked.fallbacks)
        asked.varied = self.varied
        arm = None if self.held is None else self.choice.arm
        asked.verified = None if arm is None else verified(asked, arm.model)

    def again(self, asked: Asked) -> None:
        """The same, of the request with a shorter answer, whose plan is made."""
        arm = self.choice.arm
        asked.varied = None if arm is None or self.varied is None else varied(asked, arm)


class Switch:
    """Where the rules in force are found. `current` is None where there are none: then no request is looked at."""

    __slots__ = ("current",)

    def __init__(self, current: "Switching | None" = None) -> None:
        self.current = current

    def may_mean(self, name: str) -> bool:
        """Whether a name that means no model is one that a request may ask for all the same: `auto`."""
        return self.current is not None and name.lower() == AUTO


class Switching:
    """The rules in force, in one worker; another takes its place when they change."""

    def __init__(self, planning: Planning, rules: Iterable[InForce], auto: Auto | None = None) -> None:
        """`auto` is what that name means where nothing is proven; None: nothing."""
        self._planning = planning
        self._auto = auto
        self._rules: Mapping[str, InForce] = {each.rule.route: each for each in rules}
        self._references = frozenset(
            each.rule.reference for each in self._rules.values() if each.rule.state != "rolled_back"
        )
        self._meanings: dict[str, str | None] = {}
        self._known: tuple[Catalog, date] | None = None
        self._faulty: set[str] = set()
        self._foresights: dict[bytes, Foreseen] = {}

    def auto_means(self) -> tuple[Model, ...]:
        """The models that `auto` means where nothing is proven, of those that are served here; none: it is no model."""
        models = self._planning.catalog().models
        priors = () if self._auto is None else self._auto.priors
        found = (models.get(prior.model) for prior in priors)
        return tuple(model for model in found if model is not None and model.endpoints)

    async def decide(self, asked: Asked, key: Key, wishes: Wishes, request: Request, now: datetime) -> Decision | None:
        """Who is to answer; None: the request says it itself. It waits only where a rule's predictions are slow."""
        found = self._found(asked, key, wishes, request, now)
        if found is None:
            return None
        if found.slow and found.predictor is not None and found.key not in self._foresights:
            foreseen = await asyncio.to_thread(self._foreseen, found)
        else:
            foreseen = self._foreseen(found)
        return self._decided(found, foreseen, _Market(self._planning, asked, key, wishes, now))

    def decided(self, asked: Asked, key: Key, wishes: Wishes, request: Request, now: datetime) -> Decision | None:
        """The same, however long it takes."""
        found = self._found(asked, key, wishes, request, now)
        if found is None:
            return None
        return self._decided(found, self._foreseen(found), _Market(self._planning, asked, key, wishes, now))

    def _found(self, asked: Asked, key: Key, wishes: Wishes, request: Request, now: datetime) -> "_Found | None":
        """What holds for a request; None: nothing, so that it goes where it says."""
        meant = self._meaning(asked.call.model, now) if asked.task == "chat" else None
        if meant is None:
            return None
        try:
            seen = opening(look(asked.body))
        except BadRequest:  # whoever is asked will say what is wrong with it
            return None
        app = request.headers.get(APP, b"").decode("latin-1")
        route = fingerprint(key.id, seen.system, seen.tools, seen.format, app)
        held = self._rules.get(route)
        if held is None and self._rules:
            everyones = fingerprint(ANY_KEY, seen.system, seen.tools, seen.format, app)
            held = self._rules.get(everyones)
            route = route if held is None else everyones
        if held is None:
            return None if meant != AUTO or self._auto is None else _Found(meant, route, seen)
        if meant not in (AUTO, held.rule.reference):
            return None
        choice = Choice(None, "pinned") if wishes.switch is False else settled(held.rule, now)
        if choice is None and held.predictor is None:
            choice = Choice(None, "unknown")
        return _Found(meant, route, seen, held, choice)

    def _foreseen(self, found: "_Found") -> Foreseen | None:
        """What is predicted; None: nothing. Each turn of a conversation opens alike, and is predicted once."""
        if found.predictor is None:
            return None
        known = self._foresights.get(found.key)
        if known is not None:
            return known
        try:
            known = foresee(found.predictor, found.seen, found.route)
        except Exception:
            if found.route not in self._faulty:
                log.exception("nothing can be predicted for the route %s: its reference answers", found.route)
            self._faulty.add(found.route)
            return None
        if len(self._foresights) >= _MOST_FORESEEN:
            self._foresights.clear()
        self._foresights[found.key] = known
        return known

    def _decided(self, found: "_Found", foreseen: Foreseen | None, market: "_Market") -> Decision | None:
        held, asked = found.held, market.asked
        if held is None:
            if self._auto is None:
                return None
            guessed, order = guess(self._auto, found.seen, market.usual)
            return Decision(found.route, guessed, None, tuple(order))
        rule = held.rule
        choice = found.choice
        if choice is None and foreseen is not None:
            market.prompt = estimated_tokens(found.seen.context_bytes)
            choice = choose(rule, foreseen, market.expense, market.prompt)
        if choice is None:
            choice = Choice(None, "unknown")
        arm, reference = choice.arm, rule.reference if found.meant == AUTO else asked.call.model
        if arm is None:
            return Decision(found.route, choice, held, (reference,) if found.meant == AUTO else ())
        return Decision(found.route, choice, held, (arm.model, reference), varied(asked, arm))

    def _meaning(self, name: str, now: datetime) -> str | None:
        """The reference that a name means, or AUTO; None: neither. It is remembered for a day, and for a catalogue."""
        catalog, today = self._planning.catalog(), now.date()
        known = self._known
        if known is None or known[0] is not catalog or known[1] != today or len(self._meanings) > _MOST_NAMES:
            self._known, self._meanings = (catalog, today), {}
        try:
            return self._meanings[name]
        except KeyError:
            meant = self._meanings[name] = self._meant(name, catalog, now)
            return meant

    def _meant(self, name: str, catalog: Catalog, now: datetime) -> str | None:
        try:
            named = self._planning.names.named(name, catalog, self._planning.providers, now)
        except UnknownModel:
            return AUTO if name.lower() == AUTO else None
        except WeighbridgeError:
            return None
        model = named.models[0]
        whole = model is catalog.models.get(model.id)  # a name may mean the model at one provider alone
        return model.id if whole and named.sort is None and model.id in self._references else None


def tag_of(certificate: str) -> str:
    """What entries are marked with that go by a certificate."""
    return f"switch:{certificate}"


class _Found(msgspec.Struct, frozen=True, dict=True):
    """What holds for a request."""

    meant: str
    route: str
    seen: Look
    held: InForce | None = None
    choice: Choice | None = None
    """Where it is made whatever is predicted."""

    @property
    def predictor(self) -> Predicts | None:
        """None: nothing need be predicted."""
        return None if self.held is None or self.choice is not None else self.held.predictor

    @property
    def slow(self) -> bool:
        """See InForce.slow."""
        return self.held is not None and self.held.slow

    @functools.cached_property
    def key(self) -> bytes:
        """The same for what is predicted alike."""
        return blake2b(msgspec.msgpack.encode((self.route, self.seen)), digest_size=16).digest()


class _Market:
    """What one request is expected to cost, by model: at whom would be asked first."""

    def __init__(self, planning: Planning, asked: Asked, key: Key, wishes: Wishes, now: datetime) -> None:
        self.asked = asked
        self.prompt = 0
        """Tokens of it."""
        self._planning = planning
        self._key, self._wishes, self._now = key, wishes, now
        self._catalog = planning.catalog()

    def expense(self, arm: Arm, tokens: float) -> Decimal | None:
        """See choose.Expense."""
        if (arm.effort is not None or arm.most_tokens is not None) and self.asked.untold is not None:
            return None  # the client's own words cannot be told in chat, where these are said
        usage, cost = Usage(self.prompt, max(0, round(tokens))), self._planning.planner.cost
        return min((cost(usage, one.price) for one in self._first(arm.model) if one.price is not None), default=None)

    def usual(self, model: str) -> Decimal | None:
        """See priors.Expected."""
        return min((one.cost for one in self._first(model) if one.cost is not None), default=None)

    def _first(self, id_: str) -> Iterable[Candidate]:
        """The endpoints of a model among which the first to be asked is; none where none may be, or is well."""
        model = self._catalog.models.get(id_)
        if model is None or not model.endpoints or not self._key.admits(id_):
            return ()
        asking, snapshot = self._seen
        try:
            plan = self._planning.planner.plan(msgspec.structs.replace(asking, models=(model,)), snapshot, 0)
        except WeighbridgeError:
            return ()
        for group in plan.shortlist.groups:
            well = [one for one in group.candidates if _is_well(one, snapshot)]
            if well:
                return well
        return ()

    @functools.cached_property
    def _seen(self) -> tuple[Asking, Snapshot]:
        asked, planning = self.asked, self._planning
        asking = planning.asking((), asked, self._key, self._now, wishes=self._wishes, preferences=asked.preferences)
        return asking, planning.health()


def _is_well(one: Candidate, snapshot: Snapshot) -> bool:
    state = snapshot.states.get(one.endpoint.id)
    return state is None or state.closed_until is None or state.closed_until <= snapshot.at


def varied(asked: Asked, arm: Arm) -> Varied | None:
    """The request as the arm is asked it; None: as all are."""
    if arm.effort is None and arm.most_tokens is None:
        return None
    body = asked.body
    if arm.effort is not None:
        body = with_effort(body, arm.effort)
    if arm.most_tokens is not None:
        said = read_chat(body).limit
        body = with_limit(body, "chat", arm.most_tokens if said is None or said < 1 else min(said, arm.most_tokens))
    return Varied(arm.model, read_chat(body), body)
