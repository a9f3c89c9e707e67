"""What was proven of a route, in the report's words; and what can be said where nothing was looked at yet."""

from datetime import date, datetime
from typing import Final

import msgspec

from weighbridge.db import Connection
from weighbridge.switch import store
from weighbridge.switch.outcome import Found, Judge, Outcome, Point, Sight, Why
from weighbridge.switch.report.worst import Rows


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """All that a report takes from a verdict."""

    why: Why
    more: int | None = None
    epsilon: float | None = None
    """None: the plan's."""
    delta: float | None = None
    routed: Outcome | None = None
    arms_alone: dict[str, Found] = {}
    """By their ids."""
    curve: tuple[Point, ...] = ()
    replays: int = 0
    fitted: int = 0
    prices: date | None = None
    policy: str | None = None
    graders: dict[str, int] = {}
    judged: Judge | None = None
    sight: Sight | None = None
    encoder: str | None = None
    certificate: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None


def unproven(rows: Rows, *, whole: bool) -> Proof:
    """Of a route that no verdict was spoken about; `whole`: all its replays are done."""
    graded = len({case for (case, _), row in rows.items() if row.grade is not None})
    if not whole:
        return Proof(why="running", replays=graded)
    return Proof(why="ungraded" if graded == 0 else "spent", replays=graded)


def proofs_of(connection: Connection, plan: str) -> dict[str, Proof]:
    """What the newest certificate of each of a plan's routes says. Raises db.Error.

    Raises msgspec.MsgspecError where one is of another release.
    """
    found: dict[str, Proof] = {}
    for row in store.certificates(connection, plan=plan):
        if row.route not in found:
            read = _proofs.decode(row.document)
            found[row.route] = msgspec.structs.replace(read, certificate=row.id, issued=row.issued, expires=row.expires)
    return found


_proofs: Final = msgspec.json.Decoder(Proof)
