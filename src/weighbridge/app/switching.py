"""The rules in force in a worker: read at the start, and looked at again as keys are.

Where there is no rule, nothing is loaded that a prediction takes. What cannot be read here is said once, and its
route's requests go to the reference.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from weighbridge import db
from weighbridge.accounts.keys import FRESH_SECONDS
from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.switching import InForce, Switch, Switching
from weighbridge.routing.quality.choose import Predicts
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.priors import Auto, Prior
from weighbridge.routing.quality.rule import Arm, Rule
from weighbridge.switch import store
from weighbridge.switch.promise import Promise, promise_of
from weighbridge.switch.store import RuleRow

log = logging.getLogger(__name__)

T = TypeVar("T")


_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class _Known(msgspec.Struct):
    """A certificate, as far as it can be read here."""

    promise: Promise | None
    expires: datetime
    predictor: Predicts | None = None
    slow: bool = False


class Unreadable(Exception):
    """What a certificate predicts by cannot be read here; the message says why, and what to do."""


def auto_of(settings: Settings) -> Auto | None:
    """What `auto` means where nothing is proven."""
    chosen = settings.switch
    priors = tuple(Prior(each.model, each.quality, each.tools, each.json) for each in chosen.auto)
    return Auto(priors, chosen.auto_quality) if priors else None


class Loaded(msgspec.Struct):
    """What losses are predicted by."""

    predictor: Predicts
    arms: tuple[str, ...]
    """In its order."""
    slow: bool
    """Whether it takes an encoder."""

    def of(self, arms: Sequence[Arm]) -> Predicts:
        """What it predicts for these arms, in this order. Raises Unreadable where it does not."""
        ids = tuple(arm.id for arm in arms)
        if ids == self.arms:
            return self.predictor
        strange = next((each for each in ids if each not in self.arms), None)
        if strange is not None:
            raise Unreadable(f"it predicts nothing for {strange}: issue it again (weighbridge switch run)")
        return _Some(self.predictor, tuple(self.arms.index(each) for each in ids))


class _Some(msgspec.Struct):
    """What another predicts, for some of its arms."""

    inner: Predicts
    places: tuple[int, ...]

    def losses(self, look: Look, route: str | None = None) -> Sequence[float]:
        """See Predicts."""
        found = self.inner.losses(look, route)
        return [found[at] for at in self.places]

    def tokens(self, look: Look) -> Sequence[float]:
        """See Predicts."""
        found = self.inner.tokens(look)
        return [found[0], *(found[at + 1] for at in self.places)]

    def novelty(self, look: Look) -> float:
        """See Predicts."""
        return self.inner.novelty(look)


def loaded(blob: bytes) -> Loaded:
    """What was kept with a certificate. Raises Unreadable."""
    try:
        from weighbridge.routing.quality import predictor  # noqa: PLC0415 - numpy is an extra
    except ImportError as exc:
        raise Unreadable(f"it takes numpy ({exc}): pip install 'weighbridge[switch]'") from exc
    try:
        found = predictor.load(blob)
    except (ImportError, predictor.PredictorUnreadableError) as exc:
        raise Unreadable(str(exc)) from exc
    except (ValueError, KeyError, OSError) as exc:
        raise Unreadable("what it predicts by cannot be read: issue it again (weighbridge switch run)") from exc
    return Loaded(found, tuple(found.arms), found.reader.encoder is not None)


class Rules:
    """Reads the rules in force from the database, and what each goes by, once."""

    def __init__(self, connection: Connection, shadow_rate: float) -> None:
        """The connection is for one thread at a time."""
        self._connection = connection
        self._shadow_rate = shadow_rate
        self._version: int | None = None
        self._known: dict[tuple[str, bool], _Known] = {}
        self._loaded: dict[bytes, Loaded] = {}
        """By their hash: the certificates of a plan may share one."""
        self.rows: dict[str, RuleRow] = {}
        """By route, as they were read last."""
        self.promises: dict[str, Promise] = {}
        """What certificates say, of those that are gone by here."""
        self.faults: dict[str, str] = {}
        """Why a certificate cannot be gone by here."""

    def changed(self) -> list[InForce] | None:
        """All in force; None: they are what they were. Raises db.Error."""
        version = store.version(self._connection)
        if version == self._version:
            return None
        rows = store.rules(self._connection)
        found = [each for row in rows if (each := self._in_force(row)) is not None]
        self.rows, self._version = {row.route: row for row in rows}, version
        return found

    def run_out(self, now: datetime) -> list[RuleRow]:
        """What is to be written down of rules whose certificate has run out."""
        return [
            RuleRow(row.route, row.number + 1, row.certificate, now, row.tau, "expired", "the certificate has run out")
            for row in self.rows.values()
            if row.state in ("proven", "stepped_back")
            and self._certificate(row.certificate, is_asked=False).expires <= now
        ]

    def _in_force(self, row: RuleRow) -> InForce | None:
        known = self._certificate(row.certificate, is_asked=row.state in ("proven", "stepped_back"))
        promise, predictor = known.promise, known.predictor
        if promise is None:
            return None
        self.promises[row.certificate] = promise
        rule = Rule(
            route=row.route,
            certificate=row.certificate,
            reference=promise.reference,
            arms=promise.arms,
            tau=row.tau,
            novelty=promise.cut,
            shadow_rate=0.0 if promise.is_blind else self._shadow_rate,
            expires=known.expires,
            state=row.state,
            allowed=promise.allowed,
            rates=promise.rates,
            usual=promise.usual,
        )
        return InForce(rule, predictor, known.slow, promise.judge, promise.checks, promise.bound, promise.delta)

    def _certificate(self, id_: str, *, is_asked: bool) -> _Known:
        """`is_asked`: what it predicts by is wanted too."""
        known = self._known.get((id_, is_asked))
        if known is None:
            known = self._known[id_, is_asked] = self._read(id_, is_asked=is_asked)
        return known

    def _read(self, id_: str, *, is_asked: bool) -> _Known:
        row = store.find_certificate(self._connection, id_)
        if row is None:
            self._say(id_, "it is not in the database")
            return _Known(None, _NEVER)
        try:
            promise = promise_of(row.document)
        except msgspec.MsgspecError as exc:
            self._say(id_, f"it is of another release: {exc}")
            return _Known(None, row.expires)
        known = _Known(promise, row.expires)
        if is_asked:
            try:
                found = self._load(row.predictor)
                known.predictor, known.slow = found.of(promise.arms), found.slow
            except Unreadable as exc:
                self._say(id_, str(exc))
        return known

    def _load(self, blob: bytes) -> Loaded:
        digest = hashlib.sha256(blob).digest()
        found = self._loaded.get(digest)
        if found is None:
            found = self._loaded[digest] = loaded(blob)
        return found

    def _say(self, id_: str, why: str) -> None:
        self.faults[id_] = why
        log.error("nothing is routed by the certificate %s: %s", id_, why)


class SwitchWatch:
    """For one worker: `begin`, then `watch` in the background."""

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], Connection],
        planning: Planning,
        now: Callable[[], datetime],
    ) -> None:
        """The connection that it makes is for this alone."""
        self.switch = Switch()
        self.planning = planning
        self._now = now
        self._auto = auto_of(settings)
        self._connection = connect() if settings.switch.enabled else None
        self._turns = asyncio.Lock()
        self.rules = None if self._connection is None else Rules(self._connection, settings.switch.shadow_rate)

    def begin(self) -> None:
        """Go by what is in force from the start. Raises db.Error."""
        self._take([] if self.rules is None else self.rules.changed() or [])

    async def watch(self) -> None:
        """Follow the rules until cancelled; returns at once where none are gone by."""
        in_trouble = False
        while self.rules is not None:
            await asyncio.sleep(FRESH_SECONDS)
            try:
                self._take(await self.in_turn(self._look, self.rules))
                in_trouble = False
            except db.Error as exc:
                if not in_trouble:
                    log.warning("the rules of the switch cannot be read again: %s", exc)
                in_trouble = True

    def _look(self, connection: Connection, rules: Rules) -> list[InForce] | None:
        for row in rules.run_out(self._now()):
            store.add_rule(connection, row)
        return rules.changed()

    def _take(self, rules: list[InForce] | None) -> None:
        if rules is not None:
            is_idle = not rules and self._auto is None
            self.switch.current = None if is_idle else Switching(self.planning, rules, self._auto)

    async def in_turn(self, work: Callable[..., T], *given: object) -> T:
        """Do it with the connection, one after the other, off the loop. Raises what it does."""
        async with self._turns:
            return await db.in_thread(work, self._connection, *given)

    def close(self) -> None:
        """Nothing is read any more."""
        if self._connection is not None:
            self._connection.close()
