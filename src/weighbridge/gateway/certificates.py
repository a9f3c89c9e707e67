"""GET /v1/switch/certificates: what was proven of the routes of a key, and what holds of it now."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.db import Connection
from weighbridge.errors import NotFound
from weighbridge.gateway import answers
from weighbridge.gateway.keeping import told
from weighbridge.routing.quality.fingerprint import ANY_KEY
from weighbridge.routing.quality.rule import State
from weighbridge.switch import store
from weighbridge.switch.promise import Knob, knob_told
from weighbridge.switch.store import CertificateRow, RuleRow
from weighbridge.transport.message import Reply, Request

_PATH: Final = "/v1/switch/certificates/"


class CertificateShown(msgspec.Struct, frozen=True):
    """A certificate, and whether anything is routed by it."""

    id: str
    plan: str
    route: str
    """The requests that it is about: see docs/switch.md."""
    issued: datetime
    expires: datetime
    state: State | None
    """What holds by it now; null: nothing, as it was never applied or another has taken its place."""
    tau: Knob
    """The knob: the loss that is put up with for saving everything; `always`: any, null: none, so nothing is moved."""
    why: str | None
    """Why that is so, since when it is."""
    since: datetime | None
    document: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]
    """All that it says: what it rests on, and how much was shown to be lost and saved."""
    object: Literal["switch.certificate"] = "switch.certificate"


class CertificateList(msgspec.Struct, frozen=True):
    """All of a key, the newest first."""

    data: list[CertificateShown]
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The handlers. A key sees what is about its own routes, and about those that hold for any key."""

    open: Callable[[Request], Key]
    """The key a request came with. Raises Unauthorized."""
    shown: Callable[[str], Awaitable[Sequence[CertificateShown]]]
    """All of a key, by its id. Raises db.Error."""

    async def list(self, request: Request, reply: Reply) -> None:
        """All of them. Raises Unauthorized, LedgerUnavailable."""
        answers.document(reply, CertificateList([*await self._all(self.open(request))]))

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises Unauthorized, LedgerUnavailable, NotFound."""
        id_ = request.path.removeprefix(_PATH)
        found = next((each for each in await self._all(self.open(request)) if each.id == id_), None)
        if found is None:
            raise NotFound(f"this key has no certificate {id_[:100]!r}; GET {_PATH[:-1]} lists those it has")
        answers.document(reply, found)

    async def _all(self, key: Key) -> Sequence[CertificateShown]:
        return await told(self.shown(key.id), "certificates")


def shown_to(connection: Connection, key: str) -> list[CertificateShown]:
    """What a key sees, by its id. Raises db.Error."""
    held = {row.route: row for row in store.rules(connection)}
    routes = {
        (plan.id, route.route)
        for plan in store.plans(connection)
        for route in _routes(plan.document)
        if route.key in (key, ANY_KEY)
    }
    rows = store.certificates(connection)
    return [_shown(row, held.get(row.route)) for row in rows if (row.plan, row.route) in routes]


class _Route(msgspec.Struct):
    route: str
    key: str


class _Plan(msgspec.Struct):
    routes: list[_Route]


_plans: Final = msgspec.json.Decoder(_Plan)


def _routes(plan: bytes) -> Sequence[_Route]:
    try:
        return _plans.decode(plan).routes
    except msgspec.MsgspecError:  # of another release
        return ()


def _shown(row: CertificateRow, rule: RuleRow | None) -> CertificateShown:
    own = rule if rule is not None and rule.certificate == row.id else None
    return CertificateShown(
        id=row.id,
        plan=row.plan,
        route=row.route,
        issued=row.issued,
        expires=row.expires,
        state=None if own is None else own.state,
        tau=None if own is None else knob_told(own.tau),
        why=None if own is None else own.why,
        since=None if own is None else own.at,
        document=msgspec.Raw(row.document),
    )
