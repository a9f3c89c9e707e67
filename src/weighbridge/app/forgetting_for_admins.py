"""A user forgotten on behalf of whoever asks over HTTP, on a connection of its own: it may take a while."""

from contextlib import closing
from dataclasses import asdict

import msgspec

from weighbridge import db
from weighbridge.app.forgetting import Forgotten, forget_user
from weighbridge.app.place import place
from weighbridge.config import Settings
from weighbridge.errors import LedgerUnavailable
from weighbridge.gateway.admin.shapes import ForgottenUser


async def forget(settings: Settings, user: str) -> ForgottenUser:
    """Delete what is kept of a user on this machine. Raises TextsUnavailable, LedgerUnavailable."""

    def work() -> Forgotten:
        with closing(db.connect(place(settings))) as connection:
            return forget_user(settings, connection, user)

    try:
        done = await db.in_thread(work)
    except db.Error as exc:
        raise LedgerUnavailable(f"what is kept of the user cannot be deleted: {exc}; ask again") from exc
    return msgspec.convert(asdict(done), ForgottenUser)
