"""Cases and answers as tests write them."""

import msgspec

from weighbridge.switch.case import Answer, Case, Expected, Gold, ToolCall
from weighbridge.switch.graders.asked import Json


def case(expected: tuple[Gold, Json] | None = None, *, grader: str | None = None, **request: Json) -> Case:
    """A case of one question; an expected value that is no text becomes JSON."""
    body = msgspec.json.encode({"messages": [{"role": "user", "content": "Well?"}], **request})
    gold = None
    if expected is not None:
        kind, value = expected
        gold = Expected(kind, value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return Case(id="line-1", route="rt-1", body=body, expected=gold, grader=grader)


def calling(*calls: tuple[str, str]) -> Answer:
    """An answer that makes calls."""
    return Answer(calls=tuple(ToolCall(name, arguments) for name, arguments in calls), finish="tool_calls")


def schema(document: Json) -> Json:
    """What a request says that wants an answer of a schema."""
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": document}}
