"""What a switch writes down: plans, replays, certificates, rules and shadows, on either engine.

Documents are the bytes that their makers encode: this module knows what they are about, and not what they say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.routing.quality.rule import State

REFERENCE: Final = "reference"
"""What stands for an arm where the reference itself is asked."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan."""

    id: str
    at: datetime
    document: bytes


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A replay: one case on one arm, or on the reference."""

    plan: str
    case: str
    arm: str
    at: datetime
    document: bytes


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """What was proven of a route, and what losses are predicted by."""

    id: str
    plan: str
    route: str
    issued: datetime
    expires: datetime
    document: bytes
    predictor: bytes
    """Empty where nothing is predicted, and where it was not asked for."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What holds for a route from a moment on, until the next."""

    route: str
    number: int
    """1, 2, 3 of each route."""
    certificate: str
    at: datetime
    tau: float
    state: State
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRow:
    """A call that was moved, and that the reference was asked as well."""

    certificate: str
    receipt: str
    at: datetime
    shadow_receipt: str | None
    """None: the reference gave none."""
    propensity: float
    """How likely it was that this call would be watched."""
    tau: float
    arm: str
    predicted: float | None
    loss: float | None
    """None: it was not graded."""
    harm: bool | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of a certificate's shadows."""

    shadows: int
    graded: int
    loss: float | None
    """The mean of those that were graded; None where none was."""
    harmed: int


# plans


def add_plan(connection: Connection, plan: PlanRow) -> None:
    """Write a plan. Raises db.Error, also where the id is taken."""
    connection.execute(
        "INSERT INTO switch_plan (id, at, document) VALUES (?, ?, ?)",
        (plan.id, microseconds(plan.at), plan.document.decode()),
    )


def find_plan(connection: Connection, id_: str) -> PlanRow | None:
    """The plan of an id. Raises db.Error."""
    row = connection.execute("SELECT id, at, document FROM switch_plan WHERE id = ?", (id_,)).fetchone()
    return None if row is None else _plan(row)


def forget_plan(connection: Connection, id_: str) -> bool:
    """Take a plan away of which nothing was replayed; False: there is none such. Raises db.Error."""
    done = connection.execute(
        "DELETE FROM switch_plan WHERE id = ? AND NOT EXISTS (SELECT 1 FROM switch_replay WHERE plan = switch_plan.id)",
        (id_,),
    )
    return done.rowcount == 1


def plans(connection: Connection) -> list[PlanRow]:
    """All plans, newest first. Raises db.Error."""
    return [_plan(row) for row in connection.execute("SELECT id, at, document FROM switch_plan ORDER BY at DESC, id")]


def _plan(row: Sequence[Any]) -> PlanRow:
    return PlanRow(row[0], moment(row[1]), row[2].encode())


# replays


def put_replays(connection: Connection, rows: Iterable[ReplayRow]) -> None:
    """Write replays, all or none; one that is there is replaced. Raises db.Error."""
    with transaction(connection):
        add_replays(connection, rows)


def add_replays(connection: Connection, rows: Iterable[ReplayRow]) -> None:
    """The same within a transaction of the caller's. Raises db.Error."""
    for row in rows:
        connection.execute(
            "INSERT INTO switch_replay (plan, case_id, arm, at, document) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (plan, case_id, arm) DO UPDATE SET at = excluded.at, document = excluded.document",
            (row.plan, row.case, row.arm, microseconds(row.at), row.document.decode()),
        )


def replays(connection: Connection, plan: str) -> list[ReplayRow]:
    """All of a plan's, by case and arm. Raises db.Error."""
    rows = connection.execute(
        "SELECT plan, case_id, arm, at, document FROM switch_replay WHERE plan = ? ORDER BY case_id, arm", (plan,)
    )
    return [ReplayRow(of, case, arm, moment(at), text.encode()) for of, case, arm, at, text in rows]


def documents(connection: Connection, plan: str) -> Iterable[tuple[str, str, str]]:
    """Case, arm and document of each of a plan's replays, and nothing besides: for counting many. Raises db.Error."""
    return connection.execute("SELECT case_id, arm, document FROM switch_replay WHERE plan = ?", (plan,)).fetchall()


# certificates

_CERTIFICATE: Final = "id, plan, route, issued, expires, document"


def add_certificate(connection: Connection, row: CertificateRow) -> None:
    """Write a certificate. Raises db.Error, also where the id is taken."""
    connection.execute(
        f"INSERT INTO switch_certificate ({_CERTIFICATE}, predictor) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            row.id,
            row.plan,
            row.route,
            microseconds(row.issued),
            microseconds(row.expires),
            row.document.decode(),
            row.predictor,
        ),
    )


def find_certificate(connection: Connection, id_: str) -> CertificateRow | None:
    """The certificate of an id, with what it predicts by. Raises db.Error."""
    row = connection.execute(
        f"SELECT {_CERTIFICATE}, predictor FROM switch_certificate WHERE id = ?",  # noqa: S608 - a constant
        (id_,),
    ).fetchone()
    return None if row is None else _certificate(row)


