"""Lines of the log: each is one line and whole, and no key is in any of them."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.watching.test_meter import CHARGE, ENTRY, entry
from weighbridge.watching import logs
from weighbridge.watching.logs import Format

KEY = "wb-marker0f4a1key9_x"
THEIRS = "sk-proj-marker0f4theirs"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    found = logging.getLogger()
    handlers, level = found.handlers[:], found.level
    yield found
    found.handlers[:] = handlers
    found.setLevel(level)


def said(format_: Format, level: logs.Level = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.begin(format_, level, stream)
    return stream


def test_lines_of_json_say_when_who_and_what(root: logging.Logger) -> None:
    stream = said("json")
    logging.getLogger("weighbridge.part").warning("two\nlines of %s", "text")
    line = json.loads(stream.getvalue())
    assert datetime.fromisoformat(line.pop("at")).tzinfo is not None
    assert line.pop("process") > 0
    assert line == {"level": "warning", "logger": "weighbridge.part", "message": "two\nlines of text"}
    assert stream.getvalue().count("\n") == 1


def test_a_traceback_is_within_its_line(root: logging.Logger) -> None:
    stream = said("json")
    try:
        raise ValueError(f"refused: Authorization: Bearer {KEY}")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    line = json.loads(stream.getvalue())
    assert line["message"] == "it failed"
    assert "ValueError: refused" in line["exception"]
    assert KEY not in stream.getvalue()


@pytest.mark.parametrize("format_", ["text", "json"])
def test_what_is_below_the_level_is_not_said(format_: Format, root: logging.Logger) -> None:
    stream = said(format_, "error")
    logging.getLogger("x").warning("not this")
    logging.getLogger("x").error("this")
    assert "not this" not in stream.getvalue()
    assert "this" in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"the key {KEY} is not known",
        f"Authorization: Bearer {THEIRS}",
        f'{{"authorization": "Basic {THEIRS}"}}',
        f"x-api-key: {THEIRS}",
        f"'api_key': '{KEY}'",
        f"bearer\t{KEY}",
        f"https://host/path?api-key={THEIRS}",
        f"no blank:{THEIRS},{KEY}.",
    ],
)
def test_what_looks_like_a_key_is_taken_out(text: str) -> None:
    assert "marker0f4" not in logs.redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "entry wbr-0123456789abcdef0123456789abcdef is written",
        "the models of near cannot be listed: near answered 500",
        "task-force sk-1",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert logs.redacted(text) == text


def test_a_request_is_a_line_of_fields(root: logging.Logger) -> None:
    stream = said("json")
    logs.told(ENTRY, "chat")
    line = json.loads(stream.getvalue())
    assert line["message"] == "request"
    assert line["request"] == {
        "receipt": "wbr-1",
        "key": "k1",
        "status": 200,
        "ending": "complete",
        "ms": 500.0,
        "operation": "chat",
        "model": "near/tiny",
        "provider": "near",
        "attempts": 1,
        "first_byte_ms": 200.0,
        "input_tokens": 12,
        "output_tokens": 5,
        "cached_tokens": 4,
        "cost_usd": "0.000007",
    }


def test_a_request_is_a_line_of_text(root: logging.Logger) -> None:
    stream = said("text")
    logs.told(entry(model='far/"quoted" name\nand more', charge=None), "chat")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert line.startswith("INFO weighbridge.access: receipt=wbr-1 key=k1 status=200 ending=complete ms=500.0 ")
    assert 'model="far/\\"quoted\\" name\\nand more"' in line


def test_a_request_is_said_whatever_the_level(root: logging.Logger) -> None:
    stream = said("json", "error")
    logs.told(ENTRY, "chat")
    assert json.loads(stream.getvalue())["request"]["cost_usd"] == str(CHARGE.cost)


@given(st.text() | st.sampled_from(["{", "{}", '{"level": 1}', '["a"]', '{"level":"x"}\n']))
def test_whatever_a_child_says_becomes_one_line_of_json(text: str) -> None:
    line = logs.said_by("engine", text, datetime(2026, 1, 1, tzinfo=UTC))
    assert "\n" not in line
    assert json.loads(line)["logger"] == "engine"


def test_what_a_child_says_in_json_stays_as_it_is() -> None:
    line = '{"level":"info","logger":"x","message":"y"}'
    assert logs.said_by("worker-1", line, datetime(2026, 1, 1, tzinfo=UTC)) == line
