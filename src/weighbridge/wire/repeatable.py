"""Which answers may be given again, and in which bytes: whole ones that neither failed nor were refused.

What is to be kept is put right first, as the client saw it: whoever gets it next need not know how the model that gave
it leaves its thoughts and calls in its text.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from weighbridge.wire import reported, sse
from weighbridge.wire.calls import Task
from weighbridge.wire.chat.replayed import document_of
from weighbridge.wire.chat.stream import DONE, ChatStream
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.habits.repair import Repair
from weighbridge.wire.repaired import Repaired, put_right
from weighbridge.wire.surface import Stream
from weighbridge.wire.usage import Usage

_GOOD: Final = frozenset(
    {"stop", "length", "tool_calls", "function_call", "eos", "end_turn", "stop_sequence", "max_tokens", "tool_use"}
)
"""Why a good answer ends, in every dialect: by itself, at a limit that the request has, or to have a tool called."""


class _Message(msgspec.Struct):
    refusal: str | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None
    message: _Message | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Vectors(msgspec.Struct):
    data: list[msgspec.Raw] = []
    results: list[msgspec.Raw] = []


class _NativeMessage(msgspec.Struct):
    stop_reason: str | None = None


class _Part(msgspec.Struct):
    type: str = ""


class _Item(msgspec.Struct):
    content: list[_Part] | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    status: str = ""
    output: list[_Item] = []
    incomplete_details: _Incomplete | None = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: _NativeMessage | None = None
    response: _Response | None = None


_completions: Final = msgspec.json.Decoder(_Completion)
_vectors: Final = msgspec.json.Decoder(_Vectors)
_native_messages: Final = msgspec.json.Decoder(_NativeMessage)
_responses: Final = msgspec.json.Decoder(_Response)
_events: Final = msgspec.json.Decoder(_Event)


def repeatable(answer: bytes, *, streamed: bool, task: Task, repair: Repair | None) -> bytes | None:
    """An answer as it may be kept, in the format of the task; None where it may not be."""
    try:
        if task == "chat":
            return _chat(answer, repair, streamed=streamed)
        good = (_GOOD_STREAMS if streamed else _GOOD_DOCUMENTS).get(task)
        return answer if good is not None and good(answer) else None
    except (*UNREADABLE, ValueError, sse.TooLong):
        return None


def _chat(answer: bytes, repair: Repair | None, *, streamed: bool) -> bytes | None:
    if not streamed:
        document = answer if repair is None else put_right(answer, repair)
        return document if _is_good(document) else None
    chat = ChatStream(wants_usage=True, cost=_unknown)
    stream: Stream = chat if repair is None else Repaired(chat, repair)
    events = stream.feed(answer)
    events += stream.end()
    return events + DONE if stream.whole and _is_good(document_of(events)) else None


def _unknown(usage: Usage) -> str | None:
    return None


def _is_good(document: bytes) -> bool:
    choices = _completions.decode(document).choices
    return (
        bool(choices)
        and reported.fault_in(document) is None
        and all(one.finish_reason in _GOOD and not (one.message and one.message.refusal) for one in choices)
    )


def _is_good_text(stream: bytes) -> bool:
    """A stream of completions that are no chat: it said that it was whole, and each choice ended well."""
    documents = sse.documents(stream)
    if not documents or documents[-1] != b"[DONE]":
        return False
    choices = [choice for document in documents[:-1] for choice in _choices_in(document)]
    reasons = [choice.finish_reason for choice in choices if choice.finish_reason is not None]
    return bool(reasons) and _GOOD.issuperset(reasons)


def _choices_in(document: bytes) -> list[_Choice]:
    if reported.fault_in(document) is not None:
        raise ValueError("an error in the middle of the stream")
    return _completions.decode(document).choices


def _is_full(document: bytes) -> bool:
    found = _vectors.decode(document)
    return bool(found.data or found.results) and reported.fault_in(document) is None


def _is_good_message(document: bytes) -> bool:
    return _native_messages.decode(document).stop_reason in _GOOD


def _is_good_message_stream(stream: bytes) -> bool:
    found = [_events.decode(document) for document in sse.documents(stream)]
    reasons = [event.delta.stop_reason for event in found if event.type == "message_delta" and event.delta is not None]
    return bool(found) and found[-1].type == "message_stop" and bool(reasons) and reasons[-1] in _GOOD


def _is_good_response(document: bytes) -> bool:
    return _is_good_made(_responses.decode(document))


def _is_good_response_stream(stream: bytes) -> bool:
    documents = [document for document in sse.documents(stream) if document != b"[DONE]"]
    last = _events.decode(documents[-1]) if documents else _Event()
    return last.response is not None and _is_good_made(last.response)


def _is_good_made(made: _Response) -> bool:
    if any(part.type == "refusal" for item in made.output for part in item.content or ()):
        return False
    cut = made.incomplete_details
    at_limit = made.status == "incomplete" and cut is not None and cut.reason == "max_output_tokens"
    return made.status == "completed" or at_limit


_GOOD_DOCUMENTS: Final[Mapping[Task, Callable[[bytes], bool]]] = {
    "completions": _is_good,
    "embeddings": _is_full,
    "rerank": _is_full,
    "messages": _is_good_message,
    "responses": _is_good_response,
}
_GOOD_STREAMS: Final[Mapping[Task, Callable[[bytes], bool]]] = {
    "completions": _is_good_text,
    "messages": _is_good_message_stream,
    "responses": _is_good_response_stream,
}
