# ruff: noqa: RUF001 -- refusals in Chinese have their own comma
import pytest

from tests.switch.graders.cases import calling, case, schema
from weighbridge.switch.case import Answer
from weighbridge.switch.graders.asked import Json
from weighbridge.switch.graders.flags import format_valid, refused, tools_valid

NAMED = schema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "required": ["q"]}}}]


@pytest.mark.parametrize(
    ("answer", "declined"),
    [
        (Answer("I'm sorry, but I can't help with that."), True),
        (Answer("I can\u2019t assist with this request."), True),
        (Answer("Unfortunately, I cannot do it."), True),
        (Answer("عذرًا، لا أستطيع فعل ذلك"), True),
        (Answer("لا يمكنني المساعدة في هذا"), True),
        (Answer("抱歉，我无法回答"), True),
        (Answer(refusal="No."), True),
        (Answer("As", finish="content_filter"), True),
        (Answer("I can't believe it is spring already!"), False),
        (Answer("I'm sorry you lost it. Here is a new one."), False),
        (Answer("Here it is. " * 30 + "I'm sorry, I can't help with the rest."), False),
        (Answer(""), False),
        (calling(("find", "{}")), False),
    ],
)
def test_refusals(answer: Answer, declined: bool) -> None:
    assert refused(answer) is declined


@pytest.mark.parametrize(
    ("wanted", "text", "valid"),
    [
        (NAMED, '{"name": "Ann"}', True),
        (NAMED, '{"name": 3}', False),
        (NAMED, '```json\n{"name": "Ann"}\n```', False),
        (NAMED, "Ann", False),
        ({"type": "json_object"}, '{"a": 1}', True),
        ({"type": "json_object"}, "[1]", False),
        ({"type": "text"}, "Ann", None),
        (None, "Ann", None),
    ],
)
def test_format(wanted: Json, text: str, valid: bool | None) -> None:
    assert format_valid(case(response_format=wanted), Answer(text)) is valid


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        (calling(("find", '{"q": "rain"}')), True),
        (calling(("find", '{"q": "rain"}'), ("find", "{}")), False),
        (calling(("find", "")), False),
        (calling(("find", '{"q": ')), False),
        (calling(("find", '["q"]')), False),
        (calling(("search", '{"q": "rain"}')), False),
        (Answer("rain"), None),
    ],
)
def test_calls(answer: Answer, valid: bool | None) -> None:
    assert tools_valid(case(tools=TOOLS), answer) is valid


def test_calls_are_no_format() -> None:
    assert format_valid(case(response_format=NAMED, tools=TOOLS), calling(("find", '{"q": "a"}'))) is None
