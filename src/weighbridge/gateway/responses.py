"""/v1/responses: make one, look at it, delete it, call it off, list what went in.

A response is kept where its key allows it, and the request does not say `store: false`; it is on disk before its last
byte leaves. Only the key that made it may read it, continue it or delete it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import msgspec

from weighbridge import db
from weighbridge.accounts import responses
from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, LedgerUnavailable, NotFound, UnknownResponse
from weighbridge.gateway import answers
from weighbridge.gateway.chat import Chat
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.responses.objects import response_of
from weighbridge.wire.responses.read import Earlier, Wanted, wanted
from weighbridge.wire.responses.surface import Made, ResponsesSurface

T = TypeVar("T")
_PATH: Final = "/v1/responses/"
_MOST_LISTED: Final = 100
_LISTED: Final = 20


class _Output(msgspec.Struct):
    output: list[msgspec.Raw]


class _Id(msgspec.Struct):
    id: str | None = None


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


_outputs: Final = msgspec.json.Decoder(_Output)
_inputs: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ids: Final = msgspec.json.Decoder(_Id)


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
    kept: responses.Responses
    _running: dict[str, _Running] = field(default_factory=dict, init=False)
    """Streams of this process, by their ids."""

    async def create(self, request: Request, reply: Reply) -> None:
        """Make a response. See Chat."""
        key = self.chat.open(request, self.chat.now())
        earlier = await self._earlier(wanted(request.body), key)
        id_ = f"resp_{secrets.token_hex(16)}"

        async def keep(made: Made) -> None:
            await self._keep(made, key)

        natively = any("responses" in provider.natively for provider in self.chat.providers.values())
        surface = ResponsesSurface(id_, self._seconds, earlier, may_store=key.store, keep=keep, natively=natively)
        if request.body.find(b'"stream"') < 0:  # no client knows its id before it has ended
            await self.chat.serve(request, reply, surface)
            return
        task = asyncio.create_task(self.chat.serve(request, reply, surface))
        self._running[id_] = _Running(key.id, task, reply, surface)
        try:
            await task
        except asyncio.CancelledError:
            if not reply.called_off:
                raise
            reply.end(surface.cancelled())
        finally:
            del self._running[id_]

    async def one(self, request: Request, reply: Reply) -> None:
        """One that was kept. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        if request.query.get("stream") == "true":
            raise BadRequest("stream: what was kept is not streamed again; ask without it", param="stream")
        found = await self._found(request.path.removeprefix(_PATH), key)
        reply.send(200, (answers.JSON,), found.document)

    async def delete(self, request: Request, reply: Reply) -> None:
        """Forget one. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        id_ = request.path.removeprefix(_PATH)
        if not await _told(db.in_thread(self.kept.forget, id_, key.id)):
            raise _unknown(id_)
        answers.document(reply, DeletedResponse(id_))

    async def cancel(self, request: Request, reply: Reply) -> None:
        """Call a stream off. Raises BadRequest where it has ended, NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        id_ = request.path.removeprefix(_PATH).removesuffix("/cancel")
        running = self._running.get(id_)
        if running is None or running.key != key.id:
            await self._found(id_, key)
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
        found = await self._found(request.path.removeprefix(_PATH).removesuffix("/input_items"), key)
        answers.document(reply, _page(_inputs.decode(found.input), request.query))

    async def _earlier(self, look: Wanted, key: Key) -> Earlier:
        """What the request refers to, as far as it is here."""
        earlier = Earlier()
        id_ = look.previous_response_id
        if id_ is not None:
            chain = await _told(db.in_thread(self.kept.conversation, id_, key.id))
            earlier.fault = _broken(id_, chain, key)
            earlier.items = [item for response in chain for item in _items(response)]
        for of in {response_of(item) for item in look.items}:
            named = await _told(db.in_thread(self.kept.find, of, key.id))
            earlier.known |= _by_id(() if named is None else _items(named))
        return earlier

    async def _keep(self, made: Made, key: Key) -> None:
        items = msgspec.json.encode(made.input)
        response = responses.Response(made.id, key.id, made.previous, self.chat.now(), items, made.document)
        await _told(db.in_thread(self.kept.keep, response))

    async def _found(self, id_: str, key: Key) -> responses.Response:
        found = await _told(db.in_thread(self.kept.find, id_, key.id))
        if found is None:
            raise _unknown(id_)
        return found

    def _seconds(self) -> int:
        return int(self.chat.now().timestamp())


async def _told(work: Awaitable[T]) -> T:
    """What the database said, its errors in our words."""
    try:
        return await work
    except db.Error as exc:
        raise LedgerUnavailable(f"the responses that are kept cannot be used: {exc}") from exc


def _broken(id_: str, chain: Sequence[responses.Response], key: Key) -> UnknownResponse | None:
    """Why a conversation cannot be continued, if so."""
    if chain and chain[0].previous is None:
        return None
    if chain:
        said = f"a response before {id_!r} is not kept any more ({chain[0].previous!r})"
    elif key.store:
        said = f"this key keeps no response {id_!r}"
    else:
        said = "this key keeps no responses; one made with `weighbridge keys create NAME --store` does"
    what_else = "send the items of the conversation as `input` instead"
    return UnknownResponse(f"previous_response_id: {said}: {what_else}", param="previous_response_id")


def _unknown(id_: str) -> NotFound:
    return NotFound(
        f"this key keeps no response {id_[:100]!r}; responses are kept for keys made with --store, unless the request"
        " says `store: false`"
    )


def _items(response: responses.Response) -> list[msgspec.Raw]:
    """What went in and what came out."""
    return _inputs.decode(response.input) + _outputs.decode(response.document).output


def _by_id(items: Iterable[msgspec.Raw]) -> dict[str, msgspec.Raw]:
    return {id_: item for item in items if (id_ := _ids.decode(item).id) is not None}


def _page(items: list[msgspec.Raw], query: Mapping[str, str]) -> InputItems:
    """Some of them: `limit` at most, those that follow `after`, the last first unless `order` is `asc`."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequest("order: `asc` or `desc`", param="order")
    limit = query.get("limit", str(_LISTED))
    if limit not in map(str, range(1, _MOST_LISTED + 1)):
        raise BadRequest(f"limit: a number from 1 to {_MOST_LISTED}", param="limit")
    if order == "desc":
        items.reverse()
    ids = [_ids.decode(item).id for item in items]
    after = query.get("after")
    if after is not None and after not in ids:
        raise BadRequest(f"after: the response has no item {after[:100]!r}", param="after")
    start = 0 if after is None else ids.index(after) + 1
    end = start + int(limit)
    page = ids[start:end]
    return InputItems(items[start:end], page[0] if page else None, page[-1] if page else None, has_more=end < len(ids))
