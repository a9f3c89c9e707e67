"""GET /requests/{id}: one request's life, its receipt, and, where it is kept and asked for, what was said."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP
from typing import Final

import msgspec
from starlette.responses import Response

from weighbridge import audit_log
from weighbridge.accounts import keys
from weighbridge.accounts.admins import Admin, place_of
from weighbridge.accounts.keys import Key
from weighbridge.app.texts import seals_of
from weighbridge.audit_log import Change
from weighbridge.catalog.model import Catalog, Price
from weighbridge.config import Settings
from weighbridge.db import Connection, moment
from weighbridge.errors import NotFound
from weighbridge.gateway import receipts
from weighbridge.gateway.admin.desk import Caller
from weighbridge.ledger import store
from weighbridge.ledger.cost import SMALLEST, Part, parts
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.saved import original
from weighbridge.ledger.search import adjusting
from weighbridge.reports.foreign import visible
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.law import facts_in
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Row, Text
from weighbridge.texts.words import Words, words
from weighbridge.web.pages.requests.life import Bar, Try, bars, life, place
from weighbridge.web.pages.requests.listing import ENDINGS, KINDS, sees
from weighbridge.web.pages.requests.replay import replay
from weighbridge.web.pages.requests.wanted import RECEIPT
from weighbridge.web.visit import Visit

_SWITCH: Final = "switch:"
_SHOWN: Final = 200_000
"""Characters of a text that a page shows; all of it has `weighbridge texts show`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """That a text is kept."""

    row: Row
    may_read: bool

    @property
    def until(self) -> datetime:
        """From when on it is there no more."""
        return moment(self.row.until)


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of a request."""

    entry: Entry
    key: Key | None
    """None: it is no more, or never was here."""
    first: Entry | None
    """The answer that was given again."""
    adjustments: Sequence[Entry]
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A try, and its drawing."""

    tried: Try
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Costed:
    """A charge, and what it is made of; no parts: the row of the price list is not the one of today."""

    provider: str | None
    """Who, where several have worked on the request."""
    charge: Charge
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Said:
    """What was asked and answered, as a page shows it."""

    text: Text
    words: Words | None
    request: str
    answer: str | None


async def one(visit: Visit) -> Response:
    """Without what was said."""
    return _page(visit, await visit.read(lambda connection: _seen(connection, visit)))


async def text(visit: Visit) -> Response:
    """POST /requests/{id}/text: with what was said, where it is kept. That it was read is written in the audit log."""

    def read(connection: Connection, caller: Caller) -> tuple[Seen, Text]:
        seen = _seen(connection, visit)
        if seen.key is None or seen.kept is None or not _may_read(caller.admin, seen.key):
            raise NotFound(f"no text of the request {seen.entry.id!r} is kept, or it is not for you to read")
        labels = seen.key.labels
        change = Change(
            action="text.read",
            target=seen.entry.id,
            organisation=labels.organisation,
            project=labels.project,
            after={"key": seen.key.id},
        )
        audit_log.write(connection, caller.by, change, now=caller.now)
        return seen, seals_of(visit.parts.settings).opened(seen.kept.row)

    seen, found = await visit.do(read)
    return _page(visit, seen, _said(found))


def _said(found: Text) -> Said:
    both = words(found)
    return Said(
        found,
        None if both is None else Words(visible(_cut(both.prompt)), visible(_cut(both.answer))),
        _shown(found.request),
        None if found.answer is None else _shown(found.answer),
    )


def _page(visit: Visit, seen: Seen, said: Said | None = None) -> Response:
    entry, mirrored = seen.entry, visit.tongue.direction == "rtl"
    lived = life(entry)
    rows = [Drawn(tried, bars(tried, lived.span, mirrored=mirrored)) for tried in lived.tries]
    decided = entry.decided
    facts: list[Facts] = [] if decided is None or decided.facts is None else facts_in(decided.facts)
    flat = msgspec.to_builtins(receipts.receipt(entry, seen.first))
    return visit.page(
        "requests/one.html",
        entry=entry,
        seen=seen,
        life=lived,
        rows=rows,
        first_at=None if entry.first_byte is None else place(entry.first_byte, lived.span, mirrored=mirrored),
        end_at=place(entry.duration, lived.span, mirrored=mirrored),
        facts=[msgspec.to_builtins(each) for each in facts],
        costs=_costs(entry, visit.parts.ever()),
        certificates=[tag.removeprefix(_SWITCH) for tag in entry.tags if tag.startswith(_SWITCH)],
        fields={name: _written(value) for name, value in flat.items() if name not in {"attempts", "facts"}},
        given_again=original(entry),
        replay=replay(entry, visit.parts.gateway.base_url, None if said is None else said.text),
        spoken=said,
        endings=ENDINGS,
        kinds=KINDS,
    )


def _seen(connection: Connection, visit: Visit) -> Seen:
    """Raises NotFound, in the same words whether there is none or it is not to be seen."""
    id_ = visit.request.path_params["id"]
    entry = store.find(connection, id_) if RECEIPT.fullmatch(id_) else None
    if entry is None or not sees(connection, visit, entry):
        raise NotFound(f"there is no request {id_[:100]!r}, or it is not yours to see")
    paid = original(entry)
    key = keys.find(connection, entry.key)
    return Seen(
        entry,
        key,
        None if paid is None else store.find(connection, paid),
        adjusting(connection, entry.id),
        _kept(visit.parts.settings, entry.id, visit.admin, key),
    )


def _kept(settings: Settings, receipt: str, admin: Admin, key: Key | None) -> Kept | None:
    if not settings.texts_path.is_file():
        return None
    with closing(TextStore(settings.texts_path)) as texts:
        row = texts.find(receipt)
    return None if row is None else Kept(row, key is not None and _may_read(admin, key))


def _may_read(admin: Admin, key: Key) -> bool:
    return admin.reaches("text.read", place_of(key), member=key.member, is_key=True)


def _costs(entry: Entry, catalog: Catalog) -> list[Costed]:
    model = None if entry.model is None else catalog.find(entry.model)
    prices = {} if model is None else {price.id: price for each in model.endpoints for price in each.prices}
    apart = [each for each in entry.attempts if each.charge is not None]
    if apart:
        return [
            Costed(each.provider, each.charge, _parts(each.charge, prices)) for each in apart if each.charge is not None
        ]
    return [] if entry.charge is None else [Costed(None, entry.charge, _parts(entry.charge, prices))]


def _parts(charge: Charge, prices: dict[str, Price]) -> list[Part]:
    """What it is made of, where these sum up to what was charged."""
    price = prices.get(charge.price_id or "")
    if price is None or charge.cost is None:
        return []
    found = parts(charge.usage, price)
    summed = sum((part.amount for part in found), SMALLEST * 0)
    return found if summed.quantize(SMALLEST, ROUND_HALF_UP) == charge.cost else []


def _written(value: object) -> str | None:
    """A field of a receipt as the API has it; None where it has nothing."""
    if value is None or value == []:
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _shown(document: bytes) -> str:
    """JSON in lines; what is none as it is."""
    try:
        shown = msgspec.json.format(document, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        shown = document.decode(errors="replace")
    return visible(_cut(shown))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
