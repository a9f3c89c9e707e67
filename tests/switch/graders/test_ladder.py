# ruff: noqa: RUF001 -- people write digits and letters of many scripts
"""Each grader by its table of cases, through the ladder: who grades, and what the two answers are worth."""

import pytest

from tests.switch.graders.cases import calling, case, schema
from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import exact, numeric, structured, tool_calls
from weighbridge.switch.graders.gold import gold
from weighbridge.switch.graders.ladder import LADDER, grade, graders

PERSON = schema({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}})
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
FIND = ("find", '{"q": "rain", "n": 1}')
LONG = "It depends: " + "on many things " * 8

# grader, case, reference, candidate, qualities
GRADED: list[tuple[str, Case, Answer, Answer, tuple[float, float]]] = [
    (exact.NAME, case(("text", "Paris")), Answer("paris."), Answer("Lyon"), (1, 0)),
    (exact.NAME, case(("text", "Paris")), Answer("Lyon"), Answer("**Paris**"), (0, 1)),
    (exact.NAME, case(("choice", "b")), Answer("The answer is (B)"), Answer("C) since"), (1, 0)),
    (exact.NAME, case(), Answer("positive"), Answer("Positive."), (1, 1)),
    (exact.NAME, case(), Answer("C"), Answer("Surely the answer is D"), (1, 0)),
    (numeric.NAME, case(("number", "1234.5")), Answer("So $1,234.50"), Answer("١٬٢٣٤٫٥"), (1, 1)),
    (numeric.NAME, case(("number", "7")), Answer("seven"), Answer("it is 7"), (0, 1)),
    (numeric.NAME, case(), Answer("12 km"), Answer("They ran 13 km"), (1, 0)),
    (numeric.NAME, case(), Answer("Long thoughts.\n#### 12"), Answer("12"), (1, 1)),
    (
        structured.NAME,
        case(("json", {"name": "Ann", "age": 3}), response_format=PERSON),
        Answer('{"age": 3, "name": "ann"}'),
        Answer('{"name": "Ann", "age": 4}'),
        (1, 1 / 3),
    ),
    (
        structured.NAME,
        case(("json", {"name": "Ann", "age": 3}), response_format=PERSON),
        Answer('{"name": "Ann", "age": "3"}'),
        Answer('```json\n{"name": "Ann", "age": 3}\n```'),
        (0, 0),
    ),
    (structured.NAME, case(("json", {"a": 1})), Answer('Here: {"a": 1}'), Answer("none"), (1, 0)),
    (structured.NAME, case(), Answer('{"a": 1, "b": 2}'), Answer('{"b": 2, "a": 1}'), (1, 1)),
    (
        structured.NAME,
        case(response_format=PERSON),
        Answer('```json\n{"name": "Ann"}\n```'),
        Answer('{"name": "Ann"}'),
        (1, 1),
    ),
    (structured.NAME, case(response_format=PERSON), Answer('{"name": "A"}'), Answer('```\n{"name": "A"}\n```'), (1, 0)),
    (
        tool_calls.NAME,
        case(("json", [{"name": "find", "arguments": {"n": 1, "q": "rain"}}]), tools=TOOLS),
        calling(FIND),
        calling(("find", '{"q": "sun"}')),
        (1, 0),
    ),
    (tool_calls.NAME, case(("json", []), tools=TOOLS), calling(FIND), Answer("Hello"), (0, 1)),
    (tool_calls.NAME, case(tools=TOOLS), calling(FIND, ("end", "")), calling(("end", "{}"), FIND), (1, 1)),
    (tool_calls.NAME, case(tools=TOOLS), calling(FIND, FIND), calling(FIND), (1, 0)),
    (tool_calls.NAME, case(tools=TOOLS), calling(FIND), calling(("find", '{"q": "rain"')), (1, 0)),
    (tool_calls.NAME, case(tools=TOOLS), calling(FIND), Answer("rain"), (1, 0)),
]

UNGRADED = [
    pytest.param(case(), Answer(LONG), Answer(LONG), id="prose"),
    pytest.param(case(), Answer("Hello!"), Answer("Hi!"), id="a sentence"),
    pytest.param(case(), Answer("42", finish="length"), Answer("42"), id="cut short"),
    pytest.param(case(), Answer(refusal="I can't"), Answer("42"), id="refused"),
    pytest.param(case(), Answer(), Answer("42"), id="nothing"),
    pytest.param(case(), Answer(f'{{"why": "{LONG}"}}'), Answer("{}"), id="prose in JSON"),
    pytest.param(case(tools=TOOLS), calling(("say", f'{{"it": "{LONG}"}}')), calling(), id="prose in a call"),
    pytest.param(case(tools=TOOLS), calling(("find", "{")), calling(FIND), id="arguments that are no JSON"),
    pytest.param(case(("json", "{")), Answer("{}"), Answer("{}"), id="expected JSON that is none"),
    pytest.param(case(response_format=PERSON), Answer('{"age": "3"}'), Answer('{"age": 3}'), id="the schema is broken"),
    pytest.param(case(("number", "1")), Answer(error="upstream_timeout"), Answer("1"), id="the reference failed"),
    pytest.param(case(("text", "a"), grader="numeric"), Answer("a"), Answer("a"), id="a grader that does not apply"),
    pytest.param(case(("tests", "assert f(1)"), grader="tests"), Answer("a"), Answer("a"), id="code is not to be run"),
]


@pytest.mark.parametrize(("name", "asked", "reference", "candidate", "quality"), GRADED)
def test_answers_are_worth(
    name: str, asked: Case, reference: Answer, candidate: Answer, quality: tuple[float, float]
) -> None:
    found = grade(asked, reference, candidate, graders=graders())
    assert found is not None
    assert (found.grader, found.reference, found.candidate) == (name, *map(pytest.approx, quality))
    assert found.loss == pytest.approx(quality[0] - quality[1])
    assert found.exact


@pytest.mark.parametrize(("asked", "reference", "candidate"), UNGRADED)
def test_no_grader_says_anything_of(asked: Case, reference: Answer, candidate: Answer) -> None:
    assert grade(asked, reference, candidate, graders=graders()) is None


def test_every_grader_has_a_case() -> None:
    names = {name.partition("/")[0] for name, *_ in GRADED}
    assert names == {rung.name for rung in LADDER if not rung.runs_code}


@pytest.mark.parametrize(("name", "asked", "reference", "candidate", "quality"), GRADED)
def test_where_nothing_is_expected_the_reference_is_right(
    name: str, asked: Case, reference: Answer, candidate: Answer, quality: tuple[float, float]
) -> None:
    if asked.expected is None:
        found = grade(asked, reference, reference, graders=graders())
        assert found is not None
        assert (found.loss, found.reference, found.harm) == (0, 1, False)


def test_own_grader_goes_first_and_a_case_names_its_own() -> None:
    def mine(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
        return Grade("mine", 0.5)

    asked = case(("number", "7"))
    names = graders(own={"mine": mine})
    assert grade(asked, Answer("7"), Answer("8"), graders=names) == Grade("mine", 0.5)
    named = grade(case(("number", "7"), grader="numeric"), Answer("7"), Answer("8"), graders=names)
    assert named is not None
    assert named.grader == numeric.NAME


def test_long_answers_are_no_gold_unless_something_is_expected() -> None:
    assert gold(case(), Answer(LONG)) is None
    expected = case(("text", LONG)).expected
    assert gold(case(("text", LONG)), Answer("no")) == expected
