"""The admin API as its clients use it."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.gateway.house import PATIENCE, Answer, Client, House
from weighbridge import audit_log, db
from weighbridge.accounts import admins
from weighbridge.accounts.admins import Admin
from weighbridge.accounts.roles import Role
from weighbridge.accounts.tree import Place
from weighbridge.audit_log import Row, Wanted


@dataclass
class Office:
    """Calls with one admin key."""

    house: House
    key: str
    admin: Admin

    async def call(
        self, method: str, path: str, body: object = None, *, status: int = 200, headers: str = ""
    ) -> dict[str, object]:
        """What the answer says, which has this status."""
        answer = await call(self.house, method, path, body, key=self.key, headers=headers)
        assert answer.status == status, answer.body
        return answer.document if status == 200 else answer.error


def office(
    house: House,
    role: Role,
    organisation: str | None = None,
    project: str | None = None,
    *,
    makes_keys: bool = False,
    name: str = "",
) -> Office:
    """A new admin key."""
    with closing(db.connect(house.ledger)) as connection:
        scope = Place(organisation, project)
        admin, key = admins.create(
            connection, name=name or role, role=role, now=datetime.now(UTC), scope=scope, makes_keys=makes_keys
        )
    return Office(house, key, admin)


async def call(house: House, method: str, path: str, body: object = None, *, key: str, headers: str = "") -> Answer:
    """A request and its whole answer."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        head = f"{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {key}\r\n{headers}"
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(data) + data)
        client = Client(reader, writer)
        try:
            return await client.answer()
        finally:
            client.leave()


def log(house: House, wanted: Wanted | None = None) -> list[Row]:
    """The audit log, which is whole."""
    with closing(db.connect(house.ledger)) as connection:
        assert audit_log.verify(connection).fault is None
        return audit_log.rows(connection, wanted or Wanted())


def ids(document: Mapping[str, object]) -> list[object]:
    """Of a page."""
    data = document["data"]
    assert isinstance(data, list)
    return [each["id"] for each in data]
