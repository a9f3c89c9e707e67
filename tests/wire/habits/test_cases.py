"""What each family leaves in the text, as its maker describes it, and what the client is to see, however it was cut.

A case is a file in `cases/`: the model and who serves it, the page that describes the format, what the model wrote, and
the events it comes to.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from weighbridge.catalog.habits import read_habits
from weighbridge.wire.chat.read import ChunkReader
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.habits.repair import Repair, repair_for
from weighbridge.wire.inner import Event, Finish, Finished, Said, ThoughtOn, ToolBegan, ToolWent
from weighbridge.wire.repaired import Repaired, put_right
from weighbridge.wire.sse import document, events

BOOK = read_habits()
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}},
    {"type": "function", "function": {"name": "get_time"}},
]


@dataclass(frozen=True)
class Case:
    """One file."""

    name: str
    habits: Habits
    request: bytes
    finish: Finish
    text: str
    expected: list[list[object]]

    @property
    def repair(self) -> Repair | None:
        """What is made for an answer to the request."""
        return repair_for(self.habits, self.request)


def read(file: Path) -> Case:
    head, _, rest = file.read_text(encoding="utf-8").partition("--- text\n")
    text, _, told = rest.partition("\n--- events\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert fields["source"].startswith("https://")
    habits = BOOK.of(fields["at"], fields["model"])
    assert habits is not None
    request = {"model": fields["model"], "tools": TOOLS, **json.loads(fields.get("request", "{}"))}
    finish: Finish = "length" if fields.get("finish") == "length" else "stop"
    return Case(
        name=file.stem,
        habits=habits,
        request=json.dumps(request).encode(),
        finish=finish,
        text=text,
        expected=[json.loads(line) for line in told.splitlines()],
    )


CASES = [read(file) for file in sorted((Path(__file__).parent / "cases").glob("*.txt"))]
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def told(events: Iterable[Event]) -> list[list[object]]:
    """The events as a case has them: what belongs together in one, and the end only where calls were found."""
    seen: list[list[object]] = []
    calls: dict[int, list[object]] = {}
    for event in events:
        match event:
            case ThoughtOn(text=text) | Said(text=text):
                kind = "thought" if isinstance(event, ThoughtOn) else "said"
                if seen and seen[-1][0] == kind:
                    seen[-1][1] = f"{seen[-1][1]}{text}"
                else:
                    seen.append([kind, text])
            case ToolBegan(index, id_, name):
                calls[index] = ["call", name, "", id_]
                seen.append(calls[index])
            case ToolWent(index, arguments):
                calls[index][2] = f"{calls[index][2]}{arguments}"
            case Finished(finish="tool_use"):
                seen.append(["finish", "tool_use"])
            case _:
                pass
    for call in calls.values():
        call[2] = json.loads(str(call[2]))
    return seen


def same(seen: list[list[object]], expected: list[list[object]]) -> None:
    """Ids count where the case names one; each call has one of its own in any case."""
    ids = [each[3] for each in seen if each[0] == "call"]
    assert len(set(ids)) == len(ids)
    assert [each[: len(wanted)] for each, wanted in zip(seen, expected, strict=False)] == expected
    assert len(seen) == len(expected)


def repaired(case: Case, pieces: Sequence[str]) -> list[list[object]]:
    said: list[Event] = [Said(piece) for piece in pieces]
    repair = case.repair
    all_events: list[Event] = [*said, Finished(case.finish)]
    return told(all_events if repair is None else [out for each in all_events for out in repair.put_right([each])])


@each_case
def test_the_events_of_a_case_are_the_same_wherever_its_text_is_cut(case: Case) -> None:
    same(repaired(case, [case.text]), case.expected)
    same(repaired(case, list(case.text)), case.expected)
    for at in range(1, len(case.text)):
        same(repaired(case, [case.text[:at], case.text[at:]]), case.expected)


def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return b"data: " + json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def streamed(case: Case, cut: Callable[[str], Iterable[str]]) -> bytes:
    """The answer as the provider's stream."""
    begin = chunk({"role": "assistant", "content": ""})
    words = b"".join(chunk({"content": piece}) for piece in cut(case.text))
    return begin + words + chunk({}, case.finish) + b"data: [DONE]\n\n"


def passed(case: Case, pieces: Iterable[bytes]) -> list[list[object]]:
    """What a chat client makes of it."""
    plain = ChatStream(wants_usage=False, cost=lambda _: None)
    repair = case.repair
    stream = plain if repair is None else Repaired(plain, repair)
    out = b"".join([stream.feed(piece) for piece in pieces]) + stream.end()
    assert stream.done
    assert stream.whole
    reader = ChunkReader()
    return told(event for each in events(out) for event in reader.read(document(each) or b"{}"))


@each_case
def test_a_chat_stream_says_the_same_wherever_its_bytes_are_cut(case: Case) -> None:
    stream = streamed(case, lambda text: [text[at : at + 3] for at in range(0, len(text), 3)])
    same(passed(case, [stream]), case.expected)
    same(passed(case, [stream[at : at + 1] for at in range(len(stream))]), case.expected)
    at_once = streamed(case, lambda text: [text])
    for at in range(1, len(at_once), 7):
        same(passed(case, [at_once[:at], at_once[at:]]), case.expected)


@each_case
def test_a_whole_chat_answer_says_the_same(case: Case) -> None:
    message = {"role": "assistant", "content": case.text}
    answer = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": message, "finish_reason": case.finish}], "x": 1}
    raw = json.dumps(answer).encode()
    repair = case.repair
    out = raw if repair is None else put_right(raw, repair)
    assert json.loads(out)["x"] == 1
    same(told(ChunkReader().read(out)), case.expected)


@each_case
def test_what_is_cut_off_without_a_word_is_not_lost(case: Case) -> None:
    """Every character of an answer that breaks off has gone out in one form or another, but for marks and blanks."""
    repair = case.repair
    if repair is None or case.finish != "length":
        return
    out = [event for piece in case.text for event in repair.put_right([Said(piece)])]
    same(told([*out, *repair.rest()]), case.expected)
