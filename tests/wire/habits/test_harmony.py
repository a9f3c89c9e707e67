"""gpt-oss's channels in the text, however it was cut."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.wire.habits.harmony import Harmony
from weighbridge.wire.habits.leaked_formats import Use

BITS = (
    "<|start|>",
    "<|channel|>",
    "<|message|>",
    "<|end|>",
    "<|call|>",
    "<|return|>",
    "assistant",
    "analysis",
    "final",
    "commentary",
    " to=functions.f ",
    " to=functions.g ",
    "<|constrain|>json",
    '{"a": 1}',
    "Hm, 1 < 2.",
    "<|",
    "\n",
    "x" * 401,
)


def split(*texts: str) -> list[tuple[str, str]]:
    """What pieces of text come to, as (kind, text), pieces of one kind joined."""
    machine = Harmony({"f": {}})
    seen: list[tuple[str, str]] = []
    for piece in [piece for text in texts for piece in machine.feed(text)] + machine.end():
        if isinstance(piece, Use):
            seen.append((f"call {piece.name}", piece.arguments))
            continue
        kind = "thought" if piece[0] else "said"
        if seen and seen[-1][0] == kind:
            seen[-1] = kind, seen[-1][1] + piece[1]
        elif piece[1]:
            seen.append((kind, piece[1]))
    return seen


@given(st.lists(st.sampled_from(BITS), max_size=12), st.data())
def test_how_the_text_was_cut_changes_nothing(bits: list[str], data: st.DataObject) -> None:
    text = "".join(bits)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(*pieces) == split(text) == split(*text)


def test_a_call_of_what_was_not_offered_is_said() -> None:
    assert split("<|channel|>commentary to=functions.rm<|message|>{}<|call|>") == [("said", "{}")]


def test_a_call_that_was_cut_off_is_said() -> None:
    machine = Harmony({"f": {}})
    assert machine.feed('<|channel|>commentary to=functions.f<|message|>{"a"') == []
    assert machine.end(cut=True) == [(False, '{"a"')]


def test_a_head_that_does_not_end_is_text() -> None:
    long = "<|channel|>" + "x" * 1000
    assert split(long) == [("said", long)]
