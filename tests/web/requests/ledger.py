"""Requests of every kind in a ledger, newest last, for tests of the pages that show them."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from tests.ledger.made_up import charge, entry
from tests.web.house import Window
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key, Labels
from weighbridge.app.texts import seals_of
from weighbridge.ledger import store
from weighbridge.ledger.entry import HEDGE_LOST, Attempt, Decided, Entry
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text
from weighbridge.wire.usage import Usage

HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }}\u202eevil"
SAID = f"What is <b>bold</b>? {HOSTILE}"

_numbers = itertools.count()


@dataclass(frozen=True)
class Kept:
    """What is there."""

    mine: Key
    other: Key
    entries: dict[str, Entry]

    def __getitem__(self, name: str) -> str:
        """The address of one's page."""
        return f"/requests/{self.entries[name].id}"


def fill(here: Window) -> Kept:
    """Enter them, with the text of one."""
    now = datetime.now(UTC)
    with closing(db.connect(here.database)) as connection:
        mine, _ = keys.create(connection, name="mine <i>", now=now, labels=Labels("acme", "search", ("ci",)))
        other, _ = keys.create(connection, name="other", now=now, labels=Labels("globex", None))
        made = dict(_entries(now, mine, other))
        store.add(connection, list(made.values()))
    kept = Text(
        made["plain"].id, made["plain"].at, mine.id, "chat", "qwen/tiny",
        msgspec.json.encode({"model": "qwen/tiny", "messages": [{"role": "user", "content": SAID}]}),
        b'{"choices": [{"message": {"role": "assistant", "content": "A <u>word</u>."}}]}',
    )  # fmt: skip
    with closing(TextStore(here.settings.texts_path)) as texts:
        until = db.microseconds(now + timedelta(days=30))
        texts.keep([seals_of(here.settings).closed(kept, until)])
    return Kept(mine, other, made)


def _entries(now: datetime, mine: Key, other: Key) -> Iterator[tuple[str, Entry]]:
    def one(name: str, minutes: int, **more: object) -> tuple[str, Entry]:
        at = now - timedelta(minutes=minutes)
        id_ = f"wbr-{db.microseconds(at) // 1000:012x}00000000cd{next(_numbers):010x}"
        return name, entry(id=id_, at=at, **{"key": mine.id, "organisation": "acme", "project": "search", **more})

    plain = one("plain", 1, charge=charge("0.25"))
    yield plain
    yield one(
        "hostile",
        2,
        asked_model=HOSTILE,
        model=None,
        user=HOSTILE,
        ending="refused",
        status=404,
        error="unknown_model",
        charge=None,
        attempts=(),
        provider=None,
        first_byte=None,
        tags=("ci", "switch:cert-1"),
        decided=Decided("ab" * 32, "<b>rule</b>", '[{"model":"m<i>","provider":"p","upstream_model":"u"}]'),
    )
    yield one(
        "failover",
        3,
        provider="second",
        duration=4.0,
        first_byte=1.5,
        attempts=(
            Attempt("first", "tiny", "upstream_busy", 0.5, began=0.01),
            Attempt("second", "tiny", None, 0.5, began=1.0, answered_as="tiny-2"),
        ),
    )
    yield one(
        "hedged",
        4,
        charge=charge("0.03", Usage(30, 5)),
        attempts=(
            Attempt("slow", "tiny", HEDGE_LOST, 0.75, charge("0.01"), None, 0.0),
            Attempt("near", "tiny", None, 0.25, charge("0.02"), None, 0.5),
        ),
    )
    yield one("other", 5, key=other.id, organisation="globex", project=None, model="lab/other", asked_model="lab/other")
    again = charge("0")
    yield one(
        "again",
        6,
        upstream_request=plain[1].id,
        attempts=(),
        provider=None,
        charge=msgspec.structs.replace(again, price_id="cache", counted_by="cache"),
    )
    yield (
        "adjustment",
        msgspec.structs.replace(
            plain[1], id=f"{plain[1].id[:26]}f000000001", corrects=plain[1].id, charge=charge("0.05"), attempts=()
        ),
    )
    yield one("taken over", 60 * 24 * 20, imported="codex", attempts=(), first_byte=None)
