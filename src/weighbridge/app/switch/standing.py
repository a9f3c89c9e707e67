"""What stands of switches: plans and how far they have come, certificates, rules in force and what is watched."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.app.unable import Unable
from weighbridge.db import Connection
from weighbridge.ledger.tagged import spent_on
from weighbridge.routing.quality.rule import Arm, State
from weighbridge.switch import planned, store
from weighbridge.switch.outcome import Judge, Outcome, Sight, Why
from weighbridge.switch.planned import Plan
from weighbridge.switch.progress import Progress, progress
from weighbridge.switch.promise import Knob, knob_told
from weighbridge.switch.store import CertificateRow, PlanRow, RuleRow

_DECIDED: Final = ("proven", "too_lossy", "no_saving")


class PlanStands(msgspec.Struct, frozen=True, kw_only=True):
    """How far a plan has come."""

    id: str
    at: datetime
    plan: Plan | None
    """None: it is of another release, and so is the rest unknown."""
    arms: tuple[Progress, ...] = ()
    spent: Decimal = Decimal(0)

    def is_settled(self, certificates: "Iterable[CertificateStands]") -> bool:
        """Whether these, newest first, decide every route that could be replayed: more replays would change nothing."""
        whys: dict[str, Why | None] = {}
        for each in certificates:
            if each.row.plan == self.id:
                whys.setdefault(each.row.route, None if each.told is None else each.told.why)
        routes = [] if self.plan is None else [each.route for each in self.plan.routes if each.arms]
        return bool(routes) and all(whys.get(route) in _DECIDED for route in routes)

    @property
    def replays(self) -> int:
        """That are planned."""
        return sum(each.planned for each in self.arms)

    @property
    def done(self) -> int:
        """That need not be sent any more."""
        return sum(each.done + each.gone for each in self.arms)

    @property
    def graded(self) -> int:
        """That were graded."""
        return sum(each.graded for each in self.arms)

    @property
    def unanswered(self) -> int:
        """That count as a loss because nobody answered."""
        return sum(each.unanswered for each in self.arms)


class Told(msgspec.Struct, frozen=True):
    """What whoever looks at a certificate wants to know of its document."""

    reference: str
    arms: tuple[Arm, ...]
    why: Why | None = None
    """None: another release has issued it."""
    tau: Knob = None
    epsilon: float = 0.0
    delta: float = 0.05
    replays: int = 0
    fitted: int = 0
    prices: date | None = None
    policy: str | None = None
    encoder: str | None = None
    judged: Judge | None = None
    routed: Outcome | None = None
    graders: dict[str, int] = {}
    sight: Sight | None = None


class CertificateStands(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate, and what it says."""

    row: CertificateRow
    told: Told | None
    """None: it is of another release."""


class RuleStands(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a route, and what was watched since."""

    row: RuleRow
    state: State
    """As of now: a certificate that has run out is, though no worker has written it down yet."""
    certificate: CertificateStands | None
    shadows: int
    graded: int
    loss: float | None
    """The mean of those that were graded."""
    harmed: int
    alarms: int

    @property
    def knob(self) -> Knob:
        """See promise.Knob."""
        return knob_told(self.row.tau)


def plan_of(connection: Connection, id_: str | None) -> Plan:
    """A plan by its id, or the newest. Raises Unable, db.Error."""
    row = next(iter(store.plans(connection)), None) if id_ is None else store.find_plan(connection, id_)
    if row is None:
        said = "nothing is planned" if id_ is None else f"there is no plan {id_!r}"
        raise Unable(said, next_step="weighbridge switch plan --from MODEL; weighbridge switch status lists plans")
    try:
        return planned.decode(row.document)
    except msgspec.MsgspecError as error:
        raise Unable(f"{row.id} is of another release: {error}", next_step="plan it anew") from error


def plan_stands(connection: Connection, row: PlanRow) -> PlanStands:
    """How far it has come. Raises db.Error."""
    try:
        plan = planned.decode(row.document)
        arms = tuple(progress(connection, plan))
    except msgspec.MsgspecError:
        return PlanStands(id=row.id, at=row.at, plan=None)
    return PlanStands(id=row.id, at=row.at, plan=plan, arms=arms, spent=spent_on(connection, plan.tag, plan.at))


def certificates(connection: Connection, *, plan: str | None = None) -> list[CertificateStands]:
    """All, or a plan's, newest first. Raises db.Error."""
    return [_certificate(row) for row in store.certificates(connection, plan=plan)]


def certificate(connection: Connection, id_: str) -> CertificateStands | None:
    """One of them. Raises db.Error."""
    row = store.find_certificate(connection, id_)
    return None if row is None else _certificate(row)


def rules(connection: Connection, now: datetime) -> list[RuleStands]:
    """What holds of each route. Raises db.Error."""
    return [_rule(connection, row, now) for row in store.rules(connection)]


def _certificate(row: CertificateRow) -> CertificateStands:
    try:
        return CertificateStands(row=row, told=_told.decode(row.document))
    except msgspec.MsgspecError:
        return CertificateStands(row=row, told=None)


_told: Final = msgspec.json.Decoder(Told)


def _rule(connection: Connection, row: RuleRow, now: datetime) -> RuleStands:
    watched = store.watched(connection, row.certificate)
    own = certificate(connection, row.certificate)
    has_run_out = own is not None and own.row.expires <= now and row.state in ("proven", "stepped_back")
    return RuleStands(
        row=row,
        state="expired" if has_run_out else row.state,
        certificate=own,
        shadows=watched.shadows,
        graded=watched.graded,
        loss=watched.loss,
        harmed=watched.harmed,
        alarms=sum(each.state == "stepped_back" for each in store.history(connection, row.route)),
    )
