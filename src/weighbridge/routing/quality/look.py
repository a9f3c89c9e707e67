"""What of a request decides whether a cheaper model will do. Made once, and only for requests that may be moved."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.calls import text_bytes
from weighbridge.wire.decoding import UNREADABLE


class Look(msgspec.Struct, frozen=True):
    """A chat completion request as the router sees it; texts are cut, pictures and sounds counted."""

    system: str
    """Of system and developer messages, joined."""
    first: str
    """The first turn of the user: the same throughout a conversation, so that its decision is too."""
    last: str
    """The last one."""
    turns: int
    """Messages of the user and the assistant, and tools' results."""
    context_bytes: int
    """Of all messages, as JSON; pictures, sounds and files sent inline are not counted."""
    most_tokens: int | None
    """The longest answer the client would take."""
    images: int
    """Pictures, sounds and files, in all messages."""
    tools: tuple[str, ...]
    """Names, sorted."""
    format: str
    """`text`, `json_object`, or `json_schema:` with 16 digits of its SHA-256."""


CUT: Final = 4000
"""Characters of a text that are looked at: the first and the last half of so many."""


def look(body: bytes) -> Look:
    """What there is to see of a chat completion request. Raises BadRequest where it is none.

    What stands where something else is expected is passed over: whoever is asked will say what is wrong with it.
    """
    try:
        seen = _requests.decode(body)
        messages = [_messages.decode(each) for each in seen.messages]
    except UNREADABLE as exc:
        raise BadRequest(f"this is no chat completion request: {exc}") from exc
    instructions: list[str] = []
    first: str | None = None
    last: msgspec.Raw | None = None
    images = size = 0
    for raw, message in zip(seen.messages, messages, strict=True):
        parted = bytes(memoryview(message.content)[:1]) == b"["
        size += text_bytes(raw) if parted else len(memoryview(raw))
        images += _others(message.content) if parted else 0
        if message.role in _INSTRUCTIONS:
            instructions.append(_text(message.content))
        elif message.role == "user":
            first = _text(message.content) if first is None else first
            last = message.content
    first = first or ""
    return Look(
        _cut("\n".join(instructions)),
        _cut(first),
        "" if last is None else _cut(_text(last)),
        len(messages) - len(instructions),
        size,
        _most(seen),
        images,
        _names(seen),
        _format(seen.response_format),
    )


def opening(seen: Look) -> Look:
    """The same as of the conversation's first turn, so that what is predicted by it holds for each of its turns.

    Whatever is learnt, proven and decided goes by this one. A picture that comes later counts all the same.
    """
    context = len(seen.system) + len(seen.first)
    return msgspec.structs.replace(seen, last=seen.first, turns=min(seen.turns, 1), context_bytes=context)


class _Request(msgspec.Struct, gc=False):
    messages: list[msgspec.Raw]
    max_completion_tokens: msgspec.Raw = msgspec.Raw()
    max_tokens: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct, gc=False):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct, gc=False):
    type: str = "text"
    text: str | None = None


class _Kind(msgspec.Struct, gc=False):
    type: str = "text"


class _Named(msgspec.Struct, gc=False):
    name: str = ""


class _Tool(msgspec.Struct, gc=False):
    function: _Named | None = None
    custom: _Named | None = None


class _Schema(msgspec.Struct, gc=False):
    schema: msgspec.Raw = msgspec.Raw()


class _Format(msgspec.Struct, gc=False):
    type: str = "text"
    json_schema: _Schema | None = None


_INSTRUCTIONS: Final = frozenset({"system", "developer"})
_WORDS: Final = frozenset({"text", "input_text", "output_text", "refusal"})
_requests: Final = msgspec.json.Decoder(_Request)
_messages: Final = msgspec.json.Decoder(_Message)
_texts: Final = msgspec.json.Decoder(str | list[_Part] | None)
_kinds: Final = msgspec.json.Decoder(list[_Kind])
_tools: Final = msgspec.json.Decoder(list[_Tool] | None)
_functions: Final = msgspec.json.Decoder(list[_Named] | None)
_formats: Final = msgspec.json.Decoder(_Format | None)
_limits: Final[msgspec.json.Decoder[int | None]] = msgspec.json.Decoder(int | None)


def _text(content: msgspec.Raw) -> str:
    if not content:
        return ""
    try:
        said = _texts.decode(content)
    except UNREADABLE:
        return ""
    if said is None or isinstance(said, str):
        return said or ""
    return "\n".join(part.text for part in said if part.text is not None)


def _others(parts: msgspec.Raw) -> int:
    """How many of the parts are no text."""
    try:
        return sum(part.type not in _WORDS for part in _kinds.decode(parts))
    except UNREADABLE:
        return 0


def _most(seen: _Request) -> int | None:
    for limit in (seen.max_completion_tokens, seen.max_tokens):
        if limit:
            try:
                most = _limits.decode(limit)
            except UNREADABLE:
                continue
            if most is not None and most > 0:
                return most
    return None


def _names(seen: _Request) -> tuple[str, ...]:
    if not seen.tools and not seen.functions:
        return ()
    named: Sequence[_Named | None] = ()
    try:
        if seen.tools:
            named = [each.function or each.custom for each in _tools.decode(seen.tools) or ()]
        elif seen.functions:
            named = _functions.decode(seen.functions) or ()
    except UNREADABLE:
        return ()
    return tuple(sorted(each.name for each in named if each is not None))


def _format(wanted: msgspec.Raw) -> str:
    if not wanted:
        return "text"
    try:
        found = _formats.decode(wanted)
        if found is None or found.type != "json_schema" or found.json_schema is None:
            return "text" if found is None else found.type
        schema = found.json_schema.schema or msgspec.Raw(b"null")
        same = msgspec.json.encode(msgspec.json.decode(schema), order="sorted")  # however it is laid out
    except UNREADABLE:
        return "text"
    return f"json_schema:{hashlib.sha256(same).hexdigest()[:16]}"


def _cut(text: str) -> str:
    return text if len(text) <= CUT else text[: CUT // 2] + text[-CUT // 2 :]
