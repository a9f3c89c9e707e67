"""The texts that were kept, counted again for `weighbridge bill --on`."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from weighbridge.app.texts import seals_of
from weighbridge.cli.vocabularies import Vocabularies
from weighbridge.config import Settings
from weighbridge.db import Connection, microseconds
from weighbridge.ledger import store
from weighbridge.ledger.bill.kept import measured, taken_out, tally_of
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.tally import Tally
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Which
from weighbridge.texts.words import Words, words


def count_kept(
    settings: Settings,
    connection: Connection,
    recounts: Iterable[Recount],
    vocabularies: Vocabularies,
    *,
    since: datetime,
    until: datetime,
) -> None:
    """Put each request of the time whose words are kept in the place of its estimate, where its tokenizer is at hand.

    Raises Failure, and TextsUnavailable where texts are encrypted with a key that is not here.
    """
    counted = [(each, other) for each in recounts if (other := vocabularies.of(each.target.model)) is not None]
    if not counted:
        return
    for tally, said in _kept(settings, connection, since, until):
        for recount, other in counted:
            own = vocabularies.of(tally.model)
            if tally.model == recount.target.model or tally.given_again:
                continue
            found = measured(tally, said.prompt, said.answer, other=other, own=own)
            if found is not None:
                recount.add(taken_out(tally))
                recount.add(replace(tally, measured=found))


def _kept(
    settings: Settings, connection: Connection, since: datetime, until: datetime
) -> Iterator[tuple[Tally, Words]]:
    if not settings.texts_path.is_file():
        return
    seals = seals_of(settings)
    with contextlib.closing(TextStore(settings.texts_path)) as texts:
        # a text has the time of its request, as its entry has
        for row in texts.each(Which(since=microseconds(since), before=microseconds(until))):
            said = words(seals.opened(row))
            entry = None if said is None else store.find(connection, row.receipt)
            tally = None if entry is None else tally_of(entry)
            if said is not None and tally is not None and since <= tally.at < until:
                yield tally, said
