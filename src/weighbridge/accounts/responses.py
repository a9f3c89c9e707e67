"""The responses that keys keep here: prompts and answers, for the key that made them and no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from weighbridge.db import Connection, microseconds, moment


@dataclass(frozen=True, slots=True)
class Response:
    """One of them; `input` is a JSON list of items, `document` the response as its client saw it."""

    id: str
    key: str
    previous: str | None
    created: datetime
    input: bytes
    document: bytes
    user: str | None = None
    """Whom the client named as its own user, as the ledger names it."""


class Responses:
    """The table of them. Every method is one statement; each raises db.Error."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, response: Response) -> None:
        """Write one."""
        created = microseconds(response.created)
        row = (response.id, response.key, response.previous, created, response.input, response.document, response.user)
        self._connection.execute(
            "INSERT INTO response (id, key, previous, created_at, input, document, end_user)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )

    def find(self, id_: str, key: str) -> Response | None:
        """One of this key's."""
        row = self._connection.execute(
            "SELECT id, key, previous, created_at, input, document FROM response WHERE id = ? AND key = ?", (id_, key)
        ).fetchone()
        return None if row is None else _response(row)

    def conversation(self, id_: str, key: str) -> list[Response]:
        """This one after all that it continues, the oldest first; empty where the key has no such response.

        The first still has a `previous` where that one is not here any more.
        """
        rows = self._connection.execute(
            """
            WITH RECURSIVE chain (id, key, previous, created_at, input, document, place) AS (
                SELECT id, key, previous, created_at, input, document, 0 FROM response WHERE id = :id AND key = :key
                UNION ALL
                SELECT before.id, before.key, before.previous, before.created_at, before.input, before.document,
                       chain.place + 1
                FROM response AS before JOIN chain ON before.id = chain.previous WHERE before.key = :key
            )
            SELECT id, key, previous, created_at, input, document FROM chain ORDER BY place DESC
            """,
            {"id": id_, "key": key},
        )
        return [_response(row) for row in rows]

    def forget(self, id_: str, key: str) -> bool:
        """Delete one; False where the key has no such response."""
        done = self._connection.execute("DELETE FROM response WHERE id = ? AND key = ?", (id_, key))
        return done.rowcount == 1

    def forget_user(self, names: Sequence[str]) -> int:
        """Delete all of a user, who stands there by any of these names; how many they were."""
        marks = ", ".join("?" * len(names))
        done = self._connection.execute(f"DELETE FROM response WHERE end_user IN ({marks})", names)  # noqa: S608
        return done.rowcount

    def nobodys(self) -> int:
        """How many there are that do not say whose they are."""
        found: int = self._connection.execute("SELECT count(*) FROM response WHERE end_user IS NULL").fetchone()[0]
        return found

    def forget_older(self, than: datetime) -> int:
        """Delete all made before; how many they were."""
        return self._connection.execute("DELETE FROM response WHERE created_at < ?", (microseconds(than),)).rowcount


def _response(row: tuple[str, str, str | None, int, bytes, bytes]) -> Response:
    id_, key, previous, created, input_, document = row
    return Response(id_, key, previous, moment(created), input_, document)
