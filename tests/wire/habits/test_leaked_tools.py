"""Tool calls in text: nothing is lost, nothing is held back for longer than it may be a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.wire.habits.leaked_formats import FORMATS, Use
from weighbridge.wire.habits.leaked_tools import LeakedTools

OFFERED = {"get_weather": {"city": "string"}, "f": {}}
ALL = tuple(FORMATS)


def found(*texts: str, formats: tuple[str, ...] = ALL) -> list[str | Use]:
    """What pieces of text come to, pieces of words joined."""
    machine = LeakedTools(formats, OFFERED)
    seen: list[str | Use] = []
    for piece in [piece for text in texts for piece in machine.feed(text)] + machine.end():
        if seen and isinstance(piece, str) and isinstance(seen[-1], str):
            seen[-1] += piece
        elif piece:
            seen.append(piece)
    return seen


BITS = (
    *(mark for each in FORMATS.values() for mark in (*each.marks, *each.tails, each.close or "")),
    "<tool_",
    "call>",
    '{"name": "f", "arguments": {}}',
    '{"name": "g", "arguments": {}}',
    "<function=f>",
    "f",
    "call:f{}",
    "f[ARGS]{}",
    "f()]",
    "\n",
    " word ",
    '"',
)


@given(st.lists(st.sampled_from(BITS), max_size=8), st.data())
def test_how_the_text_was_cut_changes_nothing(bits: list[str], data: st.DataObject) -> None:
    text = "".join(bits)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = found(text)
    assert found(*pieces) == whole
    assert found(*text) == whole
    if not any(isinstance(piece, Use) for piece in whole):
        assert "".join(piece for piece in whole if isinstance(piece, str)) == text


@pytest.mark.parametrize(
    ("text", "given_out"),
    [
        ("a < b", "a < b"),
        ("\n <tool_call> is", "\n <tool_call> is"),
        ("a <tool_call", "a "),
        ("a <tool_call> is how", "a <tool_call> is how"),
        ('a <tool_call>{"name": "f', "a "),
        ('a <tool_call>{"name": "fox"', 'a <tool_call>{"name": "fox"'),
        ("<tool_call>\n<function=f", ""),
        ("<tool_call>\n<function=fox", "<tool_call>\n<function=fox"),
        ("[TOOL_CALLS]fox", "[TOOL_CALLS]fox"),
        ('{"name": "', ""),
        ('{"answer": ', '{"answer": '),
    ],
)
def test_text_is_held_back_only_while_it_may_be_a_call(text: str, given_out: str) -> None:
    machine = LeakedTools(ALL, OFFERED)
    assert "".join(piece for each in text for piece in machine.feed(each) if isinstance(piece, str)) == given_out


def test_nothing_is_looked_for_where_no_tools_are_offered() -> None:
    machine = LeakedTools(ALL, {})
    assert machine.feed("<tool_call>") == ["<tool_call>"]


def test_words_stand_where_they_stood_between_calls() -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    use = Use("f", "{}")
    assert found(f"\n{call}\n{call} and \n{call}\n", formats=("hermes",)) == [use, use, " and \n", use]
