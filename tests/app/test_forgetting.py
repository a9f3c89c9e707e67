"""A user is forgotten, and a key's wish is kept, on each engine alike."""

from contextlib import closing
from dataclasses import replace as with_
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.ledger.test_saved import PAID
from weighbridge import config, db
from weighbridge.accounts import keys
from weighbridge.accounts.chats import Chat, Chats
from weighbridge.accounts.keys import Keeps
from weighbridge.accounts.responses import Response, Responses
from weighbridge.app.forgetting import Forgotten, forget_user
from weighbridge.audit_log import GATEWAY
from weighbridge.ledger import store

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_user_is_forgotten(place: db.Place, tmp_path: Path) -> None:
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, here=tmp_path)
    with closing(db.connect(place)) as connection:
        for name, user in (("wbr-1", "alice"), ("wbr-2", "bob"), ("wbr-3", None)):
            store.add(connection, [replace(PAID, id=name, user=user)])
            Responses(connection).keep(Response(name, "key-1", None, NOW, b"[]", b"{}", user))
            Chats(connection).keep(Chat(name, "key-1", NOW, "tiny", None, b"[]", {}, b"{}", user))
        done = forget_user(settings, connection, "alice")
        left = [connection.execute(f"SELECT id FROM {table} ORDER BY id").fetchall() for table in ("response", "chat")]
    assert done == Forgotten(
        texts=0,
        responses=1,
        chats=1,
        cached=0,
        every_cached=False,
        entries=1,
        budgets=0,
        uses=0,
        unnamed=2,
        in_log=False,
    )
    assert left == [[("wbr-2",), ("wbr-3",)]] * 2


def test_it_is_said_where_a_reader_keeps_the_log(tmp_path: Path) -> None:
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(tmp_path)}, here=tmp_path)
    with (
        closing(db.connect(settings.ledger_path)) as connection,
        closing(db.connect(settings.ledger_path)) as reader,
    ):
        db.migrate(connection)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        Chats(connection).keep(Chat("a", "key-1", NOW, "tiny", None, b"[]", {}, b"{}", "alice"))
        done = forget_user(settings, connection, "alice")
        reader.execute("ROLLBACK")
        assert (done.chats, done.in_log) == (1, True)
        assert not forget_user(settings, connection, "alice").in_log


@pytest.mark.parametrize("keeps", [None, Keeps(30), Keeps(7, inputs=True)])
def test_what_a_key_keeps_is_read_as_it_was_written(place: db.Place, keeps: Keeps | None) -> None:
    with closing(db.connect(place)) as connection:
        made, _ = keys.create(connection, name="one", now=NOW, keeps=keeps)
        assert keys.find(connection, made.id) == made
        assert made.keeps == keeps
        with db.transaction(connection):
            keys.put(connection, made, with_(made, keeps=Keeps(1)), action="key.change", by=GATEWAY, now=NOW)
        found = keys.find(connection, made.id)
    assert found is not None
    assert found.keeps == Keeps(1)
