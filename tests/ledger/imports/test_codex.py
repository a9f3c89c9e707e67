"""Codex's logs: what was added, once, whoever repeats it."""

import pytest

from tests.ledger.imports.logs import DAY, codex, counted, file
from weighbridge.ledger.imports import codex as reader
from weighbridge.ledger.imports.codex import REPEATED, REPLAYED
from weighbridge.ledger.imports.outside import NO_USAGE, Bad, Outside, Passed, once
from weighbridge.ledger.rows import Source
from weighbridge.wire.usage import Usage

MODEL = codex("turn_context", {"model": "gpt-5-codex", "cwd": "/somewhere"})
FIRST = codex("event_msg", counted((1000, 400, 90, 30), (1000, 400, 90, 30)))
SECOND = codex("event_msg", counted((2500, 1400, 200, 50), (1500, 1000, 110, 20)), at=f"{DAY}T10:00:09.000Z")


def read(source: Source) -> tuple[list[Usage], list[str]]:
    found = list(reader.read(source))
    assert not [one for one in found if isinstance(one, Bad)]
    usages = [one.usage for one in once(one for one in found if isinstance(one, Outside))]
    return usages, [one.why for one in found if isinstance(one, Passed)]


ONE, OTHER = Usage(1000, 90, cached=400, reasoning=30), Usage(1500, 110, cached=1000, reasoning=20)


def test_each_count_is_what_was_added() -> None:
    assert read(file(MODEL, FIRST, SECOND)) == ([ONE, OTHER], [])


def test_without_the_last_count_it_is_what_the_total_grew_by() -> None:
    bare = [codex("event_msg", counted(total, None)) for total in ((1000, 400, 90, 30), (2500, 1400, 200, 50))]
    assert read(file(MODEL, *bare)) == ([ONE, OTHER], [])


def test_totals_that_are_written_again_add_nothing() -> None:
    again = codex("event_msg", counted((1000, 400, 90, 30), (1000, 400, 90, 30)), at=f"{DAY}T10:00:05.000Z")
    assert read(file(MODEL, FIRST, again, SECOND)) == ([ONE, OTHER], [REPEATED])


def test_a_sub_agent_does_not_count_its_parents_turns() -> None:
    spawned = codex("session_meta", {"source": {"subagent": {"thread_spawn": {}}}, "model_provider": "openai"})
    same_second = SECOND.replace("10:00:09.000Z", "10:00:01.700Z")
    own = codex("event_msg", counted((2600, 1400, 207, 50), (100, 0, 7, 0)), at=f"{DAY}T10:01:00.000Z")
    assert read(file(spawned, MODEL, FIRST, same_second, own)) == ([Usage(100, 7, 0, None, 0)], [REPLAYED, REPLAYED])


def test_a_session_that_was_forked_counts_once() -> None:
    found = [*reader.read(file(MODEL, FIRST, SECOND)), *reader.read(file(MODEL, FIRST, SECOND, name="b.jsonl"))]
    assert len(list(once(one for one in found if isinstance(one, Outside)))) == 2


def test_counts_of_nothing_are_passed_over() -> None:
    none = codex("event_msg", {"type": "token_count", "info": None})
    assert read(file(MODEL, none, codex("event_msg", {"type": "agent_message", "message": "hello"}))) == (
        [],
        [NO_USAGE],
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([FIRST], "a.jsonl:1: a count of tokens has no model: no turn_context stands before it"),
        ([MODEL, FIRST[:-30]], "a.jsonl:2: "),
        ([MODEL, FIRST.replace(f"{DAY}T10:00:01.000Z", "soon")], "a.jsonl:2: 'timestamp' is 'soon'"),
    ],
    ids=["no model", "cut off", "no time"],
)
def test_a_bad_line_is_named(lines: list[str], said: str) -> None:
    (bad,) = [one for one in reader.read(file(*lines)) if not isinstance(one, Passed)]
    assert isinstance(bad, Bad)
    assert bad.why.startswith(said)
