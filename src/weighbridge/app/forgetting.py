"""All that is kept of what one of a client's users has said, or was told, deleted: wherever we keep text."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from weighbridge import db
from weighbridge.accounts.chats import Chats
from weighbridge.accounts.responses import Responses
from weighbridge.app.sharing import forget_answers
from weighbridge.app.texts import seals_of, users_of
from weighbridge.cache import store as cache
from weighbridge.config import Settings
from weighbridge.errors import TextsUnavailable
from weighbridge.ledger.budgets import users as named
from weighbridge.shared.server import Unavailable
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Which


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many were deleted of each kind, and what stays."""

    texts: int
    responses: int
    chats: int
    cached: int
    """Answers that would have been given again."""
    every_cached: bool
    """Whether these are all there were: entries name no users, so that nobody knows whose each was."""
    entries: int
    """Of the ledger, which stay: they say that there were requests, when, and what they cost."""
    budgets: int
    """Budgets that were set for this user alone."""
    uses: int
    """What it has used of budgets, by period."""
    unnamed: int
    """Responses and chat completions that stay, since they do not say whose they are."""
    in_log: bool
    """Whether a file's log may still hold what was deleted: somebody was reading all the time."""


def forget_user(settings: Settings, connection: db.Connection, user: str) -> Forgotten:
    """Delete what is kept of a user, by the client's own name for it; `connection` is to the ledger's database.

    Raises db.Error, and TextsUnavailable, before anything is deleted, where a key lacks that tells whose texts are, or
    the server with the answers that machines share cannot be reached.
    """
    seals, users = seals_of(settings), users_of(settings)
    names = users.names(user)
    texts = settings.texts_path
    if texts.is_file():
        _check(settings)
    receipts = _entries(connection, names)
    every = settings.ledger.users == "off"
    cached = 0 if settings.shared.url is None else _unshared(settings, None if every else receipts)
    db.delete_for_good(connection)
    responses, chats = Responses(connection), Chats(connection)
    gone = responses.forget_user(names), chats.forget_user(names)
    budgets, uses = named.forget(connection, names)
    emptied = db.empty_log(connection)
    deleted = 0
    if texts.is_file():
        with closing(TextStore(texts)) as store:
            wanted = tuple(dict.fromkeys(name for each in users.known_as(user) for name in seals.names(each)))
            deleted = store.forget(Which(users=wanted))
            emptied = store.empty_log() and emptied
    return Forgotten(
        in_log=not emptied,
        texts=deleted,
        responses=gone[0],
        chats=gone[1],
        cached=cached + _uncached(settings, receipts, every=every),
        every_cached=every,
        entries=len(receipts),
        budgets=budgets,
        uses=uses,
        unnamed=responses.nobodys() + chats.nobodys(),
    )


def _check(settings: Settings) -> None:
    seals = seals_of(settings)
    with closing(TextStore(settings.texts_path)) as store:
        foreign = [f"{count} with {seal}" for seal, count in store.seals().items() if seal and not seals.knows(seal)]
    if foreign:
        raise TextsUnavailable(
            f"nothing was deleted: texts are encrypted with keys that are not set ({', '.join(foreign)}), and whose "
            "they are cannot be told without; set WEIGHBRIDGE_TEXTS_KEY and WEIGHBRIDGE_TEXTS_OLD_KEYS"
        )


def _entries(connection: db.Connection, names: Sequence[str]) -> list[str]:
    marks = ", ".join("?" * len(names))
    found = connection.execute(f"SELECT id FROM entry WHERE end_user IN ({marks})", names)  # noqa: S608 - marks alone
    return [receipt for (receipt,) in found]


def _unshared(settings: Settings, receipts: Sequence[str] | None) -> int:
    """Of the answers that machines share, those of these entries, or all. Raises TextsUnavailable."""
    try:
        return asyncio.run(forget_answers(settings, receipts=receipts))[0]
    except Unavailable as exc:
        raise TextsUnavailable(
            f"nothing was deleted: the server of shared.url, which has kept answers, cannot be used: {exc}"
        ) from exc


def _uncached(settings: Settings, receipts: Sequence[str], *, every: bool) -> int:
    if not settings.cache_path.is_file():
        return 0
    with closing(cache.connect(settings.cache_path)) as connection:
        return cache.clear(connection) if every else cache.forget(connection, receipts)
