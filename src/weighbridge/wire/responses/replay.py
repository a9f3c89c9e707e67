"""A response that was kept, as the stream it might have come in: the same machine writes both.

Where the live stream had a delta for every few letters, there is one for each text: those are not kept. So the numbers
of the events are this stream's own. A response that a provider wrote itself may hold what the machine does not know:
each of its items comes whole then.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from weighbridge.wire.inner import Began, Event, Finish, Finished, Likely, Refused, Said, ThoughtOn, ToolBegan, ToolWent
from weighbridge.wire.responses.items import CustomInput
from weighbridge.wire.responses.objects import (
    CustomCall,
    FunctionCall,
    Incomplete,
    Item,
    Logprob,
    Message,
    OutputText,
    Reasoning,
    Top,
    full_name,
)
from weighbridge.wire.responses.tools import Named
from weighbridge.wire.responses.write import Making, ResponseWriter
from weighbridge.wire.usage import Usage


class _InputDetails(msgspec.Struct):
    cached_tokens: int
    cache_write_tokens: int = 0


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int


class _Usage(msgspec.Struct):
    input_tokens: int
    input_tokens_details: _InputDetails
    output_tokens: int
    output_tokens_details: _OutputDetails
    cost: msgspec.Raw = msgspec.Raw()


class _Kept(msgspec.Struct):
    id: str
    created_at: int
    completed_at: int | None
    incomplete_details: Incomplete | None
    output: list[Item]
    usage: _Usage | None


_kept: Final = msgspec.json.Decoder(_Kept)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])
_BEGUN: Final = {
    "status": msgspec.Raw(b'"in_progress"'),
    "output": msgspec.Raw(b"[]"),
    "completed_at": msgspec.Raw(b"null"),
    "incomplete_details": msgspec.Raw(b"null"),
    "usage": msgspec.Raw(b"null"),
}
_COMPLETED: Final = msgspec.Raw(b'"completed"')
_ENDINGS: Final = {b'"incomplete"': b"response.incomplete", b'"failed"': b"response.failed"}
_OF_THE_ANSWER: Final = frozenset(Top.__struct_fields__)
_FINISHES: Final[dict[str, Finish]] = {"max_output_tokens": "length", "content_filter": "filter"}


def replayed(document: bytes) -> bytes:
    """The events, from `response.created` on to the one that ends with this very document."""
    try:
        events, written = _written(document)
    except msgspec.ValidationError:
        return _in_items(document)
    return events if written == document else _in_items(document)


def _written(document: bytes) -> tuple[bytes, bytes]:
    """The events as the machine writes them, and the response that they end with."""
    kept = _kept.decode(document)
    echo = {name: value for name, value in _fields.decode(document).items() if name not in _OF_THE_ANSWER}
    writer = ResponseWriter(
        Making(
            id=kept.id,
            created=kept.created_at,
            echo=msgspec.json.encode(echo),
            named=dict(_named(kept.output)),
            sealed=True,
            clock=lambda: kept.completed_at or kept.created_at,
        )
    )
    events = b"".join([writer.write(event) for event in _events(kept)])
    events += writer.last(*_counted(kept.usage))
    return events, writer.document


def _in_items(document: bytes) -> bytes:
    document = msgspec.json.format(document, indent=-1)  # an event is one line
    fields = _fields.decode(document)
    begun = msgspec.json.encode(fields | _BEGUN)
    told = [(b"response.created", b'"response":%b' % begun), (b"response.in_progress", b'"response":%b' % begun)]
    for index, item in enumerate(_items.decode(fields["output"])):
        place = b'"output_index":%d,"item":%b' % (index, bytes(item))
        told += [(b"response.output_item.added", place), (b"response.output_item.done", place)]
    last = _ENDINGS.get(bytes(fields.get("status", _COMPLETED)), b"response.completed")
    told.append((last, b'"response":%b' % document))
    return b"".join(
        [
            b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (name, name, number, rest)
            for number, (name, rest) in enumerate(told)
        ]
    )


def _named(output: list[Item]) -> Iterator[tuple[str, Named]]:
    """What the client calls its tools otherwise than the model did."""
    for item in output:
        if isinstance(item, FunctionCall | CustomCall):
            namespace = None if item.namespace is msgspec.UNSET else item.namespace
            yield full_name(namespace, item.name), Named(item.name, namespace, custom=isinstance(item, CustomCall))


def _events(kept: _Kept) -> Iterator[Event]:
    yield Began(kept.id, "", kept.created_at)
    uses = 0
    for item in kept.output:
        match item:
            case Message():
                yield from _said(item)
            case Reasoning():
                yield from _thought(item)
            case FunctionCall() | CustomCall():
                yield from _used(item, uses)
                uses += 1
    reason = "" if kept.incomplete_details is None else kept.incomplete_details.reason
    yield Finished(_FINISHES.get(reason, "stop"))


def _said(message: Message) -> Iterator[Event]:
    for part in message.content:
        if isinstance(part, OutputText):
            yield Said(part.text, [_likely(each) for each in part.logprobs] or None)
        else:
            yield Refused(part.refusal)


def _thought(reasoning: Reasoning) -> Iterator[Event]:
    for words in reasoning.content:
        yield ThoughtOn(words.text)
    if reasoning.encrypted_content is not msgspec.UNSET:
        yield ThoughtOn(sealed=reasoning.encrypted_content)
    else:
        yield ThoughtOn(signature="its end")


def _used(call: FunctionCall | CustomCall, index: int) -> Iterator[Event]:
    name = full_name(None if call.namespace is msgspec.UNSET else call.namespace, call.name)
    yield ToolBegan(index, call.call_id, name)
    if isinstance(call, FunctionCall):
        yield ToolWent(index, call.arguments)
    else:
        yield ToolWent(index, msgspec.json.encode(CustomInput(call.input)).decode())


def _likely(of: Logprob) -> Likely:
    return Likely(
        of.token, of.logprob, of.bytes, [Likely(each.token, each.logprob, each.bytes) for each in of.top_logprobs]
    )


def _counted(usage: _Usage | None) -> tuple[Usage | None, str | None]:
    if usage is None:
        return None, None
    details = usage.input_tokens_details
    counted = Usage(
        prompt=usage.input_tokens,
        completion=usage.output_tokens,
        cached=details.cached_tokens,
        written=details.cache_write_tokens,
        reasoning=usage.output_tokens_details.reasoning_tokens,
    )
    return counted, bytes(usage.cost).decode() or None
