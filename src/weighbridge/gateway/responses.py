"""/v1/responses: make one, look at it, delete it, call it off, list what went in.

A response is kept where its key allows it, and the request does not say `store: false`; it is on disk before its last
byte leaves. Only the key that made it may read it, continue it or delete it.
"""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest
from weighbridge.gateway import answers
from weighbridge.gateway.chat import Chat
from weighbridge.gateway.keeping import limit_in, newest_first
from weighbridge.gateway.responses_kept import KeptResponses, id_of, inputs_of
from weighbridge.transport.message import Headers, Reply, Request
from weighbridge.transport.websocket import Bounds
from weighbridge.wire import sse
from weighbridge.wire.responses.read import Earlier, wanted
from weighbridge.wire.responses.replay import replayed
from weighbridge.wire.responses.surface import Made, ResponsesSurface

_PATH: Final = "/v1/responses/"
_EVENTS: Final[Headers] = ((b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache"))


class DeletedResponse(msgspec.Struct):
    """A response that is kept no more."""

    id: str
    object: Literal["response"] = "response"
    deleted: bool = True


class InputItems(msgspec.Struct):
    """Some of what went into a response."""

    data: list[msgspec.Raw]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class _Running:
    """A stream under way."""

    key: str
    task: "asyncio.Task[None]"
    reply: Reply
    surface: ResponsesSurface


@dataclass(frozen=True, slots=True)
class Responses:
    """The handlers."""

    chat: Chat
    kept: KeptResponses
    bounds: Bounds
    """Of a client that speaks WebSocket."""
    _running: dict[str, _Running] = field(default_factory=dict, init=False)
    """Streams of this process, by their ids."""

    async def create(self, request: Request, reply: Reply) -> None:
        """Make a response. See Chat."""
        key = self.chat.open(request, self.chat.now())
        earlier = await self.kept.earlier(wanted(request.body), key)
        surface = self.surface(key, earlier)
        if request.body.find(b'"stream"') < 0:  # no client knows its id before it has ended
            await self.chat.serve(request, reply, surface)
        else:
            await self.stream(request, reply, surface, key)

    def surface(self, key: Key, earlier: Earlier) -> ResponsesSurface:
        """For one response of this key's that goes on from what was earlier."""

        async def keep(made: Made) -> None:
            await self.kept.keep(made, key)

        return ResponsesSurface(
            f"resp_{secrets.token_hex(16)}",
            self._seconds,
            earlier,
            may_store=key.store,
            keep=keep,
            natively="responses" in self.chat.spoken,
        )

    async def stream(self, request: Request, reply: Reply, surface: ResponsesSurface, key: Key) -> None:
        """Make a response that may be called off meanwhile. See Chat."""
        task = asyncio.create_task(self.chat.serve(request, reply, surface))
        self._running[surface.id] = _Running(key.id, task, reply, surface)
        try:
            await task
        except asyncio.CancelledError:
            if not reply.called_off:
                raise
            reply.end(surface.cancelled())
        finally:
            del self._running[surface.id]

    async def one(self, request: Request, reply: Reply) -> None:
        """One that was kept, or its events again. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        after = _starting_after(request.query)
        document = (await self.kept.found(request.path.removeprefix(_PATH), key)).document
        if request.query.get("stream") != "true":
            reply.send(200, (answers.JSON,), document)
            return
        events = list(sse.events(replayed(document)))
        reply.send(200, _EVENTS, b"".join(events[after + 1 :]))

    async def delete(self, request: Request, reply: Reply) -> None:
        """Forget one. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        id_ = request.path.removeprefix(_PATH)
        await self.kept.forget(id_, key)
        answers.document(reply, DeletedResponse(id_))

    async def cancel(self, request: Request, reply: Reply) -> None:
        """Call a stream off. Raises BadRequest where it has ended, NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        id_ = request.path.removeprefix(_PATH).removesuffix("/cancel")
        running = self._running.get(id_)
        if running is None or running.key != key.id:
            await self.kept.found(id_, key)
            raise BadRequest(f"the response {id_!r} has ended: only one that is being streamed can be called off")
        running.reply.called_off = True
        running.task.cancel()
        await asyncio.wait((running.task,))
        if not running.task.cancelled():
            raise BadRequest(f"the response {id_!r} ended before it could be called off")
        reply.send(200, (answers.JSON,), running.surface.document)

    async def input_items(self, request: Request, reply: Reply) -> None:
        """What went into one, page by page. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        found = await self.kept.found(request.path.removeprefix(_PATH).removesuffix("/input_items"), key)
        answers.document(reply, _page(inputs_of(found), request.query))

    def _seconds(self) -> int:
        return int(self.chat.now().timestamp())


def _starting_after(query: Mapping[str, str]) -> int:
    """The number of the last event that the client has; -1: none."""
    after = query.get("starting_after")
    if after is None:
        return -1
    if not re.fullmatch(r"[0-9]{1,9}", after):
        raise BadRequest("starting_after: the number of an event, from 0", param="starting_after")
    return int(after)


def _page(items: list[msgspec.Raw], query: Mapping[str, str]) -> InputItems:
    """Some of them: `limit` at most, those that follow `after`, the last first unless `order` is `asc`."""
    if newest_first(query, otherwise="desc"):
        items.reverse()
    limit = limit_in(query)
    ids = [id_of(item) for item in items]
    after = query.get("after")
    if after is not None and after not in ids:
        raise BadRequest(f"after: the response has no item {after[:100]!r}", param="after")
    start = 0 if after is None else ids.index(after) + 1
    end = start + limit
    page = ids[start:end]
    return InputItems(items[start:end], page[0] if page else None, page[-1] if page else None, has_more=end < len(ids))
