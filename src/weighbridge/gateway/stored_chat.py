"""/v1/chat/completions with `store`: make one that is kept, look at it, list them, mark and delete them.

A chat completion is kept where its key allows it and the request says `store: true`; it is on disk before its last
byte leaves. Only the key that made it may read, mark or delete it.
"""

import re
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from weighbridge import db
from weighbridge.accounts import chats
from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, NotFound
from weighbridge.gateway import answers
from weighbridge.gateway.chat import Chat
from weighbridge.gateway.keeping import limit_in, newest_first, told
from weighbridge.ledger.users import Users
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.chat.stored import Made, StoredSurface, read_metadata, with_metadata

_PATH: Final = "/v1/chat/completions/"
_KEPT: Final = "chat completions"
_FIELD: Final = b'"store"'
_METADATA: Final = re.compile(r"metadata\[(.*)\]", re.DOTALL)


class DeletedChat(msgspec.Struct):
    """What is not kept any more."""

    id: str
    object: Literal["chat.completion.deleted"] = "chat.completion.deleted"
    deleted: bool = True


class StoredPage(msgspec.Struct):
    """Some of the chat completions, or of the messages of one."""

    data: list[msgspec.Raw]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class ChatUpdate(msgspec.Struct):
    """Other metadata: up to 16 texts of up to 512 characters, by names of up to 64."""

    metadata: msgspec.Raw


_updates: Final = msgspec.json.Decoder(ChatUpdate)
_messages: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


@dataclass(frozen=True, slots=True)
class StoredChat:
    """The handlers."""

    chat: Chat
    kept: chats.Chats
    users: Users
    """How the client's users are named where it is kept."""

    def create(self, request: Request, reply: Reply) -> Awaitable[None]:
        """Make a chat completion, kept or not. See Chat."""
        return self.chat(request, reply) if request.body.find(_FIELD) < 0 else self._perhaps_kept(request, reply)

    async def _perhaps_kept(self, request: Request, reply: Reply) -> None:
        now = self.chat.now()
        key = self.chat.open(request, now)
        if not key.store:
            await self.chat(request, reply)
            return

        async def keep(made: Made) -> None:
            await self._keep(made, key)

        surface = StoredSurface(f"chatcmpl-{secrets.token_hex(16)}", int(now.timestamp()), keep)
        await self.chat.serve(request, reply, surface)

    async def list(self, request: Request, reply: Reply) -> None:
        """Those of the key, page by page. Raises BadRequest."""
        key = self.chat.open(request, self.chat.now())
        query = request.query
        page = chats.Page(
            limit=limit_in(query) + 1,  # to see whether there are more
            after=query.get("after"),
            newest_first=newest_first(query, otherwise="asc"),
            model=query.get("model"),
            metadata=_wanted(query),
        )
        if page.after is not None:
            await self._found(page.after, key, param="after")
        found = await told(db.in_thread(self.kept.page, key.id, page), _KEPT)
        shown = found[: page.limit - 1]
        data = [msgspec.Raw(with_metadata(chat.document, chat.metadata)) for chat in shown]
        answers.document(reply, _listed(data, [chat.id for chat in shown], more=len(found) > len(shown)))

    async def one(self, request: Request, reply: Reply) -> None:
        """One that was kept. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        found = await self._found(request.path.removeprefix(_PATH), key)
        reply.send(200, (answers.JSON,), with_metadata(found.document, found.metadata))

    async def update(self, request: Request, reply: Reply) -> None:
        """Give one other metadata. Raises BadRequest, or NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        id_ = request.path.removeprefix(_PATH)
        metadata = _update(request.body)
        found = await self._found(id_, key)
        if not await told(db.in_thread(self.kept.mark, id_, key.id, metadata), _KEPT):
            raise _unknown(id_)
        reply.send(200, (answers.JSON,), with_metadata(found.document, metadata))

    async def delete(self, request: Request, reply: Reply) -> None:
        """Forget one. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        id_ = request.path.removeprefix(_PATH)
        if not await told(db.in_thread(self.kept.forget, id_, key.id), _KEPT):
            raise _unknown(id_)
        answers.document(reply, DeletedChat(id_))

    async def messages(self, request: Request, reply: Reply) -> None:
        """What went into one, page by page. Raises NotFound where the key has none of this id."""
        key = self.chat.open(request, self.chat.now())
        query = request.query
        limit, after = limit_in(query), query.get("after")
        found = await self._found(request.path.removeprefix(_PATH).removesuffix("/messages"), key)
        every = {f"{found.id}-{at}": message for at, message in enumerate(_messages.decode(found.messages))}
        ids = [*reversed(every)] if newest_first(query, otherwise="asc") else [*every]
        if after is not None and after not in every:
            raise BadRequest(f"after: the chat completion has no message {after[:100]!r}", param="after")
        start = 0 if after is None else ids.index(after) + 1
        shown = ids[start : start + limit]
        data = [_message(id_, every[id_]) for id_ in shown]
        answers.document(reply, _listed(data, shown, more=start + limit < len(ids)))

    async def _keep(self, made: Made, key: Key) -> None:
        messages = msgspec.json.encode(made.messages)
        names = (made.asked_model, made.model)
        user = None if made.user is None else self.users.of_text(made.user)
        chat = chats.Chat(made.id, key.id, self.chat.now(), *names, messages, made.metadata, made.document, user)
        await told(db.in_thread(self.kept.keep, chat), _KEPT)

    async def _found(self, id_: str, key: Key, *, param: str | None = None) -> chats.Chat:
        found = await told(db.in_thread(self.kept.find, id_, key.id), _KEPT)
        if found is None:
            raise _unknown(id_, param)
        return found


def _unknown(id_: str, param: str | None = None) -> NotFound:
    return NotFound(
        f"this key keeps no chat completion {id_[:100]!r}; they are kept for keys made with --store, where the request"
        " says `store: true`",
        param=param,
    )


def _update(body: bytes) -> Mapping[str, str]:
    try:
        return read_metadata(_updates.decode(body).metadata)
    except msgspec.ValidationError as exc:
        raise BadRequest('metadata: all that can be changed; send `{"metadata": {…}}`', param="metadata") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc


def _wanted(query: Mapping[str, str]) -> dict[str, str]:
    """`metadata[name]=value`, as many as there are."""
    pairs = ((_METADATA.fullmatch(name), value) for name, value in query.items())
    return {found[1]: value for found, value in pairs if found is not None}


def _listed(data: list[msgspec.Raw], ids: list[str], *, more: bool) -> StoredPage:
    return StoredPage(data, ids[0] if ids else None, ids[-1] if ids else None, more)


def _message(id_: str, message: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    """A message as OpenAI lists it: what came in parts is in `content_parts`."""
    content = message.get("content", _NULL)
    in_parts = bytes(content).lstrip()[:1] == b"["
    shown = {"id": id_, **message, "content": _NULL if in_parts else content}
    return msgspec.Raw(msgspec.json.encode({**shown, "content_parts": content if in_parts else _NULL}))


_NULL: Final = msgspec.Raw(b"null")
