"""A request for a response that goes to a provider which speaks Responses itself: as the client made it.

But for these: what it refers to is put in its place, since it is kept here and not there; and `store` is false for the
provider, whatever it is for us.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire import calls
from weighbridge.wire.calls import Call
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.responses.compaction import SUMMARIES, opened, summary_item
from weighbridge.wire.responses.items import NULL, resolved
from weighbridge.wire.responses.read import Earlier

_SEALED: Final = "reasoning.encrypted_content"
_THEIRS: Final[Mapping[str, str]] = {
    "conversation": "conversations are not kept here: send the items, or `previous_response_id`",
    "background": "answers are not made in the background; leave it out",
}
"""What would be kept at the provider, where every key of this gateway could reach it."""


_list: Final = msgspec.json.Decoder(list[msgspec.Raw])


class PassedCall(Call, kw_only=True):
    """The fields of a request that decide where it goes and what it may cost."""

    stream: bool | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    input: msgspec.Raw = NULL
    instructions: msgspec.Raw = NULL

    @property
    def streamed(self) -> bool:
        """See Call."""
        return self.stream is True

    @property
    def prompt_bytes(self) -> int:
        """See Call."""
        return calls.text_bytes(self.input) + calls.text_bytes(self.instructions)

    @property
    def opening(self) -> bytes:
        """See Call."""
        given = bytes(self.input)
        if given[:1] == b"[":
            items = _list.decode(given)
            given = calls.opening(items) if items else b""
        return bytes(self.instructions)[: calls.OPENING] + given[: 2 * calls.OPENING]

    @property
    def most_tokens(self) -> int | None:
        """See Call."""
        return self.max_output_tokens


class _Head(msgspec.Struct):
    type: str | None = None
    encrypted_content: str | None = None


_calls: Final = msgspec.json.Decoder(PassedCall)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists: Final = msgspec.json.Decoder(list[msgspec.Raw])
_includes: Final = msgspec.json.Decoder(list[str])
_heads: Final = msgspec.json.Decoder(_Head)


class Request(msgspec.Struct):
    """A request as the provider gets it."""

    call: PassedCall
    body: bytes
    input: list[msgspec.Raw]
    """Its own items, without those of the conversation before."""
    previous: str | None
    stored: bool
    """Whether the client lets it be kept."""


def read_request(body: bytes, earlier: Earlier) -> Request:
    """Raises BadRequest for what cannot be passed on either: what is broken, and what the provider would keep."""
    calls.read(body, _calls)
    fields = _fields.decode(body)
    for name, said in _THEIRS.items():
        if bytes(fields.get(name, NULL)) not in (b"null", b"false"):
            raise BadRequest(f"{name}: {said}", param=name)
    if earlier.fault is not None:
        raise earlier.fault
    sent = _items(fields.get("input", NULL))
    own = [_in_words(item) for item in resolved(sent, earlier.known)]
    stranger = next((at for at, item in enumerate(own) if _head(item).type == "item_reference"), None)
    if stranger is not None:
        raise BadRequest(f"input[{stranger}]: no such item is kept here: send it whole", param=f"input[{stranger}]")
    stored = bytes(fields.get("store", NULL)) != b"false"
    previous = fields.pop("previous_response_id", NULL)
    if earlier.items or earlier.known:
        before = [_in_words(item) for item in earlier.items if _readable_there(item)]
        fields["input"] = msgspec.Raw(msgspec.json.encode([*before, *own]))
    elif own != sent:
        fields["input"] = msgspec.Raw(msgspec.json.encode(own))
    fields["store"] = msgspec.Raw(b"false")
    if stored:
        fields["include"] = _with_sealed(fields.get("include", NULL))
    passed = msgspec.json.encode(fields)
    named = None if previous == NULL else msgspec.json.decode(previous, type=str)
    return Request(calls.read(passed, _calls), passed, own, named, stored)


def _items(said: msgspec.Raw) -> list[msgspec.Raw]:
    text = bytes(said)
    if text.startswith(b'"'):
        return [msgspec.Raw(b'{"type":"message","role":"user","content":%b}' % text)]
    if text == b"null":
        return []
    try:
        return _lists.decode(text)
    except UNREADABLE as exc:
        raise BadRequest("input: must be a text or a list of items", param="input") from exc


def _head(item: msgspec.Raw) -> _Head:
    try:
        return _heads.decode(item)
    except UNREADABLE:
        return _Head()


def _in_words(item: msgspec.Raw) -> msgspec.Raw:
    """A compaction of ours as a message with its summary: nobody else can read it."""
    head = _head(item)
    summary = opened(head.encrypted_content or "") if head.type in SUMMARIES else None
    return item if summary is None else summary_item(summary)


def _readable_there(item: msgspec.Raw) -> bool:
    """Reasoning that is not sealed can be looked up only where it was kept."""
    head = _head(item)
    return head.type != "reasoning" or head.encrypted_content is not None


def _with_sealed(include: msgspec.Raw) -> msgspec.Raw:
    """What is kept here must be able to go there again."""
    try:
        wanted = [] if include == NULL else _includes.decode(include)
    except UNREADABLE:
        return include
    return msgspec.Raw(msgspec.json.encode(wanted if _SEALED in wanted else [*wanted, _SEALED]))