def certificates(connection: Connection, *, plan: str | None = None) -> list[CertificateRow]:
    """All of them, or a plan's, newest first, without what they predict by. Raises db.Error."""
    rows = connection.execute(
        f"SELECT {_CERTIFICATE} FROM switch_certificate"  # noqa: S608 - a constant
        " WHERE CAST(:plan AS TEXT) IS NULL OR plan = :plan ORDER BY issued DESC, id",
        {"plan": plan},
    )
    return [_certificate((*row, b"")) for row in rows]


def _certificate(row: Sequence[Any]) -> CertificateRow:
    id_, plan, route, issued, expires, document, predictor = row
    return CertificateRow(id_, plan, route, moment(issued), moment(expires), document.encode(), bytes(predictor))


# rules

_RULE: Final = "route, number, certificate, at, tau, state, why"


def add_rule(connection: Connection, row: RuleRow) -> bool:
    """Have a rule hold; False, and nothing done, where another with this number was first. Raises db.Error."""
    done = connection.execute(
        f"INSERT INTO switch_rule ({_RULE}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",  # noqa: S608
        (row.route, row.number, row.certificate, microseconds(row.at), row.tau, row.state, row.why),
    )
    return done.rowcount == 1


def rules(connection: Connection) -> list[RuleRow]:
    """What holds now, the last of each route, by route. Raises db.Error."""
    rows = connection.execute(
        f"SELECT {_RULE} FROM switch_rule AS rule"  # noqa: S608 - a constant
        " WHERE number = (SELECT max(number) FROM switch_rule WHERE route = rule.route) ORDER BY route"
    )
    return [_rule(row) for row in rows]


def history(connection: Connection, route: str) -> list[RuleRow]:
    """All that has held for a route, newest first. Raises db.Error."""
    rows = connection.execute(
        f"SELECT {_RULE} FROM switch_rule WHERE route = ? ORDER BY number DESC",  # noqa: S608 - a constant
        (route,),
    )
    return [_rule(row) for row in rows]


def version(connection: Connection) -> int:
    """A number that grows with each rule that is added. Raises db.Error."""
    count: int = connection.execute("SELECT count(*) FROM switch_rule").fetchone()[0]
    return count


def _rule(row: Sequence[Any]) -> RuleRow:
    route, number, certificate, at, tau, state, why = row
    return RuleRow(route, number, certificate, moment(at), tau, state, why)


# shadows

_SHADOW: Final = "certificate, receipt, at, shadow_receipt, propensity, tau, arm, predicted, loss, harm"


def add_shadows(connection: Connection, rows: Iterable[ShadowRow]) -> None:
    """Write shadows, all or none; one that is there stays. Raises db.Error."""
    with transaction(connection):
        for row in rows:
            connection.execute(
                f"INSERT INTO switch_shadow ({_SHADOW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",  # noqa: S608
                (
                    row.certificate,
                    row.receipt,
                    microseconds(row.at),
                    row.shadow_receipt,
                    row.propensity,
                    row.tau,
                    row.arm,
                    row.predicted,
                    row.loss,
                    None if row.harm is None else int(row.harm),
                ),
            )


def watched(connection: Connection, certificate: str) -> Watched:
    """All of a certificate's, counted. Raises db.Error."""
    shadows, graded, loss, harmed = connection.execute(
        "SELECT count(*), count(loss), avg(loss), count(CASE WHEN harm <> 0 THEN 1 END)"
        " FROM switch_shadow WHERE certificate = ?",
        (certificate,),
    ).fetchone()
    return Watched(shadows, graded, loss, harmed)


def losses(
    connection: Connection, certificate: str, tau: float, since: datetime
) -> list[tuple[str, int, float, float]]:
    """Of a certificate's shadows at a knob that were graded, from some time on, oldest first.

    Receipt, microseconds since 1970, loss, and how likely it was watched. Raises db.Error.
    """
    sql = (
        "SELECT receipt, at, loss, propensity FROM switch_shadow"
        " WHERE certificate = ? AND at >= ? AND tau = ? AND loss IS NOT NULL ORDER BY at, receipt"
    )
    return list(connection.execute(sql, (certificate, microseconds(since), tau)).fetchall())


def shadows(connection: Connection, certificate: str, *, since: datetime | None = None) -> list[ShadowRow]:
    """A certificate's, oldest first, all or those from some time on. Raises db.Error."""
    rows = connection.execute(
        f"SELECT {_SHADOW} FROM switch_shadow WHERE certificate = ? AND at >= ? ORDER BY at, receipt",  # noqa: S608
        (certificate, 0 if since is None else microseconds(since)),
    )
    return [
        ShadowRow(
            certificate=row[0],
            receipt=row[1],
            at=moment(row[2]),
            shadow_receipt=row[3],
            propensity=row[4],
            tau=row[5],
            arm=row[6],
            predicted=row[7],
            loss=row[8],
            harm=None if row[9] is None else bool(row[9]),
        )
        for row in rows
    ]
