"""The responses that a key keeps: found, continued and written, with what went in and what came out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from weighbridge import db
from weighbridge.accounts import responses
from weighbridge.accounts.keys import Key
from weighbridge.errors import NotFound, UnknownResponse
from weighbridge.gateway.keeping import told
from weighbridge.ledger.users import Users
from weighbridge.wire.responses.objects import response_of
from weighbridge.wire.responses.read import Earlier, Wanted
from weighbridge.wire.responses.surface import Made

_KEPT: Final = "responses"


class _Output(msgspec.Struct):
    output: list[msgspec.Raw]


class _Id(msgspec.Struct):
    id: str | None = None


_outputs: Final = msgspec.json.Decoder(_Output)
_inputs: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ids: Final = msgspec.json.Decoder(_Id)


@dataclass(frozen=True, slots=True)
class KeptResponses:
    """Every method raises LedgerUnavailable where the database cannot be used."""

    table: responses.Responses
    now: Callable[[], datetime]
    users: Users
    """How the client's users are named where it is kept."""

    async def earlier(self, look: Wanted, key: Key) -> Earlier:
        """What a request refers to, as far as this key keeps it."""
        earlier = Earlier()
        id_ = look.previous_response_id
        if id_ is not None:
            chain = await told(db.in_thread(self.table.conversation, id_, key.id), _KEPT)
            earlier.fault = _broken(id_, chain, key)
            earlier.items = [item for response in chain for item in _items(response)]
        for of in {response_of(item) for item in look.items}:
            named = await told(db.in_thread(self.table.find, of, key.id), _KEPT)
            earlier.known |= _by_id(() if named is None else _items(named))
        return earlier

    async def keep(self, made: Made, key: Key) -> None:
        """Write one."""
        items = msgspec.json.encode(made.input)
        user = None if made.user is None else self.users.of_text(made.user)
        response = responses.Response(made.id, key.id, made.previous, self.now(), items, made.document, user)
        await told(db.in_thread(self.table.keep, response), _KEPT)

    async def found(self, id_: str, key: Key) -> responses.Response:
        """One of them. Raises NotFound where the key has none of this id."""
        found = await told(db.in_thread(self.table.find, id_, key.id), _KEPT)
        if found is None:
            raise _unknown(id_)
        return found

    async def forget(self, id_: str, key: Key) -> None:
        """Delete one. Raises NotFound where the key has none of this id."""
        if not await told(db.in_thread(self.table.forget, id_, key.id), _KEPT):
            raise _unknown(id_)


def inputs_of(response: responses.Response) -> list[msgspec.Raw]:
    """The items that went in."""
    return _inputs.decode(response.input)


def outputs_in(document: bytes) -> list[msgspec.Raw]:
    """The items that came out."""
    return _outputs.decode(document).output


def id_of(item: msgspec.Raw) -> str | None:
    """An item's id."""
    return _ids.decode(item).id


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
    return inputs_of(response) + outputs_in(response.document)


def _by_id(items: Iterable[msgspec.Raw]) -> dict[str, msgspec.Raw]:
    return {id_: item for item in items if (id_ := id_of(item)) is not None}
