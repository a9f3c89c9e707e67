"""Claude Code's logs: each message once, with all its tokens, and nothing of what was said."""

import itertools

import pytest

from tests.ledger.imports.logs import DAY, SECRET, claude, file
from weighbridge.ledger.imports import claude_code
from weighbridge.ledger.imports.outside import NO_USAGE, OURS, Bad, Outside, Passed
from weighbridge.ledger.rows import Source
from weighbridge.wire.usage import Usage

WHOLE = Usage(prompt=6010, completion=120, cached=5000, written=1000)


def taken(*sources: Source) -> list[Outside]:
    found = itertools.chain.from_iterable(map(claude_code.read, sources))
    return list(claude_code.merge(one for one in found if isinstance(one, Outside)))


def test_a_message_is_read_with_all_its_tokens_and_none_of_its_text() -> None:
    (one,) = taken(file(claude()))
    assert (one.usage, one.for_an_hour, one.provider) == (WHOLE, 400, "anthropic")
    assert (one.model, one.request, one.at.isoformat()) == (
        "claude-sonnet-4-5-20250929", "req_1", f"{DAY}T10:00:01+00:00",
    )  # fmt: skip
    assert SECRET not in repr(one)


def test_lines_of_one_message_count_once_by_the_most_complete() -> None:
    early = claude(output=1, at=f"{DAY}T10:00:00.500Z")
    for lines in itertools.permutations((early, claude(), claude(output=80))):
        (one,) = taken(file(*lines))
        assert (one.usage, one.at.isoformat()) == (WHOLE, f"{DAY}T10:00:00.500000+00:00")


def test_a_session_that_was_resumed_counts_once() -> None:
    assert len(taken(file(claude(), claude("msg_2")), file(claude(), claude("msg_3"), name="b.jsonl"))) == 3


@pytest.mark.parametrize("parent_first", [True, False])
def test_a_side_conversation_adds_only_what_its_parent_has_not(parent_first: bool) -> None:
    parent = file(claude())
    side = file(claude(request="req_9", sidechain=True), claude("msg_own", "req_10", sidechain=True), name="b.jsonl")
    found = taken(parent, side) if parent_first else taken(side, parent)
    assert sorted((one.request or "", one.copy) for one in found) == [("req_1", False), ("req_10", True)]


def test_one_message_id_under_two_requests_is_two() -> None:
    assert len(taken(file(claude(), claude(request="req_2")))) == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (claude(model="<synthetic>"), NO_USAGE),
        (claude(isApiErrorMessage=True), NO_USAGE),
        (claude(request="wbr-01a19bb398e8193e8d4249be33df5c0d"), OURS),
        ('{"type": "assistant", "message": {"id": "m", "model": "claude-x"}}', NO_USAGE),
    ],
    ids=["its own", "an error", "asked through us", "no tokens"],
)
def test_what_is_no_usage_is_passed_over_and_said(line: str, why: str) -> None:
    assert list(claude_code.read(file(line))) == [Passed(why)]


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "user", "message": {"content": "hello"}}',
        '{"type": "summary", "summary": "x"}',
        '{"type": "system"}',
        "",
    ],
)
def test_lines_of_other_types_are_no_usage(line: str) -> None:
    assert list(claude_code.read(file(line))) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (claude()[:-40], "a.jsonl:2: "),
        (claude(at="yesterday"), "a.jsonl:2: 'timestamp' is 'yesterday'"),
        (claude(model=None), "a.jsonl:2: a message with tokens has no model or id"),
        (claude(output=-1), "a.jsonl:2: a count of tokens is below zero"),
        ("[1]", "a.jsonl:2: Expected `object`"),
    ],
    ids=["cut off", "no time", "no model", "below zero", "a list"],
)
def test_a_bad_line_is_named_and_the_others_are_read(line: str, said: str) -> None:
    first, second, third = claude_code.read(file(claude(), line, claude("msg_2")))
    assert isinstance(first, Outside)
    assert isinstance(third, Outside)
    assert isinstance(second, Bad)
    assert second.why.startswith(said)


def test_another_makers_model_has_no_provider() -> None:
    (one,) = taken(file(claude(model="glm-5")))
    assert one.provider is None
