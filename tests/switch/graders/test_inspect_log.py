"""Logs of inspect-ai, in and out. The recorded one was written by inspect-ai 0.3.285, which also read what we write."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.switch.graders.cases import calling, case
from weighbridge.switch.case import Answer, Grade
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.graders.inspect_log import Weighed, exported, grades, lines

RECORDED = Path(__file__).with_name("inspect-0.3.285.json").read_bytes()
NOW = datetime(2026, 11, 22, tzinfo=UTC)
WEIGHED = [
    Weighed(
        case(("number", "2")),
        Answer("2", finish="stop"),
        Answer("3", finish="length"),
        Grade("numeric/1", 1.0, 1.0, 0.0, why="against what is expected"),
    ),
    Weighed(
        msgspec.structs.replace(case(), id="line-2"),
        calling(("find", '{"q": 1}'), ("find", "{")),
        Answer("x"),
        Grade("pairwise/1", -1.0, exact=False),
    ),
]


def test_samples_become_lines_of_requests() -> None:
    first, second = [msgspec.json.decode(line) for line in lines(RECORDED)]
    assert first == {
        "request": {"messages": [{"role": "user", "content": "Capital?\n\nA) Rome\nB) Paris"}]},
        "expected": {"kind": "choice", "value": "B"},
        "answer": {"choices": [{"message": {"role": "assistant", "content": "B"}, "finish_reason": "stop"}]},
    }
    assert [each["role"] for each in second["request"]["messages"]] == ["system", "user", "assistant", "tool"]
    assert second["request"]["messages"][1]["content"] == "hello\nyou"
    assert second["request"]["messages"][2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert "expected" not in second  # there are two targets
    assert second["answer"]["choices"][0]["finish_reason"] == "tool_calls"


def test_two_logs_become_grades() -> None:
    worse = RECORDED.replace(b'"value": "C"', b'"value": "I"')
    assert grades(RECORDED, worse, "match") == {
        "1/1": Grade("inspect:match", 1.0, 1.0, 0.0, why="as its logs say"),
        "2/1": Grade("inspect:match", 0.0, 0.25, 0.25, why="as its logs say"),
    }


def test_what_was_weighed_is_read_back() -> None:
    reference, candidate = (
        exported("qwen/q", side, WEIGHED, task="rt-1", at=NOW) for side in ("reference", "candidate")
    )
    found = grades(reference, candidate, "weighbridge")
    assert {id_: grade.loss for id_, grade in found.items()} == {"line-1/1": 1, "line-2/1": -1}
    one, other = [msgspec.json.decode(line) for line in lines(reference)]
    assert one["expected"] == {"kind": "number", "value": "2"}
    assert one["answer"]["choices"][0]["message"]["content"] == "2"
    called = other["answer"]["choices"][0]["message"]["tool_calls"]
    assert [each["function"]["arguments"] for each in called] == ['{"q":1}', "{}"]
    document = msgspec.json.decode(reference)
    assert document["results"]["scores"][0]["metrics"]["mean"]["value"] == 0.5
    assert "truncated" in document["samples"][1]["output"]["choices"][0]["message"]["tool_calls"][1]["parse_error"]


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        (b"PK\x03\x04", "inspect log convert"),
        (b'{"samples": []}', "no log of inspect-ai"),
        (b'{"version": 9, "eval": {"model": "a"}}', "version 9"),
    ],
)
def test_other_files_are_told(log: bytes, problem: str) -> None:
    with pytest.raises(GraderError, match=problem):
        list(lines(log))


def test_a_scorer_that_the_logs_lack_is_told() -> None:
    with pytest.raises(GraderError, match="'includes'"):
        grades(RECORDED, RECORDED, "includes")
