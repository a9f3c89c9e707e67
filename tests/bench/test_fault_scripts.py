"""The faulty provider's streams are good ones, and are cut in the very place that the fault is named after."""

import json

import pytest

from bench.faults.answers import DONE, TERMINAL_CHUNK, WORDS, events, stream, told, whole
from bench.faults.cases import FAULTS
from bench.faults.episodes import KINDS
from bench.faults.scripts import BY_KIND, BY_PATH, RESETS

ANSWER = told("endpoint", "tiny", 3)
STREAM = stream(ANSWER)

# what stands before the cut, and after it
PLACES = {
    "reset-in-status-line": (b"HTTP/1.1 ", b"200 OK\r\n"),
    "reset-in-header": (b"conte", b"nt-type: "),
    "reset-after-head": (b"\r\n\r\n", b""),
    "reset-in-chunk-size": (b"", b""),
    "reset-in-field-name": (b"\r\nda", b"ta: {"),
    "reset-in-json": (b"", b""),
    "reset-in-character": (b"\xc3", b"\xbc"),
    "reset-between-newlines": (b"}\n", b"\n\r\n"),
    "reset-between-events": (b"}\n\n\r\n", b""),
    "reset-after-finish": (b'"stop"}]}\n\n\r\n', b""),
    "reset-in-usage": (b"prompt_tok", b"ens"),
    "reset-in-done": (b"data: [DO", b"NE]\n\n"),
    "reset-before-terminal-chunk": (DONE + b"\r\n", TERMINAL_CHUNK),
    "reset-in-terminal-chunk": (b"\r\n0\r", b"\n\r\n"),
}


@pytest.mark.parametrize("name", RESETS)
def test_a_stream_is_cut_where_the_fault_says(name: str) -> None:
    at = RESETS[name](STREAM)
    before, after = PLACES[name]
    assert STREAM[:at].endswith(before), STREAM[at - 20 : at + 20]
    assert STREAM[at:].startswith(after), STREAM[at - 20 : at + 20]


def test_a_cut_in_a_chunks_size_leaves_a_part_of_it() -> None:
    at = RESETS["reset-in-chunk-size"](STREAM)
    size, end, rest = STREAM[STREAM.rindex(b"\r\n", 0, at) + 2 :].partition(b"\r\n")
    assert end
    assert rest.startswith(b"data: ")
    assert int(size, 16) > 15
    assert len(STREAM[STREAM.rindex(b"\r\n", 0, at) + 2 : at]) < len(size)


def test_a_cut_in_the_json_is_inside_an_event() -> None:
    at = RESETS["reset-in-json"](STREAM)
    begun = STREAM[STREAM.rindex(b"data: ", 0, at) + 6 : at]
    with pytest.raises(ValueError, match=r"."):
        json.loads(begun)
    assert b"\n\n" not in begun


def test_an_answer_says_the_same_whole_and_as_a_stream() -> None:
    document = json.loads(whole(ANSWER))
    chunks = [json.loads(event[6:]) for event in events(ANSWER)[:-1]]
    assert document["choices"][0]["message"]["content"] == "".join(WORDS)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1]) == "".join(WORDS)
    assert chunks[-1]["usage"] == document["usage"] == ANSWER.usage


def test_answers_side_by_side_have_counts_of_their_own() -> None:
    counts = [(each.prompt, each.cached, each.completion) for each in (told("e", "m", n) for n in range(100))]
    assert len(set(counts)) == 100
    assert all(cached < prompt for prompt, cached, _ in counts)


def test_every_fault_and_every_kind_of_episode_has_its_script() -> None:
    assert {fault.name for fault in FAULTS if fault.place == "by path"} <= BY_PATH.keys()
    assert set(KINDS) | {None} == BY_KIND.keys()
    assert RESETS.keys() <= {fault.name for fault in FAULTS}
