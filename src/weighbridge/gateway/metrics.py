"""GET /metrics: what all workers have counted, for Prometheus."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from weighbridge.accounts.keys import Key
from weighbridge.accounts.tree import EVERYWHERE
from weighbridge.errors import Forbidden, NotFound
from weighbridge.gateway.admin.desk import Caller, Desk
from weighbridge.transport.message import Reply, Request
from weighbridge.watching.exposition import kind_for


@dataclass(frozen=True, slots=True)
class Metrics:
    """Whoever may see all of the gateway's usage may see them, unless the settings let everybody."""

    shown_to: Literal["off", "key", "open"]
    open: Callable[[Request], Key]
    """The key a request came with. Raises Unauthorized."""
    desk: Desk
    """Where admin keys are looked at."""
    text: Callable[[str], Awaitable[bytes]]
    """The figures in the format of this content type."""

    async def show(self, request: Request, reply: Reply) -> None:
        """All of them, in the text format that is accepted. Raises NotFound, Unauthorized, Forbidden."""
        if self.shown_to == "off":
            raise NotFound("metrics are off here: `server.metrics` would turn them on")
        if self.shown_to == "key":
            await self._check(request, reply)
        kind = kind_for(request.headers.get(b"accept", b"").decode("latin-1"))
        reply.send(200, ((b"content-type", kind.encode()),), await self.text(kind))

    async def _check(self, request: Request, reply: Reply) -> None:
        if _presented(request).startswith(b"wba-"):
            await self.desk.do(request, reply, _reads_all_usage)
            return
        labels = self.open(request).labels
        if labels.organisation is not None or labels.project is not None:
            raise Forbidden(
                "the metrics are of all requests, and the key is of one organisation or project: take an admin key "
                "that reads all usage (`weighbridge admins create`), or a key that belongs to none"
            )


def _reads_all_usage(_: object, caller: Caller) -> None:
    caller.admin.require("usage.read", EVERYWHERE)


def _presented(request: Request) -> bytes:
    bearer = request.headers.get(b"authorization", b"").partition(b" ")[2]
    return bearer.strip() or request.headers.get(b"x-api-key", b"").strip()
