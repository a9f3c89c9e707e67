"""Chat ⇄ the inner form ⇄ Messages: whatever both sides can say comes back as it went, whole or as a stream."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.inner_values import chat_answers, chat_calls, messages_answers, messages_calls
from tests.wire.test_sse import cut
from weighbridge.errors import BadRequest
from weighbridge.wire import sse
from weighbridge.wire.chat import answer as chat_answer
from weighbridge.wire.chat import read as chat_read
from weighbridge.wire.chat import request as chat_request
from weighbridge.wire.chat import write as chat_write
from weighbridge.wire.chat.read import ChunkReader, answer_of
from weighbridge.wire.inner import Answer, Call, Message, Text, Thought, ToolUse
from weighbridge.wire.messages import answer as messages_answer
from weighbridge.wire.messages import call as messages_call
from weighbridge.wire.messages import read as messages_read
from weighbridge.wire.messages.answer import EventReader
from weighbridge.wire.messages.translating import ChatChunks, chat_document
from weighbridge.wire.messages.write import Counted, MessageWriter, Style, write_answer
from weighbridge.wire.translated import events_of
from weighbridge.wire.usage import Usage

BUDGETS, ADAPTS = "claude-sonnet-4-5-20250929", "claude-opus-4-6"
cuts = st.lists(st.integers(0, 4000), max_size=12)


def message(answer: Answer) -> bytes:
    assert answer.usage is not None
    return write_answer(answer, Counted(answer.usage), style(answer))


def message_stream(answer: Answer) -> bytes:
    assert answer.usage is not None
    writer = MessageWriter(style(answer), Usage(1, 0))
    return b"".join(map(writer.write, events_of(answer))) + writer.ended(Counted(answer.usage))


def style(answer: Answer) -> Style:
    return Style("m", stop=[] if answer.stop_sequence is None else [answer.stop_sequence])


def read_messages(stream: bytes) -> Answer:
    reader = EventReader()
    events = [event for document in sse.documents(stream) for event in reader.read(document)]
    assert reader.done
    assert reader.finished
    return answer_of(events, reader.usage)


def read_chunks(stream: bytes) -> Answer:
    *documents, last = sse.documents(stream)
    assert last == b"[DONE]"
    reader = ChunkReader()
    events = [event for document in documents for event in reader.read(document)]
    assert reader.finished
    return answer_of(events, reader.usage)


@given(messages_calls(model=BUDGETS, budgets=True) | messages_calls(model=ADAPTS, budgets=False))
def test_a_request_comes_back_from_messages_as_it_was(call: Call) -> None:
    body = messages_call.write_call(call, call.model, default_max_tokens=1)
    assert messages_read.read_call(body).call == call
    again = messages_call.write_call(messages_read.read_call(body).call, call.model, default_max_tokens=1)
    assert again == body


@given(chat_calls())
def test_a_request_comes_back_from_chat_as_it_was(call: Call) -> None:
    assert chat_request.read_call(chat_write.write_call(call)) == call


@given(messages_answers())
def test_an_answer_comes_back_from_messages_as_it_was(answer: Answer) -> None:
    assert messages_answer.read_answer(message(answer)) == answer
    assert read_messages(message_stream(answer)) == answer


@given(chat_answers())
def test_an_answer_comes_back_from_chat_as_it_was(answer: Answer) -> None:
    assert chat_read.read_answer(chat_answer.write_answer(answer)) == answer
    writer = chat_answer.ChunkWriter()
    stream = b"".join(map(writer.write, events_of(answer))) + writer.last(answer.usage, None)
    assert read_chunks(stream) == answer


@given(chat_answers(), st.booleans())
def test_what_was_said_and_thought_comes_back_in_the_next_request(answer: Answer, merged: bool) -> None:
    said = json.loads(chat_answer.write_answer(answer))["choices"][0]["message"]
    if not merged:  # as a client echoes it that only put the pieces of a stream one behind the other
        said["reasoning_details"] = [piece for detail in said.get("reasoning_details", []) for piece in pieces(detail)]
    asked = {"model": "m", "messages": [said]}
    for part in answer.parts:
        if isinstance(part, Text):
            part.logprobs = None
    assert chat_request.read_call(json.dumps(asked).encode()).messages == [Message("assistant", answer.parts)]


def pieces(detail: dict[str, str]) -> list[dict[str, str]]:
    if detail["type"] != "reasoning.text":
        return [detail]
    text = [{"type": "reasoning.text", "text": letter} for letter in detail["text"]]
    return [*text, {"type": "reasoning.text", "signature": detail["signature"]}] if "signature" in detail else text


@given(messages_answers(), cuts)
def test_a_message_stream_makes_the_same_chunks_however_it_is_cut(answer: Answer, at: list[int]) -> None:
    stream = message_stream(answer)
    whole = ChatChunks(7)
    chunks = whole.feed(stream) + whole.end()
    for pieces in (cut(stream, at), [stream[place : place + 1] for place in range(len(stream))]):
        machine = ChatChunks(7)
        assert b"".join(map(machine.feed, pieces)) + machine.end() == chunks


@given(messages_answers())
def test_a_message_and_its_stream_are_the_same_chat_answer(answer: Answer) -> None:
    machine = ChatChunks(7)
    streamed = read_chunks(machine.feed(message_stream(answer)) + machine.end())
    whole = chat_read.read_answer(chat_document(message(answer), 7))
    assert streamed.usage == whole.usage == answer.usage
    assert (streamed.id, streamed.model, streamed.created) == (whole.id, whole.model, 7)
    assert (streamed.finish, streamed.stop_sequence) == (whole.finish, whole.stop_sequence)
    assert [part for part in streamed.parts if isinstance(part, ToolUse)] == [
        part for part in whole.parts if isinstance(part, ToolUse)
    ]
    assert words(streamed, Text) == words(whole, Text) == words(answer, Text)
    assert words(streamed, Thought) == words(whole, Thought) == words(answer, Thought)


def words(answer: Answer, kind: type[Text] | type[Thought]) -> str:
    """What the parts of a kind come to: a whole completion has one text, and its thoughts before it."""
    return "".join(part.text for part in answer.parts if isinstance(part, kind))


@pytest.mark.parametrize("model", [BUDGETS, ADAPTS])
@given(call=chat_calls())
def test_what_chat_says_is_a_request_in_messages_or_names_the_field(model: str, call: Call) -> None:
    written = outcome(call, model)
    if isinstance(written, bytes):
        asked = messages_read.read_call(written).call
        assert (asked.model, asked.max_tokens) == (model, call.max_tokens or 4096)
        assert {tool.name for tool in call.tools} <= {tool.name for tool in asked.tools}
    else:
        assert written in {"messages", "n", "x", "logprobs", "stop", "response_format", "tool_choice"}


def outcome(call: Call, model: str) -> bytes | str | None:
    """The request, or the field for which it cannot be made."""
    try:
        return messages_call.write_call(call, model, default_max_tokens=4096)
    except BadRequest as exc:
        return exc.param
