"""POST /v1/admin/forget: delete what is kept of one of a client's users."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from weighbridge import audit_log
from weighbridge.accounts.tree import EVERYWHERE
from weighbridge.audit_log import Change
from weighbridge.db import Connection
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, read
from weighbridge.gateway.admin.shapes import ForgottenUser, UserToForget
from weighbridge.transport.message import Reply, Request

Forget = Callable[[str], Awaitable[ForgottenUser]]
"""Deletes what is kept of a user. Raises TextsUnavailable, LedgerUnavailable."""


@dataclass(frozen=True, slots=True)
class AdminForgetting:
    """The handler."""

    desk: Desk
    forget: Forget

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Delete all that is kept of a user. Raises BadRequest, Forbidden, TextsUnavailable, LedgerUnavailable."""
        await self.desk.open(request)
        wanted = read(request.body, UserToForget)
        await self.desk.do(request, reply, lambda _, caller: caller.admin.require("user.forget", EVERYWHERE))
        done = await self.forget(wanted.user)

        def work(connection: Connection, caller: Caller) -> None:  # who it was is not said: that was to be forgotten
            counts = {name: count for name, count in msgspec.structs.asdict(done).items() if type(count) is int}
            change = Change(action="user.forget", target="user", before=counts)
            audit_log.write(connection, caller.by, change, now=caller.now)

        await self.desk.do(request, reply, work)
        answers.document(reply, done)
