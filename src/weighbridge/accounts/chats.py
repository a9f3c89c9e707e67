"""The chat completions that keys keep here: messages and answers, for the key that made them and no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds, moment


@dataclass(frozen=True, slots=True)
class Chat:
    """One of them; `messages` is a JSON list of what went in, `document` the answer as its client saw it, whole."""

    id: str
    key: str
    created: datetime
    asked_model: str
    """The model as its client named it."""
    model: str | None
    """The model as the answer names it."""
    messages: bytes
    metadata: Mapping[str, str]
    document: bytes
    user: str | None = None
    """Whom the client named as its own user, as the ledger names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which of a key's are looked for."""

    limit: int
    after: str | None = None
    """The id of the one before the first."""
    newest_first: bool = False
    model: str | None = None
    """By either name."""
    metadata: Mapping[str, str]
    """What it must have, and may have more."""


_FIELDS: Final = "id, key, created_at, asked_model, model, messages, metadata, document"
# What is put together here are constants, no values.
# A page has no messages: a hundred long conversations would fill the memory, and nobody lists them.
_LISTED: Final = _FIELDS.replace("messages, ", "")
_FOUND: Final = f"""
    SELECT {_LISTED} FROM chat
    WHERE key = :key AND (CAST(:model AS TEXT) IS NULL OR :model IN (asked_model, model))
    AND (CAST(:after AS TEXT) IS NULL OR (created_at, id)
"""  # noqa: S608
_AFTER: Final = "(SELECT created_at, id FROM chat WHERE id = :after AND key = :key))"
_OLDEST_FIRST: Final = f"{_FOUND} > {_AFTER} ORDER BY created_at, id LIMIT :limit"
_NEWEST_FIRST: Final = f"{_FOUND} < {_AFTER} ORDER BY created_at DESC, id DESC LIMIT :limit"
_AT_ONCE: Final = 100
"""Rows read at once where metadata are looked for: the engines have no JSON in common, so that is done here."""
_metadata: Final = msgspec.json.Decoder(dict[str, str])


class Chats:
    """The table of them. Every method but `page` is one statement; each raises db.Error."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, chat: Chat) -> None:
        """Write one."""
        created = microseconds(chat.created)
        names = (chat.id, chat.key, created, chat.asked_model, chat.model)
        self._connection.execute(
            f"INSERT INTO chat ({_FIELDS}, end_user) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (*names, chat.messages, _json(chat.metadata), chat.document, chat.user),
        )

    def find(self, id_: str, key: str) -> Chat | None:
        """One of this key's."""
        row = self._connection.execute(
            f"SELECT {_FIELDS} FROM chat WHERE id = ? AND key = ?",  # noqa: S608
            (id_, key),
        ).fetchone()
        return None if row is None else _chat(row)

    def page(self, key: str, page: Page) -> list[Chat]:
        """Some of this key's, by time, without their messages; none where `after` is none of them."""
        sql = _NEWEST_FIRST if page.newest_first else _OLDEST_FIRST
        at_once = max(page.limit, _AT_ONCE) if page.metadata else page.limit
        wanted = {"key": key, "model": page.model, "after": page.after, "limit": at_once}
        found: list[Chat] = []
        while len(found) < page.limit:
            rows = [_listed(row) for row in self._connection.execute(sql, wanted)]
            found += [chat for chat in rows if page.metadata.items() <= chat.metadata.items()]
            if len(rows) < at_once:
                break
            wanted["after"] = rows[-1].id
        return found[: page.limit]

    def mark(self, id_: str, key: str, metadata: Mapping[str, str]) -> bool:
        """Give one other metadata; False where the key has no such chat completion."""
        done = self._connection.execute(
            "UPDATE chat SET metadata = ? WHERE id = ? AND key = ?", (_json(metadata), id_, key)
        )
        return done.rowcount == 1

    def forget(self, id_: str, key: str) -> bool:
        """Delete one; False where the key has no such chat completion."""
        return self._connection.execute("DELETE FROM chat WHERE id = ? AND key = ?", (id_, key)).rowcount == 1

    def forget_user(self, names: Sequence[str]) -> int:
        """Delete all of a user, who stands there by any of these names; how many they were."""
        marks = ", ".join("?" * len(names))
        return self._connection.execute(f"DELETE FROM chat WHERE end_user IN ({marks})", names).rowcount  # noqa: S608

    def nobodys(self) -> int:
        """How many there are that do not say whose they are."""
        found: int = self._connection.execute("SELECT count(*) FROM chat WHERE end_user IS NULL").fetchone()[0]
        return found

    def forget_older(self, than: datetime) -> int:
        """Delete all made before; how many they were."""
        return self._connection.execute("DELETE FROM chat WHERE created_at < ?", (microseconds(than),)).rowcount


def _json(metadata: Mapping[str, str]) -> str:
    return msgspec.json.encode(metadata).decode()


def _chat(row: tuple[str, str, int, str, str | None, bytes, str, bytes]) -> Chat:
    id_, key, created, asked_model, model, messages, metadata, document = row
    return Chat(id_, key, moment(created), asked_model, model, messages, _metadata.decode(metadata), document)


def _listed(row: tuple[str, str, int, str, str | None, str, bytes]) -> Chat:
    return _chat((*row[:5], b"[]", *row[5:]))
